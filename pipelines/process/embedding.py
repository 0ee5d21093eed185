"""Whether the process runs one of the command-line tools, or another program that calls this software as a library.

In another program nothing is printed, and signal handlers, loggers, the garbage collector and random number generators
stay as they are.
"""

import contextlib
import logging
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

_lock = threading.Lock()
_calls = 0


@contextlib.contextmanager
def as_library() -> Iterator[None]:
    """Within its block, and in all threads, this software works for a program that isn't one of its tools.

    Process-wide changes by other libraries are undone at the end: Beam adds a handler to a root logger without one, and
    Keras draws seeds from Python's random number generator.
    """
    global _calls
    before = _state()
    with _lock:
        _calls += 1
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")  # about versions of Python
            yield
    finally:
        with _lock:
            _calls -= 1
        _put_back(*before)


def is_library() -> bool:
    """Whether a block of `as_library` is running."""
    return _calls > 0


def _state() -> tuple[list[logging.Handler], Any, Any]:
    numpy = sys.modules.get("numpy")
    return logging.getLogger().handlers[:], random.getstate(), numpy.random.get_state() if numpy else None


def _put_back(handlers: list[logging.Handler], of_python: Any, of_numpy: Any) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
    random.setstate(of_python)
    if of_numpy is not None:
        sys.modules["numpy"].random.set_state(of_numpy)
