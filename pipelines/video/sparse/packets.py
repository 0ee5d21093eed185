"""Reads packets of a large file from a key frame on, and checks that they are those that its tables list."""

from collections.abc import Iterator

import av
import numpy as np
from av.stream import Discard

from pipelines.video.demuxers import demux
from pipelines.video.errors import UnforeseenFrame
from pipelines.video.sparse.listing import Listing
from pipelines.video.sparse.parameters import plain_test
from pipelines.video.streams import gives_one_frame


def read_alone(container: "av.container.InputContainer", stream: "av.VideoStream") -> None:
    """Lets a container skip the packets of its other streams, which may lie elsewhere in the file."""
    for other in container.streams:
        other.discard = Discard.default if other.index == stream.index else Discard.all


def listed_packets(
    container: "av.container.InputContainer", stream: "av.VideoStream", listing: Listing, first: int, end: int
) -> Iterator["av.Packet"]:
    """The packets from a key frame on, by their positions in stored order; each holds one picture.

    Args:
        container: the open file.
        stream: its video.
        listing: what its tables list.
        first: position of the key frame.
        end: position after that of the last packet.

    Raises:
        UnforeseenFrame: a packet differs from the listing, or changes the container's parameters.
        av.FFmpegError: the file can't be read.
    """
    samples, context = listing.samples, stream.codec_context
    is_plain = plain_test(context)
    container.seek(_seek_time(listing, first), stream=stream)
    position = -1
    for packet in demux(container, stream):
        if position < 0:
            if packet.dts is None or packet.dts < samples.dts[first]:
                continue
            position = first
        listed = tuple(int(values[position]) for values in (samples.dts, samples.pts, samples.positions, samples.sizes))
        is_as_listed = (packet.dts, packet.pts, packet.pos, packet.size) == listed
        is_whole = not (packet.is_discard or packet.is_corrupt) and packet.is_keyframe == bool(samples.keys[position])
        if not (is_as_listed and is_whole and is_plain(packet) and gives_one_frame(packet, context)):
            raise UnforeseenFrame
        yield packet
        position += 1
        if position == end:
            return
    raise UnforeseenFrame


def _seek_time(listing: Listing, key: int) -> int:
    """The time to ask for in order to get to a key frame.

    In HEVC, FFmpeg goes back further than to a key frame that is shown after this time. In general, it goes to the last
    one that is decoded at or before it.
    """
    samples = listing.samples
    others = np.flatnonzero(samples.keys[key + 1 :])
    shown = int(samples.pts[key])
    latest = int(samples.dts[key + 1 + others[0]]) - 1 if len(others) else shown
    return max(int(samples.dts[key]), min(shown, latest))
