"""Files on this machine. `pipelines.files` is for everybody else."""

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from operator import attrgetter
from typing import BinaryIO

from pipelines.core.catalog import FileInfo


@contextlib.contextmanager
def write(uri: str, temporary: str) -> Iterator[BinaryIO]:
    """A file to write to, which appears as `uri` when the block ends well. Folders are made as needed.

    Args:
        uri: the final name.
        temporary: its name until then, in the same file system.

    Raises:
        OSError: it can't be written.
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


def stat(uri: "str | os.DirEntry[str]", path: str) -> FileInfo:
    """Size and version of a file, as `path` in the result; the version is None where there is no such file."""
    try:
        status = os.stat(uri) if isinstance(uri, str) else uri.stat()
    except OSError:
        return FileInfo(path, 0, None)
    return FileInfo(path, status.st_size, f"{status.st_size}-{status.st_mtime_ns}")


def list_tree(uri: str) -> tuple[list[FileInfo], list[str]]:
    """All files below a folder, and its folders, by path relative to it. Links to folders are followed, each once.

    Raises:
        OSError: the folder can't be listed.
    """
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
            for entry in sorted(sorted(entries, key=attrgetter("name")), key=os.DirEntry.is_symlink):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir():
                    pending.append(path)
                else:
                    files.append(stat(entry, path))
    files.sort(key=attrgetter("path"))
    return files, sorted(folders[1:])
