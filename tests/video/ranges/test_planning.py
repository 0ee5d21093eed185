"""Ranges have the frames that are first shown in them; runs read them in order and hold few of them at a time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.clip_ids import clip_id
from pipelines.video.errors import RangeError
from pipelines.video.ranges.planning import DenseWindows, FrameTimes, TimeRange, cut_runs
from pipelines.video.windows import PlannedWindow, Window, WindowSpec, default_windows, plan_windows

FILM = FrameTimes(np.arange(100) / 25, 4.0)
NTSC = FrameTimes(np.round(np.arange(300) * 1001 / 30000, 6), 10.01)
ENDLESS_LAST = FrameTimes(np.array([0.0, 1.0, 2.0]), 2.0)
"""A last frame that is shown for no time."""


@pytest.mark.parametrize(
    ("times", "start_s", "end_s", "expected"),
    [
        (FILM, 0, 4, (0, 100, 4.0)),
        (FILM, 1, 2, (25, 50, 2.0)),
        (FILM, 1.01, 2.01, (26, 51, 2.01)),  # of the frame at 2.00, a part is shown
        (FILM, 0.96, 1.0, (24, 25, 1.0)),
        (FILM, 3.5, 4.019, (88, 100, 4.0)),  # half a frame too long
        (NTSC, 0, 5.005, (0, 150, 5.005)),
        (NTSC, 5.005, 10.01, (150, 300, 10.01)),
        (ENDLESS_LAST, 1, 2, (1, 3, 2.0)),
        (ENDLESS_LAST, 0, 1.5, (0, 2, 1.5)),
    ],
)
def test_frames_of_a_range(times: FrameTimes, start_s: float, end_s: float, expected: tuple[int, int, float]) -> None:
    first, end, until_s = expected
    assert times.frames_of(TimeRange(start_s, end_s)) == PlannedWindow(Window(0, start_s, until_s), first, end)


@pytest.mark.parametrize(
    ("start_s", "end_s", "said"),
    [
        (2, 4.021, "the range 2 to 4.021 s ends after the video, which is 4 s long"),
        (4, 5, "ends after the video"),
        (3, 3, "must start at 0 or later, and end after its start"),
        (3, 2, "the range 3 to 2 s is not one"),
        (-1, 2, "must start at 0"),
        (1.01, 1.03, "no frame is first shown in the range 1.01 to 1.03 s"),
    ],
)
def test_no_such_range(start_s: float, end_s: float, said: str) -> None:
    with pytest.raises(RangeError) as caught:
        FILM.frames_of(TimeRange(start_s, end_s))
    assert said in str(caught.value)


def test_by_time_a_range_also_has_what_is_on_display_when_it_begins() -> None:
    slides = FrameTimes(np.array([0.0, 10.0, 20.0]), 30.0, by_time=True)
    found = slides.frames_of(TimeRange(12, 25))
    assert (found.first, found.end) == (1, 3)
    assert slides.frames_of(TimeRange(12, 13)).first == 1


@pytest.mark.parametrize("most", [0, 3, 1])
def test_dense_windows_are_those_of_labelling(most: int) -> None:
    dense = DenseWindows(default_windows({}, 1.0, 0.4), most)
    whole = plan_windows(FILM.times_s, 4.0, dense.windows)
    chosen = {0: range(9), 3: [1, 4, 7], 1: [4]}[most]
    assert FILM.windows_in(None, dense) == [whole[number] for number in chosen]
    # In a range: those of a video of these frames, moved.
    part = plan_windows(FILM.times_s[:50], 2.0, dense.windows)
    found = FILM.windows_in(TimeRange(1.0, 3.0), DenseWindows(dense.windows))
    assert isinstance(found, list)
    assert [(one.first - 25, one.end - 25) for one in found] == [(one.first, one.end) for one in part]
    assert [one.window.start_s for one in found] == pytest.approx([1 + one.window.start_s for one in part])
    assert FILM.windows_in(TimeRange(1.0, 2.0), dense) == FILM.frames_of(TimeRange(1.0, 2.0))


def test_two_windows_never_have_the_same_name() -> None:
    times = FrameTimes(np.arange(101) / 25, 4.0002)
    dense = DenseWindows(WindowSpec(1.0, 1.0, 1.0))
    assert len(plan_windows(times.times_s, 4.0002, dense.windows)) == 5  # the last from 3.0002 to 4.0002
    found = times.windows_in(None, dense)
    assert isinstance(found, list)
    names = [clip_id("v", one.window.start_s, one.window.end_s) for one in found]
    assert names == ["v@0-1", "v@1-2", "v@2-3", "v@3-4"]


RANGES = st.lists(st.tuples(st.integers(0, 390), st.integers(1, 400)), min_size=1, max_size=40)


@settings(max_examples=200)
@given(RANGES, st.booleans(), st.integers(2, 6), st.lists(st.integers(1, 399), unique=True, max_size=9))
def test_runs(ranges: list[tuple[int, int]], in_order: bool, most_held: int, key_frames: list[int]) -> None:
    """Each window is in one run, decodable from the run's key frame; few are incomplete at any frame."""
    times_s = np.arange(400) * 1.0
    spans = [(first, min(400, first + length)) for first, length in ranges]
    windows = [PlannedWindow(Window(0, a, b), a, b) for a, b in (sorted(spans) if in_order else spans)]
    keys = [0, *sorted(key_frames)]
    runs = list(cut_runs(windows, times_s, keys, most_held))
    assert [number for run in runs for number in range(run.first, run.end)] == list(range(len(windows)))
    for run in runs:
        mine = windows[run.first : run.end]
        assert run.key_frame == max(key for key in keys if key <= mine[0].first)
        assert [one.first for one in mine] == sorted(one.first for one in mine)
        done = np.maximum.accumulate([one.end for one in mine])  # the frame at which each can be given
        for one in mine:
            begun = sum(other.first <= one.first for other in mine)
            assert begun - sum(done <= one.first) <= most_held or len({o.first for o in mine}) < len(mine)
    if in_order and most_held > len(windows):
        far = [b.first - (a.end - 1) > 30 for a, b in pairwise(windows)]
        assert len(runs) <= 1 + sum(far)


def test_a_long_range_around_many_short_ones_is_read_by_itself_or_with_a_few() -> None:
    windows = [PlannedWindow(Window(0, a, b), a, b) for a, b in [(0, 300), *((k, k + 2) for k in range(0, 298, 2))]]
    runs = [(run.first, run.end) for run in cut_runs(windows, np.arange(300) / 25, [0], 5)]
    assert runs == [(0, 5), (5, len(windows))]


def test_the_file_is_opened_again_after_a_long_gap_at_a_key_frame() -> None:
    windows = [PlannedWindow(Window(0, a, b), a, b) for a, b in [(0, 50), (100, 150), (2000, 2050)]]
    times_s = np.arange(2100) / 25
    assert [(run.first, run.end, run.key_frame) for run in cut_runs(windows, times_s, [0, 90, 1990], 9)] == [
        (0, 2, 0),
        (2, 3, 1990),
    ]
    assert [(run.first, run.end) for run in cut_runs(windows, times_s, [0, 90], 9)] == [(0, 3)]
