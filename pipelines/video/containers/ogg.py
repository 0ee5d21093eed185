"""The pages of an Ogg file (RFC 3533): whether the pages of its pictures are all there."""

import struct
import zlib
from typing import BinaryIO

_PAGE = b"OggS"
_HEAD = struct.Struct("<4sBBqIIIB")
_BEGIN, _END = 2, 4
_CHECKSUM = 22
_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_PICTURES = (b"\x80theora", b"OVP80", b"BBCD")
"""How the first packets of streams of pictures begin: Theora, VP8 and Dirac."""
_PIECE_BYTES = 1 << 20


def fault(file: BinaryIO, size_bytes: int) -> str:
    """Why pictures are missing, in words that follow "the frames are there, and"; empty where none seem to be.

    The pages of a stream are numbered and have checksums, and its last one is marked.

    Args:
        file: the Ogg file.
        size_bytes: its size, without zeros after the data.
    """
    place: int | None = 0
    numbers: dict[int, int] = {}  # of the last page of each stream of pictures that hasn't ended
    while place is not None and place < size_bytes:
        file.seek(place)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or head[:4] != _PAGE:
            place = _next_page(file, place + 1 if head[:4] == _PAGE else place)
            continue
        _, _, flags, _, stream, number, _, count = _HEAD.unpack(head)
        lengths = file.read(count)
        end = place + _HEAD.size + count + sum(lengths)
        if end > size_bytes:
            place = _next_page(file, place + 1)
            continue
        if flags & _BEGIN and file.read(8).startswith(_PICTURES):
            numbers[stream] = number
        elif stream in numbers:
            if number != numbers[stream] + 1:
                return f"pages are missing or repeated before byte {place:,}"
            file.seek(place + _HEAD.size + count)
            if not _is_intact(head, lengths + file.read(sum(lengths))):
                return f"the page at byte {place:,} is damaged"
            numbers[stream] = number
            if flags & _END:
                del numbers[stream]
        place = end
    return "the file ends without its end mark" if numbers else ""


def _is_intact(head: bytes, rest: bytes) -> bool:
    """Whether the checksum of a page is right: a CRC-32 of the page without it, whose bits zlib takes the other way."""
    page = (head[:_CHECKSUM] + bytes(4) + head[_CHECKSUM + 4 :] + rest).translate(_BITS_REVERSED)
    backwards = zlib.crc32(page, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return head[_CHECKSUM : _CHECKSUM + 4] == backwards.to_bytes(4, "big").translate(_BITS_REVERSED)


def _next_page(file: BinaryIO, place: int) -> int | None:
    """Where the next page begins at or after an offset; None where none does."""
    file.seek(place)
    while piece := file.read(_PIECE_BYTES):
        found = piece.find(_PAGE)
        if found >= 0:
            return place + found
        place += len(piece) - len(_PAGE) + 1
        if len(piece) < _PIECE_BYTES:
            return None
        file.seek(place)
    return None
