"""Clips as moving pictures."""

import cv2
import numpy as np
import pytest

from pipelines.video.clip import Clip
from pipelines.video.images import animation, film_strip


@pytest.mark.parametrize(
    ("shape", "count", "size"),
    [
        ((20, 64, 64), 20, (128, 128)),
        ((1, 48, 96), 1, (256, 128)),
        ((200, 256, 128), 60, (64, 128)),
        ((3, 8, 4096), 3, (1024, 128)),
    ],
)
def test_an_animation_is_small_and_takes_the_time_of_the_clip(
    shape: tuple[int, int, int], count: int, size: tuple[int, int]
) -> None:
    frames = np.stack([np.full((*shape[1:], 3), 10 * (i % 25), np.uint8) for i in range(shape[0])])
    data = animation(frames, 2.0)
    assert data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    # FFmpeg doesn't read animated WebP: the frames are counted, and their durations added, from the file's chunks.
    durations_ms, position = [], 12
    while position < len(data):
        kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + length]
        if kind == b"VP8X":
            assert tuple(int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7)) == size
        elif kind == b"ANIM":
            assert body[4:6] == b"\0\0"  # repeated for ever
        elif kind == b"ANMF":
            durations_ms.append(int.from_bytes(body[12:15], "little"))
        position += 8 + length + length % 2
    if count > 1:
        # Equal neighbours may be merged into one frame that is shown for longer.
        assert len(durations_ms) <= count and sum(durations_ms) == pytest.approx(2000, abs=2 * count)
        assert len(durations_ms) > count / 2


@pytest.mark.parametrize(
    ("shape", "size"), [((20, 64, 48), (384, 64)), ((8, 8, 4096), (65496, 64)), ((1, 4096, 8), (1, 64))]
)
def test_a_film_strip_is_as_wide_as_a_jpeg_may_be(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    strip = cv2.imdecode(np.frombuffer(film_strip(np.zeros((*shape, 3), np.uint8)), np.uint8), cv2.IMREAD_COLOR)
    assert strip.shape[1::-1] == size


def test_a_clip_in_a_notebook() -> None:
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    clip = Clip(frames, (0, 1, 2, 3), (0.0, 0.1, 0.2, 0.3), 4, 0.4, True, damage="<4 of 8 frames are there>")
    shown = clip._repr_html_()
    assert "4 frames of 32x32 from 4 in 0.4 s; damaged: &lt;4 of 8 frames are there&gt;" in shown
    assert shown.count("<img ") == 2 and "<4" not in shown
