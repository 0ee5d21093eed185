"""Files in stores: `gs://` and `s3://`. Other modules use `pipelines.files`.

Every error there becomes an OSError whose `filename` is the address and whose `strerror` says what to do. Each function
may raise one: the store doesn't answer, or refuses.
"""

import contextlib
import errno
import queue
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, BinaryIO, cast

from pipelines.core.names import why_not_below
from pipelines.core.video_files import FileInfo, is_video_name
from pipelines.files.addresses import STORES, UNKNOWN_STORE
from pipelines.files.errors import lacking
from pipelines.files.gcs import objects as gcs_objects
from pipelines.files.patterns import address_expression
from pipelines.files.ranged_reader import StoredObject, fetch_whole
from pipelines.files.s3 import objects as s3_objects

_IN_MEMORY_BYTES = 8 << 20
"""How much of a file being written is kept in memory. A larger one goes to a temporary file here until it is complete.
"""
STALLED_S = 300.0
"""A fetch is given up after this long without new data. Stores that answer with errors, or whose connections stall, are
given up earlier; this limit is for stores that send a byte now and then."""
_STORES: dict[str, Any] = dict(zip(STORES, (gcs_objects, s3_objects), strict=True))


def _store(uri: str) -> Any:
    if store := _STORES.get(uri.partition("://")[0]):
        return store
    raise OSError(errno.EINVAL, UNKNOWN_STORE, uri)


@contextlib.contextmanager
def _explained(uri: str, needs_bucket: bool = False) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the libraries of stores raise many classes
        if isinstance(error, OSError) and error.filename == uri:
            raise
        explained = lacking(uri, error) or _store(uri).as_os_error(uri, error, needs_bucket)
        if explained is error:
            raise
        raise explained from error


def check(uri: str) -> None:
    """Checks quickly that the store of an address answers, without the many retries of later calls.

    Raises:
        OSError: the store doesn't answer within some seconds, or has no such bucket.
    """
    with _explained(uri, needs_bucket=True):
        _store(uri).check(uri)


def open_read(uri: str, piece_bytes: int = 0) -> BinaryIO:
    """Opens a file for reading bytes; each request reads `piece_bytes`; 0 stands for a large default.

    Raises:
        OSError: the file doesn't exist or can't be read.
    """
    with _explained(uri):
        stream = _store(uri).open_read(uri, piece_bytes)
    return cast(BinaryIO, _Explaining(stream, uri))


def look(uri: str) -> StoredObject:
    """The present version of a file, to be read in pieces. Its `fetch` raises an OSError if it can't read a piece, or
    gets too few bytes in several attempts.

    Raises:
        OSError: the file doesn't exist or can't be read.
    """
    with _explained(uri):
        found: StoredObject = _store(uri).look(uri)

    def read(first: int, count: int) -> bytes:
        with _explained(uri):
            return fetch_whole(uri, found.fetch, first, count)

    return replace(found, fetch=read)


def fetch(uri: str, copy: BinaryIO) -> None:
    """Copies a file to a local one. A thread reads it, since a read that never ends can't be interrupted.

    Raises:
        OSError: the file doesn't exist, can't be read, or its data stops coming.
    """
    arrived: queue.Queue[bytes | Exception] = queue.Queue(4)
    given_up = threading.Event()

    def read() -> None:
        try:
            with open_read(uri) as source:
                data = None
                while data != b"" and not given_up.is_set():
                    data = source.read(1 << 20)
                    arrived.put(data)
        except Exception as error:  # raised again in the waiting thread
            arrived.put(error)

    threading.Thread(target=read, name="fetch", daemon=True).start()
    try:
        while data := arrived.get(timeout=STALLED_S):
            if isinstance(data, Exception):
                raise data
            copy.write(data)
    except queue.Empty:
        raise stalled(uri) from None
    finally:
        given_up.set()
        with contextlib.suppress(queue.Empty):
            while True:  # so that the thread can deliver its last data and end
                arrived.get_nowait()


def stalled(uri: str) -> TimeoutError:
    """The error for a file of which nothing has come for `STALLED_S`."""
    reason = f"no more data came within {STALLED_S:g} s. Check the network"
    return TimeoutError(errno.ETIMEDOUT, reason, uri)


def exists(uri: str) -> bool:
    """Whether a file exists. A bucket is not a file."""
    return stat(uri).version is not None


