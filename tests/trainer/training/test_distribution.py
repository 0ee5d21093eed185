"""Several workers wait, stop, and sum up together. How they train: test_manifests."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import run_tool
from tests.support.workers import free_addresses, start_worker

pytestmark = [pytest.mark.process, pytest.mark.training]


@pytest.mark.parametrize(
    ("tool", "index", "number", "code"),
    [("task", 0, signal.SIGINT, 130), ("crossval --folds 3", 1, signal.SIGTERM, 75)],
)
def test_a_worker_that_waits_for_others_can_be_stopped(
    tool: str, index: int, number: signal.Signals, code: int, dataset: Path, tmp_path: Path
) -> None:
    """TensorFlow waits in native code, where no Python runs, and handles SIGTERM itself."""
    task = {"cluster": {"worker": free_addresses(2)}, "task": {"type": "worker", "index": index}}
    command = [sys.executable, "-m", *f"trainer.{tool} --model lrcn --data {dataset} --output {tmp_path}".split()]
    worker = start_worker([*command, "--strategy", "multi_worker"], {"TF_CONFIG": json.dumps(task)})
    assert worker.stderr
    try:
        assert f"worker {index + 1} of 2: waiting for the others" in worker.stderr.readline()
        child = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()[0]
        # From here on it waits in native code: TensorFlow takes over the signal before that.
        while not int(re.findall(r"SigCgt:\s(\w+)", Path(f"/proc/{child}/status").read_text())[0], 16) & 1 << 14:
            time.sleep(0.01)
        worker.send_signal(number)
        said = worker.communicate(timeout=120)[1].splitlines()
    finally:
        if worker.poll() is None:
            worker.terminate()  # it stops its child; else both would wait for hours
    assert worker.returncode == code
    assert len(said) == 1 and "run the same command again" in said[0], said
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.timeout(600)
def test_one_of_several_workers_sums_up_a_cross_validation(dataset: Path, tmp_path: Path) -> None:
    addresses = free_addresses(2)
    command = [
        sys.executable, "-m", "trainer.crossval", "--model", "lrcn", "--variant", "reference", "--data", dataset,
        "--output", tmp_path, "--batch-size", 8, "--epochs", 1, "--folds", 2, "--no-baseline", "--precision",
        "bfloat16", "--strategy", "multi_worker",
    ]  # fmt: skip
    tasks = [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}} for index in range(2)]
    workers = [start_worker(command, {"TF_CONFIG": json.dumps(task)}) for task in tasks]
    said = [worker.communicate(timeout=500) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert ["All clips" in out for out, _ in said] == [True, False]
    assert json.loads((tmp_path / "crossval.json").read_text())["pooled"]["num_clips"] == 30
    precisions = {
        str(path.parent.name): json.loads(path.read_text())["training"]["precision"]
        for path in tmp_path.glob("fold*/metrics.json")
    }
    assert precisions == {"fold01-seed0": "bfloat16", "fold02-seed0": "bfloat16"}, "the second fold's too"
    (tmp_path / "crossval.json").unlink()
    for task, wrote in zip(reversed(tasks), (False, True), strict=True):  # everything is done: each by itself
        done = run_tool(*command[2:], env={**os.environ, "TF_CONFIG": json.dumps(task)})
        assert (done.returncode, (tmp_path / "crossval.json").exists()) == (0, wrote), done.stderr
