"""Stores that only Beam's file systems know (`hdfs://` and what else is registered there)."""

import contextlib
import errno
import posixpath
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from pipelines.files import ranged_reader
from pipelines.files.errors import something_else


def options_in_use() -> Any:
    """Beam's options where it is in use, None elsewhere. The other stores take their credentials from them."""
    systems = sys.modules.get("apache_beam.io.filesystems")
    return systems.FileSystems._pipeline_options if systems else None


def _systems() -> Any:
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def _uncompressed() -> str:
    from apache_beam.io.filesystem import CompressionTypes

    return CompressionTypes.UNCOMPRESSED


def check(uri: str) -> None:
    """Nothing: what such a store needs shows with the first file."""


def open_read(uri: str, piece_bytes: int = 0) -> BinaryIO:
    """Opens a file for reading bytes; `piece_bytes` as in `store_io.reading`.

    Raises:
        Exception: of the many kinds that `as_os_error` knows; so does reading.
    """
    file = _File(uri)
    size_bytes = _systems().get_filesystem(uri).metadata(uri).size_in_bytes
    return ranged_reader.reading(uri, file.fetch, size_bytes, file.close, piece_bytes)


class _File:
    """A file that is opened anew where reading it ended early."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._stream, self._position = self._open(), 0

    def _open(self) -> Any:
        return _systems().open(self._uri, compression_type=_uncompressed())

    def fetch(self, first: int, count: int) -> bytes:
        """So many bytes from a position on, or fewer if the stream ends before."""
        if self._position != first:
            self.close()
            self._stream = self._open()
            self._stream.seek(first)
        data = bytearray()
        while part := self._stream.read(count - len(data)):
            data += part
        self._position = first + count
        return bytes(data)

    def close(self) -> None:
        """Everything that was wanted is there, or it is opened anew: errors don't matter any more."""
        with contextlib.suppress(Exception):
            self._stream.close()


def stat(uri: str) -> tuple[int, str] | None:
    """Size and version of a file; None where there is none."""
    system = _systems().get_filesystem(uri)
    if not system.exists(uri):
        return None
    found = system.metadata(uri)
    return found.size_in_bytes, _version(found)


def _version(found: Any) -> str:
    return f"{found.size_in_bytes}-{found.last_updated_in_seconds}"


def upload(uri: str, temporary: str, file: BinaryIO, size_bytes: int) -> None:
    """Stores a file under another name first, which is then renamed.

    Args:
        uri: where.
        temporary: the other name, in the same file system.
        file: at its beginning.
        size_bytes: not needed here.
    """
    try:
        with contextlib.closing(_systems().create(temporary, compression_type=_uncompressed())) as stream:
            shutil.copyfileobj(file, stream, 1 << 20)
        _systems().rename([temporary], [uri])
    except BaseException:
        with contextlib.suppress(Exception):  # the error before says what is wrong
            delete([temporary])
        raise


def list_files(prefix: str, below: bool = True) -> Iterator[tuple[str, int, str]]:
    """Address, size and version of all files in a folder, which `prefix` names with a slash behind it."""
    return match(posixpath.join(prefix, "**" if below else "*"))


def match(pattern: str) -> Iterator[tuple[str, int, str]]:
    """Address, size and version of all files that a pattern finds."""
    for item in _systems().match([pattern])[0].metadata_list:
        yield item.path, item.size_in_bytes, _version(item)


def delete(uris: Sequence[str]) -> None:
    """Removes files; those which aren't there are passed over."""
    systems = _systems()
    if existing := [uri for uri in uris if systems.exists(uri)]:
        systems.delete(existing)


def as_os_error(uri: str, error: Exception, needs_bucket: bool = False) -> OSError:
    """What such a file system raised, as an OSError for people."""
    cause: Any = error
    while details := getattr(cause, "exception_details", None):
        cause = next(iter(details.values()))
    if isinstance(cause, OSError) and cause.strerror:
        return OSError(cause.errno or errno.EIO, cause.strerror, uri)
    return something_else(uri, cause)
