"""Progress of a job: a bar with rate and time left on a terminal, a line now and then where there is none."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from pipelines.reports.text import human_bytes

_POLL_S = 0.5
_LINE_EVERY_S = 30.0
_PAUSES = 10
"""Time between two questions, as a multiple of what an answer takes."""


class LocalProgress:
    """Counts what this process itself has done. Beam's in-memory mode runs the workers in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.videos = 0.0
        self.seconds = 0.0

    def add_video(self, share: float = 1.0, seconds: float = 0.0) -> None:
        """One more video, or a share of a long one, is done, in whatever way, and so many seconds of video are."""
        with self._lock:
            self.videos += share
            self.seconds += seconds


LOCAL_PROGRESS = LocalProgress()


class ProgressDisplay:
    """Shows, while its block runs, how many of `total` videos are done.

    Args:
        total: videos to do.
        done: asked now and then for the number that is done; it may look at a store.
        poll_s: seconds between two questions, more where the answer takes long.
        title: what is being done.
        seconds: asked for the seconds of video that are done, where these are counted.
    """

    def __init__(
        self,
        total: int,
        done: Callable[[], float],
        poll_s: float = _POLL_S,
        title: str = "Preprocessing",
        seconds: Callable[[], float] | None = None,
    ) -> None:
        self._total = total
        self._done = done
        self._title = title
        self._seconds = seconds
        self._poll_s = self._pause_s = poll_s
        self._last = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _count(self) -> float:
        start = time.monotonic()
        with contextlib.suppress(OSError):  # a store that doesn't answer now will another time
            self._last = min(self._done(), self._total)
        # Of a large collection, the answer takes a store a while: asking must not become what a run mostly does.
        self._pause_s = max(self._poll_s, _PAUSES * (time.monotonic() - start))
        return self._last

    def _show(self) -> None:
        if sys.stderr.isatty():
            self._show_bar()
        else:
            self._show_lines()

    def _show_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn(self._title), BarColumn(bar_width=None), *self._amount_columns(),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(elapsed_when_finished=True),
        )  # fmt: skip
        start = time.monotonic()
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("", total=self._total or None, rate="")
            while True:
                last = self._stop.wait(self._pause_s)
                done = self._count()
                progress.update(bar, completed=int(done), rate=self._rate(done, time.monotonic() - start))
                if last:
                    return

    def _show_lines(self) -> None:
        start = shown = time.monotonic()
        while not self._stop.wait(self._pause_s):
            now = time.monotonic()
            if now - shown < _LINE_EVERY_S:
                continue
            shown = now
            done = self._count()
            print(self._line(done, now - start), file=sys.stderr, flush=True)

    def _amount_columns(self) -> tuple[Any, ...]:
        """What a bar says of how much is done, as columns of rich."""
        from rich.progress import MofNCompleteColumn, TextColumn

        return MofNCompleteColumn(), TextColumn("videos")

    def _line(self, done: float, passed_s: float) -> str:
        left = f", about {(self._total - done) * passed_s / done:.0f} s left" if done else ""
        return f"{int(done)} of {self._total} videos, {self._rate(done, passed_s)}{left}"

    def _rate(self, done: float, passed_s: float) -> str:
        rate = f"{done / passed_s:.1f}/s"
        return f"{rate}, {self._seconds() / 60 / passed_s:.2f} h of video/min" if self._seconds else rate


class BytesProgress(ProgressDisplay):
    """The same for bytes.

    Args:
        total: bytes to do; 0 where that isn't known.
        done: asked for the number that is done, with what an earlier run did.
        title: what is being done.
    """

    def __init__(self, total: int, done: Callable[[], int], title: str) -> None:
        super().__init__(total, done, title=title)
        self._begun = done()

    def _count(self) -> float:
        return self._done()

    def _amount_columns(self) -> tuple[Any, ...]:
        from rich.progress import DownloadColumn

        return (DownloadColumn(binary_units=True),)

    def _line(self, done: float, passed_s: float) -> str:
        new = done - self._begun
        left = f", about {(self._total - done) * passed_s / new:.0f} s left" if new and self._total else ""
        of = f" of {human_bytes(self._total)}" if self._total else ""
        return f"{self._title}: {human_bytes(done)}{of}, {self._rate(done, passed_s)}{left}"

    def _rate(self, done: float, passed_s: float) -> str:
        return f"{human_bytes((done - self._begun) / passed_s)}/s"
