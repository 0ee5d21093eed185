"""Damage stays where it is: windows elsewhere are those of the sound video, whatever happened to the others."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core.frames import VideoDecodeError, VideoError
from pipelines.core.long_video import WindowClip, WindowFailure, survey
from pipelines.core.windows import PlannedWindow, plan_windows
from tests.conftest import read_index
from tests.long_videos import NUM_FRAMES, SPEC, clips, moving_pictures, read, same, windows, write, x264
from tests.mutation import KINDS, write_mutated

OPEN_265 = {
    "x265-params": "keyint=12:bframes=3:open-gop=1:log-level=none:pools=1:frame-threads=1",
    "preset": "ultrafast",
}
QUICK = {"deadline": "realtime", "cpu-used": "8", "g": "12"}
DAMAGED_FRAMES = range(45, 62)
"""All that can depend on the key frame 48; in an open group these include three frames before and after it."""


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()


def places(path: Path) -> list[tuple[int, int]]:
    """Position and size of each packet's data in a file, in stored order."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    return [(data.index(bytes(packet)), packet.size) for packet in packets]


def overwrite(path: Path, spans: Iterable[tuple[int, int]], value: int = 0) -> None:
    data = bytearray(path.read_bytes())
    for begin, size in spans:
        data[begin : begin + size] = bytes([value]) * size
    path.write_bytes(data)


