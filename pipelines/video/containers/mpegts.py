"""Whether packets of a transport stream (MPEG-2 systems, ISO/IEC 13818-1) were lost.

The packets of a stream count from 0 to 15 and again from 0. Where a number is left out, packets were lost, as on the
way from an antenna or over a network. Where recordings or segments were joined, the numbers start anew as well, but
then the table of programmes comes first, as at the beginning of any stream, and a new picture.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

_SYNC = 0x47
_SIZES = (188, 192, 204)
"""Sizes of packets: plain, with a time in front (M2TS), with error correction behind."""
_PROGRAMMES = 0
"""Number of the stream that holds the table of programmes (PAT)."""
_CHECKED = 4
"""So many packets in a row that begin as packets do show where packets lie."""
_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 6


def has_lost_packets(file: BinaryIO, pid: int) -> bool:
    """Whether packets are missing where nothing was joined, or are marked as damaged by the receiver.

    Args:
        file: the transport stream.
        pid: which packets to look at: those of the video.

    Raises:
        OSError: the file can't be read.
    """
    numbers = _Numbers(pid)
    return any(numbers.miss_some(heads) for heads in _heads(file))


class _Numbers:
    """Follows the numbers of the packets of one stream through a file."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._last: int | None = None
        self._last_table = -1
        self._may_be_joint = False
        """Since the last packet with data, a table of programmes came that doesn't follow the one before."""

    def miss_some(self, heads: np.ndarray) -> bool:
        """Whether packets are missing, or damaged, among those that begin with `heads`, uint8 [N, 6]."""
        streams = (heads[:, 1] & 0x1F).astype(np.int32) << 8 | heads[:, 2]
        counts = (heads[:, 3] & 0x0F).astype(np.int32)
        ours, tables = streams == self._pid, np.flatnonzero(streams == _PROGRAMMES)
        if (heads[ours, 1] & 0x80).any():
            return True
        # By chance, the numbers of tables seem to go on where they start at 0.
        starts = (counts[tables] != (np.append(self._last_table, counts[tables[:-1]]) + 1) % 16) | (counts[tables] == 0)
        places = np.flatnonzero(ours & (heads[:, 3] & 0x10 != 0))  # packets without data aren't counted
        if len(places):
            before = np.append(counts[places[0]] if self._last is None else self._last, counts[places[:-1]])
            for odd in np.flatnonzero((counts[places] - before) % 16 > 1):
                head, since = heads[places[odd]], places[odd - 1] if odd else -1
                starts_anew = head[3] & 0x20 and head[4] and head[5] & 0x80  # it says so itself
                begins = head[1] & 0x40 and self._joint_between(since, places[odd], tables, starts)
                if not starts_anew and not begins:
                    return True
            self._last = int(counts[places[-1]])
        self._may_be_joint = self._joint_between(places[-1] if len(places) else -1, len(heads), tables, starts)
        self._last_table = int(counts[tables[-1]]) if len(tables) else self._last_table
        return False

    def _joint_between(self, since: int, place: int, tables: np.ndarray, starts: np.ndarray) -> bool:
        """Whether the last table of programmes after one packet and before another starts anew; -1 for the packets that
        came before these."""
        last = int(np.searchsorted(tables, place)) - 1
        if last >= 0 and tables[last] > since:
            return bool(starts[last])
        return since < 0 and self._may_be_joint


def _heads(file: BinaryIO) -> Iterator[np.ndarray]:
    """The first bytes of each packet, uint8 [N, 6], of many packets at a time; what lies between is passed over."""
    file.seek(0)
    data, size = b"", 0
    while block := file.read(_BLOCK_BYTES):
        data, at = data + block, 0
        octets, end = np.frombuffer(data, np.uint8), len(data) - (_CHECKED + 1) * _SIZES[-1]
        while 0 <= at <= end:
            if size:
                begins = octets[at : end + size + 1 : size] == _SYNC
                follows = begins[:-1] & begins[1:]
                count = len(follows) if follows.all() else int(follows.argmin())
                yield octets[at + size * np.arange(count)[:, None] + np.arange(_HEAD_BYTES)]
                at += count * size
                if at > end:
                    break
            size = _size_at(data, at)
            if size:
                yield octets[None, at : at + _HEAD_BYTES]
                at += size
            else:
                at = data.find(_SYNC, at + 1)
        at = len(data) if at < 0 else at
        data = data[at:]


def _size_at(data: bytes, at: int) -> int:
    """The size of the packet that begins here; 0 where none does."""
    return next((s for s in _SIZES if all(data[at + i * s] == _SYNC for i in range(_CHECKED + 1))), 0)
