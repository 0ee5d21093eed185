import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.clip_ids import clip_id, range_of, video_of


@pytest.mark.parametrize(
    ("name", "video", "its_range"),
    [
        ("gym/clip_07@12.5-15.25", "gym/clip_07", (12.5, 15.25)),
        ("a@0-100", "a", (0, 100)),
        ("a", "a", None),
        ("me@home", "me@home", None),
        ("me@home@1-2", "me@home", (1, 2)),
        ("a@1-2.5678", "a@1-2.5678", None),
    ],
)
def test_names(name: str, video: str, its_range: tuple[float, float] | None) -> None:
    assert (video_of(name), range_of(name)) == (video, its_range)


@given(st.text(), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_name_tells_video_and_range(video: str, start_ms: int, end_ms: int) -> None:
    name = clip_id(video, start_ms / 1000, end_ms / 1000)
    assert video_of(name) == video
    assert range_of(name) == (start_ms / 1000, end_ms / 1000)
