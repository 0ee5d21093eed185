"""Signals that ask a run to stop."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from pipelines.process.embedding import is_library


class StopSignals:
    """While its block runs, SIGTERM and the first Ctrl-C ask the loop to stop; a second Ctrl-C interrupts at once.

    When called from another program, signals stay as they are: Ctrl-C raises KeyboardInterrupt, and a run that was
    killed resumes at its last checkpoint.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread() and not is_library():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self.received == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number
