"""Segments: tables worked out by hand, wrong inputs, and properties that hold for all windows and probabilities."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.segments import SegmentSpec, make_segments
from pipelines.labelling.types import Segment
from pipelines.video.windows import Window

LABELS = ("Jump", "Run", "Walk")


PLAIN = SegmentSpec(smooth=1)


def tiles(*indices: int, stride: float = 1.0, length: float = 2.0) -> list[Window]:
    """Windows that by default last two seconds and start one second apart."""
    return [Window(i, i * stride, i * stride + length) for i in indices]


def make(windows: Sequence[Window], p: Any, spec: SegmentSpec = PLAIN, **options: Any) -> tuple[Segment, ...]:
    duration_s = windows[-1].end_s if windows else 0.0
    return make_segments(windows, np.array(p, np.float32), LABELS, spec, duration_s, **options)


def times(segments: Sequence[Segment]) -> list[tuple[float, float, str]]:
    return [(s.start_s, s.end_s, s.label) for s in segments]


def saying(*predicted: int) -> np.ndarray:
    """A row for each class id: 0.5 for it, the rest for the others, less for higher ids."""
    return np.array([[0.5 if c == label else 0.3 - 0.05 * c for c in range(3)] for label in predicted], np.float32)


def test_a_table_by_hand() -> None:
    p = [[0.5, 0.25, 0.25], [0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]
    assert make(tiles(0, 1, 2), p) == (
        Segment(0.0, 2.5, "Jump", 0.5, (("Jump", 0.5), ("Run", 0.35), ("Walk", 0.15))),
        Segment(2.5, 4.0, "Walk", 0.75, (("Walk", 0.75), ("Run", 0.25), ("Jump", 0.0))),
    )
    smoothed = make(tiles(0, 1, 2), p, SegmentSpec(smooth=3, top_k=2))
    assert smoothed == (
        # 1.5 s of (2 * 0.5 + 0.5) / 3, then 1 s of (0.5 + 2 * 0.5 + 0) / 4
        Segment(0.0, 2.5, "Jump", 0.45, (("Jump", 0.45), ("Run", 0.35))),
        Segment(2.5, 4.0, "Walk", 0.5, (("Walk", 0.5), ("Run", round(1 / 3, 6)))),
    )


@pytest.mark.parametrize(
    ("smooth", "expected"),
    [(1, [0, 0, 1, 0, 0]), (3, [0, 1 / 4, 2 / 4, 1 / 4, 0]), (5, [1 / 6, 2 / 8, 3 / 9, 2 / 8, 1 / 6])],
)
def test_smoothing_has_triangular_weights_that_are_renormalised_at_the_ends(smooth: int, expected: list[float]) -> None:
    """Windows side by side, each with a class of its own, so that each is a segment."""
    p = np.zeros((5, 6))
    p[range(5), range(5)] = 0.5
    p[2, 5] = 0.25
    windows, labels = tiles(*range(5), stride=2), [f"c{i}" for i in range(6)]
    segments = make_segments(windows, p.astype(np.float32), labels, SegmentSpec(smooth=smooth, top_k=6), 10)
    assert [s.label for s in segments] == labels[:5]
    assert [dict(s.top)["c5"] for s in segments] == pytest.approx([e / 4 for e in expected], abs=1e-6)


def test_very_wide_smoothing_is_a_weighted_mean_of_all() -> None:
    (segment,) = make(tiles(0, 1), [[1, 0, 0], [0, 0.9, 0.1]], SegmentSpec(smooth=10_001))
    assert dict(segment.top) == pytest.approx({"Jump": 0.5, "Run": 0.45, "Walk": 0.05}, abs=1e-3)


def test_windows_across_a_gap_are_not_smoothed() -> None:
    segments = make(tiles(0, 1, 4, 5), [[1, 0, 0]] * 2 + [[0, 1, 0]] * 2, SegmentSpec(smooth=5))
    assert times(segments) == [(0, 3, "Jump"), (4, 7, "Run")]
    assert [s.score for s in segments] == [1, 1]


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        (tiles(0, 1, 2), [(0, 1.5), (1.5, 2.5), (2.5, 4)]),
        (tiles(0, 1, stride=3), [(0, 2.5), (2.5, 5)]),  # windows that don't touch, and none is missing
        (tiles(0, 2, stride=2), [(0, 2), (4, 6)]),
        (tiles(0, 3), [(0, 2), (3, 5)]),
        (tiles(0, 2), [(0, 2), (2, 4)]),  # the missing one leaves no time uncovered
        (tiles(0, 2, length=4), [(0, 3), (3, 6)]),
        (tiles(3, 4), [(3, 4.5), (4.5, 6)]),
        (tiles(0, 2, 3), [(0, 2), (2, 3.5), (3.5, 5)]),
        ([Window(0, 0, 9), Window(2, 8, 9)], [(0, 8.5), (8.5, 9)]),
        ([Window(0, 0, 2), Window(1, 0.5, 2.5)], [(0, 1.25), (1.25, 2.5)]),  # the last window is moved to the end
        ([Window(0, 0, 1 / 3), Window(1, 1 / 3, 2 / 3)], [(0, 0.333), (0.333, 0.667)]),
    ],
)
def test_shares_of_time(windows: list[Window], expected: list[tuple[float, float]]) -> None:
    found = make(windows, saying(*[i % 2 for i in range(len(windows))]))
    assert [(s.start_s, s.end_s) for s in found] == expected


def test_one_label_is_one_segment_unless_time_is_missing() -> None:
    assert times(make(tiles(0, 1, 2), saying(1, 1, 1))) == [(0, 4, "Run")]
    assert times(make(tiles(0, 2), saying(1, 1))) == [(0, 4, "Run")]
    assert times(make(tiles(0, 4), saying(1, 1))) == [(0, 2, "Run"), (4, 6, "Run")]


def test_a_single_window_stands_for_the_whole_video() -> None:
    one = np.array([[0.2, 0.7, 0.1]], np.float32)
    whole = Segment(0.0, 7.123, "Run", 0.7, (("Run", 0.7), ("Jump", 0.2), ("Walk", 0.1)))
    for number in (None, 1):
        assert make_segments(tiles(0), one, LABELS, SegmentSpec(), 7.1234, number) == (whole,)
    left = make_segments(tiles(0), one, LABELS, SegmentSpec(), 7.1234, 6)
    assert left == (replace(whole, end_s=2.0),), "five others failed"
    assert times(make_segments(tiles(5), one, LABELS, SegmentSpec(), 7.1234)) == [(5, 7, "Run")]
    assert times(make_segments(tiles(0), one, LABELS, SegmentSpec(), 0.0)) == [(0, 0, "Run")]


def test_windows_without_time_are_no_segments_but_a_video_has_one() -> None:
    windows = [Window(0, 0.0, 1.0), Window(1, 1.0, 1.0001), Window(2, 1.0002, 1.0002), Window(3, 1.0002, 1.0002)]
    assert times(make(windows, saying(0, 1, 2, 0))) == [(0, 0.75, "Jump"), (0.75, 1, "Run")]
    (segment,) = make(windows[2:], saying(2, 2))
    assert (times([segment]), segment.score) == ([(1, 1, "Walk")], 0.5)


def test_unknown_is_what_scores_too_low_after_smoothing() -> None:
    p = np.array([[0.7, 0.3, 0.0], [0.7, 0.3, 0.0], [0.4, 0.35, 0.25], [0.3, 0.45, 0.25]], np.float32)
    segments = make(tiles(0, 1, 2, 3), p, SegmentSpec(smooth=1, min_score=0.7, top_k=2))
    assert times(segments) == [(0, 2.5, "Jump"), (2.5, 5, UNKNOWN)]
    assert [s.score for s in segments] == [0.7, 0.41], "0.7 is enough, though it is less as float32"
    assert segments[1].top == (("Run", 0.41), ("Jump", 0.34))
    assert [s.label for s in make(tiles(0, 1, 2, 3), p, SegmentSpec(min_score=0.7))] == ["Jump", UNKNOWN]
    assert [s.label for s in make(tiles(0, 1, 2, 3), p, SegmentSpec(min_score=0.71))] == [UNKNOWN]


def test_a_class_called_unknown_is_the_same() -> None:
    labels = (UNKNOWN, "Run")
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.1, 0.9]], np.float32)
    segments = make_segments(tiles(0, 1, 2), p, labels, SegmentSpec(smooth=1, min_score=0.8), 4)
    assert times(segments) == [(0, 2.5, UNKNOWN), (2.5, 4, "Run")]
    assert segments[0].score == 0.7


@pytest.mark.parametrize(
    ("min_duration_s", "predicted", "expected"),
    [
        (0, (0, 1, 0), [(0, 1, 0), (1, 2, 1), (2, 3, 0)]),
        (1, (0, 1, 0), [(0, 1, 0), (1, 2, 1), (2, 3, 0)]),
        (1.001, (0, 0, 1, 0), [(0, 4, 0)]),
        (2, (0, 0, 1, 2, 2, 2), [(0, 2, 0), (2, 6, 2)]),  # into the longer neighbour
        (2, (0, 0, 1, 2, 2), [(0, 3, 0), (3, 5, 2)]),  # into the earlier of equal ones
        (2, (1, 0), [(0, 2, 0)]),  # the earliest of equal ones goes first
        (3, (0, 0, 1, 2, 2, 2), [(0, 6, 2)]),  # both are too short, one after the other
        (3, (0, 1, 0, 1, 1, 1), [(0, 6, 1)]),
        (9, (0, 0, 1, 1, 1, 2), [(0, 6, 1)]),
        (9, (0, 0, 0), [(0, 3, 0)]),
        (0.0004, (0, 1), [(0, 1, 0), (1, 2, 1)]),
    ],
)
def test_short_segments_are_absorbed(min_duration_s: float, predicted: tuple[int, ...], expected: list[Any]) -> None:
    windows = tiles(*range(len(predicted)), length=1)
    found = make(windows, saying(*predicted), SegmentSpec(smooth=1, min_duration_s=min_duration_s))
    assert times(found) == [(start, end, LABELS[label]) for start, end, label in expected]


def test_what_is_as_long_as_it_must_be_is_not_short() -> None:
    """2.007 * 1000 is a bit more than 2007."""
    windows = tiles(0, 1, stride=2.007, length=2.007)
    assert len(make(windows, saying(0, 1), SegmentSpec(smooth=1, min_duration_s=2.007))) == 2


def test_short_segments_stay_where_nothing_touches_them() -> None:
    spec = SegmentSpec(smooth=1, min_duration_s=10)
    windows = tiles(0, 2, 3, 5, length=1)
    assert times(make(windows, saying(0, 1, 2, 0), spec)) == [(0, 1, "Jump"), (2, 4, "Walk"), (5, 6, "Jump")]


def test_a_segment_that_absorbed_others_has_the_mean_over_all_of_its_time() -> None:
    """And another class may have more of it."""
    p = [[1, 0, 0], [0.3, 0.4, 0.25], [0.3, 0.4, 0.25]]
    (segment,) = make(tiles(0, 1, 2, length=1), p, SegmentSpec(smooth=1, min_duration_s=2, top_k=2))
    assert segment == Segment(0, 3, "Run", round(0.8 / 3, 6), (("Jump", round(1.6 / 3, 6)), ("Run", round(0.8 / 3, 6))))


def test_equal_classes_come_in_the_order_of_their_ids() -> None:
    (segment,) = make(tiles(0, 1), [[0.25, 0.375, 0.375]] * 2, SegmentSpec(smooth=3))
    assert [segment.label, *dict(segment.top)] == ["Run", "Run", "Walk", "Jump"]


def test_many_equal_classes_too() -> None:
    labels, eighths = [f"c{i:02d}" for i in range(60)], np.array([[1, 2, 3] * 20], np.float32) / 8
    (segment,) = make_segments(tiles(0), eighths, labels, SegmentSpec(top_k=60), 2.0)
    assert [label for label, _ in segment.top] == labels[2::3] + labels[1::3] + labels[::3]


def test_no_windows_no_segments() -> None:
    assert make_segments([], np.zeros((0, 3), np.float32), LABELS, SegmentSpec(), 5.0) == ()


@pytest.mark.parametrize(
    ("windows", "p", "message"),
    [
        (tiles(0, 1), saying(0), r"\[1, 3\] do not fit 2 windows and 3 classes"),
        (tiles(0), [[0.5, 0.5]], r"\[1, 2\] do not fit 1 windows and 3 classes"),
        (tiles(0), [[float("nan"), 0, 0]], "not probabilities"),
        (tiles(0), [[-2.5, 0, 3.5]], "from -2.5 to 3.5"),
        (tiles(0), [[-0.5, 0.5, 1]], "from -0.5 to 1.0"),
        (tiles(1, 0), saying(0, 0), "index=0.* comes after .*index=1"),
        (tiles(1, 1), saying(0, 0), "comes after"),
        ([Window(0, 1, 2), Window(1, 0, 2)], saying(0, 0), "comes after"),
        ([Window(0, 1, 3), Window(1, 2, 2.5)], saying(0, 0), "comes after"),
        ([Window(0, 2, 1)], saying(0), "not a time range"),
        ([Window(0, 0, float("nan"))], saying(0), "not a time range"),
        ([Window(0, 0, float("inf"))], saying(0), "not a time range"),
    ],
)
def test_wrong_inputs(windows: list[Window], p: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_segments(windows, np.array(p, np.float32), LABELS, SegmentSpec(), 5.0)


def test_half_precision_may_be_a_bit_more_than_1() -> None:
    (segment,) = make(tiles(0), [[1.0005, 0, 0]])
    assert segment.score == segment.top[0][1] == 1.0


def test_many_windows_are_not_slow() -> None:
    """Two days of video in which each second is another class."""
    number = 170_000
    windows = tiles(*range(number))
    (segment,) = make(windows, np.tile(saying(0, 1, 2, 1), (number // 4, 1)), SegmentSpec(min_duration_s=1e6))
    assert (segment.start_s, segment.end_s) == (0, number + 1)


Case = tuple[list[Window], np.ndarray, SegmentSpec]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Windows with gaps, probabilities with many ties."""
    indices = sorted(draw(st.sets(st.integers(0, 14), min_size=1, max_size=15)))
    assume(indices != [0])  # a whole video
    stride_ms, length_ms = draw(st.sampled_from([1, 2, 400, 1000, 1500])), draw(st.sampled_from([1, 999, 1000, 2001]))
    eighths = draw(st.lists(st.permutations([0, 1, 3, 4]), min_size=len(indices), max_size=len(indices)))
    spec = SegmentSpec(
        draw(st.sampled_from([0.0, 0.4, 0.5])),
        draw(st.sampled_from([0.0, 0.5, 1.5, 4.0])),
        draw(st.sampled_from([1, 3, 7])),
        draw(st.integers(1, 5)),
    )
    windows = tiles(*indices, stride=stride_ms / 1000, length=length_ms / 1000)
    return windows, np.array(eighths, np.float32)[:, :3] / 8, spec


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


