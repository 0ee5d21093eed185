"""Segments: a slow version that must agree, and what holds for all windows and probabilities."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.labelling.segments import SegmentSpec
from pipelines.labelling.types import UNKNOWN
from pipelines.video.windows import Window
from tests.support.probabilities import LABELS, make, tiles, times

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


def slow_smoothing(windows: list[Window], p: np.ndarray, width: int) -> list[list[float]]:
    index = [window.index for window in windows]
    result = []
    for i in index:
        near = {i: width // 2 + 1}
        for step in (-1, 1):
            for distance in range(1, width // 2 + 1):
                if i + step * distance not in index:
                    break
                near[i + step * distance] = width // 2 + 1 - distance
        weighted = [sum(w * float(p[index.index(j)][c]) for j, w in near.items()) for c in range(3)]
        result.append([value / sum(near.values()) for value in weighted])
    return result


def share(windows: list[Window], i: int) -> tuple[int, int]:
    """Start and end of a window's time in milliseconds; each side is worked out for itself."""
    start, end = milliseconds(windows[i].start_s), milliseconds(windows[i].end_s)
    low, high = start, end
    if i > 0:
        before = (milliseconds(windows[i - 1].start_s), milliseconds(windows[i - 1].end_s))
        if windows[i].index - windows[i - 1].index == 1:
            low = int((sum(before) + start + end) / 4 + 0.5)
        else:
            low = max(start, int((before[1] + start) / 2 + 0.5))
    if i + 1 < len(windows):
        after = (milliseconds(windows[i + 1].start_s), milliseconds(windows[i + 1].end_s))
        if windows[i + 1].index - windows[i].index == 1:
            high = int((sum(after) + start + end) / 4 + 0.5)
        else:
            high = min(end, int((end + after[0]) / 2 + 0.5))
    return low, high


def slow_absorption(runs: list[list[Any]], min_ms: int) -> list[list[Any]]:
    """Runs of start, end and label: looks for the shortest again after each step."""
    while True:
        for a, b in pairwise(runs):
            if a[1] == b[0] and a[2] == b[2]:
                runs = [[a[0], b[1], a[2]] if run is a else run for run in runs if run is not b]
                break
        else:
            found = []
            for i, (start, end, _) in enumerate(runs):
                sides = [j for j in (i - 1, i + 1) if 0 <= j < len(runs) and (runs[j][1] == start or runs[j][0] == end)]
                if end - start < min_ms and sides:
                    longest = max(runs[j][1] - runs[j][0] for j in sides)
                    found.append((end - start, i, next(j for j in sides if runs[j][1] - runs[j][0] == longest)))
            if not found:
                return runs
            _, i, j = min(found)
            a, b = runs[min(i, j)], runs[max(i, j)]
            joined = [a[0], b[1], runs[j][2]]
            runs = [joined if run is a else run for run in runs if run is not b]


@settings(max_examples=300, deadline=None)
@given(cases())
def test_a_slow_version_agrees(case: Case) -> None:
    windows, p, spec = case
    segments = make(windows, p, spec)
    smoothed = slow_smoothing(windows, p, spec.smooth)
    runs: list[list[Any]] = []
    for i, row in enumerate(smoothed):
        start, end = share(windows, i)
        label = row.index(max(row)) if round(max(row), 6) >= spec.min_score else None
        if start < end:
            runs.append([start, end, label])
    runs = slow_absorption(runs, milliseconds(spec.min_duration_s))
    names = [[start / 1000, end / 1000, UNKNOWN if label is None else LABELS[label]] for start, end, label in runs]
    assert [list(found) for found in times(segments)] == names
    for segment in segments:
        weights = [
            max(0, min(share(windows, i)[1], segment.end_s * 1000) - max(share(windows, i)[0], segment.start_s * 1000))
            for i in range(len(windows))
        ]
        means = [sum(w * row[c] for w, row in zip(weights, smoothed, strict=True)) / sum(weights) for c in range(3)]
        best = max(means) if segment.label == UNKNOWN else means[LABELS.index(segment.label)]
        assert segment.score == pytest.approx(best, abs=2e-6)
        assert [score for _, score in segment.top] == pytest.approx(sorted(means, reverse=True)[: spec.top_k], abs=2e-6)
        assert dict(segment.top) == pytest.approx(
            {label: means[LABELS.index(label)] for label, _ in segment.top}, abs=2e-6
        )


@settings(max_examples=200, deadline=None)
@given(cases())
def test_segments_cover_what_windows_do_and_neighbours_differ(case: Case) -> None:
    """Time between windows that follow each other counts as covered, even if they don't touch."""
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


@settings(deadline=None)
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
