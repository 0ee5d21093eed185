"""At which of its key frames the decoding of a large file can start, found without reading all of them."""

import av
import numpy as np

from pipelines.video.errors import UnforeseenFrame
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.sparse.listing import Listing
from pipelines.video.sparse.packets import listed_packets, read_alone

_APART_S, _PARTS = 60.0, 100
"""Long videos are cut into pieces of many minutes, for which not every start must be known: a minute, or the hundredth
part of a shorter video, lies between those that are looked for."""


def find_starts(
    container: "av.container.InputContainer", stream: "av.VideoStream", listing: Listing
) -> bytearray | None:
    """For each packet in stored order, whether it is one of the starts found, which lie apart.

    None where a packet isn't as listed.
    """
    pts, starts = listing.samples.pts, bytearray(len(listing.samples.pts))
    apart = min(_APART_S, listing.times.duration_s / _PARTS) / (listing.times.tick_s or 1.0)
    is_start, last = start_test(stream.codec_context), None
    read_alone(container, stream)
    try:
        for position in np.flatnonzero(listing.samples.keys).tolist():
            if last is not None and pts[position] < last + apart:
                continue
            for packet in listed_packets(container, stream, listing, position, position + 1):
                if is_start(packet):
                    starts[position], last = True, pts[position]
    except MemoryError:
        raise
    except (UnforeseenFrame, av.FFmpegError):
        return None
    return starts
