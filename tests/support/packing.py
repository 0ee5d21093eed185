"""Archives of the same small tree, of every kind, and RAR archives of any content, however hostile."""

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

KINDS = ("rar", "zip", "tar", "tar.gz", "tar.xz", "tar.bz2")


def pack(files: dict[str, bytes], kind: str, links: dict[str, str] | None = None) -> bytes:
    """An archive, of a kind in `KINDS`, of files and, for tar and ZIP, of symbolic links (name to target)."""
    if kind == "rar":
        return rar_of(files)
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
            for name, target in (links or {}).items():
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o120777 << 16
                archive.writestr(info, target)
        return out.getvalue()
    compression = kind.partition(".")[2]
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return out.getvalue()


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
