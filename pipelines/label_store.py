"""The folder of labels: what lies where, what is known already, and how a run ends.

`_state/` holds what the next run needs: the layout, the ledger, the listing and the report of each shard. Readers of
the labels need none of it.
"""

import json
import posixpath
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TypeVar

from pipelines import files
from pipelines.core.errors import IncompleteError, OutputError
from pipelines.core.label_plan import LabelLayout, ListedVideo, ShardListing
from pipelines.core.label_types import LabelFailure, LabelReport
from pipelines.core.ledger import Entry, Outline
from pipelines.core.metadata import FAILURES
from pipelines.core.video_files import IGNORED
from pipelines.store import STATE, read_own, temporary_folder

_T = TypeVar("_T")
SUMMARY, REPORT = "summary.json", "report.html"
_LABELS = re.compile(r"labels-\d{5,}-of-\d{5,}\.(?:jsonl|csv|parquet)")
_COMPACT = "compact"


def labels_name(shard: int, num_shards: int, format: str) -> str:
    """File name of the labels of a shard, `labels-00000-of-00002.jsonl`."""
    return f"labels-{shard:05d}-of-{num_shards:05d}.{format}"


def _layout_uri(output: str) -> str:
    return files.join(output, STATE, "label_layout.json")


def _of_shard(output: str, kind: str, shard: int, extension: str) -> str:
    return files.join(output, STATE, kind, f"{shard:05d}{extension}")


def _ledger_folder(output: str, shard: int) -> str:
    return _of_shard(output, "ledger", shard, "")


def read_layout(output: str) -> LabelLayout | None:
    """The layout of the labels in a folder; None where the folder is empty or not there.

    Raises:
        UsageError: the folder holds other things, or can't be read.
    """
    return read_own(output, _layout_uri(output), LabelLayout.from_json, "labels")


def remove_labels(output: str) -> None:
    """Removes labels, their summary first, and nothing else that lies in the folder.

    Raises:
        OutputError: something can't be removed.
    """
    try:
        files.delete([files.join(output, SUMMARY)])
        files.delete(files.join(output, name) for name in files.list_folder(output) if _LABELS.fullmatch(name))
        files.delete([files.join(output, name) for name in (FAILURES, IGNORED, REPORT)] + [_layout_uri(output)])
        for name in ("ledger", "listing", "reports", "failures"):
            files.delete_folder(files.join(output, STATE, name))
        for folder in (files.join(output, "subtitles"), temporary_folder(output)):
            files.delete_folder(folder)
    except OSError as error:
        raise OutputError(f"cannot remove the old labels in {output}: {files.reason(error)}") from error


def prepare(output: str, layout: LabelLayout, format: str, shards: Sequence[ShardListing]) -> None:
    """Makes the folder ready: the summary goes, as it won't be true for long, and so do labels of another format.

    Raises:
        OutputError: the folder can't be written.
    """
    try:
        names = {labels_name(shard, layout.num_shards, format) for shard in range(layout.num_shards)}
        stale = [name for name in files.list_folder(output) if _LABELS.fullmatch(name) and name not in names]
        files.delete([files.join(output, name) for name in (SUMMARY, REPORT, FAILURES, IGNORED)])
        files.delete(files.join(output, name) for name in stale)
        files.delete_folder(temporary_folder(output))
    except OSError as error:
        raise OutputError(f"cannot prepare the folder of labels {output}: {files.reason(error)}") from error
    files.write_text(_layout_uri(output), layout.to_json(), temporary_folder(output))
    files.in_parallel(lambda shard: _write_listing(output, shard, shards[shard]), range(layout.num_shards))


def _write_listing(output: str, shard: int, listing: ShardListing) -> None:
    files.write_text(_of_shard(output, "listing", shard, ".jsonl"), listing.text, temporary_folder(output))


def read_listing(output: str, shard: int) -> list[ListedVideo]:
    """The videos of a shard."""
    with files.open_read(_of_shard(output, "listing", shard, ".jsonl")) as file:
        return ShardListing(file.read().decode()).videos()


def add_to_ledger(output: str, shard: int, entries: Sequence[Entry]) -> None:
    """Puts down what became of some videos, all or nothing.

    Raises:
        OutputError: it can't be written.
    """
    name = f"{uuid.uuid4().hex}-{len(entries)}.jsonl"
    _write_entries(output, shard, name, entries)


def _write_entries(output: str, shard: int, name: str, entries: Iterable[Entry]) -> None:
    with files.write_atomically(files.join(_ledger_folder(output, shard), name), temporary_folder(output)) as file:
        for entry in entries:
            file.write(entry.to_json().encode() + b"\n")


