"""Cuts videos by their packets, without encoding anything anew."""

from pathlib import Path
from typing import Any

import av


def cut(source: Path, target: Path, start_s: float, end_s: float) -> Path:
    """Writes the packets that are shown from `start_s` up to `end_s`, which must be those of whole groups of pictures
    that can be decoded by themselves."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        video: Any = container.streams.video[0]
        packets: list[Any] = [packet for packet in container.demux(video) if packet.size]
        tick_s = float(video.time_base)
        has_times = all(packet.pts is not None for packet in packets)
        key = (lambda packet: packet.pts) if has_times else (lambda packet: packet.dts)
        first = min(map(key, packets))
        inside = [p for p in packets if start_s - 1e-4 <= (key(p) - first) * tick_s < end_s - 1e-4]
        assert inside[0].is_keyframe, "not a cut at a key frame"
        stream: Any = output.add_stream_from_template(video, opaque=True)
        by = min(map(key, inside))
        for packet in inside:
            packet.pts, packet.dts = (None if time is None else time - by for time in (packet.pts, packet.dts))
            packet.stream = stream
            output.mux(packet)
    return target
