"""After a kill or a full disk, the labelling job resumes, and its labels are those of an undisturbed run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.core.spec import ClipSpec
from pipelines.files.lock import exclusive
from tests.conftest import run_here, run_tool
from tests.support.label_model import LABELS, level_of, make_model, write_grey

pytestmark = pytest.mark.process

EMBEDDINGS = "embeddings/embeddings-00000-of-00001.parquet"
RESULTS = ("labels-00000-of-00001.jsonl", "failures.jsonl", "report.html", EMBEDDINGS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_model(folder, durations_s={"min": 0.4, "median": 1.0, "max": 1.0}, nan=(150, 160), embedding=True)
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 short videos, a tenth of them broken in one way or another, and a long one."""
    root = tmp_path_factory.mktemp("videos")
    for i in range(120):
        path = root / f"{i % 7}" / f"{i:03d}.mp4"
        write_grey(path, [level_of(LABELS[i % 3]) if i % 20 else 155] * (6 + i % 5))
        if i % 20 == 3:
            path.write_bytes(path.read_bytes()[:200])
    write_grey(root / "long.mp4", [level_of(LABELS[i // 60 % 3]) for i in range(1500)], options={"g": "25"})
    return root


def arguments(model: Path, videos: Path, output: Path) -> list[str]:
    flags = ["--model", model, "--input", videos, "--output", output, "--max-failure-rate", 0.3, "--range-s", 10]
    flags += ["--embeddings"]
    return [str(flag) for flag in flags]


@pytest.fixture(scope="module")
def reference(model: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("reference") / "out"
    done = run_tool("pipelines.label", *arguments(model, videos, output))
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "warning" in line.lower()]
    return results_of(output)


def results_of(output: Path) -> dict[str, bytes]:
    return {name: (output / name).read_bytes() for name in RESULTS}


def entries(output: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in (output / "_state" / "ledger").rglob("*.jsonl"))


def test_killed_or_out_of_disk_and_run_again(
    model: Path, videos: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    """SIGKILL to the process group a random time after some entries are in the ledger; a full disk; the next command
    goes on with what was done."""
    output = tmp_path / "out"
    words = arguments(model, videos, output)
    for least in (1, 80):
        after = max(least, entries(output) + 1)  # something must have been done since
        command = [sys.executable, "-m", "pipelines.label", *words]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, start_new_session=True, **quiet)
        deadline = time.monotonic() + 120
        while entries(output) < after and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(random.Random(after).uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kept = entries(output)
        assert kept >= after or process.returncode == 0
        if least == 1:
            failed = run_tool("pipelines.label", *words, max_file_bytes=20_000)
            assert failed.returncode == 4, failed.stderr
            last = failed.stderr.strip().splitlines()[-1]
            assert last.startswith("error: cannot write") and "Traceback" not in failed.stderr
            assert not (output / "summary.json").exists()
            assert not list((output / "_state" / "tmp").glob("*"))
            assert entries(output) >= kept
    run_here("pipelines.label", *words, code=0)
    assert results_of(output) == reference
    scored = json.loads((output / "summary.json").read_text())["rates"]["videos_scored"]
    assert scored <= 121 - (kept - 10)  # of the long one, ten parts at most count as one video


def test_a_second_run_at_the_same_time_is_refused(model: Path, videos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with exclusive(str(output)):
        refused = run_here("pipelines.label", *arguments(model, videos, output))
    assert refused.returncode == 2
    assert "another run is writing to" in refused.stderr and "Traceback" not in refused.stderr


def test_a_full_card_is_no_videos_failure(tmp_path: Path) -> None:
    """Not even one clip, of two megabytes, fits: the job stays unfinished, and resumes where there is enough memory."""
    spec = ClipSpec(16, 224, 224)
    for video, level in (("a.mp4", 60), ("b.mp4", 105)):
        write_grey(tmp_path / "videos" / video, [level] * 20)
    make_model(tmp_path / "full", clip_spec=spec, hungry=(100, 110))
    words = ("--input", tmp_path / "videos", "--output", tmp_path / "out", "--max-failure-rate", 1, "--window-s", 1)
    done = run_here("pipelines.label", "--model", tmp_path / "full", *words)
    errors = [line for line in done.stderr.splitlines() if "; using " not in line]
    assert done.returncode == 4 and len(errors) == 1, done.stderr
    assert errors[0].startswith("error: there is no memory left for the model tiny, even for a batch of 1 (")
    assert not (tmp_path / "out" / "summary.json").exists() and entries(tmp_path / "out") < 2
    make_model(tmp_path / "room", clip_spec=spec)  # stands for the same model on a card with room
    shutil.copy(tmp_path / "full" / "model_info.json", tmp_path / "room")
    again = run_here("pipelines.label", "--model", tmp_path / "room", *words)
    assert again.returncode == 0 and "2 labelled" in again.stdout, again.stdout + again.stderr
