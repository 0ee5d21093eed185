"""Both sets of versions side by side: the same shards, models that the newest one reads, training from a store.

This runs in `.venv-newest`, next to `.venv` with the default set: `scripts/test` makes both.
"""

import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from pipelines.dataset.info import DatasetInfo
from tests import ROOT
from tests.conftest import HEIGHT, WIDTH, make_tree, write_video
from tests.support.films import write_film
from tests.support.s3_server import S3Server
from tests.support.s3_server import server as server

pytestmark = [pytest.mark.process, pytest.mark.training]

DEFAULT, NEWEST = (ROOT / name / "bin" / "python" for name in (".venv", ".venv-newest"))
SPLITS = ("--splits", "train=0.5,val=0.25,test=0.25")
TRAIN = ("--model", "lrcn", "--variant", "reference", "--batch-size", 8, "--epochs", 10, "--no-baseline")


@pytest.fixture(scope="module", autouse=True)
def newest_beside_default() -> None:
    if Path(sys.prefix) != NEWEST.parents[1] or not DEFAULT.exists():
        pytest.skip("compares .venv-newest, which has to run it, with .venv: scripts/test makes both")


def run_well(python: Path, *arguments: object, env: dict[str, str] | None = None) -> None:
    command = [str(python), "-m", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=240, env=env)
    assert done.returncode == 0, done.stderr
    # Many of these videos show the same pictures, which training says; libraries have nothing to say.
    ours = "WARNING: videos of the same content "
    assert not [line for line in done.stderr.splitlines() if "warning" in line.lower() and not line.startswith(ours)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of videos of four codecs, of some that tell their class by their brightness, so that a model learns
    something, and of the real clips if they are available."""
    root = make_tree(tmp_path_factory.mktemp("videos"), groups=4, clips=1)
    kinds = (("mjpeg", "g05_c01.avi"), ("libx264", "g06_c01.mp4"), ("mpeg2video", "g07_c01.mkv"))
    for (codec, name), label in product(kinds, ("Jump", "Run", "Wave")):
        write_video(root / label / f"v_{label}_{name}", 30, codec)
    for group, (label, grey) in product(range(8, 12), (("Jump", 30), ("Run", 120), ("Wave", 220))):
        pictures = [np.full((HEIGHT, WIDTH, 3), grey + group, np.uint8)] * 12
        write_film(root / label / f"v_{label}_g{group:02d}_c01.avi", pictures)
    rows = [[path, path.parent.name, path.name.split("_")[2]] for path in sorted(root.rglob("v_*"))]
    if real := os.environ.get("HAR_TEST_DATA"):
        rows += [[path, "Run", path.parent.name] for path in sorted(Path(real, "ucf-clips").rglob("*.avi"))]
    with (root / "videos.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "group"], *rows])
    (root / "videos.txt").write_text("".join(f"{path}\n" for path, _, _ in rows))
    return root / "videos.csv"


@pytest.fixture(scope="module")
def made(videos: Path, server: S3Server) -> dict[Path, Path]:
    """What each set makes of the videos: a dataset, and a model trained on it, by the newest set from a store; and
    labels by the newest set with it."""
    folders = {DEFAULT: videos.parent / "default", NEWEST: videos.parent / "newest"}
    clips = ("--num-frames", 4, "--size", "32x40", "--shards", 4)

    def make(python: Path) -> None:
        folder = folders[python]
        run_well(python, "pipelines.preprocess", "--input", videos, "--output", folder / "data", *clips, *SPLITS)
        data: object = folder / "data"
        if python == NEWEST:
            server.put_tree(folder / "data", "s3://bucket/data")
            data = "s3://bucket/data"
        output = ("--output", folder / "run")
        run_well(python, "trainer.task", "--data", data, *output, *TRAIN, env=server.environment())
        places = ("--input", videos.with_name("videos.txt"), "--output", folder / "labels")
        run_well(NEWEST, "pipelines.label", "--model", folder / "run" / "model", *places)

    with ThreadPoolExecutor() as pool:
        list(pool.map(make, folders))
    return folders


def read_info(folder: Path) -> DatasetInfo:
    return DatasetInfo.from_json((folder / "data" / "dataset_info.json").read_text())


def test_the_versions_differ_and_the_shards_do_not(made: dict[Path, Path]) -> None:
    default, newest = (read_info(made[python]) for python in (DEFAULT, NEWEST))
    packages = ("apache-beam", "numpy", "opencv-python-headless", "protobuf")
    assert all(default.versions[name] != newest.versions[name] for name in packages)
    assert default.versions["av"] == newest.versions["av"]
    assert default.counts["written"] == sum(split.num_examples for split in newest.splits.values()) > 20
    shards = {path.name: path.read_bytes() for path in (made[DEFAULT] / "data").glob("*.tfrecord")}
    assert shards == {path.name: path.read_bytes() for path in (made[NEWEST] / "data").glob("*.tfrecord")}
    assert len(shards) == sum(len(split.shards) for split in default.splits.values())


@pytest.mark.parametrize("trained", [DEFAULT, NEWEST], ids=["default", "newest"])
def test_labels_of_the_newest_set_are_what_the_trainer_evaluated(trained: Path, made: dict[Path, Path]) -> None:
    """A model of either set, read by the newest one."""
    folder = made[trained]
    labels = [json.loads(line) for line in (folder / "labels" / "labels-00000-of-00001.jsonl").open()]
    by_id = {str(Path(row["video"]).with_suffix("")).lstrip("/"): row for row in labels}
    evaluated = [json.loads(line) for line in (folder / "run" / "predictions.jsonl").open()]
    assert len({round(row["score"], 5) for row in evaluated}) > 3, "all alike: what follows would prove nothing"
    for row in evaluated:
        assert by_id[row["video_id"]]["label"] == row["predicted"]
        assert by_id[row["video_id"]]["score"] == pytest.approx(row["score"], abs=2e-6)
