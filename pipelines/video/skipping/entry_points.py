"""Finds packets from which a video can be decoded to the same pixels as from its beginning, without a decoder.

What containers mark as key frames isn't enough: H.264 may spread a refresh over many pictures and mark the first of
them, and decoders of some codecs carry more state from picture to picture than a key frame resets. For codecs that
aren't known to be safe, the first packet is the only such one.
"""

from collections.abc import Callable

import av

from pipelines.video.skipping import av1, h264, hevc_headers, mpeg4, vp8, vp9
from pipelines.video.skipping.bits import Bits, NoPlan
from pipelines.video.skipping.intra import is_jpeg_start

_RESET_BY_KEY_FRAMES = frozenset(("mpeg1video", "mpeg2video"))
_TESTED = {"vp8": vp8.is_start, "vp9": vp9.is_start, "av1": av1.is_start, "mjpeg": is_jpeg_start}
"""Codecs in which containers may mark frames as key frames that aren't, or that aren't shown at once."""
_SLICE, _IDR, _SEI = 1, 5, 6
_RECOVERY_POINT = 6
_INTRA_SLICES = (2, 4)

IsStart = Callable[["av.Packet"], bool]


def start_test(context: "av.VideoCodecContext") -> IsStart:
    """The test whether a packet's picture and all that are shown later can be decoded from this packet on."""
    codec = context.codec.canonical_name
    if context.pix_fmt == "pal8":  # the palette may have come with an earlier packet
        return lambda packet: False
    if codec in _RESET_BY_KEY_FRAMES or (context.codec.intra_only and codec not in _TESTED):
        return lambda packet: packet.is_keyframe
    try:
        test = _content_test(codec, context.extradata or b"")
    except NoPlan:
        return lambda packet: False

    def is_start(packet: "av.Packet") -> bool:
        try:
            return packet.is_keyframe and test(bytes(packet))
        except (NoPlan, IndexError):
            return False

    return is_start


def _content_test(codec: str, extradata: bytes) -> Callable[[bytes], bool]:
    """The test whether the content of a key frame's packet can be decoded by itself; it may raise NoPlan or IndexError.

    Raises:
        NoPlan: the container's parameters can't be parsed, or nothing is known of the codec.
    """
    if codec == "h264":
        h264_size, _ = h264.parse_extradata(extradata)
        return lambda data: _refreshes_at_once(list(h264.split_nals(data, h264_size)))
    if codec == "hevc":
        # What is skipped after a picture at which HEVC lets decoders begin is shown before it.
        hevc_size, _ = hevc_headers.parse_extradata(extradata)
        return lambda data: hevc_headers.is_start(h264.split_nals(data, hevc_size))
    if codec == "mpeg4":
        return lambda data: _is_plain_mpeg4(extradata or data)
    if codec not in _TESTED:
        raise NoPlan("a codec that may carry more than pictures")
    return _TESTED[codec]


def _is_plain_mpeg4(config: bytes) -> bool:
    """Whether pictures aren't interlaced: FFmpeg predicts fields from times since the start of the file."""
    mpeg4.parse_vol(config)  # raises NoPlan otherwise
    return True


def _refreshes_at_once(nals: list[bytes]) -> bool:
    """Whether this is an IDR picture, or an intra picture marked so that later ones need nothing before it (D.2.8)."""
    slices = [nal for nal in nals if nal[0] & 31 in (_SLICE, _IDR)]
    kinds = {nal[0] & 31 for nal in slices}
    if kinds != {_SLICE}:
        return kinds == {_IDR}
    promised = any(_recovers_at_once(h264.unescaped(nal[1:])) for nal in nals if nal[0] & 31 == _SEI)
    return promised and all(_slice_type(nal) in _INTRA_SLICES for nal in slices)


def _slice_type(nal: bytes) -> int:
    bits = Bits(h264.unescaped(nal[1:16]))
    bits.ue()
    return bits.ue() % 5


def _recovers_at_once(sei: bytes) -> bool:
    """Whether an SEI unit (7.3.2.3) has a recovery point with 0 frames until recovery."""
    place = 0
    while place + 2 < len(sei):
        numbers = []
        for _ in range(2):
            number = 0
            while sei[place] == 255:
                number, place = number + 255, place + 1
            numbers.append(number + sei[place])
            place += 1
        kind, size = numbers
        if kind == _RECOVERY_POINT:
            return Bits(sei[place : place + size]).ue() == 0
        place += size
    return False
