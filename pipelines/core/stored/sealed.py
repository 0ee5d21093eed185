"""Text that carries its own checksum, so that state which was damaged since is never believed.

A checksum is a CRC-32 behind the text: any burst of up to 32 wrong bits is found, and all else but once in 4 thousand
million times.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

_MARK = "\tcrc32:{:08x}\n"
_LENGTH = len(_MARK.format(0))


class DamagedError(ValueError):
    """A text has no checksum, or another one than its own."""


def seal(text: str) -> str:
    """A text, or a line without its end, with its checksum and a line break behind it."""
    return text + _MARK.format(zlib.crc32(_encode(text)))


def seal_parts(parts: Iterable[str]) -> Iterator[str]:
    """The same for a long text that comes in parts."""
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
    """The same, but a text without any checksum, of an earlier version of this software, is taken as it is.

    Of a text that had one, damage doesn't make one without: what is left of the checksum is no JSON.

    Raises:
        DamagedError: the checksum differs.
    """
    if b"\tcrc32:" in data[-2 * _LENGTH :]:
        return unseal(data)
    return data.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def load_json(text: str | bytes) -> Any:
    """As `json.loads`, but text that is nested too deeply is as wrong as any other that is no JSON.

    Raises:
        ValueError: it isn't JSON.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
