"""Work that a tool does while its main thread does something else, such as importing what it needs only later."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from pipelines.process.embedding import is_library

PATIENCE_S = 0.2
"""Imports begin after this time at the latest: what is refused at once is refused without them."""
_T = TypeVar("_T")
_NAME = "background"


class Background(Generic[_T]):
    """A call that is made once: in a thread, from when `start` is called, or else when its result is asked for.

    In another program it always waits until its result is asked for: nothing runs there that nobody waits for.
    """

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._made: Future[_T] = Future()
        self._once = threading.Lock()
        self._is_due = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, after_s: float = 0.0) -> None:
        """Makes the call in a thread: after some seconds, or earlier if it is started again without a delay."""
        if is_library():
            return
        if not after_s:
            self._is_due.set()
        if self._thread is None:
            _waiting.add(self)
            self._thread = threading.Thread(target=self._make_when_due, args=(after_s,), name=_NAME)
            self._thread.start()

    def _make_when_due(self, after_s: float) -> None:
        self._is_due.wait(after_s)
        if self in _waiting:
            _waiting.discard(self)
            self._make()

    def call_off(self) -> None:
        """Doesn't make the call any more, unless it has begun or its result is asked for."""
        _waiting.discard(self)
        self._is_due.set()

    def result(self) -> _T:
        """What the function returns; raises what it raises."""
        self._is_due.set()
        self._make()
        return self._made.result()

    def _make(self) -> None:
        with self._once:
            if not self._made.done():
                try:
                    self._made.set_result(self._work())
                except BaseException as error:
                    self._made.set_exception(error)


_waiting: "set[Background[Any]]" = set()


def call_off() -> None:
    """Calls off all that hasn't begun."""
    for background in tuple(_waiting):
        background.call_off()


def leave(code: int) -> int:
    """The exit code of a tool, for `sys.exit`. Ends the process if a call is still being made: nobody needs its result,
    imports can't be broken off, and Python would wait for them."""
    if any(thread.name == _NAME for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
