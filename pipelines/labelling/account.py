"""Reports on labelled videos: that of a shard is made from its videos, and that of a run from those of its shards.

Merging is associative and commutative, so a report is the same however the shards were grouped. Seconds are rounded to
milliseconds before they are added: such sums are exact, and stay so when they are rounded again.
"""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from pipelines.core.failure import Failure
from pipelines.labelling.types import SCORE_BINS, Example, LabelledVideo, LabelReport, ListedSegment, covered_s
from pipelines.video.remarks import is_single_picture

MAX_UNCERTAIN = 48
"""Segments with film strips in a report."""
MAX_SEGMENTS = 600
"""Segments in a report's list."""
MAX_TIMELINES = 20
"""Videos in a report that are shown with all of their segments."""
MAX_FAILURES = 200
"""Failure records in a report."""
MAX_REMARKS = 200
"""Remarks in a report, of which the page and the summary show some."""
_COUNTS = (
    *("videos", "labelled", "failed", "damaged", "remarked", "single", "unfamiliar", "unfamiliar_segments"),
    "windows",
)
_DIGITS = 3
_SEGMENTS_AT_ONCE = 10_000

_Item = TypeVar("_Item")
Shown = tuple[str, float, str]
"""A segment with a film strip: its video, `start_s` and label."""


def summarise(
    videos: Sequence[LabelledVideo],
    failures: Sequence[Failure],
    listed: int,
    windows: int,
    strips: Mapping[Shown, str],
) -> LabelReport:
    """The report on one shard.

    Args:
        videos: the labelled videos, each once. A video without segments counts as failed.
        failures: videos and windows without a label.
        listed: number of videos that belong to the shard.
        windows: number of clips that were scored.
        strips: a JPEG file in base64 for some segments; only these become examples.
    """
    labelled = [video for video in videos if video.segments]
    segments = [segment for video in labelled for segment in video.segments]
    seconds: dict[str, list[float]] = defaultdict(list)
    bins = [0] * SCORE_BINS
    for segment in segments:
        seconds[segment.label].append(segment.end_s - segment.start_s)
        bins[score_bin(segment.score)] += 1
    failed = {failure.video_id for failure in failures} | {video.video for video in videos}
    examples = [
        Example(
            *(video.video, s.start_s, s.end_s, s.label, s.score, s.top),
            strip=strips[video.video, s.start_s, s.label],
            is_unfamiliar=bool(s.is_unfamiliar),
            uri=video.uri,
        )
        for video in labelled
        for s in video.segments
        if (video.video, s.start_s, s.label) in strips
    ]
    listed_segments = (
        ListedSegment(video.video, video.uri, s.start_s, s.end_s, s.label, s.score, bool(s.is_unfamiliar))
        for video in labelled
        for s in video.segments
    )
    return LabelReport(
        videos=listed,
        labelled=len(labelled),
        failed=len(failed - {video.video for video in labelled}),
        damaged=sum(video.damaged for video in labelled),
        remarked=sum(bool(video.remark) for video in labelled),
        single=sum(is_single_picture(video.remark) for video in labelled),
        unfamiliar=sum(video.is_unfamiliar for video in labelled),
        unfamiliar_segments=sum(bool(segment.is_unfamiliar) for segment in segments),
        windows=windows,
        duration_s=_total(video.duration_s for video in labelled),
        covered_s=_total(covered_s(video.segments) for video in labelled),
        segments_by_label={label: len(seconds[label]) for label in sorted(seconds)},
        seconds_by_label={label: _total(seconds[label]) for label in sorted(seconds)},
        score_histogram=tuple(bins),
        failures_by_reason=_sorted(Counter(failure.type for failure in failures)),
        failures=_first(MAX_FAILURES, failures, _failure_order),
        uncertain=_first(MAX_UNCERTAIN, examples, _example_order),
        timelines=_first(MAX_TIMELINES, (v for v in labelled if len(v.segments) > 1), _timeline_order),
        segments=_lowest_and_highest(listed_segments),
        remarks=_first(MAX_REMARKS, ((video.video, video.remark) for video in labelled if video.remark), tuple),
    )


