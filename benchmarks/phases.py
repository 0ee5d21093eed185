"""Runs a tool and shows in which phase its process was, and for how long.

  python -m benchmarks.phases [--markdown] pipelines.preprocess --input videos/ --output dataset/

A thread looks every few milliseconds at what all threads are doing. Python runs one thread at a time, so two that
calculate at the same time take turns, and each is shown as busy.
"""

import runpy
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from types import FrameType

from benchmarks import common

_PAUSE_S = 0.002
_IMPORTS = {
    "apache_beam": "importing Beam",
    "tensorflow": "importing TensorFlow",
    "keras": "importing Keras",
    "google": "importing Google's clients",
    "boto3": "importing Amazon's client",
}
_PHASES = {
    ("cli/flags.py", "read_given"): "command line",
    ("dataset/listing.py", "read_catalog"): "listing",
    ("labelling/listing.py", "list_videos"): "listing",
    ("dataset/plan.py", "make_plan"): "planning",
    ("labelling/pending.py", "make_work"): "planning",
    ("models/scorer.py", "__init__"): "loading the model",
    ("models/scorer.py", "_check"): "compiling the model",
    ("models/scorer.py", "score"): "scoring",
    ("apache_beam/pipeline.py", "run"): "running the pipeline",
    ("pipelines/preprocess.py", "build"): "building the pipeline",
    ("pipelines/label.py", "build"): "building the pipeline",
    ("decoding/pool.py", "map"): "waiting for clips",
    ("decoding/pool.py", "stream"): "waiting for clips",
    ("decoding/decoder.py", "_start_child"): "starting a decoder",
    ("decoding/decoder.py", "_await"): "waiting for a decoder",
    ("pipelines/preprocess.py", "_finish"): "account and pages",
    ("labelling/finish.py", "finish"): "account and pages",
    ("process/background.py", "result"): "waiting for the imports",
    ("transforms/worker.py", "close_pools"): "ending decoders",
}
"""By the end of a file's path and a function, what it does; the innermost that is known counts."""
_WAITING = {"threading.py", "queue.py", "selectors.py", "socket.py", "subprocess.py"}


class Sampler(threading.Thread):
    """Adds up the seconds of each phase, of the main thread and of all others."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.main: defaultdict[str, float] = defaultdict(float)
        self.others: defaultdict[str, float] = defaultdict(float)
        self._ended = threading.Event()

    def run(self) -> None:
        """Looks until `stop` is called."""
        main, last_s = threading.main_thread().ident, time.perf_counter()
        while not self._ended.wait(_PAUSE_S):
            frames = sys._current_frames()
            now_s = time.perf_counter()
            for thread, frame in frames.items():
                if thread == main:
                    self.main[_phase(frame) or "other"] += now_s - last_s
                elif thread != self.ident and (phase := _phase(frame)):
                    self.others[phase] += now_s - last_s
            last_s = now_s

    def rows(self) -> list[list[str]]:
        """Lines of a table, the longest phase first, without those that are over in a moment."""
        seconds = {name: self.main[name] + self.others[name] for name in [*self.main, *self.others]}
        longest = sorted((name for name in seconds if seconds[name] >= 0.01), key=lambda name: -seconds[name])
        return [[name, f"{self.main[name]:.2f}", f"{self.others[name]:.2f}"] for name in longest]

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self.join()


def _phase(frame: FrameType) -> str:
    """The innermost known phase of a stack; empty if there is none."""
    found = ""
    waits = frame.f_code.co_filename.rpartition("/")[2] in _WAITING
    for path, function, place in _stack(frame):
        if function == "_find_and_load" and "importlib" in path:
            root = str(place.f_locals.get("name", "")).partition(".")[0]
            imported = _IMPORTS.get(root, "other imports")
            if not found.startswith("importing"):  # what a library imports is part of its import
                found = imported
            continue
        for (end, name), phase in _PHASES.items():
            if name == function and path.endswith(end):
                found = phase
    return f"{found} (waiting)" if waits and found and not found.startswith("waiting") else found


def _stack(frame: FrameType | None) -> Iterator[tuple[str, str, FrameType]]:
    """Path and name of each function of a stack, from the outermost to the innermost."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    for item in reversed(frames):
        yield item.f_code.co_filename, item.f_code.co_name, item


def main() -> int:
    """Runs the tool that the command line names, then prints the table on stderr."""
    words = sys.argv[1:]
    if markdown := words[0] == "--markdown":
        del words[0]
    sys.argv[:] = words
    sampler, start_s, start_cpu_s = Sampler(), time.perf_counter(), time.process_time()
    sampler.start()
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        passed_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        sampler.stop()
        sys.stdout = sys.stderr
        print(f"\n{words[0]}: {passed_s:.2f} s of wall time, {cpu_s:.2f} s of CPU time without decoders\n")
        common.print_table(["seconds", "main thread", "other threads"], sampler.rows(), markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
