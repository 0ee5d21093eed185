"""Files on this machine or on any file system that Beam knows (`gs://`, `s3://`, `hdfs://` ...).

Writing is atomic everywhere: under a temporary name first, in the folder that the caller names, then renamed. Beam is
imported only where a path is remote, so that local tools start fast.
"""

import contextlib
import os
import posixpath
import shutil
import tempfile
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from pipelines.core.catalog import FileInfo
from pipelines.core.errors import OutputError

_T = TypeVar("_T")
_R = TypeVar("_R")
_PARALLEL_REQUESTS = 32


def is_local(uri: str) -> bool:
    """Whether a path is on this machine's file systems."""
    return "://" not in uri


def normalise(uri: str) -> str:
    """An absolute local path, or a remote address without a slash at its end."""
    uri = uri.removeprefix("file://")
    return str(Path(uri).expanduser().absolute()) if is_local(uri) else uri.rstrip("/")


def join(folder: str, *names: str) -> str:
    """The address of something below a folder."""
    return posixpath.join(folder, *names)


def _beam_files() -> Any:
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """Beam's file systems raise many classes; callers here know OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def open_read(uri: str) -> BinaryIO:
    """Opens a file for reading bytes.

    Raises:
        OSError: it doesn't exist or can't be read.
    """
    if is_local(uri):
        return open(uri, "rb")
    from apache_beam.io.filesystem import CompressionTypes

    with _as_os_error():
        stream: BinaryIO = _beam_files().open(uri, compression_type=CompressionTypes.UNCOMPRESSED)
        return stream


def read_text(uri: str) -> str | None:
    """The text of a file, None where there is none.

    Raises:
        OSError: it is there but can't be read.
    """
    if not exists(uri):
        return None
    with open_read(uri) as file:
        return file.read().decode("utf-8", "surrogateescape")


def exists(uri: str) -> bool:
    """Whether a file or local folder is there."""
    if is_local(uri):
        return os.path.exists(uri)
    with _as_os_error():
        return bool(_beam_files().exists(uri))


class _RemoteWriter:
    """A Beam stream whose errors are OSErrors."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        with _as_os_error():
            return self._stream.write(data)

    def flush(self) -> None:
        """Nothing: a store has the file when it is closed."""


@contextlib.contextmanager
def write_atomically(uri: str, temporary_folder: str) -> Iterator[BinaryIO]:
    """A file to write to, which appears as `uri` when the block ends well, and else leaves nothing behind.

    Args:
        uri: the final name.
        temporary_folder: a folder of the same file system.

    Raises:
        OutputError: it can't be written; the message names the file, the reason and what to do.
    """
    temporary = join(temporary_folder, f"{posixpath.basename(uri)}.{uuid.uuid4().hex}")
    try:
        if is_local(uri):
            os.makedirs(temporary_folder, exist_ok=True)
            os.makedirs(os.path.dirname(uri), exist_ok=True)
            with open(temporary, "wb", buffering=1 << 20) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())  # otherwise a power cut could leave the final name without the content
            os.replace(temporary, uri)
        else:
            from apache_beam.io.filesystem import CompressionTypes

            with _as_os_error():
                stream = _beam_files().create(temporary, compression_type=CompressionTypes.UNCOMPRESSED)
            yield cast(BinaryIO, _RemoteWriter(stream))  # outside: what else goes wrong in the block is no write error
            with _as_os_error():
                stream.close()
                _beam_files().rename([temporary], [uri])
    except OSError as error:
        with contextlib.suppress(OSError):
            delete([temporary])
        raise OutputError(
            f"cannot write {uri}: {error.strerror or error}. Make room or give permission there, then run the same "
            "command again: finished shards are kept"
        ) from error
    except BaseException:
        with contextlib.suppress(OSError):
            delete([temporary])
        raise


def write_text(uri: str, text: str, temporary_folder: str) -> None:
    """Writes a small file atomically.

    Raises:
        OutputError: it can't be written.
    """
    with write_atomically(uri, temporary_folder) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def delete(uris: Iterable[str]) -> None:
    """Removes files; those which aren't there are passed over.

    Raises:
        OSError: one can't be removed.
    """
    local: list[str] = []
    remote: list[str] = []
    for uri in uris:
        (local if is_local(uri) else remote).append(uri)
    for path in local:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    if remote:
        with _as_os_error():
            existing = [uri for uri in remote if _beam_files().exists(uri)]
            if existing:
                _beam_files().delete(existing)


