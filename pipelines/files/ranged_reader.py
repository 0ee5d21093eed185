"""What stores have in common: addresses of two parts, and streams over files that are read in pieces."""

import errno
import io
import random
import sys
import time
from collections.abc import Callable
from typing import Any, BinaryIO, cast

_PIECE_BYTES = 8 << 20
"""How much one request reads."""
_ATTEMPTS = 4
"""Attempts at a request whose answer ends early; together they last a few seconds."""


def beam_options() -> Any:
    """Beam's options if it is in use, else None: stores also take credentials from them."""
    systems = sys.modules.get("apache_beam.io.filesystems")
    return systems.FileSystems._pipeline_options if systems else None


def bucket_and_path(uri: str) -> tuple[str, str]:
    """The bucket and the path of an address."""
    bucket, _, path = uri.partition("://")[2].partition("/")
    return bucket, path


def reading(
    uri: str,
    fetch: Callable[[int, int], bytes],
    size_bytes: int,
    piece_bytes: int = 0,
) -> BinaryIO:
    """A stream over a file. The first piece is fetched at once.

    Some proxies and stores end an answer early and adapt its headers, so that no library notices. This stream ends
    exactly where the file does.

    Args:
        uri: the file's address.
        fetch: takes a position and a count, both within the file, and returns that many bytes.
        size_bytes: the file's size, from another answer than the content.
        piece_bytes: how much one request reads; 0 for an amount that suits reading the whole file.

    Raises:
        OSError: every attempt returned a wrong number of bytes; reading may also raise this.
        Exception: any error of `fetch`; reading may also raise this.
    """
    return cast(BinaryIO, io.BufferedReader(_PieceReader(uri, fetch, size_bytes, piece_bytes), 1 << 20))


class _PieceReader(io.RawIOBase):
    """A file in pieces, each a separate request, which can be retried if the connection breaks off."""

    def __init__(self, uri: str, fetch: Callable[[int, int], bytes], size_bytes: int, piece_bytes: int) -> None:
        self._uri = uri
        self._fetch = fetch
        self._size_bytes = size_bytes
        self._piece_bytes = piece_bytes or _PIECE_BYTES
        self._position = 0
        self._piece = memoryview(b"")
        self._next()

    def _next(self) -> None:
        count = min(self._piece_bytes, self._size_bytes - self._position)
        if count:
            self._piece = memoryview(self._whole(count))
            self._position += count

    def _whole(self, count: int) -> bytes:
        for attempt in range(_ATTEMPTS):
            data = self._fetch(self._position, count)
            if len(data) == count:
                return data
            if attempt < _ATTEMPTS - 1:
                time.sleep(random.uniform(0, 0.5 * 2**attempt))
        reason = f"the store sent {len(data):,} bytes instead of {count:,} (from byte {self._position:,} on)"
        raise OSError(errno.EIO, f"{reason}. Check the network and any proxy between here and the store", self._uri)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._piece:
            self._next()
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count
