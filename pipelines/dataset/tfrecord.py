"""TFRecord files: framing and checksums, without TensorFlow.

A record is its length (uint64, little-endian), the masked CRC-32C of these 8 bytes, the data, and the masked CRC-32C of
the data (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).
"""

import gzip
import struct
from collections.abc import Iterator
from typing import BinaryIO, cast

import google_crc32c

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_HEADER_BYTES = 12
_MAX_RECORD_BYTES = 1 << 31
"""TensorFlow and protobuf stop at 2 GiB; a larger length is a damaged header."""


class CorruptRecordError(Exception):
    """A TFRecord file that isn't whole; the message gives the position in bytes."""


def _masked_crc(data: bytes) -> int:
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def frame_record(data: bytes) -> tuple[bytes, bytes]:
    """The header and the footer around `data` in the file."""
    length = _LENGTH.pack(len(data))
    return length + _CRC.pack(_masked_crc(length)), _CRC.pack(_masked_crc(data))


def unpacked(file: BinaryIO, compression: str) -> BinaryIO:
    """The TFRecord stream in an open shard, whose compression is "gzip" or "none"."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if compression == "gzip" else file


def read_records(file: BinaryIO) -> Iterator[bytes]:
    """Yields the records of an open, uncompressed TFRecord stream, each with both checksums verified.

    Raises:
        CorruptRecordError: a checksum doesn't match, or the file ends within a record.
    """
    position = 0
    while header := file.read(_HEADER_BYTES):
        if len(header) < _HEADER_BYTES:
            raise CorruptRecordError(f"ends within the header of the record at byte {position}")
        if _CRC.unpack_from(header, 8)[0] != _masked_crc(header[:8]):
            raise CorruptRecordError(f"wrong checksum of the length of the record at byte {position}")
        length = _LENGTH.unpack_from(header)[0]
        if length > _MAX_RECORD_BYTES:
            raise CorruptRecordError(f"impossible length {length} of the record at byte {position}")
        data, footer = file.read(length), file.read(4)
        if len(data) < length or len(footer) < 4:
            raise CorruptRecordError(f"ends within the record at byte {position}")
        if _CRC.unpack(footer)[0] != _masked_crc(data):
            raise CorruptRecordError(f"wrong checksum of the record at byte {position}")
        yield data
        position += _HEADER_BYTES + length + 4
