"""Python's search for garbage, kept away from millions of objects that stay."""

import contextlib
import gc
from collections.abc import Iterator

from pipelines.process.embedding import is_library


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """For a function that lists or plans: what it makes is no garbage, during it or later.

    Python looks for cycles among all objects whenever their number has grown by a quarter. With a million videos that
    is a fifth of the time, spent for nothing. Plain objects are freed as ever, as soon as nobody refers to them. In
    somebody else's program the garbage collector stays as it is.
    """
    if is_library():
        yield
        return
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