def delete_folder(uri: str) -> None:
    """Removes a folder and everything in it, if it is there.

    Raises:
        OSError: something can't be removed.
    """
    if is_local(uri):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(uri)
    else:
        delete(join(uri, file.path) for file in list_tree(uri)[0])


def list_folder(uri: str) -> dict[str, int]:
    """Names and sizes in bytes of the files directly in a folder; nothing where it doesn't exist."""
    if is_local(uri):
        try:
            with os.scandir(uri) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        except FileNotFoundError:
            return {}
    return {file.path: file.size_bytes for file in match(uri, join(uri, "*"))}


def list_names(uri: str) -> list[str]:
    """Names of what is directly in a folder, of folders too on local file systems; none where it doesn't exist."""
    if is_local(uri):
        return sorted(os.listdir(uri)) if os.path.isdir(uri) else []
    return sorted(list_folder(uri))


def list_tree(uri: str) -> tuple[list[FileInfo], list[str]]:
    """All files below a folder, and its folders where the file system knows empty ones, by path relative to it.

    Links to folders are followed, each real folder once.

    Raises:
        OSError: the folder can't be listed.
    """
    if not is_local(uri):
        return match(uri, join(uri, "**")), []
    files, folders = [], []
    pending, seen = deque([""]), set()
    while pending:
        folder = pending.popleft()
        status = os.stat(os.path.join(uri, folder))
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.append(folder)
        with os.scandir(os.path.join(uri, folder)) as entries:
            # Sorted, and real folders before links, so that of two ways to a folder the same one is always taken.
            for entry in sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name)):
                path = posixpath.join(folder, entry.name)
                if entry.is_dir():
                    pending.append(path)
                else:
                    files.append(stat_file(uri, path))
    return sorted(files, key=lambda file: file.path), sorted(folders[1:])


def stat_file(root: str, path: str) -> FileInfo:
    """Size and version of a file, given by a path relative to `root`, an absolute path or an address."""
    uri = join(root, path)
    if is_local(uri):
        try:
            status = os.stat(uri)
        except OSError:
            return FileInfo(path, 0, None)
        return FileInfo(path, status.st_size, f"{status.st_size}-{status.st_mtime_ns}")
    found = match(root, uri)
    return FileInfo(path, found[0].size_bytes, found[0].version) if found else FileInfo(path, 0, None)


def match(root: str, pattern: str) -> list[FileInfo]:
    """The files which a pattern of a remote file system finds, by path relative to `root`.

    Raises:
        OSError: the store doesn't answer, or refuses.
    """
    with _as_os_error():
        metadata = _beam_files().match([pattern])[0].metadata_list
    return sorted(
        (
            FileInfo(
                item.path.removeprefix(root + "/"),
                item.size_in_bytes,
                f"{item.size_in_bytes}-{item.last_updated_in_seconds}",
            )
            for item in metadata
        ),
        key=lambda file: file.path,
    )


@contextlib.contextmanager
def local_copy(uri: str) -> Iterator[str]:
    """A local path with the content of a file, fetched if it is remote and then removed at the end.

    Raises:
        OSError: the remote file can't be read.
    """
    if is_local(uri):
        yield uri
        return
    with tempfile.NamedTemporaryFile(suffix=posixpath.splitext(uri)[1]) as copy:
        with open_read(uri) as source, _as_os_error():
            shutil.copyfileobj(source, copy, 1 << 20)
        copy.flush()
        yield copy.name


def copy_tree(uri: str, folder: str) -> None:
    """Copies all files below a remote folder into a local one.

    Raises:
        OSError: there are none, or one can't be read.
    """
    found = list_tree(uri)[0]
    if not found:
        raise FileNotFoundError(f"nothing in {uri}")

    def copy(file: FileInfo) -> None:
        target = Path(folder, file.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_read(join(uri, file.path)) as source, open(target, "wb") as copied, _as_os_error():
            shutil.copyfileobj(source, copied, 1 << 20)

    in_parallel(copy, found)


def in_parallel(function: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
    """Results in order of a function that waits for a store; local calls gain little, remote ones much."""
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(_PARALLEL_REQUESTS) as threads:
        return list(threads.map(function, items))
