"""The dataset's folder: where its files are, which files of an earlier run are still valid, and how a run ends.

`_state/` holds what a run needs to resume: the layout, a report for each whole shard, the plan, temporary files.
Readers of the dataset need none of it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from pipelines import files
from pipelines.core.errors import OutputError
from pipelines.core.failure import Failure
from pipelines.core.file_names import DATASET_INFO, FAILURES
from pipelines.core.relative import path_below
from pipelines.core.stored.sealed import seal, seal_parts
from pipelines.core.video_files import IGNORED, IgnoredFile, ignored_lines
from pipelines.dataset import sharding
from pipelines.dataset.duplicates import DUPLICATES, Copies, duplicate_lines
from pipelines.dataset.index import index_lines, index_name, is_index_name
from pipelines.dataset.info import PREVIEW, REMARKS, DatasetInfo, IndexInfo, ShardReport
from pipelines.dataset.plan import Layout, Plan, PlannedShard
from pipelines.dataset.readers import tars, written
from pipelines.files import shard_reports
from pipelines.files.output_folder import STATE, clean_up, read_own, temporary_folder
from pipelines.files.shard_reports import finished_shards, report_uri
from pipelines.inputs.catalog import VideoRecord

_LISTS = (FAILURES, IGNORED, DUPLICATES, REMARKS)


def _layout_uri(output: str) -> str:
    return files.join(output, STATE, "layout.json")


def read_layout(output: str, overwrite: bool = False) -> Layout | None:
    """The layout of the dataset in a folder; None if there is none. See `read_own`.

    Raises:
        UsageError: the folder holds something else, or can't be read.
    """
    return read_own(output, _layout_uri(output), Layout.from_json, "dataset", overwrite)


def remove_dataset(output: str) -> None:
    """Removes a dataset, its description first, and nothing else in the folder.

    Raises:
        OutputError: something can't be removed.
    """
    try:
        files.delete([files.join(output, DATASET_INFO)])
        names = files.list_folder(output)
        shards = filter(sharding.is_shard_name, names)
        files.delete(files.join(output, name) for name in [*shards, *filter(is_index_name, names), *_LISTS, PREVIEW])
        files.delete(written.own_files(output))
        tars.remove(output)
        files.delete([_layout_uri(output), files.join(output, STATE, "plan.jsonl")])  # not the lock, which is held
        for folder in (files.join(output, STATE, "shards"), temporary_folder(output)):
            files.delete_folder(folder)
    except OSError as error:
        raise OutputError(f"cannot remove the old dataset in {output}: {files.reason(error)}") from error


def is_complete(output: str) -> bool:
    """Whether a folder holds a complete dataset."""
    return files.exists(files.join(output, DATASET_INFO))


def read_reports(
    output: str,
    shards: Sequence[PlannedShard],
    on_damage: Callable[[str], None] = lambda _: None,
    from_listing: bool = True,
) -> Iterator[ShardReport | None]:
    """The report of each shard; None if it isn't whole, or was made otherwise. See `shard_reports.read_reports`."""
    return shard_reports.read_reports(output, shards, ShardReport.from_json, on_damage, from_listing)


def prepare(output: str, plan: Plan, on_damage: Callable[[str], None] = lambda _: None) -> list[PlannedShard]:
    """Makes the folder ready and returns the shards that are still to be written.

    Files that are no longer part of the dataset are removed, its description first, so that a reader never finds a
    wrong one. A shard with transient failures (a timeout, a broken connection) is tried again, unless the dataset was
    complete.

    Args:
        output: the folder.
        plan: what the folder is to hold.
        on_damage: see `read_reports`.

    Raises:
        OutputError: the folder can't be written.
    """
    try:
        complete = is_complete(output)
        pending = [
            shard
            for shard, done in zip(plan.shards, read_reports(output, plan.shards, on_damage), strict=True)
            if done is None or (not complete and any(failure.transient for failure in done.failed))
        ]
        names = {shard.name for shard in plan.shards}
        listed = files.list_folder(output)
        stale = [name for name in listed if sharding.is_shard_name(name) and name not in names]
        if pending or stale:
            files.delete([files.join(output, DATASET_INFO)])
            files.delete(files.join(output, name) for name in [*filter(is_index_name, listed), *_LISTS, PREVIEW])
            files.delete(written.own_files(output))
        files.delete(files.join(output, name) for name in stale)
        gone = {*stale, *(shard.name for shard in pending)} & finished_shards(output)  # some stores look up each file
        files.delete(report_uri(output, name) for name in sorted(gone))
        files.delete_folder(temporary_folder(output))
    except OSError as error:
        raise OutputError(f"cannot prepare the dataset folder {output}: {files.reason(error)}") from error
    files.write_text(_layout_uri(output), seal_parts(plan.layout.json_parts()), temporary_folder(output))
    return pending


