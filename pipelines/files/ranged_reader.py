"""What stores have in common: addresses of two parts, and files that are read in pieces."""

import errno
import io
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

_PIECE_BYTES = 8 << 20
"""How much one request reads."""
_ATTEMPTS = 4
"""Attempts at a request whose answer ends early; together they last a few seconds."""

_CHECK_PROXY = "Check the network and any proxy between here and the store"
CHANGED = "the file was changed while it was read. Wait until nothing writes to it"


@dataclass(frozen=True)
class StoredObject:
    """One version of a file in a store.

    Attributes:
        size_bytes: its size.
        version: as `files.stat_file` gives it; it changes when the content does.
        checksum: the store's checksum of the content, in any form; empty where it has none.
        fetch: takes a position and a count, both within the file, and returns these bytes of this version. It raises an
            error if the store has another version now.
    """

    size_bytes: int
    version: str
    checksum: str
    fetch: Callable[[int, int], bytes]


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


def fetch_whole(uri: str, fetch: Callable[[int, int], bytes], first: int, count: int) -> bytes:
    """The bytes of a file from `first` on, requested again while there are too few or too many of them.

    Raises:
        OSError: every attempt returned a wrong number of bytes.
        Exception: any error of `fetch`.
    """
    for attempt in range(_ATTEMPTS):
        data = fetch(first, count)
        if len(data) == count:
            return data
        if attempt < _ATTEMPTS - 1:
            time.sleep(random.uniform(0, 0.5 * 2**attempt))
    reason = f"the store sent {len(data):,} bytes instead of {count:,} (from byte {first:,} on)"
    raise OSError(errno.EIO, f"{reason}. {_CHECK_PROXY}", uri)


def check_extent(uri: str | None, first: int, count: int, content_range: str, length: int) -> None:
    """Checks by its headers that an answer has the bytes that were asked for, before they are read.

    Args:
        uri: the file's address, for the error, if it is known.
        first: position of the first one.
        count: their number.
        content_range: the header `Content-Range`; empty if there is none.
        length: the header `Content-Length`.

    Raises:
        OSError: the answer begins elsewhere, or is the whole file: the store, or a proxy, ignores ranges.
    """
    if content_range and not content_range.startswith(f"bytes {first}-"):
        found = content_range.removeprefix("bytes ")
        reason = f"the store sent bytes {found} instead of those from {first:,} on"
    elif not content_range and length > count:
        reason = f"the store sent {length:,} bytes instead of {count:,} (from byte {first:,} on): it ignores ranges"
    else:
        return
    raise OSError(errno.EIO, f"{reason}. {_CHECK_PROXY}", uri)


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
        return fetch_whole(self._uri, self._fetch, self._position, count)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._piece:
            self._next()
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count
