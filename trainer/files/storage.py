"""Files on this machine or in an object store (`gs://`, `s3://`), all through the same few functions.

Errors of the file system and of the stores become `UserError`s that name the path and the remedy.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pipelines import files
from pipelines.core.errors import OutputError, UserError
from pipelines.files import check_stores, is_local, join, normalise, remote
from trainer.files import stores

__all__ = [
    "base_name", "check_stores", "copy_tree", "delete", "delete_tree", "exists", "is_file", "is_local", "join",
    "list_names", "normalise", "open_read", "read_bytes", "read_text", "size_bytes", "size_of_tree", "write_bytes",
    "write_text",
]  # fmt: skip


def exists(uri: str) -> bool:
    """Whether a file or folder exists.

    Raises:
        UserError: that can't be determined.
    """
    with stores.explained(uri, "look for"):
        return files.exists(uri) or (not is_local(uri) and remote.is_folder(uri))


def base_name(uri: str) -> str:
    """The last part of a path, with or without a trailing slash."""
    return uri.rstrip("/").rpartition("/")[2]


def is_file(uri: str) -> bool:
    """Whether a local path is a file; in a store, a folder may have the name of a file."""
    return is_local(uri) and os.path.isfile(uri)


def size_bytes(uri: str) -> int | None:
    """The size of a file; None where there is none.

    Raises:
        UserError: that can't be determined.
    """
    folder, _, name = uri.rpartition("/")
    with stores.explained(uri, "look for"):
        found = files.stat_file(folder, name)
        return None if found.version is None else found.size_bytes


def list_names(uri: str) -> list[str]:
    """Sorted names of the files and folders directly in a folder; none where it doesn't exist.

    Raises:
        UserError: the folder can't be listed.
    """
    with stores.explained(uri, "list"):
        return files.list_names(uri)


@contextlib.contextmanager
def open_read(uri: str, piece_bytes: int = 0) -> Iterator[BinaryIO]:
    """Opens a file for reading bytes. From a store, each request reads `piece_bytes`, by default many.

    Raises:
        UserError: it can't be opened, or can't be read within the block.
    """
    with stores.explained(uri, "read"), files.open_read(uri, piece_bytes) as file:
        yield file


def read_bytes(uri: str) -> bytes:
    """The content of a file.

    Raises:
        UserError: it doesn't exist or can't be read.
    """
    with open_read(uri) as file:
        return file.read()


def read_text(uri: str) -> str:
    """The text of a file in UTF-8.

    Raises:
        UserError: it doesn't exist, can't be read, or isn't UTF-8.
    """
    try:
        return read_bytes(uri).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{uri} is damaged or not a text file: byte {error.start} is not UTF-8") from error


def write_bytes(uri: str, data: bytes) -> None:
    """Writes a file as a whole: a part of it is never visible. Local folders are made as needed.

    Raises:
        OutputError: it can't be written.
    """
    with _writer(uri) as file:
        file.write(data)


def write_text(uri: str, text: str) -> None:
    """Writes a text in UTF-8 as `write_bytes` does.

    Raises:
        OutputError: it can't be written.
    """
    write_bytes(uri, text.encode("utf-8"))


@contextlib.contextmanager
def _writer(uri: str) -> Iterator[BinaryIO]:
    with stores.explained(uri, "write", OutputError):
        try:
            with files.write_atomically(uri, uri.rpartition("/")[0]) as file:
                yield file
        except OutputError as error:
            # Its remedy is worded for preprocessing.
            raise error.__cause__ if isinstance(error.__cause__, OSError) else error  # noqa: B904


def delete(uri: str) -> None:
    """Removes a file, if it exists.

    Raises:
        OutputError: it can't be removed.
    """
    with stores.explained(uri, "remove", OutputError):
        files.delete([uri])


def delete_tree(uri: str) -> None:
    """Removes a file, or a folder and everything in it, if it exists.

    Raises:
        OutputError: something can't be removed.
    """
    with stores.explained(uri, "remove", OutputError):
        if not is_local(uri):
            files.delete_folder(uri)
            files.delete([uri])
        else:
            is_folder = os.path.isdir(uri) and not os.path.islink(uri)
            remove = files.delete_folder if is_folder else os.unlink
            with contextlib.suppress(FileNotFoundError):
                remove(uri)


def size_of_tree(uri: str) -> int:
    """Bytes of all files below a folder; 0 where it doesn't exist.

    Raises:
        UserError: the folder can't be listed.
    """
    with stores.explained(uri, "list"):
        if is_local(uri) and not os.path.isdir(uri):
            return 0
        return sum(file.size_bytes for file in files.list_tree(uri)[0])


def copy_tree(local_folder: str, uri: str, last: Sequence[str] = ()) -> None:
    """Copies all files below a local folder to another folder, over those of the same name; other files there stay.

    Args:
        local_folder: where they are.
        uri: the folder to copy them to.
        last: paths below the folder whose presence shows that the copy is complete. They are copied after the others.

    Raises:
        UserError: the folder can't be read.
        OutputError: a file can't be written.
    """
    with stores.explained(local_folder, "read"):
        paths = [file.path for file in files.list_tree(local_folder)[0]]
    for path in sorted(paths, key=lambda path: (path in last, path)):
        source, target = join(local_folder, path), join(uri, path)
        with open_read(source) as file, _writer(target) as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
