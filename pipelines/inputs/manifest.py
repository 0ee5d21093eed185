"""Manifests: tables that name videos, or parts of them, with their labels and, optionally, groups and splits."""

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, pairwise
from operator import attrgetter, eq
from sys import intern

from pipelines.annotations.table_text import read_head
from pipelines.annotations.tables import check_address, read_table
from pipelines.core.errors import UsageError
from pipelines.core.label_sets import SEPARATOR, check_label, join_labels, split_labels
from pipelines.core.split_names import known_split, split_name
from pipelines.core.video_files import is_video_name
from pipelines.inputs.parts import RANGE_ERROR, parse_range, plain_path, settle, with_all_labels
from pipelines.inputs.rows import BadRow, Manifest, ManifestRow

_RANGE = ("start", "end")
_NEEDED, _OPTIONAL = ("path", "label"), ("group", "split", *_RANGE)


def parse_manifest(
    text: str,
    name: str,
    find: Callable[[str], str] = lambda path: path.replace("\\", "/"),
    multi_label: bool = False,
) -> Manifest:
    """Parses a manifest with the columns path, label and, optionally, group, split, start and end.

    Args:
        text: the whole manifest.
        name: name of the file, for messages.
        find: turns a path with backslashes or a drive letter, as on Windows, into the path to read.
        multi_label: whether a clip may have several labels, as `Swing|Walk` or in several lines.

    Raises:
        UsageError: a column is missing; a line has no path or label, an unknown split or too many fields; some lines
            have a split and others don't; a video has two groups or splits, or, where no line is of a part, two labels;
            or no line can be used. The message gives the lines.
    """
    table = read_table(text, name, _NEEDED, _OPTIONAL)
    has_parts = _has_parts(read_head(text, name), name)
    rows: list[ManifestRow] = []
    bad: list[BadRow] = []
    with_split = without_split = 0
    for line, (path, label, group, split, start, end) in table.rows:
        if "\\" in path or path[1:3] == ":/":
            path = _slashed(path, find, f"{name}, line {line}")
        if "." in label and is_video_name(label) and not is_video_name(path):
            raise UsageError(
                f"{name}, line {line}: the label {label!r} is the name of a video, and the path {path!r} isn't. If "
                'a path has a comma in it, put it in quotation marks ("a, b.mp4"); if these are the wrong columns, '
                "name them in their order"
            )
        if not label.isprintable() or len(label) > 99 or label[0] in "[({":
            check_label(label, f"{name}, line {line}")
        if split:
            split, with_split = known_split(split, f"{name}, line {line}"), line
        elif not without_split:
            without_split = line
        if SEPARATOR in label:
            label = _several(label, multi_label, f"{name}, line {line}")
        if not has_parts:
            rows.append(ManifestRow(path, intern(label), intern(group), split))
            continue
        try:
            part = parse_range(start, end)
            # There are several rows a video: they share their texts.
            rows.append(ManifestRow(intern(path), intern(label), intern(group), split, *part, f"line {line}"))
        except ValueError as error:
            bad.append(BadRow(path, label, RANGE_ERROR, f"{posixpath.basename(name)}, line {line}: {error}"))
    if with_split and without_split:
        raise UsageError(
            f"{name}, line {without_split}: no split, but line {with_split} has one. Give every line a split, or "
            "remove the column to have splits assigned"
        )
    if bad and not rows:
        raise UsageError(f"{name}: none of its {len(bad):,} lines can be used. {bad[0].message}")
    rows, num_added = with_all_labels(rows, name) if multi_label else (rows, 0)
    if has_parts:
        found = settle(rows, name, bad)
        num_repeated = found.num_repeated + len(table.headers) - num_added
        return replace(found, unused=table.unused, num_repeated=num_repeated, num_comments=len(table.comments))
    # Later steps visit the rows in the order of the videos' ids, which is fastest if memory has that order, too.
    is_odd = "./" in text or "//" in text or any("/" in (row.path[0], row.path[-1]) for row in rows)
    plain = partial(plain_path, root=posixpath.dirname(name)) if is_odd else attrgetter("path")
    rows.sort(key=plain)
    total = len(rows) + len(table.headers) - num_added
    if any(map(eq, map(plain, rows), map(plain, islice(rows, 1, None)))):
        rows = list(_unique(rows, plain, lambda row: _two_values(text, name, find, plain, row, multi_label)))
    return Manifest(rows, table.unused, total - len(rows), num_comments=len(table.comments))


def _slashed(path: str, find: Callable[[str], str], where: str) -> str:
    """The path that is meant by one with backslashes or a drive letter.

    Raises:
        UsageError: it isn't one here; the message begins with `where`.
    """
    try:
        return check_address(find(path), where)
    except UsageError as error:
        text = str(error)
        raise UsageError(text if text.startswith(where) else f"{where}: {text}") from error


def _several(label: str, multi_label: bool, place: str) -> str:
    if not multi_label:
        raise UsageError(
            f"{place}: the label {label!r} names several classes. Preprocess with --multi-label, or give one class"
        )
    try:
        return join_labels(split_labels(label))
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from error


def _has_parts(columns: Sequence[str], name: str) -> bool:
    """Whether a manifest's columns name parts of videos.

    Raises:
        UsageError: one of the two columns is missing.
    """
    found = [column for column in _RANGE if column in columns]
    if len(found) == 1:
        (missing,) = set(_RANGE) - set(found)
        raise UsageError(
            f"{name}: a column {found[0]}, but no column {missing}. A part of a video needs both, in seconds, MM:SS or "
            "HH:MM:SS.mmm"
        )
    return bool(found)


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
    text: str,
    name: str,
    find: Callable[[str], str],
    plain: Callable[[ManifestRow], str],
    row: ManifestRow,
    multi_label: bool,
) -> None:
    """Refuses a video with two values. Reads the manifest again for the line numbers, which would take much memory to
    keep.

    Raises:
        UsageError: always; the message names the lines and what they disagree about.
    """
    found = []
    for line, (path, *values) in read_table(text, name, _NEEDED, ("group", "split")).rows:
        if plain(ManifestRow(find(path) if "\\" in path or path[1:3] == ":/" else path, "", "")) == plain(row):
            label = "" if multi_label else values[0]  # labels may differ
            found.append((line, (label, values[1], split_name(values[2]))))
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
