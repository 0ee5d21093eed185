"""RAR archives of any content, however hostile: in the older format (RAR 1.5 to 4), without compression."""

import stat
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

_MARK = b"Rar!\x1a\x07\x00"
_MAIN, _FILE, _END = 0x73, 0x74, 0x7B
_HAS_DATA, _IS_FOLDER, _ENCRYPTED = 0x8000, 0xE0, 0x04
_UNIX, _STORED, _DATE = 3, 0x30, 0x41210000


@dataclass(frozen=True)
class Member:
    """An entry of an archive: a file, unless `mode` says otherwise; the content of a symbolic link is its target."""

    name: str
    data: bytes = b""
    mode: int = stat.S_IFREG | 0o644
    encrypted: bool = False


def make_rar(members: Iterable[Member]) -> bytes:
    """The bytes of an archive."""
    parts = [_MARK, _block(_MAIN, 0, bytes(6))]
    for member in members:
        flags = _HAS_DATA | (_IS_FOLDER if stat.S_ISDIR(member.mode) else 0) | (_ENCRYPTED if member.encrypted else 0)
        name, size = member.name.encode(), len(member.data)
        fields = struct.pack(
            "<IIBIIBBHI", size, size, _UNIX, zlib.crc32(member.data), _DATE, 20, _STORED, len(name), member.mode
        )
        parts += [_block(_FILE, flags, fields + name), member.data]
    return b"".join([*parts, _block(_END, 0x4000, b"")])


def rar_of(files: dict[str, bytes]) -> bytes:
    """An archive of these files."""
    return make_rar(Member(name, data) for name, data in files.items())


def _block(kind: int, flags: int, rest: bytes) -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head
