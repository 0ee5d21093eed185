"""Windows have the intended frames, each decoded once, and the same bytes however a video is cut."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core.spec import ClipSpec
from pipelines.video import long_video, piece_frames
from pipelines.video.clip import read_clip
from pipelines.video.errors import VideoDecodeError
from pipelines.video.frames import decode_packets, open_video
from pipelines.video.long_video import read_windows
from pipelines.video.resize import Resizer
from pipelines.video.skipping import planned, timed_frames
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec, plan_windows
from tests.conftest import read_index
from tests.support.films import write_film
from tests.support.long_videos import (
    NUM_FRAMES,
    OPEN_265,
    QUICK,
    SPEC,
    clips,
    moving_pictures,
    read,
    same,
    windows,
    x264,
)

NTSC = Fraction(30000, 1001)
VARIABLE_PTS = [40 * i + 300 * (i // 10) + 7 * (i % 3) for i in range(NUM_FRAMES)]
VIDEOS: list[Any] = [
    # name, codec, options, presentation times or frame rate, whether it can be cut
    ("closed.mp4", "libx264", x264("bframes=3:keyint=12"), 25, True),
    ("open.mp4", "libx264", x264("bframes=3:keyint=12:open-gop=1"), NTSC, True),
    ("open.ts", "libx264", x264("bframes=3:keyint=12:open-gop=1"), 25, True),
    ("pyramid.mkv", "libx264", x264("bframes=3:keyint=12:open-gop=1:b-pyramid=normal:ref=4"), 25, True),
    ("refresh.mp4", "libx264", x264("bframes=0:keyint=12:intra-refresh=1:scenecut=0"), 25, False),
    ("no-times.avi", "libx264", x264("bframes=2:keyint=12"), 25, False),
    ("variable.mp4", "libx264", x264("bframes=2:keyint=12"), VARIABLE_PTS, True),
    ("variable.mkv", "libx264", x264("bframes=2:keyint=12:open-gop=1"), VARIABLE_PTS, True),
    ("late.mkv", "libx264", x264("bframes=2:keyint=12"), [7000 + 40 * i for i in range(NUM_FRAMES)], True),
    ("mpeg4.mp4", "mpeg4", {"bf": "2", "g": "12"}, NTSC, True),
    ("mpeg4.avi", "mpeg4", {"bf": "2", "g": "12"}, 25, False),
    ("interlaced.mp4", "mpeg4", {"bf": "2", "g": "12", "flags": "+ildct+ilme"}, 25, False),
    ("hevc.mp4", "libx265", OPEN_265, 25, True),
    ("vp8.webm", "libvpx", QUICK, 25, True),
    ("vp9.webm", "libvpx-vp9", QUICK, 25, True),
    ("mjpeg.mov", "mjpeg", {}, 25, True),
    ("mjpeg.avi", "mjpeg", {}, 25, False),
    ("mpeg2.ts", "mpeg2video", {"bf": "2", "g": "12"}, 25, True),
    ("other.flv", "flv", {"g": "12"}, 25, False),  # a codec whose key frames aren't known to reset everything
]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()


@pytest.fixture(scope="module")
def h264(pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A video in which every group of 12 frames can be decoded by itself. Tests must not change it."""
    folder = tmp_path_factory.mktemp("h264")
    return str(write_film(folder / "closed.mp4", pictures, "libx264", x264("bframes=3:keyint=12:scenecut=0")))


def expected_indices(path: str, spec: ClipSpec) -> list[list[int]]:
    video = survey(path)
    planned = plan_windows(video.times_s, video.duration_s, windows())
    return [[plan.first + i for i in spec.sample(plan.end - plan.first)] for plan in planned]


def only_one_attempt(from_start: Any) -> Any:
    """Pieces are found by seeking, not by reading the file from its start."""

    def wrapped(container: Any, stream: Any, start_pts: int | None, seek: bool) -> Any:
        assert seek == (start_pts is not None), "the seek went wrong"
        return from_start(container, stream, start_pts, seek)

    return wrapped


