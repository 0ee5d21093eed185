"""How files end: with zeros where a download didn't get to, or with the end mark that some formats have."""

import struct
from typing import BinaryIO

import av

MIN_ZEROS = 4096
"""At least this many zeros at the end of a file aren't part of its data."""
_SILENCE_BYTES = 1 << 20
"""Uncompressed sound may end in up to this many zeros."""
_LONGEST_PES = 1 << 16
"""The packets of a program stream, which begin with other bytes than zeros, are at most this long."""
_COMPACT = "h264 hevc vvc av1 vp7 vp8 vp9 mpeg4 msmpeg4v1 msmpeg4v2 msmpeg4v3 wmv1 wmv2 wmv3 vc1 flv1 h263 theora mjpeg"
NEVER_ZEROS = frozenset(_COMPACT.split())
"""Codecs whose pictures don't end in many zeros. Pictures of other codecs may be padded with zeros, or be black."""
_PIECE_BYTES = 1 << 20
_FLV = b"FLV\x01"
_FLV_TAGS = (8, 9, 18)
_SOUND_BYTES = 1 << 20
"""At most this many bytes of sound follow the last picture of an FLV file."""
_MAX_GIF_BYTES = 1 << 26
_MIN_HOLE = 64
"""Fewer zeros between two blocks of a GIF file are passed over."""
_MXF_PACK = bytes.fromhex("060e2b34020501010d01020101")
_MXF_RUN_IN = 1 << 16
"""Up to this many other bytes may precede the header."""


def data_end(file: BinaryIO, size_bytes: int, min_zeros: int = MIN_ZEROS) -> int:
    """Where the data of a preallocated file end; its size if they are followed by fewer than `min_zeros` zeros."""
    file.seek(max(0, size_bytes - MIN_ZEROS))
    if any(file.read(MIN_ZEROS)):  # as in nearly every file
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
    """Where the data of a file end, if its last zeros can't belong to its pictures or its sound."""
    if container.format.name in ("mxf", "mpegts"):  # a footer ends the one, and short packets make up the other
        return data_end(file, size_bytes)
    if container.format.name == "mpeg":
        return data_end(file, size_bytes, _LONGEST_PES)
    if not is_compact(stream):
        return size_bytes
    contexts = [sound.codec_context for sound in container.streams.audio]
    is_raw = any(context is not None and context.name.startswith("pcm") for context in contexts)
    return data_end(file, size_bytes, _SILENCE_BYTES if is_raw else MIN_ZEROS)


def is_compact(stream: "av.VideoStream") -> bool:
    """Whether zeros in the place of a picture are never a picture."""
    return stream.codec_context.codec.canonical_name in NEVER_ZEROS


def mxf_footer(file: BinaryIO) -> int:
    """Where the last partition of an MXF file (SMPTE ST 377-1) should begin; 0 where its header doesn't say."""
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
    """The count in the header of an IVF file, of frames or of time units; 0 where it is meaningless."""
    file.seek(0)
    head = file.read(32)
    if len(head) < 32 or head[:4] != b"DKIF":
        return 0
    count: int = struct.unpack_from("<I", head, 24)[0]
    return count if count < 1 << 31 else 0


def second_flv(file: BinaryIO, end: int) -> int | None:
    """Where another FLV file begins that was joined to one whose last picture ends at an offset; None if none was."""
    file.seek(end)
    place = file.read(_SOUND_BYTES).find(_FLV) if end else -1
    return end + place if place >= 0 else None


def last_flv_tag_s(file: BinaryIO, size_bytes: int) -> float:
    """The time of the last tag of an FLV file, in seconds, as far as tags can be followed."""
    file.seek(5)
    place, time_ms = int.from_bytes(file.read(4), "big") + 4, 0
    while place + 11 <= size_bytes:
        file.seek(place)
        kind, *rest = file.read(11)
        if kind not in _FLV_TAGS:
            break
        place += 15 + int.from_bytes(rest[:3], "big")
        time_ms = max(time_ms, int.from_bytes((rest[6], *rest[3:6]), "big"))
    return time_ms / 1000


def gif_break(file: BinaryIO) -> int | None:
    """The offset from which on the blocks of a GIF file, which should lead to its end mark, can't be followed.

    None where they lead there, but for a few stray zeros, and where the file is too large.
    """
    file.seek(0)
    data = file.read(_MAX_GIF_BYTES + 1)
    if len(data) > _MAX_GIF_BYTES:
        return None
    place = 13 + _colors(data[10]) if len(data) >= 13 else len(data)
    while place < len(data):
        if data[place] == 0x3B:
            return None
        if data[place] == 0x2C and place + 10 < len(data):
            place += 11 + _colors(data[place + 9])
        elif data[place] == 0x21:
            place += 2
        else:
            after = place + _MIN_HOLE - len(data[place : place + _MIN_HOLE].lstrip(b"\0"))
            if data[place] or after >= min(place + _MIN_HOLE, len(data)):
                return place if any(data[place:]) else len(data)
            place = after
            continue
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
    return len(data)


def _colors(flags: int) -> int:
    """Size in bytes of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
