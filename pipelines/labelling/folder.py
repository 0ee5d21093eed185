"""The folder of labels: where its files are, which results it already has, and how a run ends.

`_state/` holds what the next run needs: the layout, the ledger, the listing and the report of each shard. Readers of
the labels need none of it.
"""

import posixpath
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pipelines import files
from pipelines.core.errors import OutputError
from pipelines.core.file_names import FAILURES
from pipelines.core.stored.sealed import DamagedError, seal, unseal
from pipelines.core.video_files import IGNORED
from pipelines.files.output_folder import STATE, clean_up, read_own, temporary_folder
from pipelines.files.stamps import Stamp, write_stamped
from pipelines.labelling.ledger import Entry, Outline
from pipelines.labelling.plan import LabelLayout, ListedVideo, ShardListing

_T = TypeVar("_T")
SUMMARY, REPORT = "summary.json", "report.html"
_LABELS = re.compile(r"labels-\d{5,}-of-\d{5,}\.(?:jsonl|csv|parquet)")
_COMPACT = "compact"
EMBEDDINGS = "embeddings"
"""The folder of embeddings, and the setting of the layout that says that there are any."""


def labels_name(shard: int, num_shards: int, format: str) -> str:
    """File name of the labels of a shard, `labels-00000-of-00002.jsonl`."""
    return f"labels-{shard:05d}-of-{num_shards:05d}.{format}"


def embeddings_name(shard: int, num_shards: int) -> str:
    """Path of the embeddings of a shard in the folder, `embeddings/embeddings-00000-of-00002.parquet`."""
    return f"{EMBEDDINGS}/embeddings-{shard:05d}-of-{num_shards:05d}.parquet"


def _layout_uri(output: str) -> str:
    return files.join(output, STATE, "label_layout.json")


def of_shard(output: str, kind: str, shard: int, extension: str) -> str:
    """The address of a shard's file of some kind in `_state/`."""
    return files.join(output, STATE, kind, f"{shard:05d}{extension}")


def _ledger_folder(output: str, shard: int) -> str:
    return of_shard(output, "ledger", shard, "")


def read_layout(output: str, overwrite: bool = False) -> LabelLayout | None:
    """The layout of the labels in a folder; None if there is none. See `store.read_own`.

    Raises:
        UsageError: the folder holds something else, or can't be read.
    """
    return read_own(output, _layout_uri(output), LabelLayout.from_json, "labels", overwrite)


def remove_labels(output: str) -> None:
    """Removes labels, their summary first, and nothing else in the folder.

    Raises:
        OutputError: something can't be removed.
    """
    try:
        files.delete([files.join(output, SUMMARY)])
        files.delete(files.join(output, name) for name in files.list_folder(output) if _LABELS.fullmatch(name))
        files.delete([files.join(output, name) for name in (FAILURES, IGNORED, REPORT)] + [_layout_uri(output)])
        for name in ("ledger", "listing", "reports", "failures", "stamps"):
            files.delete_folder(files.join(output, STATE, name))
        for folder in (files.join(output, "subtitles"), files.join(output, EMBEDDINGS), temporary_folder(output)):
            files.delete_folder(folder)
    except OSError as error:
        raise OutputError(f"cannot remove the old labels in {output}: {files.reason(error)}") from error


def prepare(output: str, layout: LabelLayout, format: str, shards: Sequence[ShardListing]) -> None:
    """Makes the folder ready: removes the summary, as it will be out of date, and labels of another format.

    Raises:
        OutputError: the folder can't be written.
    """
    try:
        names = {labels_name(shard, layout.num_shards, format) for shard in range(layout.num_shards)}
        stale = [name for name in files.list_folder(output) if _LABELS.fullmatch(name) and name not in names]
        files.delete([files.join(output, name) for name in (SUMMARY, REPORT, FAILURES, IGNORED)])
        files.delete(files.join(output, name) for name in stale)
        if not layout.scoring.get(EMBEDDINGS):  # some may be left of a layout that was damaged since
            files.delete_folder(files.join(output, EMBEDDINGS))
        files.delete_folder(temporary_folder(output))
    except OSError as error:
        raise OutputError(f"cannot prepare the folder of labels {output}: {files.reason(error)}") from error
    files.write_text(_layout_uri(output), seal(layout.to_json()), temporary_folder(output))
    files.in_parallel(lambda shard: _write_listing(output, shard, shards[shard]), range(layout.num_shards))


