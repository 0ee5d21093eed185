"""The next manifest: the old one with the rows of corrected videos replaced, or the corrections alone."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.annotations.changes import overlap_s
from pipelines.annotations.times import time_text
from pipelines.annotations.types import Annotation
from pipelines.core.label_sets import join_labels

_TOUCHING_S = 0.0005
"""Rows that only meet don't share time."""


@dataclass(frozen=True, slots=True)
class NextRows:
    """The rows of the next manifest.

    Attributes:
        rows: its rows, by path and time.
        num_kept: number of rows of the old manifest among them.
        num_replaced: number of rows of the old manifest that corrections took the place of.
    """

    rows: tuple[Annotation, ...]
    num_kept: int
    num_replaced: int


def next_rows(
    old: Mapping[str, Sequence[Annotation]],
    seen: Mapping[str, Sequence[Annotation]],
    corrected: Mapping[str, Sequence[Annotation]],
) -> NextRows:
    """Replaces the old rows of corrected videos, where people looked.

    An old row is replaced if it shares time with a correction of its video, or with a segment that people were shown.
    Corrections take the group and the split of their video's old rows. Times without labels have no rows.

    Args:
        old: the rows of the old manifest, by video.
        seen: the segments that people were shown, by video; other videos than the corrected ones are passed over.
        corrected: what people made of them, by video.
    """
    kept = [item for video, items in old.items() for item in items if video not in corrected]
    num_replaced = 0
    added: list[Annotation] = []
    for video, items in corrected.items():
        before = old.get(video, ())
        looked_at = [*items, *seen.get(video, ())]
        for row in before:
            if any(overlap_s(row, item) > _TOUCHING_S for item in looked_at):
                num_replaced += 1
            else:
                kept.append(row)
        group = next((row.group for row in before if row.group), "")
        split = next((row.split for row in before if row.split), "")
        for item in items:
            if item.labels:
                added.append(replace(item, group=item.group or group, split=split or item.split))
    rows = sorted([*kept, *added], key=lambda row: (row.video, row.start_s or 0.0, row.end_s or 0.0, row.labels))
    return NextRows(tuple(rows), len(kept), num_replaced)


def with_splits(
    rows: Iterable[Annotation], split_of: Callable[[Annotation], str], elsewhere: str = "train"
) -> tuple[tuple[Annotation, ...], int]:
    """The rows, each with a split, and the number of videos that got `elsewhere`, as nothing is known about them.

    Args:
        rows: the rows.
        split_of: the split of a row, empty if it isn't known.
        elsewhere: what a row gets that has none.
    """
    placed = []
    unknown: set[str] = set()
    for row in rows:
        split = split_of(row) or row.split
        if not split:
            unknown.add(row.video)
        placed.append(replace(row, split=split or elsewhere))
    return tuple(placed), len(unknown)


def manifest_lines(rows: Sequence[Annotation]) -> Iterator[str]:
    """The lines of a manifest: path, label, group and split where a row has one, start and end in seconds."""
    group, split = any(row.group for row in rows), any(row.split for row in rows)
    timed = any(row.start_s is not None for row in rows)
    yield _line(["path", "label", *["group"] * group, *["split"] * split, *["start", "end"] * timed])
    for row in rows:
        times = [] if row.start_s is None or row.end_s is None else [time_text(row.start_s), time_text(row.end_s)]
        names = [row.group] * group + [row.split] * split
        yield _line([row.video, join_labels(row.labels), *names, *(times or [""] * 2 * timed)])


def _line(values: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()
