"""Manifests that name parts of videos, several rows a video: which rows agree, repeat each other, or can't be used."""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from sys import intern

from pipelines.annotations.times import parse_time, time_text
from pipelines.core.errors import UsageError
from pipelines.core.label_sets import join_labels, split_labels
from pipelines.inputs.rows import BadRow, FilteredRow, Manifest, ManifestRow

RANGE_ERROR, LABEL_ERROR = "RangeError", "LabelError"
_RANGE = attrgetter("start_s", "end_s")


def plain_path(row: ManifestRow, root: str) -> str:
    """The path in a form that is the same for every spelling: `a/b.mp4` for `a/./b.mp4`, and for that below `root`, the
    folder to which paths are relative."""
    path = row.path
    if "://" in path:
        return path.removeprefix(f"{root}/") if "://" in root else path
    path = posixpath.normpath(path)
    return path.removeprefix(f"{root}/") if path[:1] == "/" else path


def parse_range(start: str, end: str) -> tuple[float, float]:
    """Start and end of a part in seconds, from times as people write them; if both are empty, 0 and 0: the whole video.

    Raises:
        ValueError: a time has another form, one of them is missing, or the part has no duration.
    """
    if not start and not end:
        return 0.0, 0.0
    if not start or not end:
        given = f"an end ({end}) without a start" if end else f"a start ({start}) without an end"
        raise ValueError(f"{given}. Give both, or neither for the whole video")
    start_s, end_s = parse_time(start), parse_time(end)
    if start_s >= end_s:
        raise ValueError(f"start {start} is not before end {end}. Correct the line, or remove it")
    return start_s, end_s


def settle(
    rows: list[ManifestRow],
    name: str,
    bad: Iterable[BadRow] = (),
    filtered: Iterable[FilteredRow] = (),
) -> Manifest:
    """The rows by path and time, each clip once. Of rows that give one clip two labels, the first is kept.

    Args:
        rows: all rows, which have places; they are sorted.
        name: the manifest's path, for messages.
        bad: rows that are already known not to be usable.
        filtered: rows that are left out on purpose.

    Raises:
        UsageError: rows disagree about the group or the split of a video.
    """
    plain = partial(plain_path, root=posixpath.dirname(name))
    # Three sorts without keys of their own take much less memory than one by tuples.
    for key in (attrgetter("end_s"), attrgetter("start_s"), plain):
        rows.sort(key=key)
    kept: list[ManifestRow] = []
    refused = list(bad)
    for _, members in groupby(rows, plain):
        of_video = list(members)
        _check_agreement(of_video, name)
        path = of_video[0].path
        for _, same in groupby(of_video, _RANGE):
            first, *others = same
            kept.append(first if first.path == path else replace(first, path=path))
            refused += [_two_labels(first, other, name) for other in others if other.label != first.label]
    num_repeated = len(rows) - len(kept) - sum(row.kind == LABEL_ERROR for row in refused)
    return Manifest(kept, (), num_repeated, tuple(refused), tuple(filtered))


def with_all_labels(rows: Iterable[ManifestRow], name: str) -> tuple[list[ManifestRow], int]:
    """The rows, each with all labels that any of them gives its clip, and how many rows add labels to an earlier one.

    The number leaves out rows that repeat another one, label and all. `name` is the manifest's path.
    """
    labels: dict[tuple[str, float, float], set[str]] = defaultdict(set)
    rows, root = list(rows), posixpath.dirname(name)
    for row in rows:
        labels[_clip(row, root)].add(row.label)
    joined = {
        clip: intern(join_labels(name for text in found for name in split_labels(text)))
        for clip, found in labels.items()
    }
    num_added = sum(len(found) - 1 for found in labels.values())
    return [replace(row, label=joined[_clip(row, root)]) for row in rows], num_added


def _clip(row: ManifestRow, root: str) -> tuple[str, float, float]:
    return plain_path(row, root), row.start_s, row.end_s


def _check_agreement(rows: list[ManifestRow], name: str) -> None:
    first = rows[0]
    for row in rows:
        if (row.group, row.split) == (first.group, first.split):
            continue
        what = "group" if row.group != first.group else "split"
        values = " and ".join(getattr(one, what) or f"no {what}" for one in (first, row))
        raise UsageError(
            f"{name}, {first.place} and {row.place}: two {what}s for the video {row.path}: {values}. All parts of a "
            f"video have one {what}: correct one of them"
        )


def _two_labels(first: ManifestRow, other: ManifestRow, name: str) -> BadRow:
    message = (
        f"{posixpath.basename(name)}, {other.place}: the label {other.label} for {range_text(other)} of {other.path}, "
        f"for which {first.place} has the label {first.label}. A clip has one label: remove one of the two, or "
        "preprocess with --multi-label"
    )
    return BadRow(first.path, other.label, LABEL_ERROR, message)


def range_text(row: ManifestRow) -> str:
    """A part in words: `12.5-15 s`."""
    return f"{time_text(row.start_s)}-{time_text(row.end_s)} s" if row.end_s else "the whole"


def paths_of(rows: Iterable[ManifestRow]) -> Iterator[str]:
    """The path of each video, from rows by path."""
    return (path for path, _ in groupby(rows, attrgetter("path")))
