"""The frames of a piece of a video, decoded in one thread from its key frame on.

Packets are read in stretches, from one packet at which decoding can start to the next. Stretches without a needed frame
are left out. In the others, only what the needed frames depend on is decoded, where there is a plan that tells it;
otherwise, all is decoded, in one go through all such stretches in a row.
"""

import bisect
import itertools
from collections.abc import Collection, Iterable, Iterator

import av

from pipelines.video.demuxers import demux
from pipelines.video.errors import VideoDecodeError
from pipelines.video.frames import open_video
from pipelines.video.pieces import Piece
from pipelines.video.skipping.counted_frames import counted_frames
from pipelines.video.skipping.timed_frames import IndexedFrame, timed_frames
from pipelines.video.streams import numbered
from pipelines.video.taint import decode_watched

_SEEK_MARGIN_S = 1.0
"""Seeks go by decoding times, which are earlier than presentation times, and some end slightly late."""


def piece_frames(path: str, piece: Piece, needed: Collection[int]) -> Iterator[IndexedFrame]:
    """Yields the needed frames that can be decoded, and possibly others, in display order.

    Args:
        path: a local file.
        piece: where to start, and the times that identify frames.
        needed: display indices of the frames that are wanted.

    Raises:
        VideoReadError, VideoOpenError, NoVideoStreamError: as `frames.open_video`.
        VideoDecodeError: the key frame to start from isn't found.
    """
    if piece.pts is None:
        with open_video(path) as (container, stream):
            if piece.by_decoding:
                yield from _decoded_frames(stream.codec_context, demux(container, stream))
            else:
                packets = _from_start(container, stream, None, seek=False)
                yield from counted_frames(stream.codec_context, packets, needed)
        return
    index_of = {piece.pts[index - piece.first_frame]: index for index in needed}
    with_seek_first = (False,) if piece.start_pts is None else (True, False)
    for seek in with_seek_first:
        with open_video(path) as (container, stream):
            packets = _from_start(container, stream, piece.start_pts, seek)
            first = next(packets, None)
            if first is None and piece.start_pts is not None:
                continue
            packets = itertools.chain([first] if first else [], packets)
            yield from timed_frames(stream.codec_context, packets, index_of, piece.start_pts is not None)
            return
    raise VideoDecodeError(f"no key frame at time {piece.start_pts}: the file has changed since its survey")


def _from_start(
    container: "av.container.InputContainer", stream: "av.VideoStream", start_pts: int | None, seek: bool
) -> Iterator["av.Packet"]:
    """The packets from the key frame with this time on; none where a seek ends after it."""
    try:
        if seek and start_pts is not None and stream.time_base:
            margin = int(_SEEK_MARGIN_S / stream.time_base)
            container.seek(max(start_pts - margin, stream.start_time or 0), stream=stream, backward=True)
        found = start_pts is None
        for packet in demux(container, stream):
            if not found and start_pts is not None:
                found = packet.is_keyframe and packet.pts == start_pts
                if seek and not found and _is_behind(packet, start_pts):
                    return
            if found:
                yield packet
    except MemoryError:
        raise
    except av.FFmpegError:
        return  # the file breaks off here; the decoder's remaining frames still come out


def _is_behind(packet: "av.Packet", pts: int) -> bool:
    if packet.dts is not None and packet.dts > pts:
        return True
    return packet.is_keyframe and packet.pts is not None and packet.pts > pts


def _decoded_frames(context: "av.VideoCodecContext", packets: Iterable["av.Packet"]) -> Iterator[IndexedFrame]:
    """All frames, numbered as by `numbered_frames`."""
    for index, _, frame, is_tainted in numbered_frames(context, packets, []):
        yield index, frame, is_tainted


def numbered_frames(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], lost: list[int]
) -> Iterator[tuple[int, int, "av.VideoFrame", bool]]:
    """All frames in display order: index, number of the packet, frame, and whether it may show damage.

    Indices count frames as they come out of the decoder, and packets that can't be decoded, which aren't placeholders.
    Those before the first frame don't count: a recording may begin within a group of pictures.

    Args:
        context: the decoder.
        packets: all packets of the video.
        lost: an empty list; gets the numbers of the packets that can't be decoded.
    """
    before = None
    named = numbered(packets, context.codec.canonical_name)
    for index, (frame, is_tainted) in enumerate(decode_watched(context, named, lost)):
        number = index if frame.pts is None else frame.pts
        if before is None:
            before = bisect.bisect_left(lost, number)
        yield index + bisect.bisect_left(lost, number) - before, number, frame, is_tainted
