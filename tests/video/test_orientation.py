"""Videos are upright: the eight orientations of the display matrix, for clips and windows."""

import math
import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.core.spec import INTERPOLATIONS, ClipSpec
from pipelines.decoding.answers import answers
from pipelines.decoding.messages import Request, WindowJob
from pipelines.video.clip import read_clip
from pipelines.video.long_video import read_windows
from pipelines.video.orientation import Turn, orientation
from pipelines.video.source import read_source
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec
from tests.support.films import write_film

ONE = 1 << 16
WIDTH, HEIGHT = 96, 64
CORNERS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "yellow": (210, 210, 30)}
# What each matrix (a, b, c, d) makes of a picture with red and green over blue and yellow: top left, top right, bottom
# left, bottom right. A point (x, y) goes to (a x + c y, b x + d y), with y downwards (ISO/IEC 14496-12, 6.2.2).
ORIENTATIONS = [
    ((1, 0, 0, 1), "red green blue yellow"),
    ((-1, 0, 0, 1), "green red yellow blue"),
    ((1, 0, 0, -1), "blue yellow red green"),
    ((-1, 0, 0, -1), "yellow blue green red"),
    ((0, 1, 1, 0), "red blue green yellow"),
    ((0, 1, -1, 0), "blue red yellow green"),
    ((0, -1, 1, 0), "green yellow red blue"),
    ((0, -1, -1, 0), "yellow green blue red"),
]


def draw() -> np.ndarray:
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for place, colour in enumerate(CORNERS.values()):
        rows, columns = divmod(place, 2)
        picture[rows * HEIGHT // 2 :, columns * WIDTH // 2 :] = colour
        if columns == 0:
            picture[rows * HEIGHT // 2 :, : WIDTH // 2] = colour
    return picture


def write_turned(path: Path, matrix: Sequence[float]) -> None:
    picture = draw()
    a, b, c, d = (round(value * ONE) for value in matrix)
    matrix_3x3 = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    write_film(path, [picture] * 40, "libx264", bit_rate=0, pix_fmt="yuv444p", matrix=matrix_3x3)


def corners(picture: np.ndarray) -> str:
    height, width, _ = picture.shape
    names = []
    for row in (height // 4, 3 * height // 4):
        for column in (width // 4, 3 * width // 4):
            off = {name: np.abs(picture[row, column] - np.array(colour)).sum() for name, colour in CORNERS.items()}
            names.append(min(off, key=off.__getitem__))
    return " ".join(names)


@pytest.mark.parametrize(("matrix", "expected"), ORIENTATIONS)
def test_clips_and_windows_are_upright(tmp_path: Path, matrix: tuple[int, int, int, int], expected: str) -> None:
    path = str(tmp_path / ("v.mov" if matrix[0] < 0 else "v.mp4"))
    write_turned(Path(path), matrix)
    high = bool(matrix[1])  # a quarter turn
    # The clip is square: a picture that was turned has black bars at its sides, one that wasn't above and below.
    for interpolation in INTERPOLATIONS:
        clip = read_clip(path, ClipSpec(3, 96, 96, resize="pad", interpolation=interpolation))
        assert [corners(frame[:, 16:-16] if high else frame[16:-16]) for frame in clip.frames] == 3 * [expected]
        assert clip.frames[:, :, :15].max() == 0 if high else clip.frames[:, :15].max() == 0
    spec = ClipSpec(3, 48, 48)
    for piece in survey(path).pieces(WindowSpec(0.5, 0.5, 0.5, 0.5)):
        for window in read_windows(path, spec, piece):
            assert window.failure is None
            assert [corners(frame) for frame in window.frames] == 3 * [expected]


# The values of EXIF's tag `Orientation`, in the order of ORIENTATIONS.
EXIF = (1, 2, 4, 3, 5, 6, 8, 7)


@pytest.mark.parametrize(("value", "expected"), zip(EXIF, (corners for _, corners in ORIENTATIONS), strict=True))
def test_cameras_say_it_in_each_jpeg(tmp_path: Path, value: int, expected: str) -> None:
    """EXIF data, for which PyAV has no name, must not keep a video from being read."""
    entry = struct.pack("<HHIHH", 0x112, 3, 1, value, 0)
    exif = b"Exif\0\0" + struct.pack("<2sHIH", b"II", 42, 8, 1) + entry + bytes(4)
    jpeg = cv2.imencode(".jpg", draw()[..., ::-1])[1].tobytes()
    path = tmp_path / "v.mjpeg"
    path.write_bytes((jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + jpeg[2:]) * 3)
    clip = read_clip(str(path), ClipSpec(3, 48, 48))
    assert [corners(frame) for frame in clip.frames] == 3 * [expected]
    assert read_source(str(path)).turned == (value != 1)


@pytest.mark.parametrize(
    ("degrees", "mirrored", "expected", "remark"),
    [
        (45.5, False, "blue red yellow green", "turned by 90° in place of 46°"),
        (30, False, "red green blue yellow", "turned by 0° in place of 30°"),
        (-100, False, "green yellow red blue", "turned by 270° in place of 260°"),
        (190, True, "blue yellow red green", "turned by 0° in place of 350°"),
        (90.5, False, "blue red yellow green", ""),
    ],
)
def test_other_angles_are_said(tmp_path: Path, degrees: float, mirrored: bool, expected: str, remark: str) -> None:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    matrix = (cosine, sine, -sine, cosine)
    if mirrored:
        matrix = (-matrix[0], matrix[1], -matrix[2], matrix[3])
    path = str(tmp_path / "v.mov")
    write_turned(Path(path), matrix)
    spec, remarks = ClipSpec(3, 48, 48), [remark] if remark else []
    clip = read_clip(path, spec)
    assert ([corners(frame) for frame in clip.frames], list(clip.remarks)) == (3 * [expected], remarks)
    for bounds in (WindowSpec(9, 9, 9), WindowSpec(1, 0.5, 1)):  # one clip, windows
        assert {header["remark"] for header, _ in answers(WindowJob(spec, bounds), Request(path))} == {remark}


def test_matrices_that_say_nothing() -> None:
    assert orientation((0,) * 9) == orientation((ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)) == Turn()
    # Scaled, and not exactly a quarter turn: the nearest one counts.
    assert orientation((100, 2 * ONE, 0, -2 * ONE, 100, 0, 0, 0, 1 << 30)) == Turn(swap=True, mirror_columns=True)
