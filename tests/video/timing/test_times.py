"""Times of frames from the times of packets, as containers give them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.video.timing import packet_times
from pipelines.video.timing.times import Timeline
from tests.support.packet_lines import line

NO = packet_times.NO_TIME
HOUR = 3600 * 25


def seconds(found: Timeline) -> tuple[list[float], float]:
    return [round(time_s, 6) for time_s in found.times_s.tolist()], round(found.duration_s, 6)


def test_reordered() -> None:
    found = line([10, 13, 11, 12, 16, 14, 15])
    assert seconds(found) == ([0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24], 0.28)
    assert found.trusted and found.complete and not found.remarks
    assert [found.time_s(index) for index in range(7)] == pytest.approx(found.times_s.tolist())


@pytest.mark.parametrize(
    ("pts", "durations", "clock", "duration_s"),
    [
        ([0, 1, 2], 1, {}, 0.12),
        ([0, 1, 2], 0, {}, 0.12),  # the last one has no duration: as long as usual
        ([0, 1, 2], [1, 1, 50], {}, 2.08),  # the last packet stored: a picture that stays for two seconds
        ([0, 1, 2], [50, 1, 1], {}, 0.12),  # a duration that lasts until the next packet
        ([0, 3, 1, 2], [0, 50, 0, 0], {}, 0.16),
        ([0, 10, 5], [1, 1, 1], {"end": 15}, 0.6),  # implausibly short: the container decides
        ([0, 10, 5], [1, 1, 1], {"end": 500}, 0.6),  # too far off to be trusted
        ([0, 10, 5], [1, 1, 1], {"end": 3}, 0.6),
        ([7], 1, {}, 0.04),
        ([7], 0, {}, 0.04),
        ([7], 250, {}, 10.0),
        ([7], 2 * HOUR, {}, 0.04),
    ],
)
def test_the_last_frame_ends(pts: list[int], durations: Any, clock: dict[str, Any], duration_s: float) -> None:
    assert line(pts, durations=durations, **clock).duration_s == pytest.approx(duration_s)


def test_an_edit_list_ends_within_a_frame() -> None:
    assert line([0, 2, 4], durations=2, end=7, hidden=[-1]).duration_s == pytest.approx(0.28)
    assert line([0, 2, 4], durations=2, end=7).duration_s == pytest.approx(0.24)
    assert line([0, 1, 2], durations=[1, 1, 500], end=50, hidden=[-1]).duration_s == pytest.approx(2.0)


@pytest.mark.parametrize(("hidden", "trusted"), [([-2, -1, NO], True), ([9, 11], True), ([-1, 4], False)])
def test_hidden_packets_among_the_frames_have_their_times_too(hidden: list[int], trusted: bool) -> None:
    """Between the parts of an edit list are packets from the key frame before the next part on."""
    found = line(list(range(9)), hidden=hidden)
    assert (found.trusted, found.complete, found.ticks.tolist()) == (trusted, True, list(range(9)))


def test_times_that_start_again_are_joined() -> None:
    pts, dts = [2, 5, 3, 4, 2, 5, 3, 4, 2], [0, 1, 2, 3, 0, 1, 2, 3, 0]
    found = line(pts, dts, keys=[0, 4, 8], format="mpegts")
    assert seconds(found) == ([round(index / 25, 6) for index in range(9)], 0.36)
    assert (found.complete, found.trusted) == (True, False)
    assert [remark.split(" by")[0] for remark in found.remarks] == ["times jump back"] * 2
    # Frames don't move from one part to another.
    assert found.stored.tolist() == [2, 5, 3, 4, 6, 9, 7, 8, 10]


def test_b_frames_without_times_of_decoding_are_not_joined() -> None:
    pts = [0, 4, 1, 2, 3, 8, 5, 6, 7]
    for dts in (pts, len(pts) * [NO], [NO, NO, *pts[2:]]):
        found = line(pts, dts, keys=[0])
        assert (found.ticks.tolist(), found.trusted, found.remarks) == (list(range(9)), True, ())
    # The same times twice in a row; without key frames, only a jump that no codec makes counts as a restart.
    twice = line(2 * pts, [NO, *(2 * pts)[1:]], keys=[0, 9])
    assert (twice.ticks.tolist(), len(twice.remarks)) == (list(range(18)), 1)
    assert line([*range(40), *range(40)], [*range(40), *range(40)]).ticks.tolist() == list(range(80))


@pytest.mark.parametrize(
    ("format", "leap", "expected"),
    [
        ("mpegts", 200, [0, 1, 201, 202]),
        ("mpegts", 300, [0, 1, 2, 3]),  # more than ten seconds: the clock was set
        ("mpeg", 300, [0, 1, 2, 3]),
        ("mov", 300, [0, 1, 301, 302]),
        ("mov", HOUR + 100, [0, 1, 2, 3]),
        ("matroska,webm", 10**15, [0, 1, 2, 3]),
    ],
)
def test_leaps(format: str, leap: int, expected: list[int]) -> None:
    found = line([0, 1, 1 + leap, 2 + leap], format=format)
    assert (found.ticks - found.ticks[0]).tolist() == expected
    assert bool(found.remarks) == (expected[-1] == 3)


def test_leaps_are_found_in_the_order_of_display() -> None:
    """Where decoding times leap, pictures of both sides of the gap are stored."""
    pts, dts = [2, 4, 3, 5, 905, 907, 906, 908], [0, 1, 2, 3, 4, 5, 905, 906]
    found = line(pts, dts, keys=[0], format="mpegts")
    assert seconds(found) == ([round(index / 25, 6) for index in range(8)], 0.32)
    assert found.remarks == ("36 s between frames 3 and 4 count as 0.04 s",)
    slow = line([0, 400, 800, 1200], format="mpegts")  # a frame every 16 s: nothing leaps
    assert (slow.duration_s, slow.remarks) == (pytest.approx(48.04), ())


def test_a_gap_that_only_presentation_times_have() -> None:
    found = line([0, 3 * HOUR, 1, 2], [0, 1, 2, 3])
    assert seconds(found) == ([0, 0.04, 0.08, 0.12], 0.16)
    assert len(found.remarks) == 1


@pytest.mark.parametrize(
    ("changed", "complete", "counted"),
    [
        ({50: NO}, False, False),
        ({0: NO}, False, False),
        ({99: NO}, False, False),
        ({50: 51}, True, False),
        ({50: 5000}, True, False),
        ({50: -5000}, True, False),
        ({50: 51, 51: 50}, True, False),
        (dict.fromkeys(range(40, 45), NO), False, False),
        (dict.fromkeys(range(40, 46), NO), False, True),
        (dict.fromkeys(range(40, 60), 7000), True, True),
    ],
)
def test_times_that_cannot_be(changed: dict[int, int], complete: bool, counted: bool) -> None:
    """Single outliers take their neighbour's time; where there are many, frames are spaced by the frame rate."""
    pts = [changed.get(position, position) for position in range(100)]
    found = line(pts, list(range(100)))
    assert (found.complete and not counted) == (complete and not counted)
    assert (found.tick_s is None) == counted
    off = np.abs(found.times_s - np.arange(100) / 25)
    assert off.max() <= (0.2 if len(changed) > 2 else 0.08)
    assert found.trusted == (sorted(pts) == list(range(100)))


