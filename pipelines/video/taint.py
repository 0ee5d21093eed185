"""Which decoded frames may show the damage of others: of pictures that they refer to, whenever these are shown.

Decoders mark the picture in which they found damage, but not those that are predicted from it. A picture that another
refers to is stored before it, at or after the last picture at which decoding could have started. It may be shown later.
"""

import bisect
import contextlib
from collections import deque
from collections.abc import Iterable, Iterator

import av

from pipelines.video.frames import Packets, decode_packets, packet_source
from pipelines.video.skipping import h264
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.skipping.unreferenced import unreferenced_test

_REMEMBERED = 64
"""How many packets, and starts among them, are remembered to match frames to. Codecs reorder at most 16."""


def decode_watched(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], lost: list[int] | None = None
) -> Iterator[tuple["av.VideoFrame", bool]]:
    """Yields the frames of packets in display order, and whether a picture that they may depend on is damaged.

    What can't be decoded is skipped. A frame is yielded once all those stored before it have come out.

    Args:
        context: the decoder.
        packets: packets with distinct times, which identify their frames.
        lost: gets the times of packets that can't be decoded, before a frame of a later packet is yielded.
    """
    watch = _Watch(context, [] if lost is None else lost)
    held: deque[av.VideoFrame] = deque()
    for frame in decode_packets(context, watch.noted(packets), watch.errors):
        watch.see(frame)
        held.append(frame)
        while len(held) > context.reorder_depth:
            yield held[0], watch.is_tainted(held.popleft())
    for frame in held:
        yield frame, watch.is_tainted(frame)


def count_gaps(path: str, context: "av.VideoCodecContext", packets: Packets) -> int:
    """How often pictures of an H.264 video are missing to which the next ones refer; decoders don't tell.

    Where the next picture is one at which decoding may start, only pictures shown before it may miss them.
    """
    if context.codec.canonical_name != "h264":
        return 0
    numbers, is_start = h264.FrameNumbers(context.extradata or b""), start_test(context)
    gaps, restart = 0, None  # the time of the picture at which decoding has just started again after a gap
    with contextlib.suppress(av.FFmpegError), packet_source(path, context, packets) as (_, source):
        for packet in source:
            if numbers.is_gap(packet):
                restart = packet.pts if is_start(packet) else None
                gaps += restart is None
            elif restart is not None and packet.pts is not None:
                gaps += packet.pts < restart
                restart = None
    return gaps


class _Watch:
    """Records where pictures are stored, and which are damaged."""

    def __init__(self, context: "av.VideoCodecContext", lost: list[int]) -> None:
        self.errors: list[str] = []
        self._lost = lost
        self._is_start = start_test(context)
        is_h264 = context.codec.canonical_name == "h264"
        self._numbers = h264.FrameNumbers(context.extradata or b"") if is_h264 else None
        self._is_alone = unreferenced_test(context)
        self._starts: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._place_of: dict[int, int] = {}
        self._alone: dict[int, None] = {}  # places of pictures to which no other refers
        self._damaged_alone: set[int] = set()
        self._damaged: list[int] = []
        self._shown: dict[int, int] = {}  # for places of damaged pictures, their times

    def noted(self, packets: Iterable["av.Packet"]) -> Iterator["av.Packet"]:
        """Passes packets on, and records where they are stored and what could not be decoded."""
        for place, packet in enumerate(packets):
            is_start = self._is_start(packet)
            if packet.pts is not None:
                if is_start:
                    self._starts.append((place, packet.pts))
                self._place_of[packet.pts] = place
                if len(self._place_of) > 2 * _REMEMBERED:
                    self._place_of = dict(list(self._place_of.items())[_REMEMBERED:])
            if self._is_alone(packet):
                self._alone[place] = None
                if len(self._alone) > 2 * _REMEMBERED:
                    self._alone = dict.fromkeys(list(self._alone)[_REMEMBERED:])
            if self._numbers and self._numbers.is_gap(packet):
                self._damaged.append(place - is_start)  # what is missing before a start isn't missed after it
            yield packet
            if self.errors:
                self.errors.clear()
                self._note(place, packet.pts)
                if packet.pts is not None:
                    self._lost.append(packet.pts)

    def see(self, frame: "av.VideoFrame") -> None:
        """Records whether a frame is damaged."""
        if frame.is_corrupt and frame.pts in self._place_of:
            self._note(self._place_of[frame.pts], frame.pts)

    def _note(self, place: int, pts: int | None) -> None:
        """Records that a picture is damaged; one to which no other refers is damaged for itself alone."""
        if place in self._alone:
            self._damaged_alone.add(place)
            return
        bisect.insort(self._damaged, place)
        if pts is not None:
            self._shown[place] = pts

    def is_tainted(self, frame: "av.VideoFrame") -> bool:
        """Whether anything is damaged from the start at which decoding the frame begins up to the frame itself.

        What is shown before that start doesn't count: nothing that is shown after it refers to that.
        """
        if self.errors:  # raised at the end of the stream, by no packet in particular
            return True
        if not self._damaged and not self._damaged_alone:
            return False
        pts = frame.pts
        place = self._place_of.get(pts) if pts is not None else None
        if pts is None or place is None:
            return True
        start, first = next(
            ((at, shown) for at, shown in reversed(self._starts) if at <= place and shown <= pts), (0, None)
        )
        found = bisect.bisect_right(self._damaged, place)
        while found > 0 and self._damaged[found - 1] >= start:
            found -= 1
            shown = self._shown.get(self._damaged[found])
            if first is None or shown is None or shown >= first:
                return True
        return place in self._damaged_alone
