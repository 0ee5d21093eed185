"""ZIP and tar archives, read with Python's own library."""

import contextlib
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

from pipelines.fetching.entries import FILE, FOLDER, Entry

Reader = Callable[[int], bytes]
"""Returns at most the given number of bytes of a file's content; none at its end."""


class DamagedArchiveError(Exception):
    """An archive can't be read to its end."""


READ_ERRORS = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError,
    NotImplementedError, RuntimeError, ValueError, OverflowError,
)  # fmt: skip
"""Errors that reading a damaged archive may raise. gzip and bz2 raise OSError."""


@contextlib.contextmanager
def _damage_told() -> Iterator[None]:
    """Turns errors caused by damage, in its block, into a DamagedArchiveError."""
    try:
        yield
    except READ_ERRORS as error:
        raise DamagedArchiveError(f"{type(error).__name__}: {error}".strip(": ")) from error


class ZipArchive:
    """A ZIP archive."""

    def __init__(self, path: str) -> None:
        self._path = path

    def entries(self) -> list[Entry]:
        """The entries of the archive.

        Raises:
            DamagedArchiveError: the archive can't be read.
        """
        with _damage_told(), zipfile.ZipFile(self._path) as archive:
            return [_zip_entry(info) for info in archive.infolist()]

    def contents(self) -> Iterator[Reader]:
        """The content of each regular file, in the order of the entries.

        Raises:
            DamagedArchiveError: a file can't be read.
        """
        with _damage_told(), zipfile.ZipFile(self._path) as archive:
            for info in archive.infolist():
                if _zip_entry(info).kind == FILE:
                    with archive.open(info) as file:
                        yield guarded(file.read)


def _zip_entry(info: zipfile.ZipInfo) -> Entry:
    mode = info.external_attr >> 16
    kind = FOLDER if info.is_dir() else FILE
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a special file"
    if info.flag_bits & 1:
        kind = "encrypted"
    return Entry(info.orig_filename, kind, info.file_size, info.CRC)


class TarArchive:
    """A tar archive, compressed or not."""

    def __init__(self, path: str) -> None:
        self._path = path

    def entries(self) -> list[Entry]:
        """As in `ZipArchive`. If the archive is compressed, this reads all of it."""
        with _damage_told(), tarfile.open(self._path) as archive:
            return [tar_entry(member) for member in archive]

    def contents(self) -> Iterator[Reader]:
        """As in `ZipArchive`."""
        with _damage_told(), tarfile.open(self._path) as archive:
            for member in archive:
                if member.isreg() and (file := archive.extractfile(member)):
                    yield guarded(file.read)


def tar_entry(member: tarfile.TarInfo) -> Entry:
    """The entry for a member of a tar archive."""
    if member.isreg():
        return Entry(member.name, FILE, member.size)
    if member.isdir():
        return Entry(member.name, FOLDER)
    kinds = {tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link", tarfile.FIFOTYPE: "a pipe"}
    return Entry(member.name, kinds.get(member.type, "a device or another special file"))


def guarded(read: Reader) -> Reader:
    """The same reader, but errors caused by damage become a DamagedArchiveError."""
    return _damage_told()(read)
