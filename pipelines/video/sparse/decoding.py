"""Decodes wanted frames of a large file, reading only the groups of pictures that hold them."""

import itertools
from collections.abc import Collection, Iterator

import av
import numpy as np
from av.stream import Discard

from pipelines.video.errors import UnforeseenFrame
from pipelines.video.frames import Packets, decode_needed, decode_packets, demux, make_plan
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.sparse.listing import Listing
from pipelines.video.sparse.parameters import plain_test
from pipelines.video.sparse.runs import Run, plan_runs
from pipelines.video.streams import gives_one_frame

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
    for other in container.streams:
        other.discard = Discard.default if other.index == stream.index else Discard.all
    for run in runs:
        for frame in _decode(container, stream, listing, run):
            yield int(np.searchsorted(listing.times.ticks, frame.pts or 0)), frame


def _read(
    container: "av.container.InputContainer", stream: "av.VideoStream", listing: Listing, run: Run
) -> Iterator["av.Packet"]:
    """The packets of a run, from its key frame on, all as they are listed."""
    samples, context = listing.samples, stream.codec_context
    is_start, is_plain = start_test(context), plain_test(context)
    # In HEVC, FFmpeg goes back further than to a key frame that is shown after the time to which it is asked to go.
    next_keys = np.flatnonzero(samples.keys[run.first + 1 :])
    latest = int(samples.dts[run.first + 1 + next_keys[0]]) - 1 if len(next_keys) else int(samples.pts[run.first])
    container.seek(max(min(int(samples.pts[run.first]), latest), int(samples.dts[run.first])), stream=stream)
    position = -1
    for packet in demux(container, stream):
        if position < 0:
            if packet.dts is None or packet.dts < samples.dts[run.first]:
                continue
            position = run.first
            if not is_start(packet):
                raise UnforeseenFrame
        listed = tuple(int(values[position]) for values in (samples.dts, samples.pts, samples.positions, samples.sizes))
        is_as_listed = (packet.dts, packet.pts, packet.pos, packet.size) == listed
        is_whole = not (packet.is_discard or packet.is_corrupt) and packet.is_keyframe == bool(samples.keys[position])
        if not (is_as_listed and is_whole and is_plain(packet) and gives_one_frame(packet, context)):
            raise UnforeseenFrame
        yield packet
        position += 1
        if position == run.end:
            return
    raise UnforeseenFrame


def _decode(
    container: "av.container.InputContainer", stream: "av.VideoStream", listing: Listing, run: Run
) -> Iterator["av.VideoFrame"]:
    """Yields the wanted frames of a run, and others that they depend on, in display order."""
    read = list(_read(container, stream, listing, run))
    path, context = container.name, stream.codec_context
    packets = Packets(len(read), broken=False, times=listing.times, buffered=read)
    pts = np.sort(listing.samples.pts[run.first : run.end])
    plan = make_plan(path, context, packets)
    if plan is not None and [picture.pts for picture in plan.come_out(range(len(plan.pictures)))] == pts.tolist():
        needed = np.searchsorted(pts, listing.samples.pts[list(run.wanted)]).tolist()
        yield from (frame for _, frame in decode_needed(path, context, packets, plan, set(needed)))
        return
    start = int(listing.samples.pts[run.first])  # what is shown earlier refers to pictures before the run
    frames = (frame for frame in decode_packets(context, read) if frame.pts is None or frame.pts >= start)
    for frame, foreseen in itertools.zip_longest(frames, pts[pts >= start].tolist()):
        if frame is None or frame.pts != foreseen:
            raise UnforeseenFrame
        yield frame
