"""What the tables of a large file tell about its frames, so that it need not be read whole."""

from dataclasses import dataclass, replace

import av
import numpy as np

from pipelines.video import content
from pipelines.video.containers import mp4_samples, promises, shortfalls
from pipelines.video.containers.mp4_samples import Samples
from pipelines.video.timing.packet_times import PacketTimes, StreamClock
from pipelines.video.timing.times import Timeline, timeline

MIN_BYTES = 2 * 1024 * 1024
"""Smaller files are read whole: that is as fast, and notices more damage."""
_SUPPORTED = frozenset(("h264", "hevc", "mpeg4", "vp9", "av1", "mpeg1video", "mpeg2video"))
"""Codecs that can be decoded from key frames on, besides those that have nothing else. VP8 has packets that show no
picture, which tables don't tell."""
_PARSED = frozenset(("vp9", "mpeg1video", "mpeg2video"))
"""Codecs of which FFmpeg makes up packets' durations in place of those of the tables."""
_LONGEST_PLACEHOLDER = 19
"""MPEG-4 packets of at most this many bytes may hold no picture."""


@dataclass(frozen=True, eq=False)
class Listing:
    """The frames of a video of which nothing is missing, by its tables alone; each packet holds one.

    Attributes:
        samples: the packets.
        times: when the frames are shown.
    """

    samples: Samples
    times: Timeline


def list_frames(
    container: "av.container.InputContainer", stream: "av.VideoStream", min_bytes: int = MIN_BYTES
) -> Listing | None:
    """The frames of a large video, read from tables alone.

    Args:
        container: an open file of which no packet has been read.
        stream: its video.
        min_bytes: what counts as large.

    Returns:
        None where the file is small or not plain, or where its tables aren't enough: then all packets must be read.
    """
    path = container.name.removeprefix("file:")
    if container.format.name != mp4_samples.FORMAT or container.size < min_bytes:
        return None
    codec = stream.codec_context.codec
    if codec.canonical_name not in _SUPPORTED and not codec.intra_only:
        return None
    try:
        with content.open_content(path) as file:
            samples = mp4_samples.samples(file, stream)
        if samples is None or (codec.canonical_name == "mpeg4" and samples.sizes.min() <= _LONGEST_PLACEHOLDER):
            return None
        clock = StreamClock.of(container, stream)
        times = timeline(_packet_times(samples), clock)
        count = len(samples.pts)
        found = shortfalls.Found(count, 0, times.duration_s, times.frame_rate, count)
        if not times.trusted or promises.shortfall(container, stream, found) is not None:
            return None
        if codec.canonical_name in _PARSED and not _is_end_certain(samples, clock, times):
            return None
    except OSError:  # reading all packets meets the same error, and reports it
        return None
    return Listing(samples, times)


def _packet_times(samples: Samples) -> PacketTimes:
    """The same times as if the packets had been read."""
    times = PacketTimes()
    for array, values in ((times.pts, samples.pts), (times.dts, samples.dts), (times.durations, samples.durations)):
        array.frombytes(values.tobytes())
    times.keys = np.flatnonzero(samples.keys).tolist()
    return times


def _is_end_certain(samples: Samples, clock: StreamClock, times: Timeline) -> bool:
    """Whether the last frame's end doesn't depend on its packet's duration."""
    made_up = (replace(samples, durations=np.full_like(samples.durations, ticks)) for ticks in (0, 1))
    return all(timeline(_packet_times(other), clock).hold == times.hold for other in made_up)
