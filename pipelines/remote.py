"""Files on the file systems that Beam knows (`gs://`, `s3://`, `hdfs://` ...). `pipelines.files` is for everybody else.

Whatever goes wrong there becomes an OSError whose `filename` is the address and whose `strerror` says what to do.
"""

import contextlib
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

from pipelines import google_store
from pipelines.core.catalog import FileInfo


def _file_systems(uri: str) -> Any:
    from apache_beam.io.filesystems import FileSystems

    if google_store.is_google(uri):
        google_store.missing_credentials()  # looks for them, quickly
    return FileSystems


def _uncompressed() -> str:
    from apache_beam.io.filesystem import CompressionTypes

    return CompressionTypes.UNCOMPRESSED


@contextlib.contextmanager
def _explained(uri: str, needs_bucket: bool = False) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Beam's file systems raise many classes
        explained = google_store.as_os_error(uri, error, needs_bucket)
        if explained is error:
            raise
        raise explained from error


def check(uri: str) -> None:
    """Asks the store of an address once whether it is there, without the patience that later calls have.

    Raises:
        OSError: it doesn't answer within some seconds, or has no such bucket.
    """
    if google_store.is_google(uri):
        _file_systems(uri)
        with _explained(uri, needs_bucket=True):
            google_store.ask(uri)


def open_read(uri: str) -> BinaryIO:
    """Opens a file for reading bytes.

    Raises:
        OSError: it doesn't exist or can't be read.
    """
    with _explained(uri):
        stream = _file_systems(uri).open(uri, compression_type=_uncompressed())
    return cast(BinaryIO, _Explaining(stream, uri))


def exists(uri: str) -> bool:
    """Whether a file is there. A bucket is none.

    Raises:
        OSError: that can't be found out.
    """
    if google_store.is_google(uri) and not google_store.bucket_and_path(uri)[1]:
        return False
    with _explained(uri):
        return bool(_file_systems(uri).exists(uri))


@contextlib.contextmanager
def write(uri: str, temporary: str) -> Iterator[BinaryIO]:
    """A file to write to, which appears as `uri` when the block ends well.

    Args:
        uri: the final name.
        temporary: its name until then, in the same file system.

    Raises:
        OSError: it can't be written.
    """
    with _explained(uri, needs_bucket=True):
        stream = _file_systems(uri).create(temporary, compression_type=_uncompressed())
    try:
        yield cast(BinaryIO, _Explaining(stream, uri))
        with _explained(uri, needs_bucket=True):
            stream.close()
    except BaseException:
        if google_store.is_google(uri):
            google_store.discard(stream)
        else:
            _delete_silently(temporary)
        raise
    try:
        with _explained(uri):
            _file_systems(uri).rename([temporary], [uri])
    except BaseException:
        _delete_silently(temporary)
        raise


def _delete_silently(uri: str) -> None:
    with contextlib.suppress(OSError):
        delete([uri])


def delete(uris: Iterable[str]) -> None:
    """Removes files of one store; those which aren't there are passed over.

    Raises:
        OSError: one can't be removed.
    """
    addresses = list(uris)
    for uri in addresses[:1]:
        systems = _file_systems(uri)
        with _explained(uri):
            if google_store.is_google(uri):
                google_store.delete(addresses)
            elif existing := [address for address in addresses if systems.exists(address)]:
                systems.delete(existing)


def stat(uri: str) -> FileInfo:
    """Size and version of a file; the version is None where there is none.

    Raises:
        OSError: that can't be found out.
    """
    try:
        with _explained(uri):
            found = _file_systems(uri).get_filesystem(uri).metadata(uri)
    except FileNotFoundError:
        return FileInfo(uri, 0, None)
    return FileInfo(uri, found.size_in_bytes, _version(found.size_in_bytes, found.last_updated_in_seconds))


def match(root: str, pattern: str) -> list[FileInfo]:
    """The files which a pattern finds, by path relative to `root`.

    Raises:
        OSError: the store doesn't answer, or refuses.
    """
    with _explained(pattern, needs_bucket=True):
        found = _file_systems(pattern).match([pattern])[0].metadata_list
    return _below(root, ((item.path, item.size_in_bytes, item.last_updated_in_seconds) for item in found))


def list_tree(folder: str) -> list[FileInfo]:
    """All files below a folder, by path relative to it.

    Raises:
        OSError: the store doesn't answer, or refuses.
    """
    if not google_store.is_google(folder):
        return match(folder, posixpath.join(folder, "**"))
    _file_systems(folder)
    with _explained(folder, needs_bucket=True):
        return _below(folder, google_store.list_files(folder + "/"))


def list_folder(folder: str) -> list[FileInfo]:
    """The files directly in a folder, by name.

    Raises:
        OSError: the store doesn't answer, or refuses.
    """
    if google_store.is_google(folder):
        return [file for file in list_tree(folder) if "/" not in file.path]
    return match(folder, posixpath.join(folder, "*"))


def _below(root: str, found: Iterable[tuple[str, int, float]]) -> list[FileInfo]:
    files = (
        FileInfo(path.removeprefix(root + "/"), size, _version(size, updated))
        for path, size, updated in found
        if not path.endswith("/")  # an empty object that some tools make to stand for a folder
    )
    return sorted(files, key=lambda file: file.path)


def _version(size: int, updated: float) -> str:
    return f"{size}-{updated}"


class _Explaining:
    """A Beam stream whose errors say what to do."""

    def __init__(self, stream: BinaryIO, uri: str) -> None:
        self._stream = stream
        self._uri = uri

    def read(self, size: int = -1) -> bytes:
        with _explained(self._uri):
            return self._stream.read(size)

    def __iter__(self) -> Iterator[bytes]:
        with _explained(self._uri):
            yield from self._stream

    def write(self, data: bytes) -> int:
        with _explained(self._uri, needs_bucket=True):
            return self._stream.write(data)

    def flush(self) -> None:
        """Nothing: a store has the file when it is closed."""

    def __enter__(self) -> "_Explaining":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
