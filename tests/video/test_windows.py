"""Windows cover a video and have the frames shown in them; each is in one range, after its key frame."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.video.compact import pack, unpack, windows_from_json, windows_to_json
from pipelines.video.pieces import Piece
from pipelines.video.windows import (
    PlannedWindow,
    Window,
    WindowRange,
    WindowSpec,
    count_windows,
    cut_ranges,
    default_windows,
    plan_windows,
)


@pytest.mark.parametrize("name", ["window_s", "stride_s", "whole_up_to_s", "range_s"])
@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, 1e-9, True, "2", None])
def test_values_that_are_no_lengths(name: str, value: Any) -> None:
    fields = {"window_s": 2.0, "stride_s": 1.0, "whole_up_to_s": 4.0, "range_s": 60.0}
    with pytest.raises(ValueError, match=f"^{name} must be a positive number of seconds, not {value!r}$"):
        WindowSpec(**{**fields, name: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((2.0, 2.5, 4.0), r"stride_s must be at most window_s \(2.0\), not 2.5"),
        ((2.0, 1.0, 1.5), r"whole_up_to_s must be at least window_s \(2.0\), not 1.5"),
        ((2.0, 1.0, 4.0, 1.9), r"range_s must be at least window_s \(2.0\), not 1.9"),
    ],
)
def test_values_that_do_not_go_together(values: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowSpec(*values)
    WindowSpec(2.0, 2.0, 2.0, 2.0)


def test_identity_is_what_decides_about_results() -> None:
    spec = WindowSpec(2.0, 1.0, 4.0, 60.0)
    assert spec.identity() == {"window_s": 2.0, "stride_s": 1.0, "whole_up_to_s": 4.0}
    assert spec.identity() == WindowSpec(2.0, 1.0, 4.0, 600.0).identity()


UCF = {"min": 1.2, "median": 6.84, "max": 29.7}


@pytest.mark.parametrize(
    ("durations", "chosen", "expected"),
    [
        ({}, {}, (10.0, 5.0, 20.0, 600.0)),
        (UCF, {}, (6.8, 3.4, 44.55, 600.0)),
        ({"min": 4, "median": 5.0, "max": 6.0}, {}, (5.0, 2.5, 10.0, 600.0)),  # twice the window is longer
        ({"min": 0.02, "median": 0.03, "max": 0.04}, {}, (0.1, 0.05, 0.2, 600.0)),
        (UCF, {"window_s": 4}, (4, 2.0, 4.001, 600.0)),
        (UCF, {"window_s": 4.0, "stride_s": 1.0}, (4.0, 1.0, 4.001, 600.0)),
        (UCF, {"stride_s": 1.0}, (6.8, 1.0, 44.55, 600.0)),
        ({}, {"window_s": 900.0}, (900.0, 450.0, 900.001, 900.0)),
    ],
)
def test_default_windows(durations: dict[str, float], chosen: dict[str, float], expected: tuple[float, ...]) -> None:
    spec = default_windows(durations, **chosen)
    assert (spec.window_s, spec.stride_s, spec.whole_up_to_s, spec.range_s) == pytest.approx(expected)


def test_default_windows_refuse_what_the_user_mistook() -> None:
    with pytest.raises(ValueError, match=r"stride_s must be at most window_s \(4.0\), not 5.0"):
        default_windows(UCF, 4.0, 5.0)
    with pytest.raises(ValueError, match="window_s must be a positive number of seconds, not -4.0"):
        default_windows(UCF, -4.0)


NTSC = np.arange(300) * 1001 / 30000


@pytest.mark.parametrize(
    ("times", "duration", "window", "stride", "expected"),
    [
        (np.arange(100) / 25, 4.0, 2.0, 1.0, [(0, 2, 0, 50), (1, 3, 25, 75), (2, 4, 50, 100)]),
        (np.arange(100) / 25, 4.0, 2.0, 2.0, [(0, 2, 0, 50), (2, 4, 50, 100)]),
        (np.arange(90) / 25, 3.6, 2.0, 1.0, [(0, 2, 0, 50), (1, 3, 25, 75), (1.6, 3.6, 40, 90)]),
        (np.arange(100) / 25, 4.0, 4.0, 1.0, [(0, 4, 0, 100)]),
        (np.arange(75) / 25, 3.0, 4.0, 1.0, [(0, 3, 0, 75)]),
        # thirds of a second, whose floating-point numbers lie on either side
        (np.arange(12) / 3 - 1e-12, 4.0, 2.0, 1.0, [(0, 2, 0, 6), (1, 3, 3, 9), (2, 4, 6, 12)]),
        (NTSC, 10.01, 5.005, 5.005, [(0, 5.005, 0, 150), (5.005, 10.01, 150, 300)]),
        # a gap from 0.5 to 4: the frame at 0.5 stays on display
        (
            np.array([0, 0.5, 4.0, 4.5]),
            5.0,
            1.0,
            1.0,
            [(0, 1, 0, 2), (1, 2, 1, 2), (2, 3, 1, 2), (3, 4, 1, 2), (4, 5, 2, 4)],
        ),
        # the last frame has no length: the video ends with its time
        (np.array([0, 1.0, 2.0]), 2.0, 1.0, 1.0, [(0, 1, 0, 1), (1, 2, 1, 3)]),
        (np.array([0.0]), 0.0, 1.0, 1.0, [(0, 0, 0, 1)]),
    ],
)
def test_plan(
    times: np.ndarray, duration: float, window: float, stride: float, expected: list[tuple[Any, ...]]
) -> None:
    planned = plan_windows(times, duration, WindowSpec(window, stride, window))
    assert planned == [
        PlannedWindow(Window(index, start, end), first, past)
        for index, (start, end, first, past) in enumerate(expected)
    ]
    assert all(type(value) is int for plan in planned for value in (plan.first, plan.end))  # as JSON needs


def test_plan_without_frames() -> None:
    with pytest.raises(ValueError, match="without frames"):
        plan_windows(np.array([]), 4.0, WindowSpec(1.0, 1.0, 1.0))


lengths = st.integers(1, 20_000).map(lambda milliseconds: milliseconds / 1000)


@st.composite
def videos(draw: st.DrawFn) -> tuple[np.ndarray, float, WindowSpec]:
    steps = draw(st.lists(st.sampled_from([1, 33, 40, 500, 9000]) | st.integers(1, 5000), max_size=120))
    times = np.cumsum([0, *steps]) / 1000
    duration = float(times[-1]) + draw(st.integers(0, 3000)) / 1000
    window = draw(lengths.filter(lambda value: value > 0.02))
    stride = max(0.02, window * draw(st.sampled_from([1.0, 0.5, 0.25, 0.37])))
    return times, duration, WindowSpec(window, stride, window, 1000.0)


@settings(max_examples=300)
@given(videos())
def test_windows_cover_the_video(video: tuple[np.ndarray, float, WindowSpec]) -> None:
    times, duration, spec = video
    planned = plan_windows(times, duration, spec)
    windows = [plan.window for plan in planned]
    assert [window.index for window in windows] == list(range(len(windows)))
    assert windows[0].start_s == 0 and windows[-1].end_s == pytest.approx(duration, abs=1e-6)
    assert len(windows) == count_windows(duration, spec)
    assert len(windows) == pytest.approx(
        1 + max(0, math.ceil((duration - spec.window_s) / spec.stride_s - 1e-3)), abs=1
    )
    full = min(spec.window_s, duration)
    for i, plan in enumerate(planned):
        assert plan.window.end_s - plan.window.start_s == pytest.approx(full, abs=2e-6)
        assert 0 <= plan.first < plan.end <= len(times)
        if i < len(planned) - 1:
            assert plan.window.start_s == pytest.approx(i * spec.stride_s, abs=1e-6 * (i + 1))
            assert planned[i + 1].window.start_s <= plan.window.end_s + 1e-6
            assert plan.first <= planned[i + 1].first and plan.end <= planned[i + 1].end
        shown = [k for k, t in enumerate(times) if plan.window.start_s - 5e-7 <= t < plan.window.end_s - 5e-7]
        if i < len(planned) - 1 and shown:
            assert (plan.first, plan.end) == (shown[0], shown[-1] + 1)
        elif i < len(planned) - 1:
            assert plan.end == plan.first + 1 and times[plan.first] < plan.window.start_s + 5e-7
    assert planned[0].first == 0 and planned[-1].end == len(times)
    assert {k for plan in planned for k in range(plan.first, plan.end)} == set(range(len(times)))


def windows_of(seconds: int, window: float = 4.0, stride: float = 2.0) -> list[PlannedWindow]:
    """Windows of a video at one frame per second."""
    return plan_windows(np.arange(seconds, dtype=np.float64), seconds, WindowSpec(window, stride, window))


@pytest.mark.parametrize(
    ("seconds", "key_frames", "range_s", "expected"),
    [
        (100, [0], 10, [(0, 49, 0)]),
        (100, [], 10, [(0, 49, 0)]),
        (100, list(range(100)), 1000, [(0, 49, 0)]),
        (100, list(range(100)), 50, [(0, 25, 0), (25, 49, 50)]),
        (100, [0, 45, 90], 50, [(0, 23, 0), (23, 49, 45)]),
        (100, [0, 45, 60], 50, [(0, 23, 0), (23, 49, 45)]),
        (100, [0, 50], 10, [(0, 25, 0), (25, 49, 50)]),
        (100, [0, 99], 10, [(0, 49, 0)]),  # no window starts that late
        (100, [0, 47, 48], 50, [(0, 24, 0), (24, 49, 48)]),  # the last key frame before the window
        (100, [3, 50], 50, [(0, 25, 0), (25, 49, 50)]),
        (4, [0, 2], 4, [(0, 1, 0)]),
        (100, [0, 33, 66], 34, [(0, 17, 0), (17, 33, 33), (33, 49, 66)]),
    ],
)
def test_cut(seconds: int, key_frames: list[int], range_s: float, expected: list[tuple[int, int, int]]) -> None:
    assert cut_ranges(windows_of(seconds), key_frames, range_s) == [WindowRange(*cut) for cut in expected]


@settings(max_examples=300)
@given(videos(), st.sets(st.integers(0, 120)), st.sampled_from([1.0, 20.0, 60.0, 1e6]))
def test_ranges_of_windows(video: tuple[np.ndarray, float, WindowSpec], key_frames: set[int], range_s: float) -> None:
    planned = plan_windows(*video)
    keys = sorted(key for key in key_frames if key < len(video[0]))
    ranges = cut_ranges(planned, keys, range_s)
    assert [i for cut in ranges for i in range(cut.first, cut.end)] == list(range(len(planned)))
    assert all(cut.first < cut.end for cut in ranges)
    assert ranges[0].key_frame == 0
    for before, cut in itertools.pairwise(ranges):
        assert before.key_frame < cut.key_frame
        assert cut.key_frame in keys
        assert all(cut.key_frame <= planned[i].first for i in range(cut.first, cut.end))
        assert cut.key_frame == max(key for key in keys if key <= planned[cut.first].first)
    assert len(ranges) <= max(1, round(video[1] / range_s))


@pytest.mark.parametrize("range_s", [30, 60, 200, 601])
def test_ranges_are_about_as_long_as_wished(range_s: float) -> None:
    planned = windows_of(7200)
    ranges = cut_ranges(planned, list(range(0, 7200, 5)), range_s)
    for cut in ranges:
        length = planned[cut.end - 1].window.end_s - planned[cut.first].window.start_s
        assert length == pytest.approx(7200 / round(7200 / range_s), abs=12)
        assert planned[cut.first].first - cut.key_frame < 5


INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
MINUTES = 10


@given(st.one_of(st.lists(INT64), st.lists(st.integers(-200, 200)), st.lists(st.integers(-(1 << 17), 1 << 17))))
def test_numbers_come_back(values: list[int]) -> None:
    assert unpack(json.loads(json.dumps(pack(values)))) == values


@given(st.lists(st.builds(PlannedWindow, st.builds(Window, st.integers(0), st.floats(0, 1e9), st.floats(0, 1e9)),
                          st.integers(0, 1 << 40), st.integers(0, 1 << 40)), max_size=20))  # fmt: skip
def test_windows_come_back(windows: list[PlannedWindow]) -> None:
    assume_int64 = [w for w in windows if w.window.index < 1 << 62]
    assert windows_from_json(json.loads(json.dumps(windows_to_json(assume_int64)))) == tuple(assume_int64)


@pytest.mark.parametrize(("jitter", "bytes_at_most"), [(0, 1_000), (200, 80_000)])
def test_ten_minutes_of_60_frames_a_second_are_short(jitter: int, bytes_at_most: int) -> None:
    """Times of a camera and of a phone in units of 1/90000 s, and 300 windows. As decimal numbers they take 330 kB."""
    noise = np.random.default_rng(1).integers(-jitter, jitter + 1, MINUTES * 3600)
    pts = np.sort(3 * 10**9 + np.arange(MINUTES * 3600) * 1500 + noise)
    windows = plan_windows((pts - pts[0]) / 90_000, MINUTES * 60.0, WindowSpec(4, 2, 8))
    piece = Piece(tuple(windows), int(pts[0]), 36_000, tuple(pts.tolist()))
    text = json.dumps(piece.to_json())
    assert Piece.from_json(json.loads(text)) == piece
    assert len(text) <= bytes_at_most
