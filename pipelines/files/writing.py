"""Writing and removing files: atomically, under a temporary name first, then renamed."""

import contextlib
import os
import posixpath
import shutil
import uuid
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from pipelines.core.errors import OutputError
from pipelines.files import local, remote
from pipelines.files.addresses import is_local, join
from pipelines.files.reading import list_tree
from pipelines.process import interrupts


@contextlib.contextmanager
def write_atomically(uri: str, temporary_folder: str) -> Iterator[BinaryIO]:
    """A file to write to, which appears as `uri` when the block ends without an error, and otherwise leaves no trace.

    Args:
        uri: the final name.
        temporary_folder: a folder on the same file system.

    Raises:
        OutputError: the file can't be written; the message names the file, the reason and what to do.
    """
    temporary = join(temporary_folder, f"{posixpath.basename(uri)}.{uuid.uuid4().hex}")
    try:
        writing = local.write(uri, temporary) if is_local(uri) else remote.write(uri)
        with interrupts.tidying_up(), writing as file:
            yield file
    except OSError as error:
        # Errors of stores already contain a remedy.
        remedy = ". Make room or give permission there" if is_local(str(error.filename)) else ""
        raise OutputError(
            f"cannot write {uri}: {error.strerror or error}{remedy}, then run the same command again: finished shards "
            "are kept"
        ) from error


def write_text(uri: str, text: str | Iterable[str], temporary_folder: str) -> None:
    """Writes a text file atomically; if the text comes in parts, only one of them is in memory at a time.

    Raises:
        OutputError: the file can't be written.
    """
    with write_atomically(uri, temporary_folder) as file:
        for part in [text] if isinstance(text, str) else text:
            file.write(part.encode("utf-8", "surrogateescape"))


def delete(uris: Iterable[str]) -> None:
    """Removes files; missing ones are skipped.

    Raises:
        OSError: a file can't be removed.
    """
    addresses = list(uris)
    for path in filter(is_local, addresses):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    remote.delete(uri for uri in addresses if not is_local(uri))


def delete_folder(uri: str) -> None:
    """Removes a folder and everything in it, if it exists.

    Raises:
        OSError: something can't be removed.
    """
    if is_local(uri):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(uri)
    else:
        delete(join(uri, file.path) for file in list_tree(uri)[0])
