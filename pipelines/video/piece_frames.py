"""The frames of a piece of a video, decoded in one thread from its key frame on."""

import itertools
from collections.abc import Iterable, Iterator

import av

from pipelines.video.errors import VideoDecodeError
from pipelines.video.frames import demux, open_video
from pipelines.video.pieces import Piece
from pipelines.video.streams import numbered, shows_picture
from pipelines.video.taint import decode_watched
from pipelines.video.timing.repair import MAX_REORDERED

_SEEK_MARGIN_S = 1.0
"""Seeks go by decoding times, which are earlier than presentation times, and some end slightly late."""
_MARK_UNREFERENCED = frozenset(("h264", "mpeg4", "mpeg1video", "mpeg2video"))
"""Codecs that mark non-reference pictures reliably. In HEVC, pictures of higher layers may refer to marked ones."""


PieceFrame = tuple[int, "av.VideoFrame", bool]
"""Display index, frame, and whether a picture that it may depend on is damaged."""


def piece_frames(path: str, piece: Piece, needed: Iterable[int]) -> Iterator[PieceFrame]:
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
        yield from _decoded_frames(path) if piece.by_decoding else _counted_frames(path)
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
            context = stream.codec_context
            if context.codec.canonical_name in _MARK_UNREFERENCED:
                packets = _marking_unneeded(context, packets, index_of)
            for frame, is_tainted in decode_watched(context, packets):
                if frame.pts is not None and (index := index_of.get(frame.pts)) is not None:
                    yield index, frame, is_tainted
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


def _marking_unneeded(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], needed: dict[int, int]
) -> Iterator["av.Packet"]:
    """Lets the decoder skip pictures that aren't needed, if they are marked as non-reference pictures."""
    for packet in packets:
        unneeded = packet.pts is not None and packet.pts not in needed
        context.skip_frame = "NONREF" if unneeded else "DEFAULT"
        yield packet


def _decoded_frames(path: str) -> Iterator[PieceFrame]:
    """All frames of a file, numbered as they come out of the decoder."""
    with open_video(path) as (container, stream):
        packets = numbered(demux(container, stream), stream.codec_context.codec.canonical_name)
        for index, (frame, is_tainted) in enumerate(decode_watched(stream.codec_context, packets)):
            yield index, frame, is_tainted


def _counted_frames(path: str) -> Iterator[PieceFrame]:
    """All frames of a file, numbered as they come out of the decoder; lost ones leave gaps in the numbers."""
    with open_video(path) as (container, stream):
        codec = stream.codec_context.codec.canonical_name
        waiting: dict[int, None] = {}  # numbers, ascending, of packets whose frames haven't come out yet
        lost = 0
        packets = _noted(numbered(_from_start(container, stream, None, seek=False), codec), codec, waiting)
        context = stream.codec_context
        for come, (frame, is_tainted) in enumerate(decode_watched(context, packets)):
            if frame.pts is not None:
                waiting.pop(frame.pts, None)
                farthest = 0 if context.codec.intra_only else MAX_REORDERED
                while waiting and (oldest := next(iter(waiting))) < frame.pts - farthest:
                    del waiting[oldest]
                    lost += 1
            yield come + lost, frame, is_tainted


def _noted(packets: Iterable["av.Packet"], codec: str, waiting: dict[int, None]) -> Iterator["av.Packet"]:
    """Passes packets on, and notes in `waiting` the numbers of those that show a picture."""
    for packet in packets:
        if packet.pts is not None and shows_picture(packet, codec):
            waiting[packet.pts] = None
        yield packet
