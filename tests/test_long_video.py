"""Windows have the frames that are meant, each decoded once, and the same bytes however a video is cut."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core import long_video, piece_frames
from pipelines.core import survey as core_survey
from pipelines.core.frames import NoVideoStreamError, VideoDecodeError, VideoOpenError, VideoReadError, open_video
from pipelines.core.label_types import Window
from pipelines.core.long_video import Piece, Survey, WindowClip, WindowFailure, read_windows, survey
from pipelines.core.resize import Resizer
from pipelines.core.spec import ClipSpec
from pipelines.core.video import read_clip
from pipelines.core.windows import WindowSpec, plan_windows
from tests.conftest import paint, read_index

WIDTH, HEIGHT = 96, 64
NUM_FRAMES = 200
SPEC = ClipSpec(num_frames=6, height=HEIGHT, width=WIDTH)
VARIABLE_PTS = [40 * i + 300 * (i // 10) + 7 * (i % 3) for i in range(NUM_FRAMES)]


def windows(range_s: float) -> WindowSpec:
    return WindowSpec(1.0, 0.4, 1.0, range_s)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Frames with their number in blocks, and noise that moves, so that pictures depend on each other."""
    texture = np.random.default_rng(1).integers(0, 256, (HEIGHT, 2 * WIDTH, 3), np.uint8) // 2 + 64
    frames = []
    for index in range(NUM_FRAMES):
        frame = paint(index, WIDTH, HEIGHT)
        shift = int(30 + 25 * np.sin(index / 5))
        frame[3 * HEIGHT // 4 :] = texture[3 * HEIGHT // 4 :, shift : shift + WIDTH]
        frames.append(frame)
    return frames


def write(
    path: Path,
    pictures: list[np.ndarray],
    codec: str,
    options: dict[str, str],
    pts: list[int] | None = None,
    rate: Fraction | int = 25,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.thread_count = 1
        stream.bit_rate = 1_000_000
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def x264(params: str) -> dict[str, str]:
    return {"x264-params": f"{params}:b-adapt=0:threads=1", "preset": "veryfast", "crf": "23"}


def read(path: Path | str, range_s: float = 1e6, spec: ClipSpec = SPEC) -> list[WindowClip | WindowFailure]:
    """All windows, by way of JSON as between processes."""
    pieces = [Piece.from_json(json.loads(json.dumps(p.to_json()))) for p in survey(str(path)).pieces(windows(range_s))]
    assert pieces == survey(str(path)).pieces(windows(range_s))
    return [result for piece in pieces for result in read_windows(str(path), spec, piece)]


def clips(results: list[WindowClip | WindowFailure]) -> list[WindowClip]:
    assert all(isinstance(result, WindowClip) for result in results), results
    return [result for result in results if isinstance(result, WindowClip)]


def same(one: WindowClip | WindowFailure, other: WindowClip | WindowFailure) -> bool:
    if isinstance(one, WindowFailure) or isinstance(other, WindowFailure):
        return one == other
    return (one.window, one.damaged, one.frames.tobytes()) == (other.window, other.damaged, other.frames.tobytes())


OPEN_265 = {
    "x265-params": "keyint=12:bframes=3:open-gop=1:log-level=none:pools=1:frame-threads=1",
    "preset": "ultrafast",
}
QUICK = {"deadline": "realtime", "cpu-used": "8", "g": "12"}
HIDDEN = {"deadline": "good", "cpu-used": "5", "g": "12", "lag-in-frames": "16", "auto-alt-ref": "1"}
VIDEOS: list[Any] = [
    # name, codec, options, presentation times, whether it can be cut
    ("closed.mp4", "libx264", x264("bframes=3:keyint=12"), None, True),
    ("open.mp4", "libx264", x264("bframes=3:keyint=12:open-gop=1"), None, True),
    ("open.ts", "libx264", x264("bframes=3:keyint=12:open-gop=1"), None, True),
    ("pyramid.mkv", "libx264", x264("bframes=3:keyint=12:open-gop=1:b-pyramid=normal:ref=4"), None, True),
    ("refresh.mp4", "libx264", x264("bframes=0:keyint=12:intra-refresh=1"), None, False),
    ("no-times.avi", "libx264", x264("bframes=2:keyint=12"), None, False),
    ("variable.mp4", "libx264", x264("bframes=2:keyint=12"), VARIABLE_PTS, True),
    ("variable.mkv", "libx264", x264("bframes=2:keyint=12:open-gop=1"), VARIABLE_PTS, True),
    ("late.mkv", "libx264", x264("bframes=2:keyint=12"), [7000 + 40 * i for i in range(NUM_FRAMES)], True),
    ("mpeg4.mp4", "mpeg4", {"bf": "2", "g": "12"}, None, True),
    ("mpeg4.avi", "mpeg4", {"bf": "2", "g": "12"}, None, False),
    ("interlaced.mp4", "mpeg4", {"bf": "2", "g": "12", "flags": "+ildct+ilme"}, None, False),
    ("hevc.mp4", "libx265", OPEN_265, None, True),
    ("vp9.webm", "libvpx-vp9", QUICK, None, True),
    ("hidden.webm", "libvpx", HIDDEN, None, True),
    ("mjpeg.mov", "mjpeg", {}, None, True),
    ("mjpeg.avi", "mjpeg", {}, None, False),
    ("mpeg2.ts", "mpeg2video", {"bf": "2", "g": "12"}, None, True),
]


@pytest.mark.parametrize(
    ("name", "codec", "options", "pts", "cuttable"), [pytest.param(*case, id=case[0]) for case in VIDEOS]
)
def test_windows_have_the_frames_meant_however_the_video_is_cut(
    name: str,
    codec: str,
    options: dict[str, str],
    pts: list[int] | None,
    cuttable: bool,
    pictures: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write(tmp_path / name, pictures, codec, options, pts)
    video = survey(str(path))
    expected_s = [(t - pts[0]) / 1000 for t in pts] if pts else [i / 25 for i in range(NUM_FRAMES)]
    assert video.times_s == pytest.approx(expected_s, abs=0.002)
    whole = read_clip(str(path), ClipSpec(NUM_FRAMES, 8, 8))
    assert list(video.times_s) == pytest.approx(whole.timestamps_s, abs=1e-6)
    assert video.duration_s == pytest.approx(whole.duration_s, abs=1e-6)
    assert not video.broken

    results = clips(read(path))
    planned = plan_windows(video.times_s, video.duration_s, windows(1e6))
    expected = [[plan.first + i for i in SPEC.sample(plan.end - plan.first)] for plan in planned]
    assert [[read_index(frame) for frame in clip.frames] for clip in results] == expected
    assert [clip.window for clip in results] == [plan.window for plan in planned]
    assert not any(clip.damaged for clip in results)

    monkeypatch.setattr(piece_frames, "_from_start", seeking_only(piece_frames._from_start))
    for range_s, at_least in ((4.0, 2), (1.0, 5)):
        assert (len(video.pieces(windows(range_s))) >= at_least) == cuttable
        cut = read(path, range_s)
        assert len(cut) == len(results) and all(map(same, cut, results))
    with monkeypatch.context() as patch:
        patch.setattr(piece_frames, "_MARK_UNREFERENCED", frozenset())
        assert all(map(same, read(path), results))


def seeking_only(from_start: Any) -> Any:
    def wrapped(container: Any, stream: Any, start_pts: int | None, seek: bool) -> Any:
        assert seek == (start_pts is not None), "the seek went wrong"
        return from_start(container, stream, start_pts, seek)

    return wrapped
