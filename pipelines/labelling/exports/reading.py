"""Reads finished labels back, video by video, from any of their formats."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from pipelines import files
from pipelines.annotations.labels import split_labels
from pipelines.core.errors import UsageError
from pipelines.core.failure import Failure
from pipelines.core.file_names import FAILURES
from pipelines.core.label_sets import UNKNOWN
from pipelines.core.names import why_not_plain
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import build
from pipelines.inputs.source_hints import why_no_labels
from pipelines.labelling.folder import SUMMARY
from pipelines.labelling.rows import FORMATS, encodable
from pipelines.labelling.types import Segment

_T = TypeVar("_T")
_BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class VideoLabels:
    """What a run of labelling found out about a video.

    Attributes:
        video: id of the video.
        uri: where it was read from.
        model: fingerprint of the model; empty where the video has no labels.
        remark: what a person should know about the video, mostly empty.
        segments: its labels in order of time; none where the video failed.
        failures: why the video, or parts of it, have no labels.
    """

    video: str
    uri: str
    model: str
    remark: str
    segments: tuple[Segment, ...]
    failures: tuple[Failure, ...]

    @property
    def classes(self) -> set[str]:
        """All classes that the labels name, also those that are only among the best of a segment."""
        names = {name for item in self.segments for name in (item.label, *(name for name, _ in item.top))}
        return {name for joined in names - {UNKNOWN} for name in split_labels(joined)}


@dataclass(frozen=True, slots=True)
class _Best:
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class _Row:
    """What an export takes from a row of the table that `rows.rows` makes; other columns are passed over."""

    video: str
    uri: str
    start_s: float
    end_s: float
    label: str
    score: float
    top_k: tuple[_Best, ...]
    model: str
    remark: str
    unfamiliar: float | None = None
    """Labels of earlier versions lack it."""

    def segment(self) -> Segment:
        top = tuple((best.label, best.score) for best in self.top_k)
        return Segment(self.start_s, self.end_s, self.label, self.score, top, self.unfamiliar)


_COLUMNS = [item.name for item in fields(_Row)]


def read_labels(folder: str) -> Iterator[VideoLabels]:
    """The labels of each video, in the order of the files, and then the videos that only have failures.

    One video at a time is in memory, and all failures.

    Args:
        folder: the output of `pipelines.label`.

    Raises:
        UsageError: the labels aren't complete, or a file is damaged, missing, or not the one that the summary counts:
            half of a file, for example, or that of another run. What is missing shows at the end.
        OSError: a file can't be read.
    """
    summary, names = _summary(folder)
    failures = _failures(folder, names[0].endswith(".jsonl"))
    num_failures = sum(map(len, failures.values()))
    num_rows, model = 0, _of(summary, "model").get("fingerprint")
    for name in names:
        uri = files.join(folder, name)
        rows = _checked(uri, _Row, map(_needed, _READERS[name.rpartition(".")[2]](uri)))
        for video, found in groupby(rows, key=attrgetter("video")):
            first = next(found)
            segments = tuple(row.segment() for row in (first, *found))
            if model not in (None, first.model):
                raise _damaged(uri, ValueError(f"its labels are of model {first.model}, {SUMMARY} is of {model}"))
            num_rows += len(segments)
            yield VideoLabels(video, first.uri, first.model, first.remark, segments, tuple(failures.pop(video, ())))
    for what, number, counts in (
        ("segments", num_rows, _of(summary, "segments_by_label")),
        ("failures", num_failures, _of(summary, "failures_by_reason")),
    ):
        if "counts" in summary and number != (counted := sum(counts.values())):
            raise UsageError(
                f"the files of {folder} have {number:,} {what}, but {SUMMARY} counts {counted:,}: they aren't whole, "
                "or were changed. If they were copied, copy them again; or run the same har label command again: it "
                "makes them again. What people correct becomes a manifest with har corrections"
            )
    for video, failed in failures.items():
        yield VideoLabels(video, failed[0].uri, "", "", (), tuple(failed))


def _needed(row: Any) -> Any:
    return {name: row[name] for name in _COLUMNS if name in row} if isinstance(row, dict) else row


def read_summary(folder: str) -> str:
    """The text of the summary, which exists where labels are complete.

    Raises:
        UsageError: there is none; the message says what is there instead.
        OSError: it can't be read.
    """
    text = files.read_text(files.join(folder, SUMMARY))
    if text is None:
        raise UsageError(why_no_labels(folder))
    return text


def count_unfamiliar(folder: str) -> int:
    """The number of videos that are unlike those that the model was trained on; 0 if it couldn't tell.

    Raises:
        UsageError: the labels aren't complete.
    """
    told = load_json(read_summary(folder)).get("unfamiliar") or {}
    return told.get("videos") or 0


def _of(summary: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object of the summary; without anything if it isn't there."""
    found = summary.get(name)
    return found if isinstance(found, dict) else {}


def _summary(folder: str) -> tuple[Mapping[str, Any], list[str]]:
    """The summary, and the names of the label files, which it has, so that nothing else in the folder is taken for
    one."""
    uri, text = files.join(folder, SUMMARY), read_summary(folder)
    try:
        summary = load_json(text)
        names: list[str] = summary["files"]["labels"]
        wrong = [name for name in names if why_not_plain(name) or name.rpartition(".")[2] not in FORMATS]
        if wrong or not names:
            raise ValueError(f"files.labels is {names}")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(uri, error) from error
    return summary, names


def _failures(folder: str, raw_names: bool) -> dict[str, list[Failure]]:
    """The failures of each video; names are spelled as in the label files."""
    uri = files.join(folder, FAILURES)
    found: dict[str, list[Failure]] = defaultdict(list)
    values = ({"video_id": value.pop("video", None), **value} for value in _read_jsonl(uri))
    for failure in _checked(uri, Failure, values):
        found[failure.video_id if raw_names else encodable(failure.video_id)].append(failure)
    return found


def _checked(uri: str, kind: type[_T], values: Iterator[Any]) -> Iterator[_T]:
    """The objects of a file; whatever shows that it is damaged becomes an error that names it."""
    try:
        yield from (build(kind, value) for value in values)
    except FileNotFoundError as error:
        raise UsageError(f"{uri} is missing; run the same har label command again: it makes it again") from error
    except (ValueError, TypeError, KeyError, AttributeError, csv.Error) as error:
        raise _damaged(uri, error) from error


def _damaged(uri: str, error: Exception) -> UsageError:
    return UsageError(f"{uri} is damaged ({error}); run the same har label command again: it makes it again")


def _read_jsonl(uri: str) -> Iterator[Any]:
    with files.open_read(uri) as lines:
        yield from map(load_json, lines)


def _read_csv(uri: str) -> Iterator[Any]:
    with files.open_read(uri) as file:
        for line in csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""), strict=True):
            numbers = {name: float(line[name]) for name in ("start_s", "end_s", "score")}
            unfamiliar = float(line["unfamiliar"]) if line.get("unfamiliar") else None
            yield {**line, **numbers, "unfamiliar": unfamiliar, "top_k": load_json(line["top_k"])}


def _read_parquet(uri: str) -> Iterator[Any]:
    from pyarrow import parquet

    with files.local_copy(uri) as path, parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            yield from batch.to_pylist()


_READERS: Mapping[str, Callable[[str], Iterator[Any]]] = {
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
