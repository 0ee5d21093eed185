"""Records of the files that a run wrote, so that the next run finds those that were damaged or changed since.

A file whose size and version (its modification time, or the version that its store assigns) match the record is
trusted; a file with another version is read and its checksum compared. So a run over a large dataset doesn't read all
of it again.
"""

import contextlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any, BinaryIO, cast

from pipelines import files
from pipelines.core.stored.sealed import load_json, seal, unseal
from pipelines.core.video_files import FileInfo

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file as it was written.

    Attributes:
        size_bytes: its size.
        crc32: checksum of its content.
        version: its version, see `files.stat_file`.
    """

    size_bytes: int
    crc32: int
    version: str | None


def dump_stamps(stamps: Mapping[str, Stamp]) -> str:
    """Stamps by path, as a text with its own checksum; `load_stamps` reads it."""
    return seal(json.dumps({path: astuple(stamp) for path, stamp in stamps.items()}))


def load_stamps(data: bytes) -> dict[str, Stamp]:
    """Reads what `dump_stamps` wrote.

    Raises:
        ValueError: the data is damaged, or doesn't contain stamps.
    """
    try:
        return {path: Stamp(*stamp) for path, stamp in load_json(unseal(data)).items()}
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


class _StampedFile:
    """A file that is being written, with the checksum of its content so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.crc32 = 0

    def write(self, data: bytes) -> int:
        self.crc32 = zlib.crc32(data, self.crc32)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextlib.contextmanager
def write_stamped(stamps: dict[str, Stamp], folder: str, path: str, temporary_folder: str) -> Iterator[BinaryIO]:
    """Like `files.write_atomically`, and stores the stamp of the file in `stamps` under its path in the folder.

    Raises:
        OutputError: the file can't be written.
    """
    with files.write_atomically(files.join(folder, path), temporary_folder) as file:
        stamped = _StampedFile(file)
        yield cast(BinaryIO, stamped)
    found = files.stat_file(folder, path)
    stamps[path] = Stamp(found.size_bytes, stamped.crc32, found.version)


def stamp_file(folder: str, path: str) -> Stamp:
    """The stamp of a file that already exists.

    Raises:
        OSError: the file can't be read.
    """
    found = files.stat_file(folder, path)
    return Stamp(found.size_bytes, _crc32(files.join(folder, path)), found.version)


def is_whole(folder: str, path: str, stamp: Stamp) -> bool:
    """Whether a file is still as it was written.

    Raises:
        OSError: the file can't be read.
    """
    found: FileInfo = files.stat_file(folder, path)
    if found.version is None or found.size_bytes != stamp.size_bytes:
        return False
    return found.version == stamp.version or _crc32(files.join(folder, path)) == stamp.crc32


def _crc32(uri: str) -> int:
    crc = 0
    with files.open_read(uri) as file:
        while data := file.read(_CHUNK_BYTES):
            crc = zlib.crc32(data, crc)
    return crc
