"""Ctrl-C, sent as by a terminal to a tool and all of its processes: one line and exit code 130, whenever it comes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import ROOT
from tests.conftest import write_video

pytestmark = pytest.mark.process

LINE = "interrupted; run the same command again to resume"
TOOLS = (
    "preprocess",
    "label",
    "drift",
    "select",
    "evaluate",
    "export",
    "corrections",
    "verify",
    "features",
    "sample_data",
    "download",
)
TRAINER = ("task", "crossval", "compare", "import_model", "export")


def start(module: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def ctrl_c(process: "subprocess.Popen[str]", times: int = 1) -> list[str]:
    """Interrupts the whole process group, waits until it ends as it should, and returns its output."""
    for number in range(times):
        time.sleep(0.2 * bool(number))
        os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130, error
    return error.splitlines()


@pytest.mark.parametrize("after", [1, 8, 50])
@pytest.mark.parametrize(
    "module",
    [*(f"pipelines.{name}" for name in TOOLS), *(f"trainer.{name}" for name in TRAINER), "pipelines.har label"],
)
def test_while_a_tool_imports(module: str, after: int, tmp_path: Path) -> None:
    """Moments are counted in imports, from that by which a tool learns how to end: on a busy machine, another process
    would come too early or too late."""
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        f"    left = {after}\n"
        "    def find_spec(self, *_):\n"
        "        self.left -= getattr(signal.getsignal(signal.SIGINT), '__module__', '').startswith('pipelines.')\n"
        "        if self.left == 0: os.killpg(0, signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
    )
    (tmp_path / "sitecustomize.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", *module.split(), "--input", "/nowhere"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=ROOT, start_new_session=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (130, "", [LINE])


@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_twice_while_a_job_decodes(tmp_path: Path, mode: str) -> None:
    """A second Ctrl-C doesn't break off the clean-up after the first."""
    video = write_video(tmp_path / "videos" / "A" / "v_A_g01_c000.avi", 600)
    for number in range(1, 400):
        os.link(video, video.with_name(f"v_A_g01_c{number:03d}.avi"))
    output = tmp_path / "out"
    words = ("--input", tmp_path / "videos", "--output", output, "--num-frames", 50, "--size", 64, "--splits", "all=1")
    process = start("pipelines.preprocess", *words, f"--direct_running_mode={mode}")
    deadline = time.monotonic() + 120
    while not list(output.glob("_state/tmp/all-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    *before, last = ctrl_c(process, times=2)
    # With progress, where starting takes its time.
    news = ("; using ", "no group", "of one class", "in the split ", "Preprocessing: ")
    assert last == LINE and all(any(word in line for word in news) for line in before), before
    assert mode == "multi_processing" or not list((output / "_state" / "tmp").iterdir())