def test_no_times_at_all() -> None:
    found = line([NO, NO, NO], [NO, NO, NO])
    assert seconds(found) == ([0, 0.04, 0.08], 0.12)
    assert (found.complete, found.trusted) == (False, False)
    assert seconds(line([], [])) == ([], 0)
    assert seconds(line([5, 6], time_base=0.0)) == ([0, 0.04], 0.08)


def write_index(path: Path, names: list[bytes]) -> str:
    entries = b"".join(name + bytes(12) for name in names)
    path.write_bytes(b"RIFF" + bytes(4) + b"AVI JUNK\x03\0\0\0abc\0idx1" + len(entries).to_bytes(4, "little") + entries)
    return str(path)


def test_slots_of_avi(tmp_path: Path) -> None:
    path = write_index(tmp_path / "v.avi", [b"00dc", b"01wb", b"00dc", b"00db", *[b"00dc"] * 9, b"01dc"])
    wrong = [7, 9, 8, 11]  # what FFmpeg makes up for B-frames
    slots = {"format": "avi", "path": path}
    assert seconds(line(wrong, [0, 1, 2, 3], **slots)) == ([0, 0.04, 0.08, 0.12], 0.16)
    assert seconds(line(wrong, [3, 4, 8, 9], **slots)) == ([0, 0.04, 0.2, 0.24], 0.28)
    assert seconds(line(wrong, [0, 1, 2, 3], end=400, **slots)) == ([0, 0.04, 0.08, 0.12], 0.48)  # of 12 slots
    assert seconds(line(wrong, [0, 1, 2, 3], end=6, **slots)) == ([0, 0.04, 0.08, 0.12], 0.24)
    assert seconds(line(wrong, [0, 0, 0, 0], **slots)) == ([0, 0.04, 0.08, 0.12], 0.16)
    (tmp_path / "cut.avi").write_bytes(Path(path).read_bytes()[:40])
    assert line(wrong, [0, 1, 2, 3], end=400, **{**slots, "path": str(tmp_path / "cut.avi")}).duration_s == 0.16
    (tmp_path / "empty.avi").write_bytes(b"RIFF" + bytes(4) + b"AVI LIST" + bytes(4) + b"movi" + b"00dc\1\0\0\0x\0" * 4)
    with (tmp_path / "empty.avi").open("ab") as file:
        file.write(b"00dc\0\0\0\0" * 5)  # without an index, these are shown as well
    after = line(wrong, [0, 1, 2, 3], end=400, **{**slots, "path": str(tmp_path / "empty.avi")})
    assert after.duration_s == pytest.approx(0.36)
    # With B-frames, a picture comes out with a later slot; steps that are all equal tell of no empty slots.
    late = line(wrong, [0, 1, 7, 9], end=10, reordered=1, **slots)
    assert seconds(late) == ([0, 0.24, 0.32, 0.36], 0.4)  # not a median step of two
    assert seconds(line(wrong, [0, 2, 4, 6], end=8, reordered=2, **slots)) == ([0, 0.08, 0.16, 0.24], 0.32)
    assert seconds(line([0], [3], reordered=2, **slots)) == ([0], 0.04)
    mad = line([0, 1, 2], [0, 1, 2 * HOUR], **slots)
    assert (seconds(mad), len(mad.remarks)) == (([0, 0.04, 0.08], 0.12), 1)


def test_of_packets() -> None:
    """Some packets gave no frame: placeholders, or damaged ones."""
    found = line([0, 3, 1, 2, 4, 5]).of_packets([0, 3, 4])
    assert seconds(found) == ([0, 0.08, 0.16], 0.24)  # the last one stays until the end
    assert seconds(line([NO] * 6, [NO] * 6).of_packets([0, 2, 4])) == ([0, 0.04, 0.08], 0.12)
    assert seconds(line([0] * 6, [0, 1, 2, 3, 4, 5], format="avi").of_packets([1, 2, 5])) == ([0, 0.04, 0.16], 0.2)


@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60),
    st.lists(st.integers(0, 10**4), min_size=60, max_size=60),
    st.sampled_from(["mov", "mpegts", "avi"]),
)
def test_whatever_times_say_they_ascend_and_are_bounded(pts: list[int], durations: list[int], format: str) -> None:
    found = line(pts, pts, durations[: len(pts)], format=format)
    times_s = found.times_s
    assert len(times_s) == len(pts) and times_s[0] == 0
    assert (np.diff(times_s) >= 0).all() and np.diff(times_s).max(initial=0) <= 3600
    assert times_s[-1] < found.duration_s < times_s[-1] + 3600.1
