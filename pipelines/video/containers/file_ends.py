"""How files end: zeros where a download hasn't come to, and the marks of formats that have one."""

import struct
from typing import BinaryIO

import av

MIN_ZEROS = 4096
"""So many zeros behind the last data are none of these."""
_SILENCE_BYTES = 1 << 20
"""Uncompressed sound may end in so many."""
_COMPACT = "h264 hevc vvc av1 vp7 vp8 vp9 mpeg4 msmpeg4v1 msmpeg4v2 msmpeg4v3 wmv1 wmv2 wmv3 vc1 flv1 h263 theora mjpeg"
_NEVER_ZEROS = frozenset(_COMPACT.split())
"""Codecs whose pictures don't end in many zeros: those of others are padded with them, or are black."""
_PIECE_BYTES = 1 << 20
_MAX_GIF_BYTES = 1 << 26
_MXF_PACK = bytes.fromhex("060e2b34020501010d01020101")
_MXF_RUN_IN = 1 << 16
"""A header may begin behind so many other bytes."""


def data_end(file: BinaryIO, size_bytes: int, min_zeros: int = MIN_ZEROS) -> int:
    """Where the data end of a file that was laid out before they came; its size if fewer zeros than said follow."""
    file.seek(max(0, size_bytes - MIN_ZEROS))
    if any(file.read(MIN_ZEROS)):  # as of nearly every file
        return size_bytes
    end = size_bytes
    while end:
        begin = max(0, end - _PIECE_BYTES)
        file.seek(begin)
        piece = file.read(end - begin).rstrip(b"\0")
        end = begin + len(piece)
        if piece:
            break
    return end if size_bytes - end >= min_zeros else size_bytes


def data_end_of(
    file: BinaryIO, size_bytes: int, container: "av.container.InputContainer", stream: "av.VideoStream"
) -> int:
    """Where the data end of a file with these pictures, as far as zeros can't be a part of them, or of the sound."""
    if container.format.name == "mxf":  # which ends with a footer, whatever is in it
        return data_end(file, size_bytes)
    if stream.codec_context.codec.canonical_name not in _NEVER_ZEROS:
        return size_bytes
    contexts = [sound.codec_context for sound in container.streams.audio]
    is_raw = any(context is not None and context.name.startswith("pcm") for context in contexts)
    return data_end(file, size_bytes, _SILENCE_BYTES if is_raw else MIN_ZEROS)


def mxf_footer(file: BinaryIO) -> int:
    """Where the last partition of an MXF file (SMPTE ST 377-1) should be; 0 where its header doesn't tell."""
    file.seek(0)
    head = file.read(_MXF_RUN_IN + 128)
    run_in = head.find(_MXF_PACK)
    length_at = run_in + 16
    if run_in < 0 or len(head) <= length_at:
        return 0
    first = head[length_at]
    place = length_at + 1 + (first & 0x7F if first & 0x80 else 0) + 24
    if len(head) < place + 8:
        return 0
    footer: int = struct.unpack_from(">Q", head, place)[0]
    return run_in + footer if footer else 0


def ivf_frames(file: BinaryIO) -> int:
    """The number in the header of an IVF file, of frames or of units of time; 0 where it means nothing."""
    file.seek(0)
    head = file.read(32)
    if len(head) < 32 or head[:4] != b"DKIF":
        return 0
    count: int = struct.unpack_from("<I", head, 24)[0]
    return count if count < 1 << 31 else 0


def has_gif_trailer(file: BinaryIO) -> bool:
    """Whether the blocks of a GIF file lead to its end mark; also where they can't be followed, or are too many."""
    file.seek(0)
    data = file.read(_MAX_GIF_BYTES + 1)
    if len(data) > _MAX_GIF_BYTES:
        return True
    if len(data) < 13:
        return False
    place = 13 + _colors(data[10])
    while place < len(data):
        if data[place] == 0x3B:
            return True
        if data[place] == 0x2C and place + 10 < len(data):
            place += 11 + _colors(data[place + 9])
        elif data[place] == 0x21:
            place += 2
        else:
            return bool(data[place:].strip(b"\0")) and data[place] != 0x2C  # zeros: nothing has come
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
    return False


def _colors(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