def merge_reports(reports: Iterable[LabelReport]) -> LabelReport:
    """The report on all shards together, from the report of each; an empty one if there are none.

    Order and grouping don't matter as long as no video is in two reports.
    """
    counts, reasons, segments = Counter[str](), Counter[str](), Counter[str]()
    duration_s = covered = 0.0
    seconds: dict[str, float] = defaultdict(float)
    bins = [0] * SCORE_BINS
    failures: tuple[Failure, ...] = ()
    uncertain: tuple[Example, ...] = ()
    timelines: tuple[LabelledVideo, ...] = ()
    listed_segments: tuple[ListedSegment, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()
    for report in reports:
        counts.update({name: getattr(report, name) for name in _COUNTS})
        duration_s = _total((duration_s, report.duration_s))
        covered = _total((covered, report.covered_s))
        reasons.update(report.failures_by_reason)
        segments.update(report.segments_by_label)
        for label, value in report.seconds_by_label.items():
            seconds[label] = _total((seconds[label], value))
        bins = [a + b for a, b in zip(bins, report.score_histogram, strict=True)]
        # Truncated after each report: those of all shards together may not fit into memory.
        failures = _first(MAX_FAILURES, (*failures, *report.failures), _failure_order)
        uncertain = _first(MAX_UNCERTAIN, (*uncertain, *report.uncertain), _example_order)
        several = (video for video in report.timelines if len(video.segments) > 1)
        timelines = _first(MAX_TIMELINES, (*timelines, *several), _timeline_order)
        listed_segments = _lowest_and_highest((*listed_segments, *report.segments))
        remarks = _first(MAX_REMARKS, (*remarks, *report.remarks), tuple)
    return LabelReport(
        **counts,
        duration_s=duration_s,
        covered_s=covered,
        segments_by_label=_sorted(segments),
        seconds_by_label=_sorted(seconds),
        score_histogram=tuple(bins),
        failures_by_reason=_sorted(reasons),
        failures=failures,
        uncertain=uncertain,
        timelines=timelines,
        segments=listed_segments,
        remarks=remarks,
    )


def score_bin(score: float) -> int:
    """The index of a score from 0 to 1 in a histogram of `SCORE_BINS` bins; 1 belongs to the last bin."""
    return min(max(int(score * SCORE_BINS), 0), SCORE_BINS - 1)


def _total(values: Iterable[float]) -> float:
    return round(math.fsum(round(value, _DIGITS) for value in values), _DIGITS)


def _sorted(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: counts[name] for name in sorted(counts)}


def _first(number: int, items: Iterable[_Item], order: Callable[[_Item], Any]) -> tuple[_Item, ...]:
    return tuple(heapq.nsmallest(number, items, key=order))


def _lowest_and_highest(segments: Iterable[ListedSegment]) -> tuple[ListedSegment, ...]:
    """Of each label as many segments with the lowest as with the highest scores, `MAX_SEGMENTS` in all; sorted.

    What is left out of a part would also be left out of the whole: a segment's rank from either end of its label can
    only grow when others are added.
    """
    kept: tuple[ListedSegment, ...] = ()
    waiting = iter(segments)
    while piece := tuple(islice(waiting, _SEGMENTS_AT_ONCE)):  # those of a hundred hours would take much memory
        kept = _choose_segments((*kept, *piece))
    return kept


def _choose_segments(segments: Iterable[ListedSegment]) -> tuple[ListedSegment, ...]:
    by_label: dict[str, list[ListedSegment]] = defaultdict(list)
    for segment in segments:
        by_label[segment.label].append(segment)
    ranked = []
    for label, members in by_label.items():
        members.sort(key=_segment_order)
        last = len(members) - 1
        ranked += [(min(i, last - i), label, i, segment) for i, segment in enumerate(members)]
    chosen = heapq.nsmallest(MAX_SEGMENTS, ranked, key=lambda item: item[:3])
    return tuple(segment for *_, segment in sorted(chosen, key=lambda item: item[1:3]))


# Each order is total: its later parts break ties between the earlier ones, which a person sees.


def _failure_order(failure: Failure) -> tuple[Any, ...]:
    """By video and time; the failure of a whole video comes before those of its windows."""
    f, whole = failure, failure.start_s is None
    times = (-1.0 if f.start_s is None else f.start_s, -1.0 if f.end_s is None else f.end_s)
    return (f.video_id, not whole, *times, f.stage, f.type, f.message, f.uri, f.transient)


def _example_order(example: Example) -> tuple[Any, ...]:
    e = example
    return e.score, e.video, e.start_s, e.end_s, e.label, e.top, e.strip, e.is_unfamiliar


def _segment_order(segment: ListedSegment) -> tuple[Any, ...]:
    s = segment
    return s.score, s.video, s.start_s, s.end_s, s.uri


def _timeline_order(video: LabelledVideo) -> tuple[int, str]:
    """By number of segments, most first, then by video, which is unique."""
    return -len(video.segments), video.video
