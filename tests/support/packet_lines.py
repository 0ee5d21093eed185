"""Packets of a made-up video."""

from array import array
from typing import Any

from pipelines.video.timing.packet_times import PacketTimes, StreamClock
from pipelines.video.timing.times import Timeline, timeline


def line(
    pts: list[int],
    dts: list[int] | None = None,
    durations: list[int] | int = 1,
    hidden: list[int] | None = None,
    keys: list[int] | None = None,
    **clock: Any,
) -> Timeline:
    """The timeline of packets at 25 frames per second, where a tick is one frame."""
    packets = PacketTimes()
    packets.pts = array("q", pts)
    packets.dts = array("q", sorted(pts) if dts is None else dts)
    packets.durations = array("q", [durations] * len(pts) if isinstance(durations, int) else durations)
    packets.keys = keys or []
    packets.hidden = array("q", hidden or [])
    says = {"format": "mov", "time_base": 0.04, "frame_rate": 25.0, "end": None, "stream": 0, "path": "", **clock}
    return timeline(packets, StreamClock(**says))
