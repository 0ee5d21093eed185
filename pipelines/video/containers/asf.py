"""What the header of a Windows Media file (ASF) promises."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_TICKS_PER_S = 10_000_000
_BROADCAST = 1
_MAX_HEADER = 1 << 24


@dataclass(frozen=True)
class AsfParts:
    """The byte at which a file's data should end, and how long its video lasts."""

    end: int
    duration_s: float


def look(file: BinaryIO) -> AsfParts | None:
    """What a file promises; None where it was recorded live or can't be parsed."""
    file.seek(0)
    head = file.read(30)
    if len(head) < 30 or head[:16] != _HEADER:
        return None
    size = struct.unpack_from("<Q", head, 16)[0]
    objects = file.read(max(0, min(size, _MAX_HEADER) - 30))
    data = file.read(24)
    place = objects.find(_PROPERTIES)
    if place < 0 or len(objects) < place + 92 or data[:16] != _DATA or len(data) < 24:
        return None
    lasts, _, preroll_ms, flags = struct.unpack_from("<QQQI", objects, place + 64)
    if flags & _BROADCAST:
        return None
    data_size: int = struct.unpack_from("<Q", data, 16)[0]
    return AsfParts(size + data_size, max(0.0, lasts / _TICKS_PER_S - preroll_ms / 1000))
