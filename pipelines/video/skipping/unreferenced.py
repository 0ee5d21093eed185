"""Whether a packet's picture is marked as one to which no other refers, so that decoders may leave it out."""

from collections.abc import Callable

import av

from pipelines.video.skipping import h264
from pipelines.video.skipping.bits import NoPlan

_MPEG4_PICTURE, _MPEG_PICTURE = b"\x00\x00\x01\xb6", b"\x00\x00\x01\x00"
_B_VOP, _B_PICTURE = 2, 3


def unreferenced_test(context: "av.VideoCodecContext") -> Callable[["av.Packet"], bool]:
    """The test for such packets. In codecs that don't mark them reliably, none passes."""
    codec = context.codec.canonical_name
    if codec == "h264":
        try:
            length_size, _ = h264.parse_extradata(context.extradata or b"")
        except NoPlan:
            return lambda packet: False
        return lambda packet: _is_h264(bytes(packet), length_size)
    if codec == "mpeg4":
        return lambda packet: _byte_after(bytes(packet), _MPEG4_PICTURE, 0) >> 6 == _B_VOP
    if codec in ("mpeg1video", "mpeg2video"):
        return lambda packet: _byte_after(bytes(packet), _MPEG_PICTURE, 1) >> 3 & 7 == _B_PICTURE
    return lambda packet: False


def _is_h264(data: bytes, length_size: int | None) -> bool:
    try:
        slices = [nal[0] for nal in h264.split_nals(data, length_size) if nal[0] & 31 in (1, 5)]
    except NoPlan:
        return False
    return bool(slices) and not any(header & 0x60 for header in slices)


def _byte_after(data: bytes, code: bytes, offset: int) -> int:
    """The byte that follows the first occurrence of a code, by `offset` further bytes; 0 if there is none."""
    place = data.find(code)
    at = place + len(code) + offset
    return data[at] if place >= 0 and at < len(data) else 0
