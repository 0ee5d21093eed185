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
_CORRECTS, _KIND = 0x80, 0xF0
"""In the first byte of a packet: the bit that is set where it has data for error correction, as nearly all have, and
the bits that say of what kind these are, which is the same in all packets."""


@dataclass(frozen=True)
class AsfParts:
    """What a file promises.

    Attributes:
        begin: the byte at which its data packets begin.
        end: the byte at which they should end; 0 where the file was recorded live and doesn't know.
        duration_s: how long its video lasts; 0 where that isn't known.
        packet_bytes: size of a data packet; 0 where they differ in size.
    """

    begin: int
    end: int
    duration_s: float
    packet_bytes: int


def look(file: BinaryIO) -> AsfParts | None:
    """What a file promises; None where it can't be parsed."""
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
    packet_bytes = largest if smallest == largest else 0
    if flags & _BROADCAST:
        return AsfParts(size + _DATA_HEAD, 0, 0.0, packet_bytes)
    data_size: int = struct.unpack_from("<Q", data, 16)[0]
    duration_s = max(0.0, lasts / _TICKS_PER_S - preroll_ms / 1000)
    return AsfParts(size + _DATA_HEAD, size + data_size, duration_s, packet_bytes)


def second_file(file: BinaryIO, end: int) -> int | None:
    """Where another file begins that was joined to one whose data end at an offset; None if none was."""
    file.seek(end)
    place = file.read(_MAX_HEADER).find(_HEADER) if end else -1  # indexes may lie between them
    return end + place if place >= 0 else None


def lost_share(file: BinaryIO, parts: AsfParts, end: int) -> float:
    """The share of the data packets up to an offset that don't begin as the first one does: with data for error
    correction."""
    places = range(parts.begin, end - parts.packet_bytes + 1, parts.packet_bytes) if parts.packet_bytes else ()
    kinds = []
    for place in places:
        file.seek(place)
        kinds.append((file.read(1) or b"\0")[0] & _KIND)
    return 1 - kinds.count(kinds[0]) / len(kinds) if kinds and kinds[0] & _CORRECTS else 0.0
