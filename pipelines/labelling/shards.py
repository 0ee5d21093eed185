"""What is kept of each shard of labels once it is written: its report, its failures, and the stamps of its files."""

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


def write_shard_report(output: str, shard: int, mark: str, report: LabelReport, stamps: Mapping[str, Stamp]) -> None:
    """Puts down that the labels of a shard are written.

    Args:
        output: the folder.
        shard: its number.
        mark: tells from what they are made.
        report: their account.
        stamps: of all files that belong to the shard, by their paths in the folder.
    """
    files.write_text(of_shard(output, "stamps", shard, ".json"), dump_stamps(stamps), temporary_folder(output))
    text = json.dumps(mark) + "\n" + report.to_json()
    files.write_text(of_shard(output, "reports", shard, ".jsonl"), seal(text), temporary_folder(output))


def read_shard_report(output: str, shard: int) -> tuple[str, LabelReport] | None:
    """Mark and report of a shard; None where there is none.

    Raises:
        DamagedError: it is damaged, or of an earlier version of this software.
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
    """Whether the labels of a shard are written and all files that belong to them are still as they were.

    Args:
        output: the folder.
        shard: its number.
        mark: of what the labels are to be made from.
        labels: name of the file.
        on_damage: told the names of files that aren't as they were written.
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
    """Writes the failures of a shard, to be joined at the end."""
    path = files.join(STATE, "failures", f"{shard:05d}.jsonl")
    with write_stamped(stamps, output, path, temporary_folder(output)) as file:
        for failure in failures:
            file.write(failure.to_line().encode())


def read_reports(output: str, num_shards: int) -> Iterator[LabelReport]:
    """The reports of all shards, one after the other, as they may not fit into memory together.

    Raises:
        IncompleteError: at the end, if some are missing.
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
        raise IncompleteError(f"labels of {missing} shards were not written; run the same command again")


def join_failures(output: str, num_shards: int, listed: Iterable[Failure] = ()) -> None:
    """Writes `failures.jsonl`: what could not be listed, and then what failed in the shards, in their order."""
    with files.write_atomically(files.join(output, FAILURES), temporary_folder(output)) as file:
        file.writelines(failure.to_line().encode() for failure in listed)
        for shard in range(num_shards):
            with files.open_read(of_shard(output, "failures", shard, ".jsonl")) as part:
                file.write(part.read())


def read_failures(output: str) -> Iterator[tuple[str, str, str]]:
    """Type, address and message of all failures that were joined, of windows too."""
    with files.open_read(files.join(output, FAILURES)) as lines:
        for line in lines:
            failure = json.loads(line)
            yield failure["type"], failure["uri"], failure["message"]
