"""Which of a file's streams is the video, and which of its packets show a picture."""

import contextlib
from collections.abc import Iterable, Iterator

import av
from av.stream import Disposition

from pipelines.video.skipping import mpeg4

_DEFAULT_BONUS = 5_000_000
"""What the flag `default` is worth in pixels when FFmpeg's command line picks a stream."""
_PROBED_BYTES = 5_000_000
_PROBED_S = 5.0
"""FFmpeg looks for packets of a stream in the first of a file's bytes and seconds."""

_ATTACHED = Disposition.attached_pic | Disposition.timed_thumbnails


def candidates(container: "av.container.InputContainer") -> "list[av.VideoStream]":
    """The streams that may be the video, best first: those of the largest picture, after a default one.

    A cover or a thumbnail that is attached to a film or a podcast is not a video, and the still picture of an image
    sequence (HEIF, AVIF) only if there is nothing else.
    """

    def score(stream: "av.VideoStream") -> int:
        if _is_item(stream):
            return 0
        context = stream.codec_context
        pixels = 0 if context is None else context.width * context.height
        return pixels + _DEFAULT_BONUS * bool(stream.disposition & Disposition.default)

    return sorted((s for s in container.streams.video if not s.disposition & _ATTACHED), key=score, reverse=True)


def _is_item(stream: "av.VideoStream") -> bool:
    """Whether a stream is one of the pictures that HEIF stores outside of tracks, and so without times."""
    return stream.duration is None and stream.frames == 1 and stream.time_base == 1


def first_with_packets(container: "av.container.InputContainer", best_first: "list[av.VideoStream]") -> int:
    """Which of a file's streams FFmpeg's command line picks: the first, in this order, that begins soon, if any does.

    Reads from the beginning of the file, which has to be opened again afterwards.

    Returns:
        The index of the stream in the file.
    """
    wanted = [stream.index for stream in best_first]
    seen: set[int] = set()
    began: dict[int, float] = {}
    num_bytes = 0
    with contextlib.suppress(av.FFmpegError, IndexError):  # whoever reads the file next meets the same error
        for packet in container.demux():
            if packet.size:  # at the end of the file, each stream has an empty one
                seen.add(packet.stream_index)
            num_bytes += packet.size
            time_s = float((packet.dts or 0) * (packet.time_base or 0))
            if wanted[0] in seen or num_bytes > _PROBED_BYTES:
                break
            if time_s - began.setdefault(packet.stream_index, time_s) > _PROBED_S:
                break
    return next((index for index in wanted if index in seen), wanted[0])


def shows_picture(packet: "av.Packet", codec: str) -> bool:
    """Whether a packet has a picture to show.

    What an edit list discards is not shown, and VP8 has packets with reference pictures that are never shown.
    """
    return not packet.is_discard and not (codec == "vp8" and not memoryview(packet)[0] & 0x10)


def gives_one_frame(packet: "av.Packet", context: "av.VideoCodecContext") -> bool:
    """Whether a packet that shows a picture is decoded to exactly one frame; False where that is uncertain.

    MPEG-4 packets may hold two pictures, or none: a placeholder during which the previous picture stays.
    """
    is_mpeg4 = context.codec.canonical_name == "mpeg4"
    return not is_mpeg4 or mpeg4.is_single(bytes(packet), context.extradata or b"")


def numbered(packets: Iterable["av.Packet"], codec: str) -> Iterator["av.Packet"]:
    """Sets the `pts` of each packet that shows a picture to its number, which decoders pass on to the frame."""
    number = 0
    for packet in packets:
        if shows_picture(packet, codec):
            packet.pts = number
            number += 1
        yield packet
