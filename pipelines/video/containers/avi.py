"""What the headers of an AVI file promise: the sizes of its parts, and how much of them the file holds.

Pure, and without listing single frames: FFmpeg's own index tells the rest.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pipelines.video import content
from pipelines.video.containers import file_ends

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""Sizes that are written before the true one is known. A file that was recorded live may keep them."""
_SLACK = 64
"""Bytes by which sizes may be off: some programs include a header, or leave one out."""


@dataclass(frozen=True)
class AviParts:
    """What is known of the parts with pictures and sound, `movi`, of which OpenDML files have several.

    Attributes:
        promised_bytes: size of these parts, including those that only an index mentions.
        bytes_there: how many of these bytes the file holds.
        is_cut: the file ends before it should.
        is_live: the file doesn't know its size.
        announced_frames: slots of the stream in its OpenDML index; 0 where there is none.
        indexed_frames: pictures of the stream in the plain index; 0 where there is none, or an OpenDML index as well.
        indexed_slots: the same, including slots that hold no picture.
    """

    promised_bytes: int
    bytes_there: int
    is_cut: bool
    is_live: bool
    announced_frames: int
    indexed_frames: int
    indexed_slots: int


class _Chunk(NamedTuple):
    """A chunk whose data begin at `begin`; `kind` is the type of a list, and empty for other chunks."""

    name: bytes
    kind: bytes
    begin: int
    end: int


def _chunks(file: BinaryIO, begin: int, end: int) -> Iterator[_Chunk]:
    """The chunks between two offsets; the last one may end beyond the second."""
    while begin + 8 <= end:
        file.seek(begin)
        head = file.read(12)
        if len(head) < 8:
            return
        name, size = struct.unpack("<4sI", head[:8])
        is_list = name in (b"RIFF", b"LIST")
        if size in _UNKNOWN_SIZES and is_list:
            size = end - begin - 8
        yield _Chunk(name, head[8:12] if is_list else b"", begin + (12 if is_list else 8), begin + 8 + size)
        begin += 8 + size + size % 2


def look(file: BinaryIO, size_bytes: int, stream: int, data_end: int | None = None) -> AviParts:
    """What a file promises.

    Args:
        file: the AVI file.
        size_bytes: its size.
        stream: number of the video stream.
        data_end: offset at which a long run of zeros up to the end of the file begins, if there is one.
    """
    data_end = size_bytes if data_end is None else data_end
    promised = there = announced = indexed = slots = 0
    is_cut = False
    for riff in _chunks(file, 0, data_end):
        if riff.name != b"RIFF":
            break
        is_cut |= riff.end > size_bytes + _SLACK
        for chunk in _chunks(file, riff.begin, min(riff.end, data_end)):
            if chunk.kind == b"movi":
                promised += chunk.end - chunk.begin
                there += min(chunk.end, data_end) - chunk.begin
                is_cut |= chunk.end > data_end
            elif chunk.kind == b"hdrl":
                announced, behind = _super_index(file, chunk, stream, data_end)
                promised += behind
                is_cut |= behind > 0
            elif chunk.name == b"idx1":
                file.seek(chunk.begin)
                sizes = _sizes_of_slots(file.read(chunk.end - chunk.begin), stream)
                indexed += sum(size > 0 for size in sizes)
                slots += len(sizes)
    if announced:  # the plain index then covers only the first part
        indexed = slots = 0
    file.seek(4)
    is_live = int.from_bytes(file.read(4), "little") in _UNKNOWN_SIZES
    return AviParts(promised, there, is_cut, is_live, announced, indexed, slots)


def is_broken(file: BinaryIO, size_bytes: int) -> bool:
    """Whether the chunks of a file lead to something else before its pictures should end."""
    for riff in _chunks(file, 0, size_bytes):
        for movi in _chunks(file, riff.begin, min(riff.end, size_bytes)) if riff.name == b"RIFF" else ():
            if movi.kind == b"movi":
                parts = _chunks(file, movi.begin, movi.end)
                return any(part.end > movi.end and not part.name[:2].isdigit() and not part.kind for part in parts)
    return False


def count_slots(path: str, stream: int, shown: int) -> int:
    """Counts the slots of a stream, including empty ones, by the file's index or, without one, by its chunks.

    Args:
        path: the AVI file.
        stream: number of the video stream.
        shown: how many pictures were found.
    """
    size_bytes = content.size_of(path)
    with content.open_content(path) as file:
        end = file_ends.data_end(file, size_bytes)
        parts = look(file, size_bytes, stream, end)
        announced = 0 if parts.is_cut else parts.announced_frames
        return announced or parts.indexed_slots or shown + count_empty(file, end, stream)


def _sizes_of_slots(index: bytes, stream: int) -> list[int]:
    """The size in bytes of each slot of a stream in an index."""
    names = _names(stream)
    entries = struct.iter_unpack("<4sIII", index[: len(index) // 16 * 16])
    return [size for name, _, _, size in entries if name in names]


def _names(stream: int) -> tuple[bytes, bytes]:
    """The names of the chunks that hold a stream's pictures."""
    return b"%02ddc" % stream, b"%02ddb" % stream


def _super_index(file: BinaryIO, header: _Chunk, stream: int, size_bytes: int) -> tuple[int, int]:
    """Frames of a stream by its OpenDML index, and the size of what this index lists beyond the file's end."""
    lists = [chunk for chunk in _chunks(file, header.begin, header.end) if chunk.kind == b"strl"]
    frames = behind = 0
    for chunk in _chunks(file, lists[stream].begin, lists[stream].end) if stream < len(lists) else ():
        if chunk.name != b"indx":
            continue
        file.seek(chunk.begin)
        data = file.read(chunk.end - chunk.begin)
        if len(data) < 24 or data[3] != 0:  # AVI_INDEX_OF_INDEXES
            continue
        count = min(struct.unpack_from("<I", data, 4)[0], (len(data) - 24) // 16)
        for offset, size, duration in struct.iter_unpack("<QII", data[24 : 24 + 16 * count]):
            frames += duration
            behind += size if offset + size > size_bytes else 0
    return frames, behind


def count_empty(file: BinaryIO, size_bytes: int, stream: int) -> int:
    """Counts the empty slots of a stream, in which the previous picture stays, as far as chunks can be followed."""
    names = _names(stream)
    return sum(
        chunk.name in names and chunk.begin == chunk.end
        for riff in _chunks(file, 0, size_bytes)
        if riff.name == b"RIFF"
        for movi in _chunks(file, riff.begin, min(riff.end, size_bytes))
        if movi.kind == b"movi"
        for part in _chunks(file, movi.begin, min(movi.end, size_bytes))
        for chunk in (_chunks(file, part.begin, min(part.end, size_bytes)) if part.kind == b"rec " else (part,))
    )
