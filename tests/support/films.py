"""Writes videos of given pictures, and files with sound."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_film(
    path: Path,
    pictures: Iterable[np.ndarray],
    codec: str = "mpeg4",
    options: Mapping[str, str] | None = None,
    pts: Sequence[int] | None = None,
    rate: Fraction | int = 25,
    bit_rate: int = 1_000_000,
    pix_fmt: str = "",
    muxing: Mapping[str, str] | None = None,
    matrix: tuple[int, ...] = (),
) -> Path:
    """Writes pictures uint8 [H, W, 3] RGB; `pts`, in units of 1/1000 s, makes the frame rate variable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = pictures
    with av.open(str(path), "w", options=dict(muxing or {})) as container:
        stream = container.add_stream(codec, rate=rate, options=dict(options or {}))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, _ = first.shape
        stream.pix_fmt = pix_fmt or {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
        stream.codec_context.thread_count = 1
        if bit_rate:
            stream.bit_rate = bit_rate
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if matrix:
            stream.set_display_matrix(matrix)
        for index, picture in enumerate([first, *rest]):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
