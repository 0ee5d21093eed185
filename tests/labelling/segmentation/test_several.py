"""Segments of several labels: tables worked out by hand, and properties that hold for all windows."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.account import summarise
from pipelines.labelling.segmentation.several import make_overlapping_segments
from pipelines.labelling.segments import SegmentSpec
from pipelines.labelling.summary import unknown_share
from pipelines.labelling.types import LabelledVideo, LabelReport, Segment, covered_s
from pipelines.video.windows import Window

LABELS = ("Jump", "Run")
PLAIN = SegmentSpec(smooth=1)
HALF = (0.5, 0.5)
ON, OFF = 0.75, 0.25


def tiles(*indices: int) -> list[Window]:
    """Windows of a second that follow each other."""
    return [Window(i, i, i + 1) for i in indices]


def make(
    p: Any, windows: Sequence[Window] = (), thresholds: Sequence[float] = HALF, spec: SegmentSpec = PLAIN, **more: Any
) -> tuple[Segment, ...]:
    rows = np.array(p, np.float32).T
    windows = windows or tiles(*range(len(rows)))
    return make_overlapping_segments(windows, rows, LABELS, thresholds, spec, windows[-1].end_s, **more)


def times(segments: Sequence[Segment]) -> list[tuple[float, float, str]]:
    return [(s.start_s, s.end_s, s.label) for s in segments]


def test_labels_of_one_moment_stand_side_by_side() -> None:
    found = make([[ON, ON, ON, OFF, OFF], [OFF, ON, 0.5, OFF, OFF]])
    assert found == (
        Segment(0.0, 3.0, "Jump", 0.75, (("Jump", 0.75), ("Run", 0.5))),
        Segment(1.0, 3.0, "Run", 0.625, (("Jump", 0.75), ("Run", 0.625))),
        Segment(3.0, 5.0, UNKNOWN, 0.25, (("Jump", 0.25), ("Run", 0.25))),
    )


@pytest.mark.parametrize(
    ("p", "options", "expected"),
    [
        # Each class has a threshold of its own, and min_score is the least for all.
        ([[0.4, 0.4], [0.4, 0.6]], {"thresholds": (0.3, 0.5)}, [(0, 2, "Jump"), (1, 2, "Run")]),
        ([[0.4, 0.4], [0.4, 0.6]], {"thresholds": (0.3, 0.5), "spec": SegmentSpec(0.5, smooth=1)},
         [(0, 1, UNKNOWN), (1, 2, "Run")]),
        # Gaps and segments of a class that are too short are joined, whatever the other class does.
        ([[ON, ON, OFF, ON], [OFF, OFF, ON, OFF]], {"spec": SegmentSpec(0, 1.5, 1)}, [(0, 4, "Jump")]),
        ([[ON, ON, OFF, ON, ON], [OFF] * 5], {}, [(0, 2, "Jump"), (2, 3, UNKNOWN), (3, 5, "Jump")]),
        # Smoothing is done for each class: (2 * 0.25 + 2 * 0.75) / 4 is a half.
        ([[ON, OFF, ON], [OFF, OFF, OFF]], {"spec": SegmentSpec(smooth=3)}, [(0, 3, "Jump")]),
        # A window that failed leaves a gap that nothing claims.
        ([[ON, ON], [OFF, ON]], {"windows": tiles(0, 2), "num_windows": 3},
         [(0, 1, "Jump"), (2, 3, "Jump"), (2, 3, "Run")]),
        # A video of a single window is all of it.
        ([[ON], [ON]], {"windows": [Window(0, 0, 0.9)]}, [(0, 0.9, "Jump"), (0, 0.9, "Run")]),
        ([[OFF], [OFF]], {}, [(0, 1, UNKNOWN)]),
    ],
)  # fmt: skip
def test_tables_by_hand(p: Any, options: dict[str, Any], expected: list[tuple[float, float, str]]) -> None:
    assert times(make(p, **options)) == expected


def test_a_class_called_unknown_has_no_segments_of_its_own() -> None:
    p = np.array([[0.9, 0.9], [0.9, 0.1]], np.float32)
    found = make_overlapping_segments(tiles(0, 1), p, ("Run", UNKNOWN), (0.95, 0.5), PLAIN, 2.0)
    assert times(found) == [(0, 2, UNKNOWN)]


def test_what_can_not_be_is_refused() -> None:
    assert make_overlapping_segments([], np.zeros((0, 2)), LABELS, HALF, PLAIN, 0.0) == ()
    with pytest.raises(ValueError, match="thresholds do not fit"):
        make([[ON], [ON]], thresholds=(0.5,))
    with pytest.raises(ValueError, match="not probabilities"):
        make([[1.5], [ON]])


ROWS = st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])] * 2), min_size=1, max_size=12)


@given(ROWS, st.sampled_from([0.0, 1.0, 2.5]), st.sampled_from([1, 3]))
def test_the_whole_video_is_covered_and_nothing_contradicts(
    rows: list[tuple[float, float]], min_s: float, smooth: int
) -> None:
    found = make(np.array(rows).T, spec=SegmentSpec(0.0, min_s, smooth))
    assert covered_s(found) == len(rows)
    assert [(s.start_s, s.end_s) for s in found] == sorted((s.start_s, s.end_s) for s in found)
    for label in (*LABELS, UNKNOWN):
        own = [s for s in found if s.label == label]
        assert all(a.end_s < b.start_s for a, b in pairwise(own)), "neighbours are merged"
        assert label == UNKNOWN or all(s.end_s - s.start_s >= min(min_s, len(rows)) for s in own)
    for gap in (s for s in found if s.label == UNKNOWN):
        assert not any(s.start_s < gap.end_s and gap.start_s < s.end_s for s in found if s is not gap)
    if not min_s and smooth == 1:
        for second, row in enumerate(rows):
            names = {s.label for s in found if s.start_s <= second < s.end_s}
            assert names == ({label for label, p in zip(LABELS, row, strict=True) if p >= 0.5} or {UNKNOWN})


def test_seconds_that_overlap_count_once_in_the_total() -> None:
    segments = make([[ON, ON, ON, OFF], [OFF, ON, ON, OFF]])
    report = summarise([LabelledVideo("a", "/a", 4.0, False, segments)], [], 1, 4, {})
    assert report.seconds_by_label == {"Jump": 3.0, "Run": 2.0, UNKNOWN: 1.0}
    assert (report.covered_s, report.labelled_s, report.overlaps) == (4.0, 4.0, True)
    assert unknown_share(report) == 1 / 4
    old = json.loads(report.to_json())
    del old["covered_s"]  # of an earlier version, in which nothing overlapped
    assert LabelReport.from_json(json.dumps(old)).labelled_s == 6.0
    assert LabelReport.from_json(report.to_json()) == report
