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
_DATA_HEAD = 50
_CORRECTS = 0x80
"""The bit that is set in the first byte of a packet that has data for error correction, as nearly all have."""


@dataclass(frozen=True)
class AsfParts:
    """What a file promises.

    Attributes:
        begin: the byte at which its data packets begin.
        end: the byte at which they should end.
        duration_s: how long its video lasts.
        packet_bytes: size of a data packet; 0 where they differ in size.
    """

    begin: int
    end: int
    duration_s: float
    packet_bytes: int


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
    lasts, _, preroll_ms, flags, smallest, largest = struct.unpack_from("<QQQIII", objects, place + 64)
    if flags & _BROADCAST:
        return None
    data_size: int = struct.unpack_from("<Q", data, 16)[0]
    duration_s = max(0.0, lasts / _TICKS_PER_S - preroll_ms / 1000)
    return AsfParts(size + _DATA_HEAD, size + data_size, duration_s, largest if smallest == largest else 0)


def lost_share(file: BinaryIO, parts: AsfParts) -> float:
    """The share of a file's data packets that don't begin as the first one does: with data for error correction."""
    places = range(parts.begin, parts.end - parts.packet_bytes + 1, parts.packet_bytes) if parts.packet_bytes else ()
    corrects = []
    for place in places:
        file.seek(place)
        corrects.append((file.read(1) or b"\0")[0] & _CORRECTS)
    return corrects.count(0) / len(corrects) if any(corrects[:1]) else 0.0
