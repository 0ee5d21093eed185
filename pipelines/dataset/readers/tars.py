"""The tar files of a dataset's folder `webdataset/`: which of them are whole, and making one from its shard.

They are made from finished shards, so that they can be added to a dataset at any time. As for shards, a report in
`_state/` says that a file is whole, and from which content of its shard it was made.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO, cast

from pipelines import files
from pipelines.core.errors import IncompleteError, OutputError
from pipelines.core.hashing import HashingReader, HashingWriter
from pipelines.core.stored.sealed import load_json, seal, unseal
from pipelines.core.stored.typed_json import Count, PlainName, build
from pipelines.dataset.info import ShardInfo, ShardReport
from pipelines.dataset.readers.webdataset import WEBDATASET, TarSettings, is_tar_name, tar_name, write_tar
from pipelines.dataset.tfrecord import CorruptRecordError, read_records, unpacked
from pipelines.files.output_folder import STATE, temporary_folder
from pipelines.files.shard_reports import sha256_of


@dataclass(frozen=True)
class TarReport:
    """A tar file that is whole.

    Attributes:
        name: of the file.
        source: SHA-256 of the shard that it was made from.
        num_examples: clips in it.
        size_bytes, sha256: of the file.
        version: of the file, as `files.stat_file` gives it.
    """

    name: PlainName
    source: str
    num_examples: Count
    size_bytes: Count
    sha256: str
    version: str = ""


def are_wanted(output: str, also: Sequence[str]) -> bool:
    """Whether a dataset is to have tar files: because they are asked for, or because it has some."""
    return WEBDATASET in also or any(map(is_tar_name, files.list_folder(files.join(output, WEBDATASET))))


def pack(output: str, shard: str, settings: TarSettings, on_clip: Callable[[], None] = lambda: None) -> TarReport:
    """Makes the tar file of a shard, and then its report.

    Args:
        output: folder of the dataset.
        shard: name of the shard.
        settings: see `write_tar`.
        on_clip: called after each clip.

    Raises:
        OutputError: the shard is damaged or can't be read, or the file can't be written.
    """
    name = tar_name(shard, settings.compression)
    try:
        with (
            files.open_read(files.join(output, shard)) as file,
            files.write_atomically(_tar_uri(output, name), temporary_folder(output)) as tar,
        ):
            reader, writer = HashingReader(file), HashingWriter(tar)
            records = _counted(read_records(unpacked(cast(BinaryIO, reader), settings.compression)), on_clip)
            count = write_tar(records, settings, cast(BinaryIO, writer))
            while reader.read(1 << 20):  # what may follow the records counts for the shard's checksum
                pass
    except (CorruptRecordError, EOFError, ValueError) as error:
        raise OutputError(
            f"the shard {shard} in {output} is damaged: {error}. Remove it, then run the same command again"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot read the shard {shard} in {output}: {files.reason(error)}") from error
    report = TarReport(name, reader.sha256.hexdigest(), count, writer.size_bytes, writer.sha256.hexdigest())
    return _write_report(output, report)


def prepare(output: str, shards: Mapping[str, ShardReport | None], compression: str) -> list[str]:
    """Removes tar files that don't belong to the dataset, or not any more, and returns the shards without a valid one.

    Args:
        output: folder of the dataset.
        shards: name of each shard to its report; None if it is still to be written.
        compression: that of the shards, and so of the tar files.

    Raises:
        OutputError: the folder can't be written.
    """
    try:
        valid = _valid(output, shards, compression)
        names = {tar_name(shard, compression): shard for shard in shards}
        listed = filter(is_tar_name, files.list_folder(files.join(output, WEBDATASET)))
        stale = [name for name in listed if names.get(name) not in valid]
        reports = files.list_folder(files.join(output, STATE, WEBDATASET))
        files.delete(_report_uri(output, name) for name in stale if f"{name}.json" in reports)
        files.delete(_tar_uri(output, name) for name in stale)
    except OSError as error:
        raise OutputError(f"cannot prepare {files.join(output, WEBDATASET)}: {files.reason(error)}") from error
    return [shard for shard in shards if shard not in valid]


def summarise(
    output: str, reports: Iterable[ShardReport], splits: Iterable[str], compression: str
) -> dict[str, tuple[ShardInfo, ...]]:
    """The tar files of each split, for the description of the dataset, in the order of the shards.

    Raises:
        IncompleteError: some aren't whole, or weren't made from the shards as they are.
    """
    shards = {report.name: report for report in reports}
    valid = _valid(output, shards, compression)
    if lost := [tar_name(shard, compression) for shard in shards if shard not in valid]:
        raise IncompleteError(
            f"not written: {len(lost):,} of {len(shards):,} files in {WEBDATASET}, for example {lost[0]}; run the same "
            "command again"
        )
    found: dict[str, list[ShardInfo]] = {split: [] for split in splits}
    for shard, report in shards.items():
        tar = valid[shard]
        found[report.split].append(ShardInfo(tar.name, tar.num_examples, tar.size_bytes, tar.sha256))
    return {split: tuple(tars) for split, tars in found.items()}


def finished(output: str) -> int:
    """How many tar files have a report."""
    return len(files.list_folder(files.join(output, STATE, WEBDATASET)))


def remove(output: str) -> None:
    """Removes all tar files and their reports.

    Raises:
        OSError: something can't be removed.
    """
    listed = filter(is_tar_name, files.list_folder(files.join(output, WEBDATASET)))
    files.delete(_tar_uri(output, name) for name in list(listed))
    files.delete_folder(files.join(output, STATE, WEBDATASET))


def _valid(output: str, shards: Mapping[str, ShardReport | None], compression: str) -> dict[str, TarReport]:
    """The reports of the tar files that are whole and made from the shards as they are, by shard."""
    here = {name: report for name, report in shards.items() if report}

    def read(shard: str) -> TarReport | None:
        name = tar_name(shard, compression)
        data = files.read_bytes(_report_uri(output, name))
        found = files.stat_file(output, f"{WEBDATASET}/{name}")
        try:
            report = build(TarReport, load_json(unseal(data or b"")))
        except (ValueError, TypeError, KeyError):
            return None
        if (report.source, report.size_bytes) != (here[shard].sha256, found.size_bytes) or found.version is None:
            return None
        if report.version == found.version:
            return report
        return _write_report(output, report) if sha256_of(_tar_uri(output, name)) == report.sha256 else None

    reports = zip(here, files.each_at(output, read, list(here)), strict=True)
    return {shard: report for shard, report in reports if report}


def _write_report(output: str, report: TarReport) -> TarReport:
    version = files.stat_file(output, f"{WEBDATASET}/{report.name}").version or ""
    report = replace(report, version=version)
    files.write_text(_report_uri(output, report.name), seal(json.dumps(asdict(report))), temporary_folder(output))
    return report


def _counted(records: Iterable[bytes], on_clip: Callable[[], None]) -> Iterable[bytes]:
    for record in records:
        yield record
        on_clip()


def _tar_uri(output: str, name: str) -> str:
    return files.join(output, WEBDATASET, name)


def _report_uri(output: str, name: str) -> str:
    return files.join(output, STATE, WEBDATASET, f"{name}.json")
