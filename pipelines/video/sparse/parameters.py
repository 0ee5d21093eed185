"""Whether packets can be decoded without those before them as far as parameters go, which streams may change anywhere.

Decoding from a key frame on takes the parameters of the container, or those in the key frame's own packet. What packets
say that aren't read would be missed: so packets that are read must not say anything else than the container does.
"""

from collections.abc import Callable

import av

from pipelines.video.skipping import h264
from pipelines.video.skipping.bits import NoPlan

_HEVC_END, _HEVC_BLA, _HEVC_PARAMETERS = (36, 37), (16, 17, 18), (32, 33, 34)
_H264_PARAMETERS = (7, 8, 15)
_VOL_CODES = [b"\0\0\1" + bytes((code,)) for code in range(0x20, 0x30)]
_MPEG_SEQUENCE = b"\0\0\1\xb3"

IsPlain = Callable[["av.Packet"], bool]


def plain_test(context: "av.VideoCodecContext") -> IsPlain:
    """The test whether a packet leaves the container's parameters as they are."""
    codec, extradata = context.codec.canonical_name, context.extradata or b""
    if codec == "h264":
        return lambda packet: _is_plain_h264(bytes(packet), extradata)
    if codec == "hevc":
        return lambda packet: _is_plain_hevc(bytes(packet), extradata)
    if codec == "mpeg4":
        return lambda packet: _is_plain_mpeg4(bytes(packet), extradata)
    if codec in ("mpeg1video", "mpeg2video"):
        return lambda packet: not packet.is_keyframe or _MPEG_SEQUENCE in bytes(packet)
    return lambda packet: True  # key frames of the others have all that they need


def _is_plain_h264(data: bytes, extradata: bytes) -> bool:
    try:
        length_size, known = h264.parse_extradata(extradata)
        return known >= {nal for nal in h264.split_nals(data, length_size) if nal[0] & 31 in _H264_PARAMETERS}
    except NoPlan:
        return False


def _is_plain_hevc(data: bytes, extradata: bytes) -> bool:
    """Also False for spliced videos: where a part ends, the next one may begin with pictures that are not shown."""
    length_size = (extradata[21] & 3) + 1 if len(extradata) > 22 and extradata[0] == 1 else None
    try:
        for nal in h264.split_nals(data, length_size):
            kind = nal[0] >> 1 & 63
            if kind in _HEVC_BLA or kind in _HEVC_END or (kind in _HEVC_PARAMETERS and nal not in extradata):
                return False
    except NoPlan:
        return False
    return True


def _is_plain_mpeg4(data: bytes, extradata: bytes) -> bool:
    for code in _VOL_CODES:
        begin = data.find(code)
        if begin >= 0:
            end = data.find(b"\0\0\1", begin + len(code))
            return end > 0 and data[begin:end] in extradata
    return True
