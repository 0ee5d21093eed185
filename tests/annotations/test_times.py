import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.annotations.times import as_time, frame_at, frame_time, parse_time, time_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("12.5", 12.5), (" 12.5 ", 12.5), (".25", 0.25), ("7.", 7), ("1e-05", 0), ("1.5E2", 150),
        ("1:05", 65), ("01:05.25", 65.25), ("90:00", 5400), ("0:01:05.250", 65.25), ("10:00:00", 36000),
        ("0.0005", 0.001), ("0.0004999", 0), ("0:00:00.0015", 0.002), ("4.0005", 4.001),
    ],
)  # fmt: skip
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a time"), ("soon", "is not a time"), ("-1", "is not a time"), ("nan", "is not a time"),
        ("inf", "is not a time"), ("1:75", "below 60"), ("1:60:00", "below 60"), ("1:2", "is not a time"),
        ("12,5", "a point"), ("1:05,5", "a point"), ("1e400", "is not a time"), ("1e99", "within a video"),
        ("1:2:3:4", "is not a time"), ("12 s", "seconds (12.5), MM:SS (1:05) or HH:MM:SS.mmm"),
    ],
)  # fmt: skip
def test_what_is_not_a_time(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{text!r} is not") as caught:
        parse_time(text)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", [True, None, [1], -0.5, float("nan"), float("inf")])
def test_values_that_are_not_times(value: object) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        as_time(value)


@given(st.integers(0, 10**9))
def test_every_millisecond_comes_back(ms: int) -> None:
    assert parse_time(time_text(ms / 1000)) == ms / 1000 == as_time(ms / 1000)


@given(st.integers(0, 10**6), st.sampled_from([10, 23.976024, 24, 25, 29.97003, 30, 59.94006, 60, 120]))
def test_frames_come_back_and_stretches_have_their_first_frame_and_not_the_next_one(frame: int, fps: float) -> None:
    time_s = frame_time(frame, fps)
    assert frame_at(time_s, fps) == frame
    assert 0 <= frame / fps - time_s < 0.001 + 1e-9