@settings(max_examples=200)
@given(cases())
def test_segments_cover_what_windows_do_and_neighbours_differ(case: Case) -> None:
    """Time between consecutive windows counts as covered, even if they don't touch."""
    windows, p, spec = case
    segments = make(windows, p, spec)
    covered: set[int] = set()
    for i, window in enumerate(windows):
        follows = i > 0 and windows[i - 1].index == window.index - 1
        start = milliseconds(windows[i - 1].end_s if follows else window.start_s)
        covered.update(range(min(start, milliseconds(window.start_s)), milliseconds(window.end_s)))
    found = [t for s in segments for t in range(milliseconds(s.start_s), milliseconds(s.end_s))]
    assert len(found) == len(set(found))
    assert set(found) == covered
    assert found == sorted(found)
    for segment in segments:
        assert segment.start_s < segment.end_s
        assert (segment.start_s, segment.end_s) == (round(segment.start_s, 3), round(segment.end_s, 3))
        assert len(segment.top) == min(spec.top_k, 3)
        for score in (segment.score, *dict(segment.top).values()):
            assert 0 <= score <= 1
            assert score == round(score, 6)
    for a, b in pairwise(segments):
        assert a.end_s < b.start_s or (a.end_s == b.start_s and a.label != b.label)


@given(cases(), st.integers(0, 14))
def test_constant_probabilities_are_what_they_are(case: Case, row: int) -> None:
    windows, p, spec = case
    constant = p[[row % len(p)] * len(p)]
    order = sorted(range(3), key=lambda c: (-constant[0][c], c))
    top = tuple((LABELS[c], float(constant[0][c])) for c in order)[: spec.top_k]
    label = UNKNOWN if top[0][1] < spec.min_score else top[0][0]
    segments = make(windows, constant, spec)
    assert {(s.label, s.score, s.top) for s in segments} == {(label, top[0][1], top)}
    assert all(a.end_s < b.start_s for a, b in pairwise(segments))


def test_how_unfamiliar_a_segment_is() -> None:
    """The mean over its time, not smoothed: 1.5 s of 0.5 and 1 s of 3, then 1.5 s of 1."""
    p = [[0.5, 0.25, 0.25], [0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]
    told = make(tiles(0, 1, 2), p, SegmentSpec(smooth=1), unfamiliar=np.array([0.5, 3, 1], np.float32))
    assert [(s.end_s, s.unfamiliar, s.is_unfamiliar) for s in told] == [(2.5, 1.5, True), (4.0, 1.0, False)]
    # The flag is that of the number as it is written.
    (one,) = make(tiles(0), p[:1], SegmentSpec(smooth=1), unfamiliar=np.array([1.0004], np.float32))
    assert (one.unfamiliar, one.is_unfamiliar) == (1.0, False)
    (untold,) = make(tiles(0), p[:1], SegmentSpec(smooth=1))
    assert untold.unfamiliar is None and untold.is_unfamiliar is None
