"""What containers say about the times of a stream and its packets. `times` decides how far to trust it."""

import math
from array import array
from dataclasses import dataclass

import av
from av.format import Flags

LONGEST_GAP_S = 3600.0
"""No frame is shown for longer than this."""
DEFAULT_FRAME_RATE = 25.0
NO_TIME = -(1 << 63)


@dataclass(frozen=True)
class StreamClock:
    """What a container says about a stream's times.

    Attributes:
        format: FFmpeg's name of the container's format.
        time_base: length in seconds of the unit of packets' times; 0 where these are meaningless.
        frame_rate: frames per second.
        end: where the stream ends, in units of its times; None where the container doesn't say.
        stream: number of the stream.
        path: the file.
        remarks: what was wrong with it.
        reordered: how many packets lie between the one of a frame and the one with which it comes out of the decoder.
    """

    format: str
    time_base: float
    frame_rate: float
    end: int | None
    stream: int
    path: str
    remarks: tuple[str, ...] = ()
    reordered: int = 0

    @classmethod
    def of(cls, container: "av.container.InputContainer", stream: "av.VideoStream") -> "StreamClock":
        """What an open container says."""
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        remarks: tuple[str, ...] = ()
        if not (math.isfinite(rate) and rate * LONGEST_GAP_S >= 1):
            rate = DEFAULT_FRAME_RATE
            remarks = (f"the file gives no frame rate: {rate:g} frames per second are assumed",)
        path = container.name.removeprefix("file:")
        end = None if stream.duration is None else (stream.start_time or 0) + stream.duration
        is_bare = Flags.no_timestamps in Flags(container.format.flags)  # FFmpeg makes the times up
        time_base = 0.0 if is_bare else float(stream.time_base or 0)
        reordered = stream.codec_context.reorder_depth
        return cls(container.format.name, time_base, rate, end, stream.index, path, remarks, reordered)


class PacketTimes:
    """Records the times of packets in stored order: of those that are shown, and `hidden` ones of an edit list."""

    def __init__(self) -> None:
        self.pts, self.dts, self.durations = array("q"), array("q"), array("q")
        self.keys: list[int] = []
        self.hidden = array("q")
        # Called for each packet of each video: looking the methods up would take longer than running them.
        self._add_pts, self._add_dts, self._add_duration = self.pts.append, self.dts.append, self.durations.append

    @property
    def discarded(self) -> bool:
        """Whether an edit list hides packets."""
        return bool(self.hidden)

    def hide(self, packet: "av.Packet") -> None:
        """Records a packet that an edit list hides."""
        self.hidden.append(NO_TIME if packet.pts is None else packet.pts)

    def add(self, packet: "av.Packet") -> None:
        """Records a packet that is shown."""
        pts, dts = packet.pts, packet.dts
        self._add_pts(NO_TIME if pts is None else pts)
        self._add_dts(NO_TIME if dts is None else dts)
        self._add_duration(packet.duration or 0)
        if packet.is_keyframe:
            self.keys.append(len(self.pts) - 1)
