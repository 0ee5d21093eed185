"""Videos of 90 s in today's codecs, with key frames near and far, made from the pictures of other videos.

The pictures are those of real clips, one clip after the other, over and over, scaled and cropped to 640x360 and shown
at 25 a second. Everything but the distance between key frames is the encoder's default, or chosen for its speed.
"""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from benchmarks import common

WIDTH, HEIGHT, RATE, SECONDS = 640, 360, 25, 90
INTERVALS = (30, 250)
"""Frames from one key frame to the next; cameras and telephones use the first, encoders by default the second."""


class Encoding(NamedTuple):
    """How a video is encoded: its codec's name in tables, FFmpeg's encoder and options, and the container."""

    codec: str
    encoder: str
    options: Mapping[str, str]
    suffix: str = ".mp4"
    bit_rate: int = 0


# Cuts would add key frames: each encoder has its own way of saying that they don't.
_NO_CUTS = {"sc_threshold": "1000000000"}
ENCODINGS = (
    Encoding("MPEG-4", "mpeg4", _NO_CUTS, bit_rate=1_500_000),
    Encoding("H.264", "libx264", {"sc_threshold": "0"}),
    Encoding("HEVC", "libx265", {"preset": "fast", "x265-params": "scenecut=0:log-level=none"}),
    Encoding("VP9", "libvpx-vp9", {"cpu-used": "5", "row-mt": "1"}, ".webm"),
    Encoding("AV1", "libsvtav1", {"preset": "10"}),
)


def name_of(encoding: Encoding, interval: int) -> str:
    return f"{encoding.codec}, {interval}"


def make(folder: Path, sources: Sequence[str], words: Sequence[str] = ()) -> dict[str, str]:
    """Makes those videos that the folder doesn't hold yet.

    Args:
        folder: where they are written.
        sources: videos whose pictures are taken.
        words: only videos whose names, such as `HEVC, 30`, contain one of these; all if there are none.

    Returns:
        the paths by name.
    """
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, str] = {}
    for encoding, interval in itertools.product(ENCODINGS, INTERVALS):
        name = name_of(encoding, interval)
        if words and not any(word in name for word in words):
            continue
        path = folder / f"{encoding.codec.lower().replace('.', '')}-{interval}{encoding.suffix}"
        if not path.exists():
            common.log(f"making {path.name}")
            unfinished = path.with_name(f"unfinished-{path.name}")
            _write(unfinished, encoding, interval, sources)
            unfinished.replace(path)
        paths[name] = str(path)
    return paths


def _write(path: Path, encoding: Encoding, interval: int, sources: Sequence[str]) -> None:
    # The same shortest and longest distance: VP9 then has key frames at nothing but this one.
    options = {**encoding.options, "g": str(interval), "keyint_min": str(interval)}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoding.encoder, rate=RATE, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if encoding.bit_rate:
            stream.bit_rate = encoding.bit_rate
        for index, picture in enumerate(itertools.islice(_pictures(sources), SECONDS * RATE)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _pictures(sources: Sequence[str]) -> Iterator[np.ndarray]:
    """The pictures of all videos, again and again, uint8 [HEIGHT, WIDTH, 3] RGB."""
    while True:
        for path in sources:
            with av.open(path) as container:
                for frame in container.decode(video=0):
                    yield _fill(frame.to_ndarray(format="rgb24"))


def _fill(picture: np.ndarray) -> np.ndarray:
    """Scales a picture and cuts off what is too wide or too high."""
    height, width, _ = picture.shape
    scale = max(WIDTH / width, HEIGHT / height)
    size = (max(WIDTH, round(width * scale)), max(HEIGHT, round(height * scale)))
    large = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    left, top = (size[0] - WIDTH) // 2, (size[1] - HEIGHT) // 2
    return np.ascontiguousarray(large[top : top + HEIGHT, left : left + WIDTH])