@pytest.mark.parametrize(
    ("name", "codec", "options", "times", "cuttable"), [pytest.param(*case, id=case[0]) for case in VIDEOS]
)
def test_the_frames_meant_however_the_video_is_cut(
    name: str,
    codec: str,
    options: dict[str, str],
    times: list[int] | Fraction | int,
    cuttable: bool,
    pictures: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pts, rate = (times, 25) if isinstance(times, list) else (None, times)
    path = str(write_film(tmp_path / name, pictures, codec, options, pts, rate))
    video = survey(path)
    expected_s = [(t - pts[0]) / 1000 for t in pts] if pts else [float(i / rate) for i in range(NUM_FRAMES)]
    assert video.times_s == pytest.approx(expected_s, abs=0.002)
    whole = read_clip(path, ClipSpec(NUM_FRAMES, 8, 8))
    assert list(video.times_s) == pytest.approx(whole.timestamps_s, abs=1e-6)
    assert (video.num_frames, video.broken) == (NUM_FRAMES, False)
    assert video.duration_s == pytest.approx(whole.duration_s, abs=1e-6)

    results = clips(read(path))
    assert [[read_index(frame) for frame in clip.frames] for clip in results] == expected_indices(path, SPEC)
    assert [clip.window for clip in results] == [
        plan.window for plan in plan_windows(video.times_s, video.duration_s, windows())
    ]
    assert not any(clip.damaged for clip in results)

    monkeypatch.setattr(piece_frames, "_from_start", only_one_attempt(piece_frames._from_start))
    for range_s, at_least in ((4.0, 2), (1.0, 5)):
        assert (len(video.pieces(windows(range_s))) >= at_least) == cuttable
        cut = read(path, range_s)
        assert len(cut) == len(results) and all(map(same, cut, results))
    monkeypatch.setattr(timed_frames, "_MARK_UNREFERENCED", frozenset())
    assert all(map(same, read(path), results))


@pytest.mark.parametrize("spec", [ClipSpec(60, 64, 120), ClipSpec(10, 64, 120, "notebook"), ClipSpec(1, 64, 120)])
def test_sampling_of_the_clip(spec: ClipSpec, h264: str) -> None:
    shown = [[read_index(frame) for frame in clip.frames] for clip in clips(read(h264, spec=spec))]
    assert shown == expected_indices(h264, spec)
    assert all(map(same, read(h264, 1.0, spec), read(h264, spec=spec)))


def test_a_window_is_the_clip_of_a_video_of_these_frames(pictures: list[np.ndarray], tmp_path: Path) -> None:
    """The videos are lossless, so that the shorter one has the same pictures."""
    path = write_film(tmp_path / "all.mkv", pictures, "ffv1", {})
    window = clips(read(path))[3]
    first = round(window.window.start_s * 25)
    part = write_film(tmp_path / "part.mkv", pictures[first : first + 25], "ffv1", {})
    np.testing.assert_array_equal(window.frames, read_clip(str(part), SPEC).frames)


def test_each_frame_is_read_once_and_kept_no_longer_than_needed(h264: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resized: list[int] = []
    held: list[int] = []

    class WatchedResizer(Resizer):
        def __call__(self, frame: av.VideoFrame) -> np.ndarray:
            resized.append(frame.pts // 512)
            return super().__call__(frame)

    class WatchedAssembly(long_video._Assembly):
        def add(self, index: int, picture: np.ndarray, is_tainted: bool = False) -> Iterator[Any]:
            yield from super().add(index, picture, is_tainted)
            held.append(len(self._pictures))

    monkeypatch.setattr(long_video, "Resizer", WatchedResizer)
    monkeypatch.setattr(long_video, "_Assembly", WatchedAssembly)
    expected = expected_indices(h264, SPEC)
    (piece,) = survey(h264).pieces(windows())
    for indices, _ in zip(expected, read_windows(h264, SPEC, piece), strict=True):
        assert resized[-1] == max(indices)  # a window is yielded before anything later is decoded
    assert sorted(resized) == sorted({index for indices in expected for index in indices})
    overlapping = [len({k for other in expected[i : i + 3] for k in other}) for i in range(len(expected))]
    assert max(held) <= max(overlapping) <= 3 * SPEC.num_frames


def test_no_more_is_decoded_than_needed(h264: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Non-reference pictures that aren't wanted are not decoded, and neither is what follows the piece."""
    decoded: list[int] = []

    def watched(*arguments: Any, **options: Any) -> Iterator[av.VideoFrame]:
        for frame in decode_packets(*arguments, **options):
            decoded.append(frame.pts // 512)
            yield frame

    monkeypatch.setattr(planned, "decode_packets", watched)
    first, second = survey(h264).pieces(windows(4.0))
    list(read_windows(h264, SPEC, first))
    last = max(max(indices) for indices in expected_indices(h264, SPEC)[: len(first.windows)])
    assert last <= max(decoded) <= last + 4  # those stored before it, to which it may refer, are decoded
    assert len(decoded) < 0.8 * max(decoded)
    decoded.clear()
    list(read_windows(h264, SPEC, second))
    assert second.first_frame - 12 < min(decoded) <= second.first_frame


def test_a_seek_that_leads_too_far(h264: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(h264, 1.0)
    attempts = []

    def watched(container: Any, stream: Any, start_pts: int | None, seek: bool) -> Any:
        attempts.append(seek)
        return from_start(container, stream, start_pts, seek)

    from_start = piece_frames._from_start
    monkeypatch.setattr(piece_frames, "_from_start", watched)
    monkeypatch.setattr(piece_frames, "_SEEK_MARGIN_S", -2.0)
    assert all(map(same, read(h264, 1.0), expected))
    assert attempts[:5] == [False, True, False, True, False]


def test_another_video_than_was_surveyed(h264: str, pictures: list[np.ndarray], tmp_path: Path) -> None:
    pieces = survey(h264).pieces(windows(1.0))
    other = write_film(tmp_path / "other.mp4", pictures, "libx264", x264("keyint=250:scenecut=0"))
    with pytest.raises(VideoDecodeError, match="no key frame"):
        list(read_windows(str(other), SPEC, pieces[-1]))


def check_against_plain_decoding(path: Path) -> int:
    """Compares with decoding all frames in order and picking those of each window. Returns the number of pieces."""
    spec = ClipSpec(8, 48, 64)
    with open_video(str(path)) as (container, stream):
        resize = Resizer(spec)
        decoded = [resize(frame) for frame in container.decode(stream)]
    video = survey(str(path))
    assert video.num_frames == len(decoded), path
    for range_s in (1e6, 0.8):
        wanted = WindowSpec(0.8, 0.4, 0.8, range_s)
        pieces = video.pieces(wanted)
        results = clips([result for piece in pieces for result in read_windows(str(path), spec, piece)])
        for plan, clip in zip(plan_windows(video.times_s, video.duration_s, wanted), results, strict=True):
            simple = [decoded[plan.first + i] for i in spec.sample(plan.end - plan.first)]
            np.testing.assert_array_equal(clip.frames, np.stack(simple), str(path))
    return len(pieces)


@pytest.mark.slow
def test_real_videos(real_data: Path) -> None:
    paths = [
        *sorted((real_data / "ucf-clips").rglob("*.avi")),
        *sorted((real_data / "fight-surv").rglob("*.mp4"))[::30],
    ]
    for path in [*paths, real_data / "odd-videos" / "video_90.mov"]:
        check_against_plain_decoding(path)