@contextlib.contextmanager
def write(uri: str) -> Iterator[BinaryIO]:
    """A file to write to, which appears as `uri` when the block ends without an error.

    Raises:
        OSError: the file can't be written.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
        yield cast(BinaryIO, file)
        size_bytes = file.tell()
        file.seek(0)
        with _explained(uri, needs_bucket=True):
            _store(uri).upload(uri, cast(BinaryIO, file), size_bytes)


def delete(uris: Iterable[str]) -> None:
    """Removes files from one store; missing ones are skipped.

    Raises:
        OSError: a file can't be removed.
    """
    if addresses := list(uris):
        with _explained(addresses[0]):
            _store(addresses[0]).delete(addresses)


def stat(uri: str) -> FileInfo:
    """Size and version of a file; the version is None if there is no such file."""
    if not uri.isascii() and any("\ud800" <= sign <= "\udfff" for sign in uri):  # bytes that aren't UTF-8, as names are
        return FileInfo(uri, 0, None)
    with _explained(uri):
        found = _store(uri).stat(uri)
    return FileInfo(uri, *found) if found else FileInfo(uri, 0, None)


def match(root: str, pattern: str) -> list[FileInfo]:
    """The files that match a pattern, by path relative to `root`: `*` stops at a slash, `**` doesn't."""
    wanted = address_expression(pattern)
    prefix = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    with _explained(pattern, needs_bucket=True):
        found = _below(root, (file for file in _store(pattern).list_files(prefix) if wanted.match(file[0])))
    return list(map(_lost_if_outside, found))


def list_tree(folder: str, strict: bool = True) -> list[FileInfo]:
    """All files below a folder, by path relative to it. An invalid name is an error if `strict`; else the file is lost,
    with that problem, if it is a video."""
    with _explained(folder, needs_bucket=True):
        found = _below(folder, _store(folder).list_files(folder + "/"))
    return _inside(folder, found) if strict else list(map(_lost_if_outside, found))


def list_folder(folder: str) -> list[FileInfo]:
    """The files directly in a folder, by name."""
    with _explained(folder, needs_bucket=True):
        found = _below(folder, _store(folder).list_files(folder + "/", below=False))
    return _inside(folder, found)


def list_names(folder: str, most: int | None = None) -> list[str]:
    """Sorted names of the files and folders directly in a folder; at most so many of them if a number is given."""
    with _explained(folder, needs_bucket=True):
        return sorted(set(islice(_store(folder).list_names(folder + "/"), most)) - {""})


def is_folder(uri: str) -> bool:
    """Whether there are files below an address, even an empty one that stands for a folder."""
    with _explained(uri, needs_bucket=True):
        return next(iter(_store(uri).list_files(uri + "/")), None) is not None


def _below(root: str, found: Iterable[tuple[str, int, str]]) -> list[FileInfo]:
    files = (
        FileInfo(path.removeprefix(root + "/"), size, version)
        for path, size, version in found
        if not path.endswith("/")  # an object that some tools make as a folder
    )
    return sorted(files, key=lambda file: file.path)


def _inside(root: str, found: list[FileInfo]) -> list[FileInfo]:
    """The same files, after a check that none of their names could lead out of a folder: stores accept any name.

    Raises:
        OSError: a name could.
    """
    for file in found:
        if problem := why_not_below(file.path):
            raise OSError(errno.EINVAL, f"{_invalid(file.path, problem)}. Rename or remove it", root)
    return found


def _lost_if_outside(file: FileInfo) -> FileInfo:
    problem = why_not_below(file.path)
    if not problem or not is_video_name(file.path.rstrip("/")):
        return file  # other files are only named
    return replace(file, version=None, problem=f"{_invalid(file.path, problem)}. Rename or copy it", lost=True)


def _invalid(name: str, problem: str) -> str:
    return f"the name {name!r} leads out of its folder or is invalid: it {problem}"


class _Explaining:
    """A stream whose errors say what to do."""

    def __init__(self, stream: BinaryIO, uri: str) -> None:
        self._stream = stream
        self._uri = uri

    def read(self, size: int = -1) -> bytes:
        with _explained(self._uri):
            return self._stream.read(size)

    def __iter__(self) -> Iterator[bytes]:
        with _explained(self._uri):
            yield from self._stream

    def __enter__(self) -> "_Explaining":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
