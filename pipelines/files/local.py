"""Files on this machine. Other modules use `pipelines.files`."""

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from pipelines.core.errors import UsageError
from pipelines.core.names import kind_of
from pipelines.core.video_files import BROKEN_LINK, LISTED_ALREADY, FileInfo, extension

_OPENED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


@contextlib.contextmanager
def write(uri: str, temporary: str) -> Iterator[BinaryIO]:
    """A file to write to, which appears as `uri` when the block ends without an error. Folders are made as needed.

    Args:
        uri: the final name.
        temporary: its name until then, on the same file system.

    Raises:
        OSError: the file can't be written.
    """
    try:
        os.makedirs(os.path.dirname(temporary), exist_ok=True)
        os.makedirs(os.path.dirname(uri), exist_ok=True)
        with open(temporary, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # otherwise a power cut could leave the final name without the content
        os.replace(temporary, uri)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def stat(uri: str, path: str) -> FileInfo:
    """Size and version of a file, named `path` in the result; the version is None if there is no such file."""
    try:
        return _regular(os.stat(uri), path)
    except OSError:
        return FileInfo(path, 0, None)


def _regular(status: os.stat_result, path: str) -> FileInfo:
    if kind := kind_of(status):
        return FileInfo(path, 0, None, kind)
    return FileInfo(path, status.st_size, f"{status.st_size}-{status.st_mtime_ns}")


def refuse_special(path: str) -> None:
    """Refuses special files, which could block for ever, except those opened by a shell (`/dev/stdin`, `<(...)`).

    Raises:
        UsageError: the path is a device, a socket or a named pipe.
    """
    kind = kind_of(os.stat(path))
    if kind not in ("", "folder") and not path.startswith(_OPENED):
        raise UsageError(f"{path} is a {kind}, not a file. Write its content to a file, and give that")


def list_tree(uri: str) -> tuple[list[FileInfo], list[str]]:
    """All files below a folder, and its folders, by path relative to it. Links to folders are followed, each once.

    A folder that can't be entered, or a link that is broken, circular or too deep, is listed among the files, with its
    problem; so is a link to a folder that is already listed, or to one in which `uri` lies.

    Raises:
        OSError: the folder itself can't be listed.
    """
    files: list[FileInfo] = []
    folders: list[str] = []
    # Real folders come before links, so that of two ways to a folder it is always the real one that is taken.
    pending, links, seen = deque([""]), deque[str](), _above(uri)
    while pending or links:
        folder = (pending or links).popleft()
        where = os.path.join(uri, folder)
        try:
            status = os.stat(where)
            if (status.st_dev, status.st_ino) in seen:
                files.append(FileInfo(folder, 0, None, LISTED_ALREADY))
                continue
            with os.scandir(where) as entries:
                found = sorted(entries, key=attrgetter("name"))
        except OSError as error:
            if not folder:
                raise
            files.append(_lost(folder, error))
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.append(folder)
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if is_folder(entry):
                (links if entry.is_symlink() else pending).append(path)
            else:
                files.append(look_at(entry, path))
    files.sort(key=attrgetter("path"))
    return files, sorted(folders[1:])


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a folder, or a link to a folder that can be followed."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def look_at(entry: "os.DirEntry[str]", path: str) -> FileInfo:
    """A file in a folder, named `path` in the result; without a version if it can't be read."""
    try:
        return _regular(entry.stat(), path)
    except OSError as error:
        if not extension(path):
            return _lost(path, error)  # it may have been meant as a folder
        return FileInfo(path, 0, None, BROKEN_LINK if entry.is_symlink() else str(error.strerror))


def _lost(path: str, error: OSError) -> FileInfo:
    return FileInfo(path, 0, None, error.strerror or str(error), lost=True)


def _above(uri: str) -> set[tuple[int, int]]:
    """The folders above a folder: links to them would be circular."""
    found = set()
    for parent in Path(os.path.realpath(uri)).parents:
        with contextlib.suppress(OSError):
            status = os.stat(parent)
            found.add((status.st_dev, status.st_ino))
    return found
