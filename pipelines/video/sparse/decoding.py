"""Decodes wanted frames of a large file, reading only the groups of pictures that hold them."""

import itertools
from collections.abc import Collection, Iterator

import av
import numpy as np

from pipelines.video.errors import UnforeseenFrame
from pipelines.video.frames import Packets, decode_needed, decode_packets, make_plan
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.skipping.h264 import FrameNumbers
from pipelines.video.sparse.listing import Listing
from pipelines.video.sparse.packets import listed_packets, read_alone
from pipelines.video.sparse.runs import Run, plan_runs

_MAX_RUN_BYTES = 32 * 1024 * 1024
"""Longer runs aren't kept in memory: the whole file is read instead."""


def decode_listed(
    container: "av.container.InputContainer", stream: "av.VideoStream", listing: Listing, needed: Collection[int]
) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Yields the needed frames, and others that they depend on, with their index in display order.

    Args:
        container: the open file.
        stream: its video.
        listing: its frames.
        needed: display indices.

    Raises:
        UnforeseenFrame: a packet or a frame differs from the listing, or decoding can't start where it should.
        av.FFmpegError: what is read is damaged.
    """
    samples = listing.samples
    runs = plan_runs(samples.pts, samples.keys, needed)
    if runs is None or any(int(samples.sizes[run.first : run.end].sum()) > _MAX_RUN_BYTES for run in runs):
        raise UnforeseenFrame
    read_alone(container, stream)
    for run in runs:
        for frame in _decode(container, stream, listing, run):
            yield int(np.searchsorted(listing.times.ticks, frame.pts or 0)), frame


def _decode(
    container: "av.container.InputContainer", stream: "av.VideoStream", listing: Listing, run: Run
) -> Iterator["av.VideoFrame"]:
    """Yields the wanted frames of a run, and others that they depend on, in display order."""
    path, context = container.name, stream.codec_context
    read = list(listed_packets(container, stream, listing, run.first, run.end))
    if not start_test(context)(read[0]):
        raise UnforeseenFrame
    start = int(listing.samples.pts[run.first])  # what is shown earlier refers to pictures before the run
    if run.first and context.codec.canonical_name == "hevc":  # what is shown later never refers to it
        read = [packet for packet in read if packet.pts is not None and packet.pts >= start]
    packets = Packets(len(read), broken=False, times=listing.times, buffered=read)
    pts = np.sort([packet.pts or 0 for packet in read])
    plan = make_plan(path, context, packets)
    if plan is not None and [picture.pts for picture in plan.come_out(range(len(plan.pictures)))] == pts.tolist():
        needed = np.searchsorted(pts, listing.samples.pts[list(run.wanted)]).tolist()
        yield from (frame for _, frame in decode_needed(path, context, packets, plan, set(needed)))
        return
    numbers = FrameNumbers(context.extradata or b"") if context.codec.canonical_name == "h264" else None
    if numbers and any(numbers.is_gap(packet) for packet in read):  # which decoders don't tell
        raise UnforeseenFrame
    frames = (frame for frame in decode_packets(context, read) if frame.pts is None or frame.pts >= start)
    for frame, foreseen in itertools.zip_longest(frames, pts[pts >= start].tolist()):
        if frame is None or frame.pts != foreseen:
            raise UnforeseenFrame
        yield frame
