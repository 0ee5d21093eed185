"""Whole jobs as a user starts them: an input tree of any size, the process, and its memory."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.common import REPOSITORY

_GROUPS = 25
_SAMPLE_S = 0.5
_SAMPLES_BETWEEN_SEARCHES = 5  # for new processes, which costs more than reading the memory of the known ones


def make_tree(root: str, videos: Sequence[str], count: int) -> None:
    """A tree in UCF50's layout with `count` videos: links to the given ones in turn, 25 groups per class."""
    made: Counter[str] = Counter()
    for path in itertools.islice(itertools.cycle(videos), count):
        label = Path(path).parent.name
        group, clip = made[label] % _GROUPS + 1, made[label] // _GROUPS + 1
        made[label] += 1
        folder = os.path.join(root, label)
        os.makedirs(folder, exist_ok=True)
        os.symlink(path, os.path.join(folder, f"v_{label}_g{group:02d}_c{clip:02d}{Path(path).suffix}"))


def write_parts(tree: str, count: int) -> str:
    """A manifest in a tree of `make_tree` that names `count` parts of each video: of a second, each half over the one
    before. Returns its path."""
    lines = ["path,start,end,label,group"]
    for label, name in sorted((folder.name, path.name) for folder in Path(tree).iterdir() for path in folder.iterdir()):
        group = name.split("_")[-2]
        lines += [f"{label}/{name},{k / 2},{k / 2 + 1},{label},{group}" for k in range(count)]
    path = os.path.join(tree, "parts.csv")
    Path(path).write_text("\n".join(lines) + "\n")
    return path


def job_command(tree: str, output: str, workers: int, *more: str) -> list[str]:
    """The preprocessing job on a tree; `more` are further flags."""
    flags = ["--runner=DirectRunner", "--input", tree, "--output", output, "--workers", str(workers), *more]
    return [sys.executable, "-m", "pipelines.preprocess", *flags]


def label_command(tree: str, output: str, model: str, *more: str) -> list[str]:
    """The labelling job on a tree; `more` are further flags."""
    flags = ["--runner=DirectRunner", "--model", model, "--input", tree, "--output", output, *more]
    return [sys.executable, "-m", "pipelines.label", *flags]


def start_job(command: Sequence[str], log: str, scratch: str) -> "subprocess.Popen[bytes]":
    """Starts a job in a session of its own, so that it can be killed with all its processes.

    Its temporary files go to the folder `scratch`; what it prints is added to the file `log`.
    """
    os.makedirs(scratch, exist_ok=True)
    environment = {**os.environ, "TMPDIR": scratch}
    with open(log, "ab") as text:
        return subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=text,
            stderr=text,
            start_new_session=True,
        )


def tail(log: str, lines: int = 15) -> str:
    """The end of what a job printed."""
    return "\n".join(Path(log).read_text(errors="replace").splitlines()[-lines:])


class MemoryWatch:
    """Samples the memory of a process and all its descendants.

    It adds up the proportional set sizes (PSS), in which a page that n processes share counts 1/n for each: resident
    set sizes would count the code of the libraries once for every process.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._members = [self._root]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_bytes = self._samples = 0

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            if self._samples % _SAMPLES_BETWEEN_SEARCHES == 0:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._members = [self._root, *self._root.children(recursive=True)]
            self._samples += 1
            total = 0
            for process in self._members:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                    total += process.memory_full_info().pss
            self.peak_bytes = max(self.peak_bytes, total)


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    exit_code: int
    wall_s: float
    peak_bytes: int


def run_job(command: Sequence[str], log: str) -> Outcome:
    """Runs a job to its end, watching its memory."""
    with tempfile.TemporaryDirectory(prefix="job-", dir=os.path.dirname(log)) as scratch:
        start_s = time.perf_counter()
        process = start_job(command, log, scratch)
        try:
            with MemoryWatch(process.pid) as watch:
                exit_code = process.wait()
                wall_s = time.perf_counter() - start_s
        finally:
            kill_session(process)
    return Outcome(exit_code, wall_s, watch.peak_bytes)


def kill_session(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Kills a job with all processes that it started, at once, and waits until they are gone.

    Returns:
        descendants that a signal to the job's process group did not reach, and that ran on for 10 seconds or more.
    """
    try:
        descendants = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        descendants = []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(descendants, timeout=10)
    for escaped in alive:
        escaped.kill()
    return alive