def _write_listing(output: str, shard: int, listing: ShardListing) -> None:
    files.write_text(of_shard(output, "listing", shard, ".jsonl"), seal(listing.text), temporary_folder(output))


def read_listing(output: str, shard: int) -> list[ListedVideo]:
    """The videos of a shard.

    Raises:
        OutputError: the listing that the run wrote is damaged.
    """
    uri = of_shard(output, "listing", shard, ".jsonl")
    with files.open_read(uri) as file:
        try:
            return ShardListing(unseal(file.read())).videos()
        except DamagedError as error:
            raise OutputError(f"{uri} is damaged: {error}; run the same command again") from error


def add_to_ledger(output: str, shard: int, entries: Sequence[Entry]) -> None:
    """Records the results of some videos, all or none of them.

    Raises:
        OutputError: the file can't be written.
    """
    _write_entries(output, shard, f"{uuid.uuid4().hex}-{len(entries)}.jsonl", entries, {})


def _write_entries(output: str, shard: int, name: str, entries: Iterable[Entry], stamps: dict[str, Stamp]) -> None:
    path = files.join(STATE, "ledger", f"{shard:05d}", name)
    with write_stamped(stamps, output, path, temporary_folder(output)) as file:
        for entry in entries:
            file.write(seal(entry.to_json()).encode())


def read_ledger(output: str, shard: int) -> Iterator[Entry]:
    """All entries of a shard; lines that are damaged or of another version of this software are skipped."""
    return _read_ledger(output, shard, Entry.from_json, lambda _: None)


def outline_ledger(output: str, shard: int, on_damage: Callable[[str], None]) -> Iterator[Outline]:
    """The same, with only the fields that tell what is left to do.

    Args:
        output: the folder.
        shard: number of the shard.
        on_damage: called with the name of each file with lines that are skipped, or with fewer lines than were written.
    """
    return _read_ledger(output, shard, Outline.from_json, on_damage)


def _read_ledger(output: str, shard: int, parse: Callable[[str], _T], on_damage: Callable[[str], None]) -> Iterator[_T]:
    for name in sorted(files.list_folder(_ledger_folder(output, shard))):
        whole = 0
        try:
            file = files.open_read(files.join(_ledger_folder(output, shard), name))
        except FileNotFoundError:
            continue  # a store may list files that were removed, by compaction for example
        with file as lines:
            for line in lines:
                try:
                    entry = parse(unseal(line))
                except (ValueError, TypeError, KeyError):
                    continue
                whole += 1
                yield entry
        if whole != _count_in(name):
            on_damage(files.join(STATE, "ledger", f"{shard:05d}", name))


def _count_in(name: str) -> int:
    """How many entries a file of the ledger had when it was written; -1 if its name doesn't say."""
    count = name.rpartition("-")[2].partition(".")[0]
    return int(count) if count.isdecimal() else -1


def compact_ledger(output: str, shard: int, entries: Sequence[Entry], stamps: dict[str, Stamp]) -> None:
    """Replaces a shard's ledger with these entries. If killed midway, it holds some of them twice, harmlessly."""
    folder = _ledger_folder(output, shard)
    older = list(files.list_folder(folder))
    name = f"{_COMPACT}-{len(entries)}.jsonl"
    _write_entries(output, shard, name, sorted(entries, key=lambda e: (e.video, e.parts, e.part)), stamps)
    files.delete(files.join(folder, other) for other in older if other != name)


def count_entries(output: str) -> int:
    """Number of entries that were added and not compacted yet, taken from the names of the files."""
    folder = files.join(output, STATE, "ledger")
    if files.is_local(folder) and not files.exists(folder):
        return 0
    names = (posixpath.basename(file.path) for file in files.list_tree(folder)[0])
    return sum(max(0, _count_in(name)) for name in names if not name.startswith(_COMPACT))


def finish(output: str, summary: str, page: str) -> None:
    """Writes the report and then, last of all, the summary, which makes the labels complete."""
    files.write_text(files.join(output, REPORT), page, temporary_folder(output))
    files.write_text(files.join(output, SUMMARY), summary, temporary_folder(output))
    clean_up(output, "the labels are")
