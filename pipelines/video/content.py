"""Identifies files by their content, whatever their names."""

import hashlib
from typing import BinaryIO


def content_mark(path: str) -> int:
    """A positive 64-bit hash of a file's bytes: two files with the same mark almost certainly have the same content.

    Raises:
        OSError: the file can't be read.
    """
    with open(path, "rb") as file:
        return stream_mark(file)


def stream_mark(file: BinaryIO) -> int:
    """The `content_mark` of an open file, which must be at its beginning."""
    digest = hashlib.sha256()
    while data := file.read(1 << 20):
        digest.update(data)
    return int.from_bytes(digest.digest()[:8], "big") or 1
