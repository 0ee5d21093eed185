"""The reports of a job on its finished shards: they tell the next run which files are whole, and made from the same."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from pipelines import files
from pipelines.core.stored.sealed import seal, unseal
from pipelines.files.output_folder import STATE, temporary_folder


class Report(Protocol):
    """What is known of a whole shard: a dataclass.

    Attributes:
        task: fingerprint of all that the shard was made from.
        name, size_bytes, sha256: those of its file.
        version: that of its file, once it exists.
    """

    @property
    def task(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def version(self) -> str: ...
    def to_json(self) -> str:
        """The text of the report."""


class Planned(Protocol):
    """A shard that there should be, by its name and the fingerprint of its task."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...


_R = TypeVar("_R", bound=Report)


def report_uri(output: str, shard: str) -> str:
    """Where the report on a shard is."""
    return files.join(output, STATE, "shards", f"{shard}.json")


def write_report(output: str, report: Report) -> None:
    """Records that a shard is whole."""
    version = files.stat_file(output, report.name).version or ""
    written = cast(Report, replace(cast(Any, report), version=version))
    files.write_text(report_uri(output, report.name), seal(written.to_json()), temporary_folder(output))


def finished_shards(output: str) -> set[str]:
    """Names of the shards that have a report."""
    return {name.removesuffix(".json") for name in files.list_folder(files.join(output, STATE, "shards"))}


def read_reports(
    output: str,
    shards: Sequence[Planned],
    parse: Callable[[str], _R],
    on_damage: Callable[[str], None] = lambda _: None,
    from_listing: bool = True,
) -> Iterator[_R | None]:
    """The report of each shard; None if the shard isn't whole, or was made from something else.

    A shard whose file has the recorded size but another version (copied, or written by something else since) is read,
    and its checksum is compared.

    Args:
        output: the folder.
        shards: the shards.
        parse: reads the text of a report; raises ValueError, TypeError or KeyError if it has another form.
        on_damage: called with the name of each file that has changed since it was written; from many threads if the
            folder is remote.
        from_listing: whether a listing tells which files exist. Otherwise each file is looked up: some stores list new
            files late.
    """
    listed = files.stat_folder(output) if from_listing else {}
    known = finished_shards(output) if from_listing else set()

    def read(shard: Planned) -> _R | None:
        if from_listing and (shard.name not in listed or shard.name not in known):
            return None
        found = listed[shard.name] if from_listing else files.stat_file(output, shard.name)
        data = files.read_bytes(report_uri(output, shard.name)) if found.version is not None else None
        if data is None:
            return None
        try:
            report = parse(unseal(data))
        except (ValueError, TypeError, KeyError):
            on_damage(files.join(STATE, "shards", f"{shard.name}.json"))
            return None
        if report.task != shard.fingerprint:
            return None
        if found.size_bytes == report.size_bytes:
            if found.version == report.version:
                return report
            if sha256_of(files.join(output, shard.name)) == report.sha256:
                write_report(output, report)  # so that it need not be read the next time
                return report
        on_damage(shard.name)
        return None

    return files.each_at(output, read, shards)


def sha256_of(uri: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with files.open_read(uri) as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
