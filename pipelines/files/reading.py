"""Reading and listing files on this machine or in a bucket."""

import contextlib
import os
import posixpath
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from pipelines.core.errors import UsageError, WorkerError, as_shortage
from pipelines.core.text_decoding import decode
from pipelines.core.video_files import FileInfo
from pipelines.files import local, remote
from pipelines.files.addresses import is_local, join, locate
from pipelines.files.errors import no_room
from pipelines.files.parallel import each_in_parallel, in_parallel

_T = TypeVar("_T")
_R = TypeVar("_R")


def check_stores(*uris: str) -> None:
    """Checks within seconds that the stores of some addresses can be used at all. Local paths are skipped.

    Raises:
        UsageError: a store doesn't answer or has no such bucket; the message says which, why and what to do.
    """
    for uri in uris:
        if is_local(uri):
            continue
        try:
            remote.check(uri)
        except OSError as error:
            raise UsageError(f"cannot use {uri}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Why something can't be done with a file, as text for the user. For remote files it includes the remedy."""
    if isinstance(error, OSError) and error.strerror and not is_local(str(error.filename)):
        return error.strerror
    return str(error)


def open_read(uri: str, piece_bytes: int = 0) -> BinaryIO:
    """Opens a file for reading bytes. In a store, each request reads `piece_bytes`; 0 stands for a large default.

    Raises:
        OSError: the file doesn't exist or can't be read.
    """
    if is_local(uri):
        return open(uri, "rb")
    return remote.open_read(uri, piece_bytes)


def read_text(uri: str) -> str | None:
    """The text of a file, None if there is no such file.

    Raises:
        OSError: the file exists but can't be read.
    """
    data = read_bytes(uri)
    return None if data is None else data.decode("utf-8", "surrogateescape")


def read_bytes(uri: str) -> bytes | None:
    """The content of a file, None if there is no such file.

    Raises:
        UsageError: the path is a device, a socket or a named pipe.
        OSError: the file exists but can't be read.
    """
    if not exists(uri):
        return None
    if is_local(uri):
        local.refuse_special(uri)
    with open_read(uri) as file:
        return file.read()


def read_written(uri: str) -> str | None:
    """The text of a file that a person or a spreadsheet wrote; None if there is none. See `text_decoding.decode`.

    Raises:
        UsageError: the text is neither UTF-8 nor UTF-16; the message names the line and the byte.
        OSError: the file exists but can't be read.
    """
    data = read_bytes(uri)
    if data is None:
        return None
    return decode(data, uri, lambda path: "\0" not in path and exists(join(posixpath.dirname(uri), path)))


def find_slashed(root: str, path: str) -> str:
    """A path with backslashes: unchanged if such a file exists, else with slashes, as it was meant on Windows.

    Raises:
        UsageError: the path begins with a Windows drive or network share, and there is no such file.
    """
    if is_local(root) and exists(join(root, path)):
        return path
    if path.startswith("\\\\") or path[1:2] == ":":
        raise UsageError(
            f"{path} is a path on a Windows machine, and there is no such file here. Give paths relative to the file "
            "that names them, with / between folders"
        )
    return path.replace("\\", "/")


def exists(uri: str) -> bool:
    """Whether a file or local folder exists."""
    return os.path.exists(uri) if is_local(uri) else remote.exists(uri)


def is_folder(uri: str) -> bool:
    """Whether a folder exists; in a store, whether there is anything below it."""
    return os.path.isdir(uri) if is_local(uri) else remote.is_folder(uri)


def list_folder(uri: str) -> dict[str, int]:
    """Names and sizes in bytes of the files directly in a folder; empty if it doesn't exist."""
    return {name: file.size_bytes for name, file in stat_folder(uri).items()}


def stat_folder(uri: str) -> dict[str, FileInfo]:
    """Size and version of the files directly in a folder, by name; empty if it doesn't exist."""
    if not is_local(uri):
        return {file.path: file for file in remote.list_folder(uri)}
    try:
        with os.scandir(uri) as entries:
            return {entry.name: local.look_at(entry, entry.name) for entry in entries if entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def list_names(uri: str, most: int | None = None) -> list[str]:
    """Names of the files and folders directly in a folder, sorted; empty if it doesn't exist. If a number is given, no
    more than so many are asked from a store."""
    if is_local(uri):
        return sorted(os.listdir(uri)) if os.path.isdir(uri) else []
    return remote.list_names(uri, most)


def list_tree(uri: str, strict: bool = True) -> tuple[list[FileInfo], list[str]]:
    """All files below a folder and, if it is local, its folders, which may be empty, by path relative to it.

    Links to folders are followed, each real folder once. In stores, names may lead out of the folder or be invalid; if
    not `strict`, such videos are lost, with their problem.

    Raises:
        OSError: the folder can't be listed; or, if `strict`, such a name is in it.
    """
    return local.list_tree(uri) if is_local(uri) else (remote.list_tree(uri, strict), [])


def stat_file(root: str, path: str) -> FileInfo:
    """Size and version of a file, given by a path relative to `root`, an absolute path or an address."""
    uri = locate(root, path)
    return local.stat(uri, path) if is_local(uri) else replace(remote.stat(uri), path=path)


def stat_files(root: str, paths: Sequence[str]) -> Iterator[FileInfo]:
    """Like `stat_file` for each of many paths, in order, as results are taken."""
    remote_path = root if not is_local(root) else next((path for path in paths if not is_local(path)), root)
    return each_at(remote_path, lambda path: stat_file(root, path), paths)


@contextlib.contextmanager
def local_copy(uri: str) -> Iterator[str]:
    """A local path with the content of a file; a remote file is fetched, and its copy is removed at the end.

    Raises:
        OSError: the remote file can't be read.
        WorkerError: there is no room for the copy on this machine.
    """
    if is_local(uri):
        yield uri
        return
    with contextlib.ExitStack() as stack:
        try:
            suffix = posixpath.splitext(uri)[1]
            copy = stack.enter_context(tempfile.NamedTemporaryFile(suffix=suffix))
            remote.fetch(uri, cast(BinaryIO, copy))
            copy.flush()
        except OSError as error:
            if error.filename == uri and not isinstance(as_shortage(error), WorkerError):
                raise
            raise no_room(uri, error) from error
        yield copy.name


def copy_tree(uri: str, folder: str) -> None:
    """Copies all files below a remote folder into a local one.

    Raises:
        OSError: there are no files, or one can't be read.
    """
    found = list_tree(uri)[0]
    if not found:
        raise FileNotFoundError(f"nothing in {uri}")

    def copy(file: FileInfo) -> None:
        target = Path(folder, file.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as copied:
            remote.fetch(join(uri, file.path), copied)

    in_parallel(copy, found)


def each_at(uri: str, function: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[_R]:
    """Like `in_parallel` if `uri` is in a store; on this machine, where threads would only get in each other's way, one
    call after the other. Either way only a few results are computed before they are taken."""
    return map(function, items) if is_local(uri) else each_in_parallel(function, items)