def read_ledger(output: str, shard: int) -> Iterator[Entry]:
    """All entries of a shard; lines of another version of this software are passed over."""
    return _read_ledger(output, shard, Entry.from_json)


def outline_ledger(output: str, shard: int) -> Iterator[Outline]:
    """The same without what is not needed to know what is left to do."""
    return _read_ledger(output, shard, Outline.from_json)


def _read_ledger(output: str, shard: int, parse: Callable[[str], _T]) -> Iterator[_T]:
    for name in sorted(files.list_folder(_ledger_folder(output, shard))):
        with files.open_read(files.join(_ledger_folder(output, shard), name)) as lines:
            for line in lines:
                try:
                    yield parse(line.decode())
                except (ValueError, TypeError, KeyError):
                    continue


def compact_ledger(output: str, shard: int, entries: Sequence[Entry]) -> None:
    """Replaces a shard's ledger by these entries. Killed in the middle, it holds some of them twice, harmlessly."""
    folder = _ledger_folder(output, shard)
    older = list(files.list_folder(folder))
    name = f"{_COMPACT}-{len(entries)}.jsonl"
    _write_entries(output, shard, name, sorted(entries, key=lambda entry: (entry.video, entry.parts, entry.part)))
    files.delete(files.join(folder, other) for other in older if other != name)


def count_entries(output: str) -> int:
    """Entries that were added and are not compacted yet, without reading them: their number is in the files' names."""
    folder = files.join(output, STATE, "ledger")
    if files.is_local(folder) and not files.exists(folder):
        return 0
    names = (posixpath.basename(file.path) for file in files.list_tree(folder)[0])
    return sum(int(name.rpartition("-")[2].partition(".")[0]) for name in names if not name.startswith(_COMPACT))


def write_shard_report(output: str, shard: int, mark: str, report: LabelReport) -> None:
    """Puts down that the labels of a shard are written; `mark` tells from what."""
    text = json.dumps(mark) + "\n" + report.to_json() + "\n"
    files.write_text(_of_shard(output, "reports", shard, ".jsonl"), text, temporary_folder(output))


def read_shard_report(output: str, shard: int) -> tuple[str, LabelReport] | None:
    """Mark and report of a shard; None where there is none of this version."""
    text = files.read_text(_of_shard(output, "reports", shard, ".jsonl"))
    try:
        mark, report = (text or "").splitlines()
        return json.loads(mark), LabelReport.from_json(report)
    except (ValueError, TypeError, KeyError):
        return None


def write_shard_failures(output: str, shard: int, failures: Iterable[LabelFailure]) -> None:
    """Writes the failures of a shard, to be joined at the end."""
    files.write_text(_of_shard(output, "failures", shard, ".jsonl"), _failure_lines(failures), temporary_folder(output))


def _failure_lines(failures: Iterable[LabelFailure]) -> str:
    return "".join(json.dumps(_public(failure)) + "\n" for failure in failures)


def _public(failure: LabelFailure) -> dict[str, object]:
    return {key: value for key, value in asdict(failure).items() if key != "transient"}


def read_reports(output: str, num_shards: int) -> Iterator[LabelReport]:
    """The reports of all shards, one after the other, as they may not fit into memory together.

    Raises:
        IncompleteError: at the end, if some are missing.
    """
    missing = 0
    for found in files.each_at(output, lambda shard: read_shard_report(output, shard), range(num_shards)):
        if found:
            yield found[1]
        else:
            missing += 1
    if missing:
        raise IncompleteError(f"labels of {missing} shards were not written; run the same command again")


def join_failures(output: str, num_shards: int, listed: Iterable[LabelFailure] = ()) -> None:
    """Writes `failures.jsonl`: what could not be listed, and then what failed in the shards, in their order."""
    with files.write_atomically(files.join(output, FAILURES), temporary_folder(output)) as file:
        file.write(_failure_lines(listed).encode())
        for shard in range(num_shards):
            with files.open_read(_of_shard(output, "failures", shard, ".jsonl")) as part:
                file.write(part.read())


def finish(output: str, summary: str, page: str) -> None:
    """Writes the report and then, last of all, the summary, which makes the labels complete."""
    files.write_text(files.join(output, REPORT), page, temporary_folder(output))
    files.write_text(files.join(output, SUMMARY), summary, temporary_folder(output))
    try:
        files.delete([files.join(output, STATE, "plan.jsonl")])
        files.delete_folder(temporary_folder(output))
    except OSError as error:
        raise OutputError(
            f"the labels are complete, but temporary files in {output} can't be removed: {files.reason(error)}"
        ) from error
