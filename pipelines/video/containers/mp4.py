"""The boxes of a fragmented MP4 file (ISO/IEC 14496-12): whether it ends where it should, and its index."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_NAMES = frozenset(b"ftyp styp free skip wide uuid moov moof mdat mfra sidx ssix emsg prft pdin meta udta".split())
"""Names of boxes that may occur at the top level of a file."""
_DISPENSABLE = frozenset((b"mfra", b"free", b"skip"))
"""Boxes that hold no pictures: a file may be cut within them."""
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Fragments:
    """What is known of a file that is written in fragments.

    Attributes:
        is_cut: the file ends within a box, or before its index (`sidx`) says.
        duration_s: length of the track according to its index; 0 where it has none.
    """

    is_cut: bool
    duration_s: float


def look(file: BinaryIO, size_bytes: int, track: int) -> Fragments | None:
    """The fragments of a file; None if it has none.

    Args:
        file: the MP4 file.
        size_bytes: its size, without zeros after the data.
        track: id of the video track.
    """
    begin, end, duration_s = 0, 0, 0.0
    is_fragmented = is_cut = False
    while begin < size_bytes:
        file.seek(begin)
        head = file.read(16)
        size, name = struct.unpack(">I4s", head[:8]) if len(head) >= 8 else (0, b"")
        head_size = 8
        if size == 1 and len(head) == 16:
            size, head_size = struct.unpack(">Q", head[8:])[0], 16
        elif size == 0:
            size = size_bytes - begin  # up to the end of the file
        if size < head_size or name not in _NAMES:
            is_cut |= _has_fragment(file, begin)  # otherwise it is something that was appended
            break
        is_fragmented |= name == b"moof"
        is_cut |= begin + size > size_bytes and name not in _DISPENSABLE
        if name == b"sidx" and not is_cut:
            file.seek(begin + head_size)
            lasts_s, ends = _segment_index(file.read(size - head_size), track)
            duration_s += lasts_s
            end = max(end, begin + size + ends)
        begin += size
    if not is_fragmented:
        return None
    return Fragments(is_cut or end > min(size_bytes, begin), duration_s)


def _has_fragment(file: BinaryIO, begin: int) -> bool:
    """Whether something that looks like a fragment follows an offset."""
    file.seek(begin)
    before = b""
    while piece := file.read(_PIECE_BYTES):
        if b"moof" in before + piece:
            return True
        before = piece[-3:]
    return False


def _segment_index(data: bytes, track: int) -> tuple[float, int]:
    """Seconds of a track that an index (8.16.3) lists, and where they end, in bytes after the index."""
    try:
        version, reference, timescale = data[0], *struct.unpack_from(">II", data, 4)
        earliest_and_first = struct.unpack_from(">QQ" if version else ">II", data, 12)
        place = 28 if version else 20
        count = struct.unpack_from(">HH", data, place)[1]
        entries = list(struct.iter_unpack(">III", data[place + 4 : place + 4 + 12 * count]))
    except (struct.error, IndexError):
        return 0.0, 0
    end = earliest_and_first[1] + sum(size & 0x7FFFFFFF for size, _, _ in entries)
    if reference != track or not timescale:
        return 0.0, end
    return sum(duration for size, duration, _ in entries if not size >> 31) / timescale, end
