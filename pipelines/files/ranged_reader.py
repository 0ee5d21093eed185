"""What stores have in common: addresses of two parts, and streams over files that come in pieces."""

import errno
import io
import random
import sys
import time
from collections.abc import Callable
from typing import Any, BinaryIO, cast

_PIECE_BYTES = 8 << 20
"""What one request reads."""
_ATTEMPTS = 4
"""Of a request whose answer ends early; together they last a few seconds."""


def beam_options() -> Any:
    """Beam's options where it is in use, None elsewhere: stores take credentials from them, too."""
    systems = sys.modules.get("apache_beam.io.filesystems")
    return systems.FileSystems._pipeline_options if systems else None


def bucket_and_path(uri: str) -> tuple[str, str]:
    """The two parts of an address."""
    bucket, _, path = uri.partition("://")[2].partition("/")
    return bucket, path


def reading(
    uri: str,
    fetch: Callable[[int, int], bytes],
    size_bytes: int,
    piece_bytes: int = 0,
) -> BinaryIO:
    """A stream of a file, of which the first piece is fetched at once.

    Some proxies and stores end an answer early and adapt its headers, so that no library notices. The stream ends where
    the file does and nowhere else.

    Args:
        uri: the file's address.
        fetch: gives so many bytes from a position on. What it asks for is within the file.
        size_bytes: the file's size, from another answer than the content.
        piece_bytes: what one request reads; 0 for as much as serves those who read all.

    Raises:
        OSError: again and again, other than the wanted number of bytes came; so does reading.
        Exception: what `fetch` raises; so does reading.
    """
    return cast(BinaryIO, io.BufferedReader(_PieceReader(uri, fetch, size_bytes, piece_bytes), 1 << 20))


class _PieceReader(io.RawIOBase):
    """A file in pieces, each a request of its own, which can be repeated where the connection breaks off."""

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
        raise OSError(errno.EIO, f"{reason}. Check the network and what is between here and the store", self._uri)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._piece:
            self._next()
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count
