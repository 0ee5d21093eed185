"""Damage stays local: windows elsewhere are those of the intact video, whatever happened to the others."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec
from pipelines.video import piece_frames
from pipelines.video.demuxers import demux
from pipelines.video.errors import VideoError
from pipelines.video.frames import decode_packets, open_video
from pipelines.video.long_video import _Assembly, read_windows
from pipelines.video.pieces import Piece
from pipelines.video.survey import survey
from pipelines.video.windows import PlannedWindow, Window, WindowSpec, plan_windows
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
from tests.support.mutation import KINDS, write_mutated
from tests.support.sweep_videos import sweep

DAMAGED_FRAMES = range(45, 62)
"""All frames that can depend on key frame 48; in an open group these include three frames before and after it."""


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
@pytest.mark.parametrize("how", ["half", "all"])
def test_bytes_in_the_middle(
    name: str, codec: str, options: dict[str, str], how: str, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    path = write_film(tmp_path / name, pictures, codec, options)
    sound = clips(read(path))
    begin, size = max(places(path)[44:54], key=lambda place: place[1])  # the key frame 48
    overwrite(path, [(begin + size // 2, size // 2) if how == "half" else (begin, size)], 0x5A)
    results = read(path)
    frames_of = planned(path)
    assert len(results) == len(sound)
    # In AVI it takes some more frames until it is certain that one is missing.
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


@pytest.mark.parametrize("lost", [range(13, 26), range(26, 44)])
@pytest.mark.parametrize("suffix", ["avi", "mp4"])
def test_what_is_lost_is_no_placeholder(suffix: str, lost: range, tmp_path: Path) -> None:
    """During placeholders, which packed B-frames have, a picture stays; but not while others can't be decoded."""
    ((_, path),) = sweep(tmp_path, [], lambda case: case.name == f"mpeg4_packed1.{suffix}")
    spec = WindowSpec(0.2, 0.2, 0.2)
    sound = [result for piece in survey(str(path)).pieces(spec) for result in read_windows(str(path), SPEC, piece)]
    overwrite(path, places(path)[lost.start : lost.stop])
    video = survey(str(path))
    found = [result for piece in video.pieces(spec) for result in read_windows(str(path), SPEC, piece)]
    assert video.by_decoding and video.duration_s == pytest.approx(44 / 25)
    for result, whole in zip(found, sound, strict=True):
        start, end = round(result.window.start_s * 25), round(result.window.end_s * 25)
        if end < lost.start:
            assert same(result, whole)
        elif start > lost.start and end < lost.stop:
            assert result.failure is not None


