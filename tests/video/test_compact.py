"""Sequences of numbers are restored exactly, and evenly spaced ones are short."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.video.compact import pack, unpack, windows_from_json, windows_to_json
from pipelines.video.pieces import Piece
from pipelines.video.windows import PlannedWindow, Window, WindowSpec, plan_windows

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
