"""Records of archives and extracted folders, so that a later run can trust, resume or repair them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines import files
from pipelines.core.stored.sealed import load_json, seal, unseal
from pipelines.fetching.answers import Version
from pipelines.files.output_folder import STATE, temporary_folder


@dataclass(frozen=True)
class ArchiveRecord:
    """An archive, whole or in part.

    Attributes:
        url: its address, without secrets; empty if it was given as a file.
        version: the version of the file that the site offered.
        sha256: checksum of the whole archive, in hexadecimal digits; empty while it is incomplete.
    """

    url: str
    version: Version = field(default_factory=Version)
    sha256: str = ""


@dataclass(frozen=True)
class FolderRecord:
    """A folder into which everything that was wanted has been extracted.

    Attributes:
        sha256: checksum of the archive.
        classes: the classes that were wanted; empty for all.
        files: sizes of the files in bytes, by path in the folder.
    """

    sha256: str
    classes: tuple[str, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)

    def covers(self, classes: tuple[str, ...]) -> bool:
        """Whether all files of these classes (of all classes if empty) have been extracted."""
        return not self.classes or (bool(classes) and set(classes) <= set(self.classes))


def part_of(output: str, name: str) -> str:
    """The path of an archive while it is incomplete."""
    return files.join(output, STATE, f"{name}.part")


def load_archive(output: str, name: str) -> ArchiveRecord | None:
    """The record of an archive; None if there is none, or it is damaged."""
    value = _load(_archive_uri(output, name))
    try:
        return None if value is None else ArchiveRecord(value["url"], Version(**value["version"]), value["sha256"])
    except (KeyError, TypeError):
        return None


def save_archive(output: str, name: str, record: ArchiveRecord) -> None:
    """Writes the record of an archive.

    Raises:
        OutputError: the record can't be written.
    """
    _save(output, _archive_uri(output, name), asdict(record))


def load_folder(output: str, name: str) -> FolderRecord | None:
    """The record of an extracted folder; None if there is none, or it is damaged."""
    value = _load(_folder_uri(output, name))
    try:
        return None if value is None else FolderRecord(value["sha256"], tuple(value["classes"]), dict(value["files"]))
    except (KeyError, TypeError, ValueError):
        return None


def save_folder(output: str, name: str, record: FolderRecord) -> None:
    """Writes the record of an extracted folder.

    Raises:
        OutputError: the record can't be written.
    """
    _save(output, _folder_uri(output, name), asdict(record))


def _archive_uri(output: str, name: str) -> str:
    return files.join(output, STATE, f"{name}.archive.json")


def _folder_uri(output: str, name: str) -> str:
    return files.join(output, STATE, f"{name}.folder.json")


def _load(uri: str) -> Any:
    data = files.read_bytes(uri)
    if data is None:
        return None
    try:
        return load_json(unseal(data))
    except ValueError:
        return None


def _save(output: str, uri: str, value: Mapping[str, Any]) -> None:
    files.write_text(uri, seal(json.dumps(value)), temporary_folder(output))
