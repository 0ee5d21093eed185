"""The boxes of an MP4 file (ISO/IEC 14496-12): where fragments should end, and whether another file follows."""

import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

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
    for box in boxes(file, 0, size_bytes, _NAMES):
        begin = box.end
        is_fragmented |= box.name == b"moof"
        is_cut |= box.end > size_bytes and box.name not in _DISPENSABLE
        if box.name == b"sidx" and not is_cut:
            file.seek(box.data)
            lasts_s, ends = _segment_index(file.read(box.end - box.data), track)
            duration_s += lasts_s
            end = max(end, box.end + ends)
    if begin < size_bytes:
        is_cut |= _has_fragment(file, begin)  # otherwise it is something that was appended
    if not is_fragmented:
        return None
    return Fragments(is_cut or end > min(size_bytes, begin), duration_s)


def lacks_tables(file: BinaryIO, size_bytes: int) -> bool:
    """Whether a file begins like an MP4 or MOV file and ends before the tables that describe its content."""
    names = [box.name for box in boxes(file, 0, size_bytes, _NAMES)]
    return names[:1] in ([b"ftyp"], [b"wide"], [b"mdat"]) and b"mdat" in names and b"moov" not in names


def listed_pictures(file: BinaryIO, size_bytes: int, track: int) -> int:
    """How many pictures of a track are listed in tables that the end of the file cuts off; 0 where none are.

    Args:
        file: the MP4 file.
        size_bytes: its size, without zeros after the data.
        track: id of the video track.
    """
    movie = next((box for box in boxes(file, 0, size_bytes, _NAMES) if box.name == b"moov"), None)
    if movie is None or movie.end <= size_bytes:
        return 0
    for part in boxes(file, movie.data, size_bytes):
        if part.name != b"trak" or track_id(file, part) != track:
            continue
        place: Box | None = part
        for names in ((b"mdia",), (b"minf",), (b"stbl",), (b"stsz", b"stz2")):
            inside = boxes(file, place.data, min(place.end, size_bytes)) if place else ()
            place = next((box for box in inside if box.name in names), None)
        if place is not None:
            file.seek(place.data + 8)
            return int.from_bytes(file.read(4), "big")
    return 0


def track_id(file: BinaryIO, track: "Box") -> int | None:
    """The id of a track, from its header; None where it has none."""
    header = next((box for box in boxes(file, track.data, track.end) if box.name == b"tkhd"), None)
    if header is None:
        return None
    file.seek(header.data)
    data = file.read(24)
    place = 20 if data[:1] == b"\1" else 12
    return int.from_bytes(data[place : place + 4], "big") if len(data) >= place + 4 else None


def second_movie(file: BinaryIO, size_bytes: int) -> int | None:
    """Where another MP4 file begins that was joined to this one, and that decoders don't read; None if none was."""
    begins, movies = 0, 0
    for box in boxes(file, 0, size_bytes, _NAMES):
        begins = box.begin if box.name == b"ftyp" else begins
        movies += box.name == b"moov"
        if movies > 1 and begins:  # without a beginning of its own, the same one is there twice
            return begins
    return None


class Box(NamedTuple):
    """A box whose content begins at `data`."""

    name: bytes
    begin: int
    data: int
    end: int


def boxes(file: BinaryIO, begin: int, end: int, names: Container[bytes] | None = None) -> Iterator[Box]:
    """The boxes between two offsets, as far as they can be followed; the last one may end beyond the second.

    Args:
        file: the MP4 file.
        begin, end: the offsets.
        names: what boxes there may be called; None for anything.
    """
    while begin + 8 <= end:
        file.seek(begin)
        head = file.read(16)
        if len(head) < 8:
            return
        size, name = struct.unpack(">I4s", head[:8])
        head_size = 8
        if size == 1 and len(head) == 16:
            size, head_size = struct.unpack(">Q", head[8:])[0], 16
        elif size == 0:
            size = end - begin
        if size < head_size or (names is not None and name not in names):
            return
        yield Box(name, begin, begin + head_size, begin + size)
        begin += size


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