def planned(path: Path) -> list[PlannedWindow]:
    video = survey(str(path))
    return plan_windows(video.times_s, video.duration_s, windows())


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("closed.mp4", "libx264", x264("bframes=3:keyint=12:scenecut=0")),
        ("open.mkv", "libx264", x264("bframes=3:keyint=12:scenecut=0:open-gop=1")),
        ("mpeg4.mp4", "mpeg4", {"bf": "2", "g": "12", "sc_threshold": "1000000000"}),
        ("hevc.mp4", "libx265", OPEN_265),
        ("vp9.webm", "libvpx-vp9", QUICK),
        ("mpeg2.mkv", "mpeg2video", {"bf": "2", "g": "12", "sc_threshold": "1000000000"}),
        ("mpeg4.avi", "mpeg4", {"bf": "2", "g": "12", "sc_threshold": "1000000000"}),
    ],
)
@pytest.mark.parametrize("how", ["a byte", "half", "all"])
def test_bytes_in_the_middle(
    name: str, codec: str, options: dict[str, str], how: str, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    path = write(tmp_path / name, pictures, codec, options)
    sound = clips(read(path))
    begin, size = max(places(path)[44:54], key=lambda place: place[1])  # the key frame 48
    spans = {"a byte": (begin + size // 2, 1), "half": (begin + size // 2, size // 2), "all": (begin, size)}
    overwrite(path, [spans[how]], 0x5A)
    results = read(path)
    frames_of = planned(path)
    assert len(results) == len(sound)
    # In AVI it takes some frames more until it is certain that one is missing.
    touched = range(DAMAGED_FRAMES.start, DAMAGED_FRAMES.stop + 40) if name.endswith("avi") else DAMAGED_FRAMES
    for plan, result, whole in zip(frames_of, results, sound, strict=True):
        if plan.end <= touched.start or plan.first >= touched.stop:
            assert same(result, whole), plan
    if how == "all":
        assert not all(map(same, results, sound))
    for range_s in (4.0, 1.0):  # no piece begins within the damage
        pieces = survey(str(path)).pieces(windows(range_s))
        begins = [piece.pts is not None and piece.first_frame for piece in pieces]
        cut = read(path, range_s)
        if not any(begin and begin in range(44, 76) for begin in begins):
            assert len(cut) == len(results) and all(map(same, cut, results))
        for plan, one, other in zip(frames_of, cut, results, strict=True):
            if plan.end <= touched.start or plan.first >= touched.stop:
                assert same(one, other)


def test_neighbours_stand_for_what_cannot_be_decoded(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write(tmp_path / "v.mov", pictures, "mjpeg", {})
    lost = {*range(75, 100), 120, 121, 140}
    overwrite(path, [place for index, place in enumerate(places(path)) if index in lost])
    results = read(path)
    seen = set()
    for plan, result in zip(planned(path), results, strict=True):
        indices = [plan.first + i for i in SPEC.sample(plan.end - plan.first)]
        here = [index for index in indices if index not in lost]
        if len(here) < 3:
            assert result == WindowFailure(
                plan.window, "VideoDecodeError", f"only {len(here)} of 6 frames could be decoded"
            )
            seen.add("failed")
            continue
        assert isinstance(result, WindowClip)
        assert result.damaged == (len(here) < 6)
        nearest = [min(here, key=lambda other, index=index: (abs(other - index), other)) for index in indices]
        assert [read_index(frame) for frame in result.frames] == nearest
        seen.add("damaged" if result.damaged else "sound")
    assert seen == {"failed", "damaged", "sound"}
    for range_s in (4.0, 1.0):
        assert all(map(same, read(path, range_s), results))


def test_a_frame_that_does_not_come_keeps_its_number(pictures: list[np.ndarray], tmp_path: Path) -> None:
    """Where frames are counted, those behind a lost one keep theirs."""
    path = write(tmp_path / "v.avi", pictures, "mpeg4", {"bf": "0", "g": "12"})
    sound = clips(read(path))
    overwrite(path, [places(path)[index] for index in (50, 51, 52)])
    assert survey(str(path)).pts is None
    results = read(path)
    assert [same(*pair) for pair in zip(results, sound, strict=True)][9:] == (len(sound) - 9) * [True]
    assert not all(map(same, results[:9], sound[:9]))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("open.ts", "libx264", x264("bframes=3:keyint=12:open-gop=1")),
        ("closed.mkv", "libx264", x264("bframes=3:keyint=12")),
        ("mpeg4.avi", "mpeg4", {"bf": "2", "g": "12"}),
        ("vp9.webm", "libvpx-vp9", QUICK),
        ("mpeg2.ts", "mpeg2video", {"bf": "2", "g": "12"}),
    ],
)
def test_truncated(name: str, codec: str, options: dict[str, str], pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write(tmp_path / name, pictures, codec, options)
    sound, data = clips(read(path)), path.read_bytes()
    for share in (0.35, 0.6, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        video = survey(str(path))
        assert (share - 0.25) * NUM_FRAMES < video.num_frames < (share + 0.2) * NUM_FRAMES
        results = read(path)
        full = int((video.num_frames - 8) / 25 / 0.4 - 2.5)  # whole windows well before the end
        assert full >= 2 and all(map(same, results[:full], sound))
        cut = read(path, 1.0)
        assert len(cut) == len(results) and all(map(same, cut[:full], results))


def test_a_file_that_ends_before_the_first_picture(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    path = write(tmp_path / "v.avi", pictures[:30], "mpeg4", {})
    first, _ = places(path)[0]
    path.write_bytes(path.read_bytes()[: first - 8])
    with pytest.raises(VideoDecodeError, match="ends before the first picture"):
        survey(str(path))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("v.mp4", "libx264", x264("bframes=2:keyint=12")),
        ("v.ts", "libx264", x264("bframes=2:keyint=12")),
        ("v.mkv", "mpeg4", {"bf": "2", "g": "12"}),
        ("v.avi", "mpeg4", {"bf": "2", "g": "12"}),
    ],
)
def test_anything_may_be_damaged(
    name: str, codec: str, options: dict[str, str], pictures: list[np.ndarray], tmp_path: Path
) -> None:
    """Every window comes once, as a clip or a failure, or the video as a whole is refused."""
    source = write(tmp_path / "sources" / "Jump" / name, pictures, codec, options)
    write_mutated([source], tmp_path / "damaged", 4 * len(KINDS))
    outcomes: dict[str, int] = {"read": 0, "refused": 0}
    for path in sorted((tmp_path / "damaged").rglob("*.*")):
        for range_s in (1e6, 2.0):
            try:
                pieces: list[Any] = survey(str(path)).pieces(windows(range_s))
            except VideoError:
                outcomes["refused"] += 1
                continue
            expected = [plan.window for piece in pieces for plan in piece.windows]
            assert [result.window for result in read(path, range_s)] == expected
            outcomes["read"] += 1
    assert min(outcomes.values()) > 5, outcomes
