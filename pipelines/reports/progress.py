"""Progress: on a terminal, a bar with facts and the time left; elsewhere, a line now and then.

Where this software runs as a library, in a notebook for example, the lines go to its log.
"""

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

from pipelines.cli import tool
from pipelines.process.embedding import is_library
from pipelines.reports.text import human_bytes, human_seconds

POLL_S = 0.5
_LINE_EVERY_S = 30.0
_PAUSES = 10
"""Least time between two calls of `done`, as a multiple of the time that a call takes."""


class Progress:
    """Shows how much of something is done while its block runs.

    Args:
        title: what is being done.
        total: how much there is to do, in any unit.
        quiet: shows nothing, for all but one of several workers.
        every_s: seconds from one line to the next.
        clock: gives the time in seconds.
    """

    def __init__(
        self,
        title: str,
        total: float,
        quiet: bool = False,
        every_s: float = _LINE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title, self._total, self._quiet = title, total, quiet
        self._every_s, self._clock = every_s, clock
        self._bar: Any = None
        self._first: tuple[float, float] | None = None
        self._shown = clock()

    def __enter__(self) -> Self:
        if not self._quiet and _has_bar():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[facts]}"),
                TimeRemainingColumn(elapsed_when_finished=True),
            )  # fmt: skip
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, facts="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, done: float, facts: str) -> None:
        """Sets how much is done; `facts` are shown next to it."""
        now = self._clock()
        start, before = self._first = self._first or (now, done)
        if self._bar:
            self._bar.update(self._task, completed=done, facts=facts)
        elif now - self._shown >= self._every_s:
            left_s = (self._total - done) * (now - start) / (done - before) if done > before else 0.0
            self.say(f"{self._title}: {facts}" + (f", about {human_seconds(left_s)} left" if left_s else ""))

    def say(self, line: str) -> None:
        """Prints a line, above the bar if there is one."""
        self._shown = self._clock()
        if self._bar:
            self._bar.console.print(line, highlight=False)
        elif not self._quiet:
            tool.say(line)


def _has_bar() -> bool:
    return sys.stderr.isatty() and not is_library()


class LocalProgress:
    """Counts what this process has done. Beam's in-memory mode runs the workers in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.videos = 0.0
        self.seconds = 0.0

    def add_video(self, share: float = 1.0, seconds: float = 0.0) -> None:
        """Counts one more video, or a share of a long one, as done, whatever the result, with its seconds of video."""
        with self._lock:
            self.videos += share
            self.seconds += seconds


LOCAL_PROGRESS = LocalProgress()


def videos_done(total: int, seconds: Callable[[], float] | None = None) -> Callable[[float, float], str]:
    """Describes how many of `total` videos are done, and the hours of video per minute if seconds are counted."""

    def describe(done: float, passed_s: float) -> str:
        facts = f"{int(done)} of {total} videos, {done / passed_s:.1f}/s"
        return facts + (f", {seconds() / 60 / passed_s:.2f} h of video/min" if seconds else "")

    return describe


def clips_done(total: int) -> Callable[[float, float], str]:
    """Describes how many of `total` clips are done."""
    return lambda done, passed_s: f"{int(done)} of {total} clips, {done / passed_s:.1f}/s"


def files_done(total: int) -> Callable[[float, float], str]:
    """Describes how many of `total` files are done."""
    return lambda done, _: f"{int(done)} of {total} files"


def bytes_done(total: int, begun: int) -> Callable[[float, float], str]:
    """Describes how many of `total` bytes (0 if unknown) are done, and how fast, counting from `begun`."""

    def describe(done: float, passed_s: float) -> str:
        of = f" of {human_bytes(total)}" if total else ""
        return f"{human_bytes(done)}{of}, {human_bytes((done - begun) / passed_s)}/s"

    return describe


@contextlib.contextmanager
def watching(
    title: str, total: float, done: Callable[[], float], poll_s: float, describe: Callable[[float, float], str]
) -> Iterator[None]:
    """Shows how much of `total` is done while its block runs.

    Args:
        title: what is being done.
        total: how much there is to do; 0 if unknown.
        done: gives how much is done; called now and then, and may ask a store.
        poll_s: seconds between two calls of `done`, more if a call takes long or there is no terminal.
        describe: the text for an amount done after so many seconds: `videos_done` or `bytes_done`.
    """
    stop = threading.Event()
    least_s = poll_s if _has_bar() else _LINE_EVERY_S

    def watch() -> None:
        start, pause_s, count, stopped = time.monotonic(), least_s, 0.0, False
        with Progress(title, total) as progress:
            progress.update(0, "")
            while not stopped:
                stopped = stop.wait(pause_s)
                asked = time.monotonic()
                with contextlib.suppress(OSError):  # a store that doesn't answer now may answer later
                    count = min(done(), total or math.inf)
                # A store takes a while to answer for a large collection: a run must not spend its time on asking.
                pause_s = max(least_s, _PAUSES * (time.monotonic() - asked))
                progress.update(count, describe(count, time.monotonic() - start))

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
