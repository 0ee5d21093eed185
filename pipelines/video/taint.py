"""Which decoded frames may show damage of others: of pictures that they refer to, whenever these are shown.

Decoders mark the picture in which they found damage, but not those that are predicted from it. What a picture refers to
is stored before it, and after the last picture at which decoding could have started. It may be shown later.
"""

import bisect
from collections import deque
from collections.abc import Iterable, Iterator

import av

from pipelines.video.frames import decode_packets
from pipelines.video.skipping import h264
from pipelines.video.skipping.entry_points import start_test

_REMEMBERED = 64
"""Packets, and starts among them, by which a frame that comes out is found again. Codecs reorder at most 16."""


def decode_watched(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"]
) -> Iterator[tuple["av.VideoFrame", bool]]:
    """Yields the frames of packets in display order, and whether a picture that they may depend on is damaged.

    What can't be decoded is left out. A frame comes when all those have come out that are stored before it.

    Args:
        context: the decoder.
        packets: whose times tell their frames apart.
    """
    watch = _Watch(context)
    held: deque[av.VideoFrame] = deque()
    for frame in decode_packets(context, watch.noted(packets), watch.errors):
        watch.see(frame)
        held.append(frame)
        while len(held) > context.reorder_depth:
            yield held[0], watch.is_tainted(held.popleft())
    for frame in held:
        yield frame, watch.is_tainted(frame)


class _Watch:
    """Notes where pictures are stored, and which are damaged."""

    def __init__(self, context: "av.VideoCodecContext") -> None:
        self.errors: list[str] = []
        self._is_start = start_test(context)
        is_h264 = context.codec.canonical_name == "h264"
        self._numbers = h264.FrameNumbers(context.extradata or b"") if is_h264 else None
        self._starts: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._place_of: dict[int, int] = {}
        self._damaged: list[int] = []

    def noted(self, packets: Iterable["av.Packet"]) -> Iterator["av.Packet"]:
        """The same packets."""
        for place, packet in enumerate(packets):
            if packet.pts is not None:
                if self._is_start(packet):
                    self._starts.append((place, packet.pts))
                self._place_of[packet.pts] = place
                if len(self._place_of) > 2 * _REMEMBERED:
                    self._place_of = dict(list(self._place_of.items())[_REMEMBERED:])
            if self._numbers and self._numbers.is_gap(packet):
                self._damaged.append(place)
            yield packet
            if self.errors:
                self.errors.clear()
                self._damaged.append(place)

    def see(self, frame: "av.VideoFrame") -> None:
        """Notes whether a frame is damaged."""
        if frame.is_corrupt and frame.pts in self._place_of:
            bisect.insort(self._damaged, self._place_of[frame.pts])

    def is_tainted(self, frame: "av.VideoFrame") -> bool:
        """Whether there is damage between the start from which a frame is decoded, and the frame."""
        if self.errors:  # of what came last out of the decoder
            return True
        if not self._damaged:
            return False
        pts = frame.pts
        place = self._place_of.get(pts) if pts is not None else None
        if pts is None or place is None:
            return True
        start = next((at for at, shown in reversed(self._starts) if at <= place and shown <= pts), 0)
        found = bisect.bisect_right(self._damaged, place)
        return found > 0 and self._damaged[found - 1] >= start
