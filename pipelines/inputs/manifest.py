"""Manifests: tables that name videos with their labels and, optionally, groups and splits."""

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from operator import attrgetter, eq
from sys import intern

from pipelines.core.errors import UsageError
from pipelines.core.label_sets import SEPARATOR, join_labels, split_labels
from pipelines.inputs.folders import known_split, split_name
from pipelines.inputs.tables import read_table

_NEEDED, _OPTIONAL = ("path", "label"), ("group", "split")


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A line of a manifest. `group` and `split` are empty if they aren't given; `label` joins several labels."""

    path: str
    label: str
    group: str
    split: str = ""


@dataclass(frozen=True)
class Manifest:
    """The videos of a manifest.

    Attributes:
        rows: a row for each video, by path.
        unused: names of columns that are not used.
        num_repeated: number of lines that repeat another one.
    """

    rows: list[ManifestRow]
    unused: tuple[str, ...] = ()
    num_repeated: int = 0


def parse_manifest(
    text: str,
    name: str,
    find: Callable[[str], str] = lambda path: path.replace("\\", "/"),
    multi_label: bool = False,
) -> Manifest:
    """Parses a manifest with the columns path, label and, optionally, group and split.

    Args:
        text: the whole manifest.
        name: name of the file, for messages.
        find: turns a path with backslashes, which Windows puts between folders, into the path to read.
        multi_label: whether a video may have several labels, as `Swing|Walk` or in several lines.

    Raises:
        UsageError: a column is missing; a line has no path or label, an unknown split or too many fields; some lines
            have a split and others don't; or a video has two labels, groups or splits. The message gives the lines.
    """
    table = read_table(text, name, _NEEDED, _OPTIONAL)
    rows = []
    with_split = without_split = 0
    for line, (path, label, group, split) in table.rows:
        if "\\" in path:
            path = find(path)
        if split:
            split, with_split = known_split(split, f"{name}, line {line}"), line
        elif not without_split:
            without_split = line
        if SEPARATOR in label:
            label = _several(label, multi_label, f"{name}, line {line}")
        rows.append(ManifestRow(path, intern(label), intern(group), split))
    if with_split and without_split:
        raise UsageError(
            f"{name}, line {without_split}: no split, but line {with_split} has one. Give every line a split, or "
            "remove the column to have splits assigned"
        )
    # Later steps visit the rows in the order of the videos' ids, which is fastest if memory has that order, too.
    plain = _plain_path if "./" in text or "//" in text else attrgetter("path")
    rows.sort(key=plain)
    total = len(rows) + len(table.headers)
    if any(map(eq, map(plain, rows), map(plain, islice(rows, 1, None)))):
        if multi_label:
            rows = _united(rows, plain)
        rows = list(_unique(rows, plain, lambda row: _two_values(text, name, find, plain, row)))
    return Manifest(rows, table.unused, total - len(rows))


def _several(label: str, multi_label: bool, place: str) -> str:
    if not multi_label:
        raise UsageError(
            f"{place}: the label {label!r} names several classes. Preprocess with --multi-label, or give one class"
        )
    try:
        return join_labels(split_labels(label))
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from error


def _united(rows: list[ManifestRow], plain: Callable[[ManifestRow], str]) -> list[ManifestRow]:
    """The rows, each with all labels that any of them gives its video."""
    labels: dict[str, list[str]] = {}
    for row in rows:
        labels.setdefault(plain(row), []).append(row.label)
    joined = {path: join_labels(n for text in found for n in split_labels(text)) for path, found in labels.items()}
    return [replace(row, label=joined[plain(row)]) for row in rows]


def _plain_path(row: ManifestRow) -> str:
    """The path in a form that is the same for every spelling: `a/b.mp4` for `a/./b.mp4`."""
    return row.path if "://" in row.path else posixpath.normpath(row.path)


def _unique(
    rows: list[ManifestRow], plain: Callable[[ManifestRow], str], refuse: Callable[[ManifestRow], None]
) -> Iterator[ManifestRow]:
    """One row for each video.

    Raises:
        UsageError: raised by `refuse`, if rows disagree about a video.
    """
    kept: ManifestRow | None = None
    for row in rows:
        if kept is None or plain(row) != plain(kept):
            kept = row
            yield row
        elif (row.label, row.group, row.split) != (kept.label, kept.group, kept.split):
            refuse(row)


def _two_values(
    text: str, name: str, find: Callable[[str], str], plain: Callable[[ManifestRow], str], row: ManifestRow
) -> None:
    """Refuses a video with two values. Reads the manifest again for the line numbers, which would take much memory to
    keep.

    Raises:
        UsageError: always; the message names the lines and what they disagree about.
    """
    found = []
    for line, (path, *values) in read_table(text, name, _NEEDED, _OPTIONAL).rows:
        if plain(ManifestRow(find(path) if "\\" in path else path, "", "")) == plain(row):
            found.append((line, (*values[:2], split_name(values[2]))))
    (first, kept), (second, other) = next((a, b) for a, b in pairwise(found) if a[1] != b[1])
    what, *differing = next(
        item for item in zip(("label", "group", "split"), kept, other, strict=True) if item[1] != item[2]
    )
    shown = " and ".join(value or f"no {what}" for value in differing)
    remedy = "one of the lines"
    if what == "label":
        remedy += ", make a class of its own for videos that show both, or preprocess with --multi-label"
    raise UsageError(
        f"{name}, lines {first} and {second}: two {what}s for the video {row.path}: {shown}. A video has one {what}: "
        f"remove {remedy}"
    )
