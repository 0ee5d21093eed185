"""What stores have in common: addresses of two parts, and streams over files that come in pieces."""

import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

_PIECE_BYTES = 8 << 20
"""What one request reads."""


def bucket_and_path(uri: str) -> tuple[str, str]:
    """The two parts of an address."""
    bucket, _, path = uri.partition("://")[2].partition("/")
    return bucket, path


def reading(fetch: Callable[[int, int], bytes]) -> BinaryIO:
    """A stream of a file, of which the first piece is fetched at once.

    Args:
        fetch: gives up to so many bytes from a position on, fewer only where the file ends.

    Raises:
        Exception: what `fetch` raises; so does reading.
    """
    return cast(BinaryIO, io.BufferedReader(_PieceReader(fetch), 1 << 20))


class _PieceReader(io.RawIOBase):
    """A file in pieces, each a request of its own, which can be repeated where the connection breaks off."""

    def __init__(self, fetch: Callable[[int, int], bytes]) -> None:
        self._fetch = fetch
        self._position = 0
        self._next()

    def _next(self) -> None:
        data = self._fetch(self._position, _PIECE_BYTES)
        self._position += len(data)
        self._piece, self._ended = memoryview(data), len(data) < _PIECE_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._piece and not self._ended:
            self._next()
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count
