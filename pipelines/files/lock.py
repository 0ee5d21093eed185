"""A lock on an output folder: one run at a time writes there."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from pipelines import files
from pipelines.core.errors import OutputError, UsageError
from pipelines.files.output_folder import STATE
from pipelines.process import interrupts


@contextlib.contextmanager
def exclusive(output: str) -> Iterator[None]:
    """Keeps a second run out of a local folder. The lock ends with the process, however that ends.

    Raises:
        UsageError: another run is writing there.
        OutputError: the folder can't be written.
    """
    with interrupts.tidying_up(), _locked(output):
        yield


@contextlib.contextmanager
def _locked(output: str) -> Iterator[None]:
    if not files.is_local(output):
        yield
        return
    try:
        os.makedirs(files.join(output, STATE), exist_ok=True)
        lock = open(files.join(output, STATE, "lock"), "w")  # noqa: SIM115 - closed below, after the try
    except OSError as error:
        raise OutputError(
            f"cannot write to {output}: {error.strerror}. Choose another --output or give permission"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another run is writing to {output}; wait for it or choose another --output") from None
        yield