def test_neighbours_stand_for_what_cannot_be_decoded(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write_film(tmp_path / "v.mov", pictures, "mjpeg", {})
    lost = {*range(75, 100), 120, 121, 140}
    overwrite(path, [place for index, place in enumerate(places(path)) if index in lost])
    results = read(path)
    seen = set()
    for plan, result in zip(planned(path), results, strict=True):
        indices = [plan.first + i for i in SPEC.sample(plan.end - plan.first)]
        here = [index for index in indices if index not in lost]
        if len(here) < 3:
            message, place = f"only {len(here)} of 6 frames could be decoded", plan.window
            failure = Failure("decode", "VideoDecodeError", message, start_s=place.start_s, end_s=place.end_s)
            assert (result.window, result.failure, result.frames.size) == (place, failure, 0)
            seen.add("failed")
            continue
        assert result.failure is None
        assert result.damaged == (len(here) < 6)
        nearest = [min(here, key=lambda other, index=index: (abs(other - index), other)) for index in indices]
        assert [read_index(frame) for frame in result.frames] == nearest
        seen.add("damaged" if result.damaged else "sound")
    assert seen == {"failed", "damaged", "sound"}
    for range_s in (4.0, 1.0):
        assert all(map(same, read(path, range_s), results))


def test_frames_that_the_decoder_marks_are_not_used(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write_film(tmp_path / "v.mp4", pictures, "mpeg4", {"bf": "0", "g": "12"})
    overwrite(path, [(begin + size // 2, size // 2) for begin, size in places(path)[100:150:3]], 0x5A)
    with open_video(str(path)) as (container, stream):
        frames = list(decode_packets(stream.codec_context, demux(container, stream), errors=[]))
    usable = {frame.pts // 512 for frame in frames if not frame.is_corrupt}
    assert len(frames) == NUM_FRAMES > len(usable) > 0.8 * NUM_FRAMES
    touched = {index for index in range(NUM_FRAMES) if not usable.issuperset(range(index // 12 * 12, index + 1))}
    assert len(touched) > NUM_FRAMES - len(usable)  # pictures predicted from damaged ones are not marked
    for plan, clip in zip(planned(path), clips(read(path)), strict=True):
        indices = {plan.first + i for i in SPEC.sample(plan.end - plan.first)}
        assert clip.damaged == (not indices.isdisjoint(touched))
        assert len({frame.tobytes() for frame in clip.frames}) <= len(indices & usable)


def put_together(order: list[int]) -> list[tuple[int, int, bool]]:
    """For each window that is yielded for frames in this order: after how many frames, its number, and its damage."""
    three = [PlannedWindow(Window(i, i, i + 1.0), 10 * i, 10 * i + 10) for i in range(3)]
    spec = ClipSpec(num_frames=5, height=8, width=8)  # frames 1, 3, 5, 7 and 9 of 10
    assembly = _Assembly(spec, Piece(tuple(three), None, 0, None))
    results = []
    for number, index in enumerate(order):
        if assembly.waits_for(index):
            done = list(assembly.add(index, np.full((8, 8, 3), index, np.uint8)))
            results += [(number, result.window.index, result.damaged or bool(result.failure)) for result in done]
    return results + [(-1, result.window.index, result.damaged or bool(result.failure)) for result in assembly.finish()]


ODD = list(range(1, 30, 2))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (ODD, [(4, 0, False), (9, 1, False), (14, 2, False)]),
        (list(range(30)), [(9, 0, False), (19, 1, False), (29, 2, False)]),
        ([1, 3, 3, 5, 5, 7, 9], [(6, 0, False), (-1, 1, True), (-1, 2, True)]),
        ([1, 3, 29, 5, 7, 9, *ODD[5:14]], [(5, 0, False), (10, 1, False), (14, 2, False)]),  # one came too early
        ([1, 5, 3, 9, 7, *ODD[5:]], [(4, 0, False), (9, 1, False), (14, 2, False)]),
        ([1, 3, 5, 9, *ODD[5:]], [(11, 0, True), (11, 1, False), (13, 2, False)]),  # given up after 8 later ones
        ([1, 3, 5, 9, *ODD[5:], 7], [(11, 0, True), (11, 1, False), (13, 2, False)]),
        ([1, 3, 5, 9, *8 * [11], 7, *ODD[6:]], [(12, 0, False), (16, 1, False), (21, 2, False)]),  # repeated
        ([], [(-1, 0, True), (-1, 1, True), (-1, 2, True)]),
    ],
)
def test_order_in_which_frames_come(order: list[int], expected: list[tuple[int, int, bool]]) -> None:
    assert put_together(order) == expected


def test_a_disk_that_fails(pictures: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that the decoder still holds when reading breaks off are not lost."""
    path = write_film(tmp_path / "v.mp4", pictures, "libx264", x264("bframes=3:keyint=12"))
    sound = clips(read(path))

    with open_video(str(path)) as (container, stream):
        stored = [packet.pts // 512 for packet in demux(container, stream)]
    for num_packets in range(88, 100):

        def failing(container: Any, stream: Any, num_packets: int = num_packets) -> Any:
            yield from itertools.islice(demux(container, stream), num_packets)
            raise av.FFmpegError(5, "Input/output error")

        monkeypatch.setattr(piece_frames, "demux", failing)
        there = set(stored[:num_packets])
        whole = [there.issuperset(plan.first + i for i in SPEC.sample(plan.end - plan.first)) for plan in planned(path)]
        assert [same(*pair) for pair in zip(read(path), sound, strict=True)] == whole


def test_a_frame_that_does_not_come_keeps_its_number(pictures: list[np.ndarray], tmp_path: Path) -> None:
    """Where frames are counted, those after a lost one keep their numbers."""
    path = write_film(tmp_path / "v.avi", pictures, "mpeg4", {"bf": "0", "g": "12"})
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
    path = write_film(tmp_path / name, pictures, codec, options)
    sound, data = clips(read(path)), path.read_bytes()
    for share in (0.35, 0.6, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        if share < 0.5 and not name.endswith("ts"):  # a transport stream doesn't promise its length
            with pytest.raises(VideoError, match="^only .* of 200 frames are there$"):
                survey(str(path))
            continue
        video = survey(str(path))
        assert (video.missing is None) == name.endswith("ts")
        assert (share - 0.25) * NUM_FRAMES < video.num_frames < (share + 0.2) * NUM_FRAMES
        results = read(path)
        full = int((video.num_frames - 8) / 25 / 0.4 - 2.5)  # whole windows well before the end
        assert full >= 2 and all(map(same, results[:full], sound))
        cut = read(path, 1.0)
        assert len(cut) == len(results) and all(map(same, cut[:full], results))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("v.mp4", "libx264", x264("bframes=2:keyint=12")),
        ("v.ts", "libx264", x264("bframes=2:keyint=12")),
        ("v.mkv", "mpeg4", {"bf": "2", "g": "12"}),
        ("v.avi", "mpeg4", {"bf": "2", "g": "12"}),
    ],
)
@pytest.mark.slow
def test_anything_may_be_damaged(
    name: str, codec: str, options: dict[str, str], pictures: list[np.ndarray], tmp_path: Path
) -> None:
    """Every window is yielded once, as a clip or a failure, unless the whole video is refused."""
    source = write_film(tmp_path / "sources" / "Jump" / name, pictures, codec, options)
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


def test_where_nothing_is_reordered_a_lost_frame_is_missed_at_once(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write_film(tmp_path / "v.avi", pictures, "mjpeg", {})
    lost = {50, 51, 120}
    overwrite(path, [place for index, place in enumerate(places(path)) if index in lost])
    for plan, clip in zip(planned(path), clips(read(path)), strict=True):
        indices = [plan.first + i for i in SPEC.sample(plan.end - plan.first)]
        assert clip.damaged == (not lost.isdisjoint(indices))
        for index, frame in zip(indices, clip.frames, strict=True):
            assert index in lost or read_index(frame) == index