def write_plan(output: str, lines: Iterable[str]) -> str:
    """Writes the tasks of a run where its workers can read them, and returns the address."""
    uri = files.join(output, STATE, "plan.jsonl")
    files.write_text(uri, map(seal, lines), temporary_folder(output))
    return uri


def write_ignored(output: str, ignored: Iterable[IgnoredFile]) -> None:
    """Writes `ignored.jsonl`; empty if no file was ignored."""
    files.write_text(files.join(output, IGNORED), ignored_lines(ignored), temporary_folder(output))


def write_duplicates(output: str, found: Iterable[Copies], dropped: Iterable[Sequence[VideoRecord]]) -> None:
    """Writes `duplicates.jsonl`; empty if no two videos have the same content."""
    files.write_text(files.join(output, DUPLICATES), duplicate_lines(found, dropped), temporary_folder(output))


def write_remarks(output: str, reports: Iterable[ShardReport], listed: Iterable[VideoRecord] = ()) -> None:
    """Writes `remarks.jsonl`, sorted by id: what a person should know of some of the written videos.

    Args:
        output: the folder.
        reports: the reports of all shards.
        listed: what they were made from; rows that overlap rows of another label are named with them.
    """
    found = [(video, report.split) for report in reports for video in report.written if video.remark]
    places = {video.video_id: {"place": video.place, "overlaps": video.overlaps} for video in listed if video.overlaps}
    lines = []
    for video, split in sorted(found, key=lambda item: item[0].video_id):
        line = {"video_id": video.video_id, "label": video.label, "split": split, "remark": video.remark}
        lines.append(json.dumps({**line, **places.get(video.video_id, {})}) + "\n")
    files.write_text(files.join(output, REMARKS), "".join(lines), temporary_folder(output))


def write_indexes(output: str, splits: Iterable[str], reports: Sequence[ShardReport]) -> dict[str, IndexInfo]:
    """Writes the index of each split and returns the entries for the description.

    Args:
        output: the folder.
        splits: names of all splits.
        reports: of all shards, in the order in which the description names them.
    """

    def write(split: str) -> IndexInfo:
        name, digest, size = index_name(split), hashlib.sha256(), 0

        def texts() -> Iterator[str]:
            nonlocal size
            for report in reports:
                if report.split == split:
                    text = "".join(index_lines(report.written))
                    digest.update(text.encode())
                    size += len(text)  # it is ASCII
                    yield text

        files.write_text(files.join(output, name), texts(), temporary_folder(output))
        return IndexInfo(name, size, digest.hexdigest())

    return {split: write(split) for split in splits}


def write_failures(output: str, failures: Sequence[Failure], source: str) -> None:
    """Writes `failures.jsonl`, sorted by id; empty if nothing failed. Local files are named by their path relative to
    `source`, the folder or manifest that names them."""
    lines = [
        replace(failure, uri=path_below(failure.uri, source)).to_line()
        for failure in sorted(failures, key=lambda failure: failure.video_id)
    ]
    files.write_text(files.join(output, FAILURES), "".join(lines), temporary_folder(output))


def finish(output: str, info: DatasetInfo, preview: str) -> None:
    """Writes the preview and then, last of all, the description that makes the dataset complete."""
    files.write_text(files.join(output, PREVIEW), preview, temporary_folder(output))
    files.write_text(files.join(output, DATASET_INFO), info.json_parts(), temporary_folder(output))
    clean_up(output, "the dataset is")
