"""Which of a file's streams is the video, and which of its packets show a picture."""

from collections.abc import Iterable, Iterator

import av
from av.stream import Disposition

from pipelines.video.skipping import mpeg4

_DEFAULT_BONUS, _PACKETS_BONUS = 5_000_000, 100_000_000
"""What the flag `default`, and having any packets, are worth in pixels when FFmpeg's command line picks a stream."""

_ATTACHED = Disposition.attached_pic | Disposition.timed_thumbnails


def pick_video(streams: Iterable["av.VideoStream"]) -> "av.VideoStream | None":
    """The video stream that FFmpeg's command line picks; None where there are none, or only attached pictures.

    It is the stream with the largest picture; a default stream comes before all others, and the first of equals wins. A
    cover or a thumbnail that is attached to a film or a podcast is not a video.
    """
    candidates = [stream for stream in streams if not stream.disposition & _ATTACHED]
    counted = any(stream.frames for stream in candidates)

    def score(stream: "av.VideoStream") -> int:
        context = stream.codec_context
        pixels = 0 if context is None else context.width * context.height
        is_default = bool(stream.disposition & Disposition.default)
        return pixels + _DEFAULT_BONUS * is_default + _PACKETS_BONUS * (bool(stream.frames) or not counted)

    return max(candidates, key=score, default=None)


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
