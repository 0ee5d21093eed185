"""Film strips on a page: their bytes are there once, and every frame is where it belongs."""

import base64
import re

import cv2
import numpy as np
import pytest

from pipelines.reports.film import film
from pipelines.video.images import film_strip
from tests.support.pages import HOSTILE, Page


def encoded(num_frames: int, height: int, width: int) -> str:
    return base64.b64encode(film_strip(np.zeros((num_frames, height, width, 3), np.uint8))).decode()


@pytest.mark.parametrize(
    ("num_frames", "height", "width", "frame", "rows"),
    [
        (20, 64, 64, 64, ["0 0 256 64", "256 0 256 64"]),
        (8, 32, 64, 128, ["0 0 512 64", "512 0 512 64"]),
        (5, 64, 64, 64, ["0 0 256 64", "256 0 256 64"]),
        (3, 64, 48, 48, ["0 0 144 64"]),
    ],
)
def test_frames(num_frames: int, height: int, width: int, frame: int, rows: list[str]) -> None:
    strip, count = encoded(num_frames, height, width), min(num_frames, 8)
    html = film(strip, "a video", "strip-7", num_frames)
    page = Page(html)
    assert html.count(strip) == 1 and page.all("image")[0]["id"] == "strip-7"
    assert {use["href"] for use in page.all("use")} == {"#strip-7"}
    by_kind = [(svg["class"], svg["viewbox"]) for svg in page.all("svg")]
    playing = (f"play n{count}", f"0 0 {frame} 64")
    assert by_kind == [
        ("stills", f"0 0 {count * frame} 64"), playing, playing, *(("frames", row) for row in rows),
    ]  # fmt: skip
    assert page.all("svg")[0]["aria-label"] == "Film strip of a video" and "open" not in page.all("details")[0]


def test_one_frame_does_not_play() -> None:
    assert "play" not in film(encoded(1, 64, 64), "a", "s", 1)


def test_again_without_the_bytes() -> None:
    strip = encoded(20, 64, 64)
    first, again = film(strip, "a", "s", 20), film(strip, "a", "s", 20, again=True)
    assert strip not in again and not Page(again).all("image") and len(Page(again).all("use")) == 5
    assert re.sub("<(image|use) [^>]*>", "", again) == re.sub("<(image|use) [^>]*>", "", first)


def test_what_is_no_jpeg_is_no_picture() -> None:
    ok, png = cv2.imencode(".png", np.zeros((64, 512, 3), np.uint8))
    cut = base64.b64decode(encoded(20, 64, 64))[:40]
    assert ok
    for strip in ("", *HOSTILE, "AAAA", *(base64.b64encode(data).decode() for data in (png.tobytes(), cut))):
        assert film(strip, "a", "s", 20) == '<div class="missing">no film strip</div>'


def test_any_size_of_jpeg_is_found() -> None:
    """Also in files with other segments before the frame header, as other encoders write."""
    ok, data = cv2.imencode(".jpg", np.zeros((64, 300, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    comment = b"\xff\xfe\x00\x06 xy "
    assert ok
    strip = base64.b64encode(data.tobytes()[:2] + comment + data.tobytes()[2:]).decode()
    assert Page(film(strip, "a", "s", 3)).all("svg")[0]["viewbox"] == "0 0 300 64"
