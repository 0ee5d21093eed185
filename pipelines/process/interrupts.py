"""Ctrl-C, from a tool's first line on: one line on the screen, exit code 130, and nothing half-done left behind.

Python raises KeyboardInterrupt wherever the program happens to be. While libraries are imported, that ends in long
stack traces, or has no effect where native code swallows it; and a second one breaks off the clean-up after the first.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from pipelines.core.errors import EXIT_INTERRUPTED

MESSAGE = "interrupted; run the same command again to resume"
_PATIENCE_S = 3.0
"""A second Ctrl-C is ignored for this long, while the first one takes effect."""
_SHOW_CURSOR = "\x1b[?25h"


class _Interrupts:
    def __init__(self) -> None:
        self.since: float | None = None
        self.begun = 0
        self.stderr = 2


_state = _Interrupts()


def install() -> None:
    """Takes over Ctrl-C, unless it is ignored, as in processes that a shell starts in the background."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


@contextlib.contextmanager
def speaking_to(stderr: int) -> Iterator[None]:
    """While its block runs, stderr leads to another process, and messages go to the user at this file descriptor."""
    before, _state.stderr = _state.stderr, stderr
    try:
        yield
    finally:
        _state.stderr = before


def happened() -> bool:
    """Whether the tool was interrupted: libraries may raise other errors because of it, and threads may fail."""
    return _state.since is not None


@contextlib.contextmanager
def tidying_up() -> Iterator[None]:
    """While its block runs, there is something to clean up, so Ctrl-C raises KeyboardInterrupt, as usual.

    Elsewhere Ctrl-C ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():  # Ctrl-C doesn't reach other threads
        yield
        return
    _state.begun += 1
    try:
        yield
    finally:
        _state.begun -= 1


def end() -> None:
    """Reports, after the clean-up, that the tool was interrupted, and ends the process if `install` took over Ctrl-C.

    Otherwise, as in a test, it returns. A normal exit would wait for threads, and a second Ctrl-C could break it off.
    """
    print(MESSAGE, file=sys.stderr, flush=True)
    if signal.getsignal(signal.SIGINT) is _interrupt:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(EXIT_INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _state.since is None:
        _state.since = time.monotonic()
        _silence()
        if _state.begun:
            raise KeyboardInterrupt
    elif time.monotonic() - _state.since < _PATIENCE_S:
        return
    with contextlib.suppress(OSError):
        cursor = _SHOW_CURSOR if os.isatty(_state.stderr) else ""  # a progress bar hides it
        os.write(_state.stderr, f"{cursor}{MESSAGE}\n".encode())
    os._exit(EXIT_INTERRUPTED)


def _silence() -> None:
    """Silences threads, which would print stack traces once their resources are gone."""
    threading.excepthook = lambda _: None
    disable = getattr(sys.modules.get("logging"), "disable", None)  # it may be half imported
    if disable:
        disable()
