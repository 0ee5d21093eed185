"""Whether packets change the parameters that the container gives for a video's pictures.

Decoders keep parameters until they get others. Where packets bring other ones than the container, those that are left
out might have changed them, so that nothing is left out from there on.
"""

from collections.abc import Callable, Iterator

import av

from pipelines.video.skipping import h264
from pipelines.video.skipping.bits import NoPlan

_START = b"\x00\x00\x01"
_ENDS_OF_HEADERS = {  # codes of what follows the headers of a stream: pictures, and groups, which have times
    "mpeg4": (_START + b"\xb6", _START + b"\xb3"),
    "mpeg1video": (_START + b"\x00", _START + b"\xb8"),
    "mpeg2video": (_START + b"\x00", _START + b"\xb8"),
}


def change_test(context: "av.VideoCodecContext") -> Callable[["av.Packet"], bool]:
    """The test whether a packet has parameters other than those that the container gives."""
    codec, extradata = context.codec.canonical_name, context.extradata or b""

    def changes(packet: "av.Packet") -> bool:
        if any(side.data_type in ("new_extradata", "param_change") for side in packet.iter_sidedata()):
            return True
        try:
            return any(parameters not in extradata for parameters in _parameters(codec, extradata, bytes(packet)))
        except NoPlan:
            return False  # damaged: the decoder can't read it either

    return changes


def _parameters(codec: str, extradata: bytes, data: bytes) -> Iterator[bytes]:
    """The parameters in a packet, in the form in which containers hold them, too."""
    if codec == "h264":
        for nal in h264.split_nals(data, _length_size(extradata, 4)):
            if nal[0] & 31 in (7, 8):
                yield nal
    elif codec == "hevc":
        for nal in h264.split_nals(data, _length_size(extradata, 21)):
            if nal[0] >> 1 & 63 in (32, 33, 34):
                yield nal
    elif codec in _ENDS_OF_HEADERS:
        picture, group = _ENDS_OF_HEADERS[codec]
        yield data.partition(picture)[0].partition(group)[0]


def _length_size(extradata: bytes, place: int) -> int | None:
    """Bytes of the length before each NAL unit, which the container tells at this place; None for start codes."""
    return (extradata[place] & 3) + 1 if extradata[:1] == b"\x01" and len(extradata) > place else None
