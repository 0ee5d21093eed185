"""Readable errors of the trainer's files, on this machine and in stores.

Files are read and written through `pipelines.files`, as in the other jobs. TensorFlow reads no store: `copies` gives it
local copies of shards.
"""

import contextlib
import errno
import os
from collections.abc import Iterator

from pipelines.core.errors import OutputError, UserError
from pipelines.files import is_local


@contextlib.contextmanager
def explained(uri: str, doing: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Turns errors of file systems and stores within the block into readable errors of the given kind."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if is_local(str(error.filename)):
            reason += f". {_local_remedy(error)}"
        elif reason == os.strerror(errno.ENOENT):
            reason += ". Correct the path"
        elif kind is OutputError:
            reason += ", then run the same command again to resume"
        raise kind(f"cannot {doing} {uri}: {reason}") from error


def _local_remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room there or choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Give permission or choose another place"
    return "Correct the path or choose another place"
