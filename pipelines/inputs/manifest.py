"""Manifests: tables that name videos with their labels and, where they have them, groups and splits."""

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import attrgetter, eq
from sys import intern

from pipelines.core.errors import UsageError
from pipelines.inputs.folders import known_split, split_name
from pipelines.inputs.tables import read_table

_NEEDED, _OPTIONAL = ("path", "label"), ("group", "split")


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A line of a manifest. `group` and `split` are empty where none is given."""

    path: str
    label: str
    group: str
    split: str = ""


@dataclass(frozen=True)
class Manifest:
    """The videos of a manifest.

    Attributes:
        rows: a row for each video, by path.
        unused: names of columns that mean nothing here.
        num_repeated: lines that say the same as another one.
    """

    rows: list[ManifestRow]
    unused: tuple[str, ...] = ()
    num_repeated: int = 0


def parse_manifest(text: str, name: str, find: Callable[[str], str] = lambda path: path.replace("\\", "/")) -> Manifest:
    """Lines of a manifest with the columns path, label and, optionally, group and split.

    Args:
        text: all of it.
        name: what the file is called, for messages.
        find: tells how a path with a backslash, which Windows puts between folders, is to be read.

    Raises:
        UsageError: a column is missing, a line has no path or label, an unknown split or too many fields; some lines
            have a split and others don't; a video has two labels, groups or splits. The message gives the lines.
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
        rows.append(ManifestRow(path, intern(label), intern(group), split))
    if with_split and without_split:
        raise UsageError(
            f"{name}, line {without_split}: no split, but line {with_split} has one. Give every line a split, or "
            "remove the column to have all videos dealt"
        )
    # All that is made of a line is visited in the order of the videos' ids, and is to lie in memory in that order.
    plain = _plain_path if "./" in text or "//" in text else attrgetter("path")
    rows.sort(key=plain)
    total = len(rows) + len(table.headers)
    if any(map(eq, map(plain, rows), map(plain, islice(rows, 1, None)))):
        rows = list(_unique(rows, plain, lambda row: _two_values(text, name, find, plain, row)))
    return Manifest(rows, table.unused, total - len(rows))


def _plain_path(row: ManifestRow) -> str:
    """The same for every spelling of a path, `a/./b.mp4` and `a/b.mp4`."""
    return row.path if "://" in row.path else posixpath.normpath(row.path)


def _unique(
    rows: list[ManifestRow], plain: Callable[[ManifestRow], str], refuse: Callable[[ManifestRow], None]
) -> Iterator[ManifestRow]:
    """A row of each video.

    Raises:
        UsageError: raised by `refuse`, for rows that say different things of one video.
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
    """Reads the manifest again for the numbers of the lines, which would take too much memory to keep.

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
        remedy += ", or give videos that show both a class of their own"
    raise UsageError(
        f"{name}, lines {first} and {second}: two {what}s for the video {row.path}: {shown}. A video has one {what}: "
        f"remove {remedy}"
    )
