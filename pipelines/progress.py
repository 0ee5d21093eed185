"""Progress of a job: a bar with rate and time left on a terminal, a line now and then where there is none."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

_POLL_S = 0.5
_LINE_EVERY_S = 30.0


class LocalProgress:
    """Counts what this process itself has done. Beam's in-memory mode runs the workers in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.videos = 0

    def add_video(self) -> None:
        """One more video is done, in whatever way."""
        with self._lock:
            self.videos += 1


LOCAL_PROGRESS = LocalProgress()


class ProgressDisplay:
    """Shows, while its block runs, how many of `total` videos are done.

    Args:
        total: videos to do.
        done: asked now and then for the number that is done; it may look at a store.
        poll_s: seconds between two questions.
    """

    def __init__(self, total: int, done: Callable[[], int], poll_s: float = _POLL_S) -> None:
        self._total = total
        self._done = done
        self._poll_s = poll_s
        self._last = 0
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

    def _count(self) -> int:
        with contextlib.suppress(OSError):  # a store that doesn't answer now will another time
            self._last = min(self._done(), self._total)
        return self._last

    def _show(self) -> None:
        if sys.stderr.isatty():
            self._show_bar()
        else:
            self._show_lines()

    def _show_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("Preprocessing"), BarColumn(bar_width=None), MofNCompleteColumn(), TextColumn("videos"),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(elapsed_when_finished=True),
        )  # fmt: skip
        start = time.monotonic()
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("", total=self._total, rate="")
            while True:
                last = self._stop.wait(self._poll_s)
                done = self._count()
                rate = done / (time.monotonic() - start)
                progress.update(bar, completed=done, rate=f"{rate:.1f}/s")
                if last:
                    return

    def _show_lines(self) -> None:
        start = shown = time.monotonic()
        while not self._stop.wait(self._poll_s):
            now = time.monotonic()
            if now - shown < _LINE_EVERY_S:
                continue
            shown = now
            done = self._count()
            rate = done / (now - start)
            left = f", about {(self._total - done) / rate:.0f} s left" if rate else ""
            print(f"{done} of {self._total} videos, {rate:.1f}/s{left}", file=sys.stderr, flush=True)
