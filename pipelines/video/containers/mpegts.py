"""Whether packets of a transport stream (MPEG-2 systems, ISO/IEC 13818-1) were lost.

The packets of a stream count from 0 to 15 and again from 0. Where a number is left out, packets were lost, as on the
way from an antenna or over a network. Where recordings or segments were joined, the numbers start anew as well, but
then the table of programmes comes first, as at the beginning of any stream, and a new picture.
"""

from collections.abc import Iterator
from typing import BinaryIO

_SYNC = 0x47
_SIZES = (188, 192, 204)
"""Sizes of packets: plain, with a time in front (M2TS), with error correction behind."""
_PROGRAMMES = 0
"""Number of the stream that holds the table of programmes (PAT)."""
_CHECKED = 4
"""So many packets in a row that begin as packets do show where packets lie."""
_BLOCK_BYTES = 1 << 20


def has_lost_packets(file: BinaryIO, pid: int) -> bool:
    """Whether packets are missing where nothing was joined, or are marked as damaged by the receiver.

    Args:
        file: the transport stream.
        pid: which packets to look at: those of the video.

    Raises:
        OSError: the file can't be read.
    """
    last: int | None = None
    last_table, may_be_joint = -1, False
    for header in _headers(file):
        number_of_stream = (header[1] & 0x1F) << 8 | header[2]
        number, begins = header[3] & 0x0F, header[1] & 0x40
        if number_of_stream == _PROGRAMMES:
            # Its numbers start anew too; by chance, they seem to go on where they start at 0.
            may_be_joint = number != (last_table + 1) % 16 or number == 0
            last_table = number
        if number_of_stream != pid:
            continue
        if header[1] & 0x80:
            return True
        if not header[3] & 0x10:  # no payload: such packets aren't counted
            continue
        starts_anew = header[3] & 0x20 and header[4] and header[5] & 0x80  # it says so itself
        follows = last is None or number in (last, (last + 1) % 16)
        if not follows and not starts_anew and not (begins and may_be_joint):
            return True
        last, may_be_joint = number, False
    return False


def _headers(file: BinaryIO) -> Iterator[bytes]:
    """The first 6 bytes of each packet; what lies between packets is passed over."""
    file.seek(0)
    data, size = b"", 0
    while block := file.read(_BLOCK_BYTES):
        data, at = data + block, 0
        while 0 <= at <= len(data) - (_CHECKED + 1) * _SIZES[-1]:
            if data[at] != _SYNC or not size or data[at + size] != _SYNC:
                size = _size_at(data, at)
            if size:
                yield data[at : at + 6]
                at += size
            else:
                at = data.find(_SYNC, at + 1)
        at = len(data) if at < 0 else at
        data = data[at:]


def _size_at(data: bytes, at: int) -> int:
    """The size of the packet that begins here; 0 where none does."""
    return next((s for s in _SIZES if all(data[at + i * s] == _SYNC for i in range(_CHECKED + 1))), 0)
