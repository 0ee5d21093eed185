"""Azure's store through TensorFlow's file functions, in the shape of the stores of `pipelines.files.remote`."""

import errno
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

from pipelines.core.reasons import first_line
from pipelines.files.errors import no_file

_CREDENTIALS = "TF_AZURE_STORAGE_KEY; addresses are az://account/container/path"


def _gfile(uri: str) -> Any:
    from trainer.files.stores import prepare

    prepare(uri)
    import tensorflow as tf

    return tf.io.gfile


def check(uri: str) -> None:
    """Looks for something, to learn whether the store answers."""
    _gfile(uri).exists(uri)


def open_read(uri: str, piece_bytes: int = 0) -> BinaryIO:
    """Opens a file for reading bytes; TensorFlow itself decides about the pieces."""
    _gfile(uri).stat(uri)  # opening alone asks nothing
    return cast(BinaryIO, _gfile(uri).GFile(uri, "rb"))


def stat(uri: str) -> tuple[int, str] | None:
    """Size and version of a file; None where there is none."""
    gfile = _gfile(uri)
    if not gfile.exists(uri) or gfile.isdir(uri):
        return None
    found = gfile.stat(uri)
    return int(found.length), f"{found.length}-{found.mtime_nsec}"


def upload(uri: str, temporary: str, file: BinaryIO, size_bytes: int) -> None:
    """Stores a file, which the store gets in one piece when it is closed."""
    with _gfile(uri).GFile(uri, "wb") as stream:
        shutil.copyfileobj(file, stream, 1 << 20)


def list_files(prefix: str, below: bool = True) -> Iterator[tuple[str, int, str]]:
    """Address, size and version of all files in a folder, which `prefix` names with a slash behind it."""
    gfile = _gfile(prefix)
    if not gfile.exists(prefix) or not gfile.isdir(prefix):
        return
    for folder, _, names in gfile.walk(prefix):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            found = gfile.stat(path)
            yield path, int(found.length), f"{found.length}-{found.mtime_nsec}"
        if not below:
            return


def delete(uris: Sequence[str]) -> None:
    """Removes files; those which aren't there are passed over."""
    for uri in uris:
        if _gfile(uri).exists(uri):
            _gfile(uri).remove(uri)


def as_os_error(uri: str, error: Exception, needs_bucket: bool = False) -> OSError:
    """What TensorFlow raised, as an OSError for people."""
    import tensorflow as tf

    if not isinstance(error, tf.errors.OpError):
        raise error
    if isinstance(error, tf.errors.NotFoundError):
        return no_file(uri)
    give = f"give credentials in the environment ({_CREDENTIALS})"
    if isinstance(error, tf.errors.PermissionDeniedError | tf.errors.UnauthenticatedError):
        return PermissionError(errno.EACCES, f"permission denied. Ask for it, or {give}", uri)
    return OSError(errno.EIO, f"{first_line(error)}. Check the network and the address, or {give}", uri)
