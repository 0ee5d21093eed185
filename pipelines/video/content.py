"""The content of video files: where it comes from, and a mark of it, whatever the files' names.

All readers of a video open it here. Mostly, its path is that of a local file; for a file that isn't on this machine, a
decoder says what stands for it.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from pipelines.core.names import special_kind

_BUFFER_BYTES = 1 << 15
_HEAD_BYTES = 1 << 12
_LARGE_BYTES, _SAMPLES, _SAMPLE_BYTES = 32 << 20, 32, 1 << 16
"""Of files larger than the first number of bytes, so many samples are read, of so many bytes each."""
_provided: dict[str, Callable[[], io.RawIOBase]] = {}


@contextlib.contextmanager
def provided(path: str, open_raw: Callable[[], io.RawIOBase]) -> Iterator[None]:
    """During the block, what `open_raw` returns is the content of `path`, of which there is no local file.

    Its reads may be short, but never empty before the end.
    """
    _provided[path] = open_raw
    try:
        yield
    finally:
        del _provided[path]


def open_content(path: str) -> BinaryIO:
    """Opens a video file for reading bytes.

    Raises:
        OSError: the file can't be read.
    """
    if open_raw := _provided.get(path):
        return cast(BinaryIO, io.BufferedReader(open_raw(), _BUFFER_BYTES))
    return open(path, "rb")


def what_it_is(path: str) -> str:
    """What a file is that isn't a video, and what to do; empty if its beginning doesn't tell."""
    from pipelines.core.text_decoding import kind_of, stand_in_of

    try:
        with open_content(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return ""
    found = (stand_in_of(head) or kind_of(head)) if head else "an empty file"
    return found and f"not a video but {found}"


def size_of(path: str) -> int:
    """The size of a video file in bytes.

    Raises:
        OSError: there is no file.
    """
    if path in _provided:
        with open_content(path) as file:
            return file.seek(0, os.SEEK_END)
    return os.path.getsize(path)


def for_av(path: str) -> Any:
    """What PyAV opens for a path: its name, or a file object with that name, which decides on formats in some cases."""
    name = f"file:{path}"  # the prefix keeps a colon in a name from being read as a protocol
    if open_raw := _provided.get(path):
        raw = open_raw()
        raw.name = name  # type: ignore[attr-defined]
        return raw
    return name


def not_regular(path: str) -> str:
    """What a path leads to if that isn't a regular file; see `names.special_kind`.

    Raises:
        OSError: there is nothing at the path, or it can't be inspected.
    """
    return "" if path in _provided else special_kind(path)


def content_mark(path: str) -> int:
    """A positive 64-bit mark of a file's content: two files with the same mark almost certainly have the same.

    It is a hash of all bytes or, for a large file, of its size and of samples, as reading it whole may take longer than
    making its clip.

    Raises:
        OSError: the file can't be read.
    """
    size_bytes = size_of(path)
    with open_content(path) as file:
        if size_bytes <= _LARGE_BYTES:
            return stream_mark(file)
        digest = hashlib.sha256(str(size_bytes).encode())
        for place in range(_SAMPLES):
            file.seek((size_bytes - _SAMPLE_BYTES) * place // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
        return _mark(digest.digest())


def stream_mark(file: BinaryIO) -> int:
    """The mark of all bytes of an open file, which must be at its beginning."""
    digest = hashlib.sha256()
    while data := file.read(1 << 20):
        digest.update(data)
    return _mark(digest.digest())


def _mark(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big") or 1
