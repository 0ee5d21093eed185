"""Segments: properties that hold for all windows and probabilities."""

from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.labelling.segments import SegmentSpec
from pipelines.labelling.types import UNKNOWN
from pipelines.video.windows import Window
from tests.support.probabilities import LABELS, make, tiles

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


@settings(max_examples=200, deadline=None)
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
