"""Which of a file's streams is the video, and which of its packets show a picture."""

from collections.abc import Iterable, Iterator

import av
from av.stream import Disposition

from pipelines.video.skipping import mpeg4

_DEFAULT_BONUS, _PACKETS_BONUS = 5_000_000, 100_000_000
"""What the mark `default`, and having any packets, count beside pixels where FFmpeg's command line chooses a stream."""

_ATTACHED = Disposition.attached_pic | Disposition.timed_thumbnails


def pick_video(streams: Iterable["av.VideoStream"]) -> "av.VideoStream | None":
    """The video stream that FFmpeg's command line picks; None where there are none but attached pictures.

    It is the largest picture, one that is marked as default before all others, and the first of equal ones. A cover or
    a thumbnail that is attached to a film or to a podcast is not a video.
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

    What an edit list discards is not shown, and VP8 has packets with pictures that others refer to and nobody sees.
    """
    return not packet.is_discard and not (codec == "vp8" and not memoryview(packet)[0] & 0x10)


def gives_one_frame(packet: "av.Packet", context: "av.VideoCodecContext") -> bool:
    """Whether a decoder makes one frame of a packet that shows a picture; False where that isn't plain.

    Packets of MPEG-4 may hold two pictures, or none: a placeholder in which the picture before stays.
    """
    is_mpeg4 = context.codec.canonical_name == "mpeg4"
    return not is_mpeg4 or mpeg4.is_single(bytes(packet), context.extradata or b"")


def numbered(packets: Iterable["av.Packet"], codec: str) -> Iterator["av.Packet"]:
    """Gives packets that show a picture their number for a time, which decoders pass on to the frame."""
    number = 0
    for packet in packets:
        if shows_picture(packet, codec):
            packet.pts = number
            number += 1
        yield packet
