"""The structure of a Matroska or WebM file (RFC 8794, RFC 9559): where it should end, and where it breaks."""

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_OF_CLUSTER = frozenset((0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0xAF, 0x5854, 0xEC, 0xBF))
_OF_SEGMENT = frozenset((0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367))


@dataclass(frozen=True)
class MatroskaParts:
    """How far a file can be parsed.

    Attributes:
        end: where the file should end; its size where it doesn't say.
        broken_at: the first offset at which an element should begin but none does; None if there is no such offset.
        is_live: the file doesn't say where it should end.
    """

    end: int
    broken_at: int | None
    is_live: bool = False


class _Element(NamedTuple):
    """An element whose data begin at `begin`; `end` is None where its size is unknown."""

    name: int
    begin: int
    end: int | None


def _element(file: BinaryIO, begin: int) -> _Element | None:
    """The element at an offset; None if there is none."""
    file.seek(begin)
    head = file.read(12)
    name_size = 9 - head[0].bit_length() if head else 9
    if name_size > 4 or len(head) <= name_size:
        return None
    size_size = 9 - head[name_size].bit_length()
    data = head[name_size : name_size + size_size]
    if size_size > 8 or len(data) < size_size:
        return None
    size = int.from_bytes(data, "big") - (1 << 7 * size_size)
    start = begin + name_size + size_size
    is_unknown = size == (1 << 7 * size_size) - 1
    return _Element(int.from_bytes(head[:name_size], "big"), start, None if is_unknown else start + size)


def look(file: BinaryIO, size_bytes: int) -> MatroskaParts:
    """Follows a file from element to element, down to its blocks.

    Args:
        file: the Matroska file.
        size_bytes: its size.
    """
    begin, segment = 0, None
    while begin < size_bytes:
        segment = _element(file, begin)
        if segment is None:
            return MatroskaParts(size_bytes, begin)
        if segment.name == _SEGMENT:
            break
        begin = segment.end if segment.end is not None else size_bytes
    if segment is None or segment.name != _SEGMENT:
        return MatroskaParts(size_bytes, begin)
    end = size_bytes if segment.end is None else segment.end
    limits = [end]  # of the segment and of the cluster in it
    begin = segment.begin
    while begin < min(end, size_bytes):
        while len(limits) > 1 and begin >= limits[-1]:
            limits.pop()
        found = _element(file, begin)
        if found is None or (found.end is not None and found.end > limits[-1] and found.name not in _OF_SEGMENT):
            return MatroskaParts(max(end, _should_end(found, limits)), begin)
        if found.name in _OF_SEGMENT:
            del limits[1:]  # ends a cluster of unknown size
            if found.end is not None and found.end > end:
                return MatroskaParts(max(end, found.end), begin)
        elif found.name == _EBML:
            break  # another file after one of unknown size
        if found.name == _CLUSTER:
            limits.append(end if found.end is None else found.end)
            begin = found.begin
        elif found.end is None:
            return MatroskaParts(end, begin)
        else:
            begin = found.end
    return MatroskaParts(end, None, is_live=segment.end is None)


def _should_end(found: _Element | None, limits: list[int]) -> int:
    """Where the file should end according to an element that is longer than what contains it."""
    if found is None or found.name not in _OF_CLUSTER:  # something else may have been appended
        return 0
    return found.end if found.end is not None and len(limits) == 1 else 0
