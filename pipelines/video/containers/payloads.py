"""What is wrong with the data of a packet that decoders turn into pictures without a word."""

from collections.abc import Callable

import av

from pipelines.video.containers import dv
from pipelines.video.containers.file_ends import MIN_ZEROS, NEVER_ZEROS

_STEP = MIN_ZEROS // 4

Flaw = Callable[["av.Packet"], str]
"""Takes a packet and returns what is wrong with its data; usually an empty text."""


def flaw_test(context: "av.VideoCodecContext") -> Flaw:
    """The test for the packets of a decoder."""
    codec = context.codec.canonical_name
    if codec == "dvvideo":
        return lambda packet: "" if dv.is_whole(bytes(packet)) else "blocks of a DV frame are damaged"
    return _hole if codec in NEVER_ZEROS else lambda packet: ""


def _hole(packet: "av.Packet") -> str:
    """Zeros within compressed data: a part of a file that wasn't downloaded. Those at the end may be padding."""
    if packet.size < MIN_ZEROS or b"\0\0\0" not in bytes(memoryview(packet)[::_STEP]):  # as in nearly every packet
        return ""
    return "a hole of zeros in a picture" if bytes(MIN_ZEROS) in bytes(packet).rstrip(b"\0") else ""
