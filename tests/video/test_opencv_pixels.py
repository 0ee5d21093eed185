"""`bilinear` gives the pixels of `cv2.VideoCapture` and `cv2.resize`; `notebook` chooses the notebooks' frames."""

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.codec.context import Flags
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from pipelines.core.spec import INTERPOLATIONS, ClipSpec
from pipelines.video.clip import read_clip
from pipelines.video.errors import VideoDecodeError
from pipelines.video.long_video import read_windows
from pipelines.video.opencv_pixels import opencv_pixels
from pipelines.video.resize import Resizer
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec
from tests.conftest import write_video
from tests.support.notebook_loop import notebook_frames

heeds_marks = pytest.mark.skipif(
    not cv2.__version__.startswith("4."), reason="OpenCV 5 reads pixels by what the video says about them"
)
BT709, BT2020, FULL = 1, 9, 2  # FFmpeg's numbers for colour spaces and ranges
FAST = {"preset": "ultrafast"}


def colourful(index: int, width: int, height: int) -> np.ndarray:
    """A picture of all colours, with noise, so that every conversion error shows somewhere."""
    y, x = np.mgrid[0:height, 0:width]
    colours = np.stack([x * 255 // width + 9 * index, y * 255 // height, 3 * (x + y) + 5 * index], axis=-1) % 256
    noise = np.random.default_rng(index).integers(-20, 20, colours.shape)
    return np.clip(colours + noise, 0, 255).astype(np.uint8)


def write(
    path: Path,
    codec: str,
    pix_fmt: str,
    size: tuple[int, int] = (160, 128),
    options: dict[str, str] | None = None,
    num_frames: int = 3,
    interlaced: bool = False,
    matrix: tuple[int, ...] = (),
    **marks: int,
) -> str:
    """Writes a video whose stream is tagged with `colorspace` and `color_range`."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.thread_count = 1
        stream.bit_rate = 4_000_000
        if interlaced:
            stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        if matrix:
            stream.set_display_matrix(matrix)
        for name, value in marks.items():
            setattr(stream.codec_context, name, value)
        for index in range(num_frames):
            frame = VideoFrame.from_ndarray(colourful(index, *size), format="rgb24").reformat(format=pix_fmt)
            for name, value in marks.items():
                setattr(frame, name, value)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def check_same_as_opencv(path: str) -> int:
    """Compares all frames at full size, and returns their number."""
    capture, reformatter, count = cv2.VideoCapture(path), VideoReformatter(), 0
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    with av.open(path) as container:
        for frame in container.decode(video=0):
            success, expected = capture.read()
            assert success, (path, count)
            np.testing.assert_array_equal(opencv_pixels(frame, reformatter), expected, f"{path}, frame {count}")
            count += 1
    return count


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("a.mp4", "libx264", "yuv420p", (160, 128)),
        ("cropped.mp4", "libx264", "yuv420p", (150, 118)),
        ("422.mp4", "libx264", "yuv422p", (160, 128)),
        ("444.mp4", "libx264", "yuv444p", (161, 121)),
        ("gray.mp4", "libx264", "gray", (160, 128)),
        ("full.mp4", "libx264", "yuvj420p", (160, 128)),
        ("rgb.mkv", "libx264rgb", "rgb24", (160, 128)),
        ("a.avi", "mpeg4", "yuv420p", (160, 128)),
        ("a.mpg", "mpeg2video", "yuv420p", (160, 128)),
        ("odd.webm", "libvpx", "yuv420p", (161, 121)),
        ("odd.avi", "mjpeg", "yuvj420p", (161, 121)),
        ("422.avi", "mjpeg", "yuvj422p", (161, 121)),
        ("a.mov", "prores_ks", "yuv422p10le", (160, 128)),
        ("packed.avi", "rawvideo", "yuyv422", (160, 128)),
        ("nv12.avi", "rawvideo", "nv12", (160, 128)),
        ("upside_down.avi", "rawvideo", "bgr24", (161, 121)),
        ("alpha.mov", "qtrle", "argb", (160, 128)),
        ("410.mkv", "ffv1", "yuv410p", (160, 128)),
        ("palette.gif", "gif", "rgb8", (160, 128)),
    ],
)
def test_every_kind_of_pixel(name: str, codec: str, pix_fmt: str, size: tuple[int, int], tmp_path: Path) -> None:
    assert check_same_as_opencv(write(tmp_path / name, codec, pix_fmt, size)) == 3


@pytest.mark.parametrize(
    ("name", "codec", "matrix", "read_as", "remark"),
    [
        ("reserved.webm", "libvpx-vp9", 3, 2, ""),
        ("ycgco.mp4", "libx264", 8, 2, "colours coded as YCgCo are read as BT.601"),
        ("cl.mp4", "libx264", 10, BT2020, "colours coded as BT.2020 with constant luminance are read as BT.2020"),
    ],
)
def test_matrices_that_swscale_refuses(
    name: str, codec: str, matrix: int, read_as: int, remark: str, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{number}{name}", codec, "yuv420p", colorspace=number) for number in (matrix, read_as)]
    spec, remarks = ClipSpec(3, 32, 32), (remark,) if remark else ()
    clip, expected = (read_clip(path, spec) for path in paths)
    assert (clip.damaged, clip.remarks) == (False, remarks)
    np.testing.assert_array_equal(clip.frames, expected.frames)
    (piece,) = survey(paths[0]).pieces(WindowSpec(9, 9, 9))
    (window,) = read_windows(paths[0], spec, piece)
    assert (window.failure, window.remarks) == (None, remarks)
    np.testing.assert_array_equal(window.frames, expected.frames)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_formats_that_swscale_refuses(interpolation: str) -> None:
    with pytest.raises(VideoDecodeError, match="the format gray32le can't be converted"):
        Resizer(ClipSpec(3, 32, 32, interpolation=interpolation))(VideoFrame(64, 48, "gray32le"))


@heeds_marks
@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size", "options"),
    [
        ("709.mp4", "libx264", "yuv420p", (160, 128), {"colorspace": BT709, "color_range": 1}),
        ("709_full.mp4", "libx264", "yuvj420p", (160, 128), {"colorspace": BT709, "color_range": FULL}),
        ("2020.mkv", "libx264", "yuv420p", (160, 128), {"colorspace": BT2020}),
        ("full.webm", "libvpx-vp9", "yuv420p", (160, 128), {"color_range": FULL}),
        ("interlaced.mpg", "mpeg2video", "yuv420p", (160, 128), {"interlaced": True}),
        ("ten_bits.mp4", "libx264", "yuv420p10le", (160, 128), {}),
        ("odd.avi", "mpeg4", "yuv420p", (161, 121), {}),  # the odd height shows where chroma samples lie
    ],
)
def test_marks_are_passed_over_as_opencv_4_does(
    name: str, codec: str, pix_fmt: str, size: tuple[int, int], options: dict[str, Any], tmp_path: Path
) -> None:
    path = write(tmp_path / name, codec, pix_fmt, size, **options)
    if "interlaced" in options:
        with av.open(path) as container:
            assert next(container.decode(video=0)).interlaced_frame
    assert check_same_as_opencv(path) == 3


@pytest.mark.parametrize(
    ("resize", "size", "scaled"),
    [
        ("stretch", (32, 40), (40, 32)),
        ("stretch", (64, 80), (80, 64)),  # half the size of the source: OpenCV averages
        ("stretch", (200, 300), (300, 200)),
        ("crop", (64, 48), (80, 64)),
        ("pad", (64, 64), (64, 51)),
    ],
)
def test_clips_and_windows_have_the_pixels_of_cv2_resize(
    resize: str, size: tuple[int, int], scaled: tuple[int, int], tmp_path: Path
) -> None:
    path = write(tmp_path / "v.mp4", "libx264", "yuv420p", options={**FAST, "bf": "2"}, num_frames=25)
    spec = ClipSpec(5, *size, resize=resize, interpolation="bilinear")
    clip = read_clip(path, spec)
    capture, pictures = cv2.VideoCapture(path), []
    for index in range(25):
        picture = cv2.resize(capture.read()[1], scaled)[..., ::-1]
        if index in spec.sample(25):
            top, left = (scaled[1] - size[0]) // 2, (scaled[0] - size[1]) // 2
            if resize == "pad":
                picture = np.pad(picture, ((-top, size[0] - scaled[1] + top), (0, 0), (0, 0)))
            pictures.append(picture[max(0, top) :, max(0, left) :][: size[0], : size[1]])
    np.testing.assert_array_equal(clip.frames, np.stack(pictures))
    (piece,) = survey(path).pieces(WindowSpec(1.0, 1.0, 1.0))
    (window,) = read_windows(path, spec, piece)
    assert window.failure is None
    np.testing.assert_array_equal(window.frames, clip.frames)
    area = read_clip(path, ClipSpec(5, *size, resize=resize)).frames
    assert np.abs(area.astype(int) - clip.frames).max() > 2


@pytest.mark.parametrize("turn", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)])
def test_a_turned_video_is_turned_first(turn: tuple[int, int, int, int], tmp_path: Path) -> None:
    a, b, c, d = (value << 16 for value in turn)
    path = write(tmp_path / "v.mp4", "libx264", "yuv420p", options=FAST, matrix=(a, b, 0, c, d, 0, 0, 0, 1 << 30))
    capture = cv2.VideoCapture(path)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    expected = cv2.resize(capture.read()[1], (50, 36))[..., ::-1]
    frame = read_clip(path, ClipSpec(1, 36, 50, sampling="notebook", interpolation="bilinear")).frames[0]
    np.testing.assert_array_equal(frame, expected)


NOTEBOOK = ClipSpec(20, 64, 64, sampling="notebook", interpolation="bilinear")


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("plain.avi", "mpeg4", {}),
        ("b_frames.avi", "mpeg4", {"bf": "2", "g": "30"}),
        ("b_frames.mp4", "libx264", {"bf": "3", "g": "24"}),
        ("b_frames.mkv", "libx264", {"bf": "3"}),
    ],
)
@pytest.mark.parametrize("num_frames", [20, 39, 75])
def test_frames_of_notebooks(name: str, codec: str, options: dict[str, str], num_frames: int, tmp_path: Path) -> None:
    path = str(write_video(tmp_path / name, num_frames, codec, options=options))
    expected = notebook_frames(path, *NOTEBOOK.shape[:3])
    np.testing.assert_array_equal(read_clip(path, NOTEBOOK).frames[..., ::-1], expected)


def test_notebooks_drop_what_is_shorter_than_a_clip(tmp_path: Path) -> None:
    path = str(write_video(tmp_path / "short.avi", 7))
    expected = notebook_frames(path, *NOTEBOOK.shape[:3])
    clip = read_clip(path, NOTEBOOK).frames[..., ::-1]
    assert len(expected) == 7
    np.testing.assert_array_equal(clip[:7], expected)
    assert (clip[7:] == expected[-1]).all()


@pytest.mark.slow
def test_real_clips_as_the_notebooks_read_them(real_data: Path) -> None:
    paths = [*(real_data / "ucf-clips").rglob("*.avi"), *sorted((real_data / "fight-surv").rglob("*.mp4"))[::60]]
    for path in map(str, paths):
        expected = notebook_frames(path, *NOTEBOOK.shape[:3])
        difference = np.abs(read_clip(path, NOTEBOOK).frames[..., ::-1].astype(int) - expected)
        # MPEG-4 decoders of different FFmpeg versions differ in single pixels.
        assert difference.max() <= 2 and difference.mean() < 0.001, path
