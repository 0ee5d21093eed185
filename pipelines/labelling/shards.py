"""What is stored about each shard of labels once it is written: its report, its failures, and stamps of its files."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from pipelines import files
from pipelines.core.errors import IncompleteError
from pipelines.core.failure import Failure
from pipelines.core.file_names import FAILURES
from pipelines.core.stored.sealed import DamagedError, load_json, seal, unseal
from pipelines.files.output_folder import STATE, temporary_folder
from pipelines.files.stamps import Stamp, dump_stamps, is_whole, load_stamps, write_stamped
from pipelines.labelling.folder import of_shard
from pipelines.labelling.types import LabelReport
from pipelines.reports.text import plural


def write_shard_report(output: str, shard: int, mark: str, report: LabelReport, stamps: Mapping[str, Stamp]) -> None:
    """Records that the labels of a shard are written.

    Args:
        output: the folder.
        shard: number of the shard.
        mark: identifies what the labels are made from.
        report: report on the shard.
        stamps: stamps of all files that belong to the shard, by their paths in the folder.
    """
    files.write_text(of_shard(output, "stamps", shard, ".json"), dump_stamps(stamps), temporary_folder(output))
    text = json.dumps(mark) + "\n" + report.to_json()
    files.write_text(of_shard(output, "reports", shard, ".jsonl"), seal(text), temporary_folder(output))


def read_shard_report(output: str, shard: int) -> tuple[str, LabelReport] | None:
    """Mark and report of a shard; None if there is no report.

    Raises:
        DamagedError: the report is damaged, or of an earlier version of this software.
    """
    data = files.read_bytes(of_shard(output, "reports", shard, ".jsonl"))
    if data is None:
        return None
    try:
        mark, report = unseal(data).splitlines()
        return load_json(mark), LabelReport.from_json(report)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedError(str(error)) from error


def is_written(output: str, shard: int, mark: str, labels: str, on_damage: Callable[[str], None]) -> bool:
    """Whether the labels of a shard are written and all files that belong to them are unchanged.

    Args:
        output: the folder.
        shard: number of the shard.
        mark: mark of what the labels are to be made from.
        labels: name of the label file.
        on_damage: called with the names of files that have changed since they were written.
    """
    try:
        found = read_shard_report(output, shard)
    except DamagedError:
        on_damage(files.join(STATE, "reports", f"{shard:05d}.jsonl"))
        return False
    if found is None or found[0] != mark or not files.exists(files.join(output, labels)):
        return False
    try:
        stamps = load_stamps(files.read_bytes(of_shard(output, "stamps", shard, ".json")) or b"")
    except ValueError:
        on_damage(files.join(STATE, "stamps", f"{shard:05d}.json"))
        return False
    damaged = [path for path, stamp in stamps.items() if not is_whole(output, path, stamp)]
    for path in damaged:
        on_damage(path)
    return not damaged


def write_shard_failures(output: str, shard: int, failures: Iterable[Failure], stamps: dict[str, Stamp]) -> None:
    """Writes the failures of a shard; they are joined at the end of the run."""
    path = files.join(STATE, "failures", f"{shard:05d}.jsonl")
    with write_stamped(stamps, output, path, temporary_folder(output)) as file:
        for failure in failures:
            file.write(failure.to_line().encode())


def read_reports(output: str, num_shards: int) -> Iterator[LabelReport]:
    """The reports of all shards, one after another, as they may not fit into memory together.

    Raises:
        IncompleteError: some reports are missing; raised after all others.
    """

    def read(shard: int) -> LabelReport | None:
        with contextlib.suppress(DamagedError):
            found = read_shard_report(output, shard)
            return found[1] if found else None
        return None

    missing = 0
    for report in files.each_at(output, read, range(num_shards)):
        if report:
            yield report
        else:
            missing += 1
    if missing:
        raise IncompleteError(f"labels not written: {plural(missing, 'shard')}; run the same command again")


def join_failures(output: str, num_shards: int, listed: Iterable[Failure] = ()) -> None:
    """Writes `failures.jsonl`: what could not be listed, then the failures of the shards, in order."""
    with files.write_atomically(files.join(output, FAILURES), temporary_folder(output)) as file:
        file.writelines(failure.to_line().encode() for failure in listed)
        for shard in range(num_shards):
            with files.open_read(of_shard(output, "failures", shard, ".jsonl")) as part:
                file.write(part.read())


def read_failures(output: str) -> Iterator[tuple[str, str, str]]:
    """Type, address and message of all joined failures; the type says so where a range of a video is meant."""
    with files.open_read(files.join(output, FAILURES)) as lines:
        for line in lines:
            failure = json.loads(line)
            kind = failure["type"] if failure["start_s"] is None else f"{failure['type']} in a part of a video"
            yield kind, failure["uri"], failure["message"]
