"""Files that people share tell neither the machine nor where on it they were made, and still lead to what they name."""

import json
import os
import platform
import shutil
from pathlib import Path

import pytest

from pipelines.core.relative import relative_to
from tests.conftest import preprocess
from tests.label_model import level_of, make_model, write_grey
from tests.store_tools import run_label


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with videos, one of them broken, a model, and what both jobs make of them."""
    folder = tmp_path_factory.mktemp("hidden-place")
    for label in ("Jump", "Run"):
        for group in range(1, 5):
            write_grey(folder / "videos" / label / f"v_{label}_g{group:02d}_c01.mp4", [level_of(label)] * 10)
    (folder / "videos" / "Run" / "v_Run_g01_c02.mp4").write_bytes(b"no video")
    make_model(folder / "model")
    arguments = ("--num-frames", 4, "--size", 32, "--shards", 3, "--max-failure-rate", 1)
    done = preprocess("--input", folder / "videos", "--output", folder / "dataset", *arguments)
    assert done.returncode == 0, done.stderr
    run_label(folder / "model", folder / "videos", folder / "out" / "labels", "--max-failure-rate", 1, "--webvtt")
    return folder


def test_no_place_and_no_machine(place: Path) -> None:
    found = 0
    for path in [*(place / "dataset").rglob("*"), *(place / "out").rglob("*")]:
        if path.is_file() and "_state" not in path.parts:
            data = path.read_bytes()
            assert str(place).encode() not in data and b"hidden-place" not in data, path
            if path.suffix in (".json", ".jsonl", ".html", ".vtt"):
                assert platform.node().encode() not in data.replace(b".", b" ").split(), path
            found += 1
    assert found > 15


def test_relative_paths_lead_there(place: Path) -> None:
    dataset, labels = place / "dataset", place / "out" / "labels"
    info = json.loads((dataset / "dataset_info.json").read_text())
    assert (dataset / info["configuration"]["input"]).resolve() == place / "videos"
    uris = []
    rows = "labels-00000-of-00001.jsonl"
    for folder, name in ((dataset, "failures.jsonl"), (labels, "failures.jsonl"), (labels, rows)):
        uris += [folder / json.loads(line)["uri"] for line in (folder / name).read_text().splitlines()]
    assert len(uris) == 1 + 1 + 8 and all(path.is_file() for path in uris)
    assert (labels / json.loads((labels / "summary.json").read_text())["model"]["uri"]).resolve() == place / "model"


def test_folders_that_are_moved_together_go_on(place: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(place, tmp_path / "moved"))
    arguments = ("--num-frames", 4, "--size", 32, "--shards", 3, "--max-failure-rate", 1)
    done = preprocess("--input", moved / "videos", "--output", moved / "dataset", *arguments)
    assert done.returncode == 0, done.stderr
    was, now = (folder / "dataset" / "dataset_info.json" for folder in (place, moved))
    assert now.read_bytes() == was.read_bytes()


def test_what_an_earlier_version_wrote_is_gone_on_with(place: Path, tmp_path: Path) -> None:
    """Its layout has absolute paths."""
    output = Path(shutil.copytree(place / "dataset", tmp_path / "dataset"))
    layout = output / "_state" / "layout.json"
    value = json.loads(layout.read_text())
    value["configuration"]["input"] = str(place / "videos")
    layout.write_text(json.dumps(value))
    arguments = ("--num-frames", 4, "--size", 32, "--shards", 3, "--max-failure-rate", 1)
    done = preprocess("--input", place / "videos", "--output", output, *arguments)
    assert done.returncode == 0 and "3 of 3 shards are there already" in done.stderr, done.stderr
    other = preprocess("--input", place / "videos" / "..", "--output", output, *arguments)
    assert other.returncode == 2


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("/a/videos", "/a/out", "../videos"), ("/a/out", "/a/out", "."), ("/a/out/model", "/a/out", "model"),
        ("/a/videos", "s3://bucket/out", "/a/videos"), ("gs://bucket/x", "/a/out", "gs://bucket/x"), ("", "/a", ""),
        ("splits.csv", "/a/out", "splits.csv"),
    ],
)  # fmt: skip
def test_relative(path: str, folder: str, expected: str) -> None:
    assert relative_to(path, folder) == expected
    if not os.path.isabs(expected) and os.path.isabs(path):
        assert os.path.normpath(os.path.join(folder, expected)) == path
