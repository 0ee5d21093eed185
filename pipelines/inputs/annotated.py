"""Annotations of people and programs, whatever file they stand in, as the rows of a manifest."""

import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from sys import intern

from pipelines.annotations.table_rows import is_kinetics
from pipelines.annotations.table_text import read_head
from pipelines.annotations.tables import check_address
from pipelines.annotations.times import time_text
from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.core.label_sets import check_label, join_labels
from pipelines.inputs.parts import RANGE_ERROR, settle, with_all_labels
from pipelines.inputs.rows import BadRow, FilteredRow, Manifest, ManifestRow

NO_LABEL = "no label"
UNFAMILIAR = "unlike what the model that labelled it was trained on"


def manifest_of(annotations: Iterable[Annotation], name: str, multi_label: bool = False) -> Manifest:
    """The rows that annotations stand for. What has no label, or one that its model doesn't trust, is left out.

    Args:
        annotations: in any order.
        name: the file that they stand in, for messages.
        multi_label: whether an annotation may have several labels.

    Raises:
        UsageError: there are none, or none with a label; one has several labels, or leads to the web; some have a split
            and others don't; or those of a video disagree about its group or split. The message names the place.
    """
    rows: list[ManifestRow] = []
    bad: list[BadRow] = []
    filtered: list[FilteredRow] = []
    with_split = without_split = ""
    base = posixpath.basename(name)
    for found in annotations:
        where = f"{name}, {found.place}"
        path = intern(check_address(found.video, where) if ":/" in found.video else found.video)
        if not found.labels or found.is_unfamiliar:
            reason = UNFAMILIAR if found.labels else NO_LABEL
            filtered.append(FilteredRow(path, join_labels(found.labels), f"{reason} ({base}, {found.place})"))
            continue
        if len(found.labels) > 1 and not multi_label:
            raise UsageError(
                f"{where}: several labels: {', '.join(found.labels)}. Preprocess with --multi-label, or give one class"
            )
        if found.split:
            with_split = with_split or found.place
        else:
            without_split = without_split or found.place
        for one in found.labels:
            check_label(one, where)
        label, start_s, end_s = join_labels(found.labels), found.start_s or 0.0, found.end_s or 0.0
        if found.end_s is not None and start_s >= end_s:
            message = f"{base}, {found.place}: start {time_text(start_s)} is not before end {time_text(end_s)}"
            bad.append(BadRow(path, label, RANGE_ERROR, f"{message}. Correct the entry, or remove it"))
            continue
        rows.append(ManifestRow(path, intern(label), intern(found.group), found.split, start_s, end_s, found.place))
    if not rows:
        raise UsageError(f"{name}: {_why_none(bad, filtered)}")
    if with_split and without_split:
        raise UsageError(
            f"{name}, {without_split}: no split, but {with_split} has one. Give every entry a split, or none"
        )
    rows, num_added = with_all_labels(rows, name) if multi_label else (rows, 0)
    settled = settle(rows, name, bad, filtered)
    return replace(settled, num_repeated=settled.num_repeated - num_added)


def is_annotated(text: str, name: str) -> bool:
    """Whether a table holds annotations in another form than a manifest's: Kinetics' or that of labels, for example.

    Raises:
        UsageError: it is Kinetics' and nothing says where its videos lie.
    """
    columns = read_head(text, name)
    if is_kinetics(columns):
        raise UsageError(
            f"{name}: this is a list of addresses, like those of Kinetics. Download the videos and say where they lie: "
            "--video-pattern 'videos/{youtube_id}.mp4', or with {label}, {time_start:06} and {time_end:06} in it if "
            "they are cut into clips"
        )
    return {"video", "label"} <= set(columns) and "path" not in columns


def describe_filtered(manifest: Manifest) -> list[str]:
    """Sentences about rows that are left out on purpose: how many for each reason."""
    counts = Counter(row.reason.partition(" (")[0] for row in manifest.filtered)
    return [f"entries left out, {reason}: {count:,}" for reason, count in sorted(counts.items())]


def _why_none(bad: list[BadRow], filtered: list[FilteredRow]) -> str:
    if bad:
        return f"none of its {len(bad) + len(filtered):,} entries can be used. {bad[0].message}"
    if filtered:
        return f"none of its {len(filtered):,} entries can be used: {filtered[0].reason}"
    return "no annotations in it"
