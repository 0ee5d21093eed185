"""Extracts an archive into a folder: first into a temporary folder, then file by file to the final places.

Existing files of the right size are kept. So a run after a kill, or one for more classes, adds what is missing.
"""

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipelines import files
from pipelines.core.errors import OutputError, UsageError
from pipelines.core.reasons import first_line
from pipelines.fetching import kinds, space
from pipelines.fetching.entries import Entry, Plan, refuse_unsafe, regular
from pipelines.fetching.extractors import RarArchive, installed, require_one
from pipelines.fetching.python_archives import DamagedArchiveError, Reader, TarArchive, ZipArchive
from pipelines.reports.progress import POLL_S, bytes_done, watching
from pipelines.reports.text import visible

_CHUNK_BYTES = 1 << 20
_T = TypeVar("_T")
Archive = ZipArchive | TarArchive | RarArchive
"""Something that can list and read an archive."""


def readers(path: str) -> dict[str, Archive]:
    """The readers for an archive, by name, the best first.

    Raises:
        UsageError: the file isn't an archive of a known kind, or nothing can read it.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(kinds.START_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    kind = kinds.kind_of(start)
    if kind == kinds.ZIP:
        return {"zipfile": ZipArchive(path)}
    if kind == kinds.TAR:
        return {"tarfile": TarArchive(path)}
    if kind == kinds.RAR:
        require_one(path)
        found: dict[str, Archive] = {}
        for extractor in installed():
            others = [archive for archive in found.values() if isinstance(archive, RarArchive)]
            found[extractor.names[0]] = RarArchive(os.path.abspath(path), extractor, others)
        return found
    raise UsageError(f"{path} is not an archive ({kinds.NAMES}) but {kinds.why_no_archive(start)}")


def with_some_reader(path: str, use: Callable[[Archive], _T]) -> _T:
    """Uses an archive through the first reader that finds no damage.

    Raises:
        UsageError: every reader finds damage; the message has each reader's reason.
    """
    reasons = []
    for name, archive in readers(path).items():
        try:
            return use(archive)
        except DamagedArchiveError as error:
            reasons.append(f"{name}: {first_line(error)}")
    raise UsageError(
        f"{path} is damaged or incomplete, or of a kind that can't be read here ({'; '.join(reasons)}). "
        "Remove it and get it again"
    )


@dataclass(frozen=True)
class Extraction:
    """The target of an extraction.

    Attributes:
        folder: the folder for the files.
        temporary: an empty folder on the same file system for incomplete files.
        own: paths below `folder`, with sizes, of files that this tool has put there and may replace.
    """

    folder: str
    temporary: str
    own: dict[str, int]


def list_safely(archive: Archive, name: str) -> list[Entry]:
    """The entries of an archive, after a check that they all stay in its folder.

    Raises:
        UsageError: an entry would leave the folder, or isn't a file or folder.
        DamagedArchiveError: the archive can't be read.
    """
    entries = archive.entries()
    if not entries:
        raise DamagedArchiveError("it lists nothing")
    refuse_unsafe(entries, name)
    return entries


def extract(archive: Archive, entries: Sequence[Entry], plan: Plan, to: Extraction, title: str) -> dict[str, int]:
    """Extracts the files of a plan that don't exist yet.

    Args:
        archive: the archive.
        entries: its entries.
        plan: what to extract.
        to: where to extract to.
        title: the title of the progress bar.

    Returns:
        the sizes of all wanted files in bytes, by path below the folder.

    Raises:
        UsageError: there isn't enough room, or files that this tool didn't write are in the way.
        DamagedArchiveError: the archive can't be read.
        OutputError: the folder can't be written.
    """
    wanted = {target: entry for entry, target in zip(regular(entries), plan.targets, strict=True) if target is not None}
    missing = {target: entry for target, entry in wanted.items() if not _is_there(to, target, entry.size_bytes)}
    if missing:
        total = sum(entry.size_bytes for entry in missing.values())
        space.require(to.folder, {"the extracted files": total})
        targets = [target if target in missing else None for target in plan.targets]
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size

        with watching(title, total, lambda: done, POLL_S, bytes_done(total, 0)):
            for entry, target, read in zip(regular(entries), targets, archive.contents(), strict=False):
                if target is not None:
                    _write(entry, os.path.join(to.temporary, target), read, count)
        _move(list(missing), to)
    return {target: entry.size_bytes for target, entry in wanted.items()}


def _is_there(to: Extraction, target: str, size_bytes: int) -> bool:
    """Whether a file already exists as it should be.

    Raises:
        UsageError: another file, which this tool didn't write, is in its place.
    """
    path = os.path.join(to.folder, target)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}. Choose another --output") from error
    if status.st_size == size_bytes and os.path.isfile(path):
        return True
    if target not in to.own:
        raise UsageError(f"{path} is in the way: it differs from the file in the archive. Choose another --output")
    return False


def _write(entry: Entry, path: str, read: Reader, count: Callable[[int], None]) -> None:
    left, crc32 = entry.size_bytes, 0
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            while left and (data := read(min(left, _CHUNK_BYTES))):
                file.write(data)
                crc32 = zlib.crc32(data, crc32)
                left -= len(data)
                count(len(data))
    except OSError as error:
        raise unwritable(path, error) from error
    if left:
        raise DamagedArchiveError(f"{visible(entry.name)} ends after {entry.size_bytes - left} bytes")
    if entry.crc32 is not None and crc32 != entry.crc32:
        raise DamagedArchiveError(f"{visible(entry.name)} has the wrong checksum")


def _move(targets: Sequence[str], to: Extraction) -> None:
    os.sync()  # otherwise a power cut could leave the final names without the content
    for target in targets:
        path = os.path.join(to.folder, target)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(os.path.join(to.temporary, target), path)
        except OSError as error:
            raise unwritable(path, error) from error


def unwritable(path: str, error: OSError) -> OutputError:
    """The error for a file that can't be written."""
    return OutputError(
        f"cannot write {path}: {error.strerror}. Make room or give permission there, then run the same command again"
    )


def empty_folder(folder: str) -> str:
    """Makes an empty folder, in place of an existing one; returns it.

    Raises:
        OutputError: the folder can't be made.
    """
    try:
        files.delete_folder(folder)
        os.makedirs(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder
