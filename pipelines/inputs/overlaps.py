"""Rows of a video that overlap in time although they have different labels: one label of such a moment is wrong, or the
moment shows both."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pipelines.annotations.times import time_text
from pipelines.inputs.catalog import Catalog, VideoRecord

OVERLAPS = "overlaps "
"""What a remark on such a clip begins with."""
_SHOWN = 3


def remark_overlaps(catalog: Catalog) -> Catalog:
    """The catalogue with a remark on each clip that overlaps one of another label of the same video, and a note.

    The remark, which goes into the clip's record, names the other clip by its label and times; `overlaps` names it by
    its line, which may change although the record doesn't. Of several others, one before and one after it are named.
    """
    by_file: dict[str, list[int]] = defaultdict(list)
    for number, video in enumerate(catalog.videos):
        if video.place:
            by_file[video.uri].append(number)
    videos: list[VideoRecord] | None = None
    count = 0
    shown: list[str] = []
    for numbers in by_file.values():
        rows = sorted((catalog.videos[number] for number in numbers), key=_order)
        others = overlapping([(row.start_s, row.end_s or math.inf) for row in rows], [row.label for row in rows])
        if not others:
            continue
        videos = videos or list(catalog.videos)
        number_of = {catalog.videos[number].video_id: number for number in numbers}
        for position, found in others.items():
            row, named = rows[position], [rows[other] for other in found]
            remark = OVERLAPS + " and ".join(f"{other.label} ({_times(other)})" for other in named)
            places = " and ".join(other.place for other in named)
            videos[number_of[row.video_id]] = replace(row, remark=remark, overlaps=places)
            if len(shown) <= _SHOWN and position < found[-1]:
                shown.append(f"{row.place} ({row.label}) and {named[-1].place} ({named[-1].label})")
        count += len(others)
    if videos is None:
        return catalog
    examples = "; ".join([*shown[:_SHOWN], *(["..."] if len(shown) > _SHOWN else [])])
    note = (
        f"WARNING: rows that overlap a row of another label: {count:,} ({examples}). Each is a clip of its own label, "
        "with a remark that names the other. If both labels are right, --multi-label gives such clips both"
    )
    return replace(catalog, videos=tuple(videos), notes=(*catalog.notes, note))


def without_overlaps(remark: str) -> str:
    """The remark on a clip without what it says about overlaps, which comes last."""
    return "" if remark.startswith(OVERLAPS) else remark.partition(f"; {OVERLAPS}")[0]


def overlapping(ranges: Sequence[tuple[float, float]], labels: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """The positions of ranges that overlap one of another label, each with those of one or two such others: the one
    that ends last of those before it, and the one that starts first of those after it.

    Args:
        ranges: starts and ends in seconds, sorted; ends are exclusive.
        labels: the label of each.
    """
    found: dict[int, list[int]] = defaultdict(list)
    # Of all earlier ranges, the one that ends last, and the one of another label than that one's that ends last.
    last = second = -1
    for i, (start, end) in enumerate(ranges):
        before = second if last >= 0 and labels[last] == labels[i] else last
        if before >= 0 and ranges[before][1] > start:
            found[i].append(before)
        if last < 0 or end > ranges[last][1]:
            if last >= 0 and labels[last] != labels[i]:
                second = last
            last = i
        elif labels[i] != labels[last] and (second < 0 or end > ranges[second][1]):
            second = i
    after = len(ranges)
    for i in range(len(ranges) - 2, -1, -1):
        if labels[i + 1] != labels[i]:
            after = i + 1
        if after < len(ranges) and ranges[after][0] < ranges[i][1]:
            found[i].append(after)
    return {i: tuple(found[i]) for i in sorted(found)}


def _order(row: VideoRecord) -> tuple[float, float]:
    return row.start_s, row.end_s or math.inf


def _times(row: VideoRecord) -> str:
    return f"{time_text(row.start_s)}-{time_text(row.end_s)} s" if row.end_s else "the whole video"
