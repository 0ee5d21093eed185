"""The packets of an MP4 or MOV file (ISO/IEC 14496-12) as its sample tables describe them, without reading any.

FFmpeg's index has their decoding times, sizes, places and key frames, with the edit list applied. It lacks the times at
which they are shown, which are read from the file here. Only plain files are supported: one description, no fragments,
and an edit list that at most shifts the start.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import av
import numpy as np

from pipelines.video.containers.mp4 import Box, boxes, track_id

FORMAT = "mov,mp4,m4a,3gp,3g2,mj2"
_MAX_OFFSET = 1 << 28
"""FFmpeg ignores tables with larger offsets."""
_FIELDS = 4


@dataclass(frozen=True, eq=False)
class Samples:
    """The packets of a stream in stored order; times are in units of the stream.

    Attributes:
        dts: int64 [n], when each is decoded; strictly ascending.
        pts: int64 [n], when each is shown.
        durations: int64 [n], until the next one is decoded; positive.
        positions: int64 [n], where each begins in the file, in bytes.
        sizes: int64 [n], in bytes; positive.
        keys: bool [n], which are marked as key frames.
    """

    dts: np.ndarray
    pts: np.ndarray
    durations: np.ndarray
    positions: np.ndarray
    sizes: np.ndarray
    keys: np.ndarray


def samples(file: BinaryIO, stream: "av.VideoStream") -> Samples | None:
    """The packets of a stream; None where the file isn't plain or its tables contradict each other.

    Args:
        file: the file.
        stream: its stream, of which no packet has been read.

    Raises:
        OSError: the file can't be read.
    """
    count = stream.frames
    if not count or len(stream.index_entries) != count:
        return None
    tables = _tables(file, stream.id)
    if tables is None:
        return None
    durations = _spread(tables.get(b"stts"), "u4", count)
    offsets = _spread(tables[b"ctts"], "i4", count) if b"ctts" in tables else np.zeros(count, np.int64)
    if durations is None or offsets is None or np.abs(offsets).max() > _MAX_OFFSET:
        return None
    rows = np.fromiter(_fields(stream), np.int64, _FIELDS * count).reshape(count, _FIELDS)
    dts, positions, sizes, marks = rows.T.copy()
    is_discard = bool((marks & 2).any())
    steps = np.diff(dts)
    if is_discard or durations.min() <= 0 or sizes.min() <= 0 or not np.array_equal(steps, durations[:-1]):
        return None
    return Samples(dts, dts + offsets + _shift(tables, offsets), durations, positions, sizes, (marks & 1).astype(bool))


def _fields(stream: "av.VideoStream") -> Iterator[int]:
    """Time, place, size and marks (1: a key frame; 2: not to be shown) of each entry of the index, in one row."""
    for entry in stream.index_entries:
        yield entry.timestamp
        yield entry.pos
        yield entry.size
        yield entry.is_keyframe + 2 * entry.is_discard


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets, without any that ends beyond the second."""
    return itertools.takewhile(lambda box: box.end <= end, boxes(file, begin, end))


def _tables(file: BinaryIO, track: int) -> dict[bytes, bytes] | None:
    """The contents of a track's tables of times, by name; None where the file isn't plain."""
    movie = next((box for box in _boxes(file, 0, file.seek(0, 2)) if box.name == b"moov"), None)
    if movie is None:
        return None
    parts = list(_boxes(file, movie.data, movie.end))
    tracks = [part for part in parts if part.name == b"trak" and track_id(file, part) == track]
    if len(tracks) != 1 or any(part.name == b"mvex" for part in parts):
        return None
    place = tracks[0]
    for name in (b"mdia", b"minf", b"stbl"):
        found = [box for box in _boxes(file, place.data, place.end) if box.name == name]
        if len(found) != 1:
            return None
        place = found[0]
    tables: dict[bytes, bytes] = {}
    for box in _boxes(file, place.data, place.end):
        if box.name in (b"stsd", b"stts", b"ctts"):
            if box.name in tables:
                return None
            file.seek(box.data)
            tables[box.name] = file.read(16 if box.name == b"stsd" else box.end - box.data)
    description = tables.get(b"stsd", b"")
    is_plain = len(description) == 16 and description[4:8] == b"\0\0\0\1" and description[12:] != b"encv"
    return tables if is_plain else None


def _entries(table: bytes, kind: str) -> np.ndarray | None:
    """The entries of a table of counts and values; None where it ends before its last entry."""
    number = int.from_bytes(table[4:8], "big")
    if len(table) < 8 + 8 * number:
        return None
    return np.frombuffer(table, [("count", ">u4"), ("value", f">{kind}")], number, 8)


def _spread(table: bytes | None, kind: str, count: int) -> np.ndarray | None:
    """int64 [count], the value for each sample; None where the table has another number of them, or empty entries."""
    entries = None if table is None else _entries(table, kind)
    if entries is None:
        return None
    counts = entries["count"].astype(np.int64)
    if not len(counts) or counts.min() <= 0 or counts.sum() != count:
        return None
    return np.repeat(entries["value"].astype(np.int64), counts)


def _shift(tables: dict[bytes, bytes], offsets: np.ndarray) -> int:
    """By how much later all pictures are shown: as much as makes the smallest offset 0.

    FFmpeg leaves the last two entries of the table out, as they are often wrong.
    """
    entries = _entries(tables.get(b"ctts", bytes(8)), "i4")
    if entries is None or len(entries) < 3:
        return 0
    return max(0, -int(entries["value"][:-2].min()))
