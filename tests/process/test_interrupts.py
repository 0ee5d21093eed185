"""Ctrl-C, sent as by a terminal to a tool and all of its processes: one line and exit code 130, whenever it comes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has loaded")
@pytest.mark.parametrize(
    "module",
    [*(f"pipelines.{name}" for name in TOOLS), *(f"trainer.{name}" for name in TRAINER), "pipelines.har label"],
)
def test_while_a_tool_imports(module: str) -> None:
    for delay_s in (0.05, 0.03, 0.02, 0.01, 0.005, *(0.0,) * 20):
        process = start(*module.split(), "--input", "/nowhere")
        maps, deadline = Path(f"/proc/{process.pid}/maps"), time.monotonic() + 60
        while "/lib-dynload/" not in maps.read_text() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay_s)
        os.killpg(process.pid, signal.SIGINT)
        error = process.communicate(timeout=60)[1]
        # Else it had refused the flags before, and was about to end; or the package itself was still being imported, by
        # which it learns how to end.
        if not error.startswith("error: ") and " in _get_module_details\n" not in error:
            break
    assert (process.returncode, error.splitlines()) == (130, [LINE])


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
