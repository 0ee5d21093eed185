"""Cuts the packets of a video into stretches, each of which can be decoded by itself.

A stretch runs from one packet at which decoding can start up to the next. Pictures that are stored after a start but
shown before it (the leading pictures of an open group) refer to the stretch before: they belong to that one. Where the
cuts are depends on the packets alone, so that all who read a stretch, in whatever range of a video, read the same.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import av

from pipelines.video.skipping.entry_points import IsStart

_MAX_BYTES = 16 * 1024 * 1024
"""A longer stretch isn't kept in memory, but comes in parts. Two stretches are kept at a time."""
_PACKET_BYTES = 512
"""Memory that a packet takes besides its data."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch of a video, or a part of one that is too long to be kept in memory.

    Attributes:
        packets: in stored order.
        ahead: the packets of the next stretch as far as they are known: all, or its first part.
        begins: it begins with a start, or with the first of all packets.
        is_whole: it ends before the next start, or with the last of all packets, and isn't a part.
    """

    packets: list["av.Packet"]
    ahead: list["av.Packet"]
    begins: bool
    is_whole: bool

    @property
    def leading(self) -> frozenset[int]:
        """Places in `packets` of the pictures that are shown before the start, going by the packets' times."""
        return _leading(self.packets) if self.begins else frozenset()

    @property
    def behind(self) -> list["av.Packet"]:
        """The first packets of the next stretch, up to the last of its leading pictures; empty if it has none."""
        return self.ahead[: max(_leading(self.ahead), default=-1) + 1]


def _leading(packets: list["av.Packet"]) -> frozenset[int]:
    start = packets[0].pts if packets else None
    if start is None:
        return frozenset()
    return frozenset(i for i, packet in enumerate(packets) if packet.pts is not None and packet.pts < start)


def cut(packets: Iterable["av.Packet"], is_start: IsStart) -> Iterator[Stretch]:
    """Yields the stretches of packets, which have distinct times, in order.

    Args:
        packets: packets in stored order.
        is_start: the test whether decoding can start at a packet; nothing shown after it may be stored before it, too.
    """
    for part, following in itertools.pairwise(itertools.chain(_parts(packets, is_start), [None])):
        if part is not None:
            taken, begins, ends = part
            ahead = following[0] if following is not None and ends else []
            yield Stretch(taken, ahead, begins, begins and ends)


def _parts(packets: Iterable["av.Packet"], is_start: IsStart) -> Iterator[tuple[list["av.Packet"], bool, bool]]:
    """Packets, whether they begin with a start, and whether a start follows, or nothing."""
    taken: list[av.Packet] = []
    begins, size, latest = True, 0, None
    for packet in packets:
        pts = packet.pts
        if taken:
            if pts is not None and latest is not None and pts > latest and is_start(packet):
                yield taken, begins, True
                taken, begins, size = [], True, 0
            elif size > _MAX_BYTES:
                yield taken, begins, False
                taken, begins, size = [], False, 0
        if pts is not None:
            latest = pts if latest is None else max(latest, pts)
        taken.append(packet)
        size += packet.size + _PACKET_BYTES
    if taken:
        yield taken, begins, True
