"""Turns errors of the stores' libraries into readable ones."""

import errno
import os
import re
from typing import Any

from pipelines.core.errors import WorkerError
from pipelines.core.reasons import first_line
from pipelines.core.secrets import redact
from pipelines.files.ranged_reader import bucket_and_path
from pipelines.process import extras


def lacking(uri: str, error: Exception) -> OSError | None:
    """The error for a store whose library isn't installed; None if the error says something else."""
    explained = extras.explained(error)
    return None if explained is error else OSError(errno.ENOSYS, str(explained), uri)


def no_bucket(uri: str) -> OSError:
    """The error for an address whose bucket doesn't exist."""
    bucket = bucket_and_path(uri)[0]
    return FileNotFoundError(errno.ENOENT, f"there is no bucket {bucket}. Create it or correct the name", uri)


def no_file(uri: str) -> OSError:
    """The error for a file that doesn't exist."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), uri)


def no_room(uri: str, error: OSError) -> WorkerError:
    """The error for a file of which nothing can be put on the temporary disk."""
    return WorkerError(
        f"there is no room for {uri} in the folder of temporary files: {error.strerror or error}. Make room or name "
        "another folder in TMPDIR, then run the same command again"
    )


def something_else(uri: str, error: Any) -> OSError:
    """The error for anything that isn't recognised."""
    return OSError(errno.EIO, f"{first_line(error)}. Check the address and your permissions there", uri)


def why_unreachable(error: Any) -> str:
    """The message of the innermost network error, without the object where it occurred."""
    while inner := next((x for x in (getattr(error, "reason", None), *error.args) if isinstance(x, Exception)), None):
        error = inner
    words = next((item for item in error.args if isinstance(item, str)), type(error).__name__)
    return re.sub(r"^<?[\w.]+(\(.*?\)| object at \w+>): ", "", redact(words))
