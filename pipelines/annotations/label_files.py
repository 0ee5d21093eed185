"""The labelling job's own files as annotations: a folder of labels, or one of its files in JSON Lines, CSV or Parquet.

Segments whose label is `unknown` have no labels here: the model says nothing about them. `{uri}` in a pattern is where
the job read the video from.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pipelines import files
from pipelines.annotations.entries import Source
from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.core.stored.sealed import load_json

SUMMARY = "summary.json"
KEYS = frozenset(("video", "start_s", "end_s", "label", "score", "model"))
"""What a row of labels has at least."""
_UNKNOWN, _UNFAMILIAR = "unknown", "is_unfamiliar"
_BATCH_ROWS = 10_000


def label_folder(summary: str, folder: str, source: Source) -> Iterator[Annotation]:
    """The annotations of a folder of labels, file by file.

    Args:
        summary: the text of its `summary.json`.
        folder: its path.
        source: the same, for messages.

    Raises:
        UsageError: the summary names no files of labels, or a file is missing or damaged, or isn't whole.
    """
    try:
        about = load_json(summary)
        names = [str(name) for name in about["files"]["labels"]]
        counted = sum(about["segments_by_label"].values()) if "segments_by_label" in about else None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{source.where(SUMMARY)}: it isn't a summary of labels that har label wrote") from error
    found = 0
    for name in names:
        kind = name.rpartition(".")[2]
        if "/" in name or kind not in READERS:
            raise UsageError(f"{source.where(SUMMARY)}: {name} is not a file of labels")
        for annotation in label_file(files.join(folder, name), kind, source, f"{name}, "):
            found += 1
            yield annotation
    if counted not in (None, found):
        raise UsageError(
            f"{source.where(SUMMARY)}: it counts {counted:,} segments, but the files of labels have {found:,}: they "
            "aren't whole, or were changed. Copy them again, or run the same har label command again"
        )


def label_file(uri: str, kind: str, source: Source, prefix: str = "") -> Iterator[Annotation]:
    """The annotations of one file of labels, a row at a time.

    Args:
        uri: its path.
        kind: one of `READERS`.
        source: the file, for messages.
        prefix: what each place begins with.

    Raises:
        UsageError: the file is missing or damaged.
    """
    number = 0
    try:
        for number, row in READERS[kind](uri):
            place = f"{prefix}{'row' if kind == 'parquet' else 'line'} {number}"
            yield _annotation(row, place, source)
    except FileNotFoundError as error:
        raise UsageError(f"{uri} is missing; run the same har label command again: it makes it again") from error
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{uri}, after row {number}: it is damaged ({error!r})") from error


def _annotation(row: Any, place: str, source: Source) -> Annotation:
    if not isinstance(row, dict) or not row.keys() >= KEYS:
        raise UsageError(f"{source.where(place)}: it isn't a row of labels, which has {', '.join(sorted(KEYS))}")
    fields = {key: value for key, value in row.items() if isinstance(value, str | int | float)}
    video = source.video(str(row["video"]), fields, place)
    label = "" if row["label"] == _UNKNOWN else row["label"]
    found = source.annotation(place, video, (row["start_s"], row["end_s"]), label, score=row["score"])
    # In CSV, it is a text; files of earlier versions don't have it.
    return replace(found, is_unfamiliar=True) if row.get(_UNFAMILIAR) in (True, "true") else found


def _read_jsonl(uri: str) -> Iterator[tuple[int, Any]]:
    with files.open_read(uri) as lines:
        for number, line in enumerate(lines, 1):
            yield number, load_json(line)


def _read_csv(uri: str) -> Iterator[tuple[int, Any]]:
    with files.open_read(uri) as file:
        reader = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
        for row in reader:
            yield reader.line_num, row


def _read_parquet(uri: str) -> Iterator[tuple[int, Any]]:
    from pyarrow import parquet

    with files.local_copy(uri) as path, parquet.ParquetFile(path) as file:
        columns = [name for name in ("uri", _UNFAMILIAR, *sorted(KEYS)) if name in file.schema_arrow.names]
        first = 1
        for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
            yield from enumerate(batch.to_pylist(), first)
            first += batch.num_rows


READERS: Mapping[str, Callable[[str], Iterator[tuple[int, Any]]]] = {
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
