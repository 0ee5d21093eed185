"""Work that a tool does while its main thread does something else, such as importing what it needs only later."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from pipelines.process.embedding import is_library

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

    def start(self) -> None:
        """Makes the call in a thread."""
        if not is_library():
            threading.Thread(target=self._make, name=_NAME).start()

    def result(self) -> _T:
        """What the function returns; raises what it raises."""
        self._make()
        return self._made.result()

    def _make(self) -> None:
        with self._once:
            if not self._made.done():
                try:
                    self._made.set_result(self._work())
                except BaseException as error:
                    self._made.set_exception(error)


def leave(code: int) -> int:
    """The exit code of a tool, for `sys.exit`. Ends the process if a call is still being made: nobody needs its result,
    imports can't be broken off, and Python would wait for them."""
    if any(thread.name == _NAME for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
