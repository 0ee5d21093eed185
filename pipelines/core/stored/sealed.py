"""Text that carries its own checksum, so that damaged state is never used.

The checksum is a CRC-32 at the end of the text: it detects every burst of up to 32 wrong bits, and misses other damage
once in four billion times.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

_MARK = "\tcrc32:{:08x}\n"
_LENGTH = len(_MARK.format(0))


class DamagedError(ValueError):
    """A text has no checksum, or one that doesn't match."""


def seal(text: str) -> str:
    """A text, or a line without its line break, followed by its checksum and a line break."""
    return text + _MARK.format(zlib.crc32(_encode(text)))


def seal_parts(parts: Iterable[str]) -> Iterator[str]:
    """Like `seal`, for a long text that comes in parts."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(_encode(part), crc)
        yield part
    yield _MARK.format(crc)


def unseal(data: bytes) -> str:
    """The text that `seal` was given.

    Raises:
        DamagedError: the checksum is missing or differs.
    """
    body = data[:-_LENGTH]
    if data[-_LENGTH:] != _MARK.format(zlib.crc32(body)).encode():
        raise DamagedError("its checksum is missing or differs")
    return body.decode("utf-8", "surrogateescape")


def unseal_or_old(data: bytes) -> str:
    """Like `unseal`, but accepts a text without any checksum, as earlier versions of this software wrote it.

    Damage can't turn a sealed text into a valid one without a checksum: the rest of the checksum isn't JSON.

    Raises:
        DamagedError: the checksum differs.
    """
    if b"\tcrc32:" in data[-2 * _LENGTH :]:
        return unseal(data)
    return data.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def load_json(text: str | bytes) -> Any:
    """Like `json.loads`, but text that is nested too deeply raises the same error as invalid JSON.

    Raises:
        ValueError: the text isn't JSON, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
