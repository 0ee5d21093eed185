"""The index of an AVI file (RIFF), as far as FFmpeg keeps it to itself: slots without a picture."""

import struct
from typing import BinaryIO

_ENTRY_BYTES = 16


def count_slots(path: str, stream: int) -> int:
    """How many slots for pictures the index of an AVI file lists for one of its streams; 0 where it has no index.

    Empty slots, in which the picture before stays, are counted too.
    """
    with open(path, "rb") as file:
        riff = file.read(12)
        if riff[:4] != b"RIFF" or riff[8:12] != b"AVI ":
            return 0
        while len(header := file.read(8)) == 8:
            name, size = header[:4], int.from_bytes(header[4:], "little")
            if name == b"idx1":
                return _count(file, size, stream)
            file.seek(size + size % 2, 1)
    return 0


def _count(file: BinaryIO, size: int, stream: int) -> int:
    data = file.read(size)
    entries = struct.iter_unpack(f"2s{_ENTRY_BYTES - 2}x", data[: len(data) - len(data) % _ENTRY_BYTES])
    return sum(number == b"%02d" % stream for (number,) in entries)
