"""Windows of videos as a pool of decoders streams them: each exactly once, whatever happens to one video."""

import os
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec
from pipelines.decoding.answers import answers
from pipelines.decoding.messages import CutVideo, DecodedWindow, DecodeLimits, Request, WindowJob, WindowResult
from pipelines.decoding.pool import DecoderPool
from pipelines.video.clip import read_clip
from pipelines.video.windows import WindowSpec, count_windows
from tests.conftest import read_index, write_endless_video, write_video
from tests.support.decoders import decoders, pool_of, same_path

pytestmark = pytest.mark.process

SPEC = ClipSpec(num_frames=4, height=48, width=80)
WINDOWS = WindowSpec(window_s=1.0, stride_s=0.5, whole_up_to_s=1.5)
LIMITS = DecodeLimits(time_s=20, memory_mb=256)
LARGE = ClipSpec(num_frames=16, height=128, width=128)  # 786 kB: a socket's buffer holds one, and the decoder waits
Arrived = tuple[Path, WindowResult | None, bool]


def job(spec: ClipSpec = SPEC, range_s: float = 600.0, time_s: float = LIMITS.time_s) -> WindowJob:
    windows = WindowSpec(WINDOWS.window_s, WINDOWS.stride_s, WINDOWS.whole_up_to_s, range_s)
    return WindowJob(spec, windows, DecodeLimits(time_s, LIMITS.memory_mb))


def by_video(arrived: list[Arrived]) -> dict[Path, list[WindowResult]]:
    """The results of each video. Each video must end exactly once, and nothing may follow its end."""
    found: dict[Path, list[WindowResult]] = {}
    ended = set()
    for path, result, last in arrived:
        assert path not in ended
        assert result is not None or last
        found.setdefault(path, []).extend([] if result is None else [result])
        if last:
            ended.add(path)
    assert ended == found.keys()
    return found


def stream_all(pool: DecoderPool, paths: list[Path], wanted: WindowJob) -> dict[Path, list[WindowResult]]:
    return by_video(list(pool.stream(paths, wanted, same_path)))


def windows_of(results: list[WindowResult]) -> list[DecodedWindow]:
    """The windows in order, each once; fails if there is anything else."""
    windows = [result for result in results if isinstance(result, DecodedWindow) and not result.failure]
    assert len(windows) == len(results), results
    windows.sort(key=lambda result: result.window.index)
    assert [result.window.index for result in windows] == list(range(len(windows)))
    assert {result.num_windows for result in windows} <= {len(windows)}
    return windows


def pictures(window: DecodedWindow) -> np.ndarray:
    return np.frombuffer(window.frames, np.uint8).reshape(SPEC.shape)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with pool_of(2, LIMITS) as shared:
        yield shared


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 10 s in groups of 10 frames."""
    return write_video(tmp_path_factory.mktemp("long") / "v.mp4", 250, options={"g": "10", "bf": "2"})


def test_a_short_video_is_one_window_with_the_pixels_of_a_clip(pool: DecoderPool, tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{n}.avi", n) for n in (1, 20, 37)]
    for path, results in stream_all(pool, paths, job()).items():
        (result,) = windows_of(results)
        clip = read_clip(str(path), SPEC)
        assert result.frames == clip.frames.tobytes() and not result.damaged
        assert (result.window.start_s, result.window.end_s, result.duration_s) == (0, clip.duration_s, clip.duration_s)


def test_a_long_video_gives_windows_of_the_right_frames(pool: DecoderPool, long: Path) -> None:
    results = windows_of(stream_all(pool, [long], job())[long])
    assert len(results) == count_windows(10.0, WINDOWS) == 19
    for result in results:
        window = result.window
        assert (window.start_s, window.end_s, result.duration_s) == (window.index / 2, window.index / 2 + 1, 10.0)
        shown = [read_index(frame) for frame in pictures(result)]
        first = int(np.ceil(window.start_s * 25))
        count = int(np.ceil(window.end_s * 25)) - first
        assert shown == [first + i for i in SPEC.sample(count)]


def test_ranges_give_what_the_whole_video_gives(pool: DecoderPool, tmp_path: Path) -> None:
    open_gop = {"g": "40", "x264-params": "open-gop=1:bframes=3"}
    path = write_video(tmp_path / "v.mkv", 330, codec="libx264", options=open_gop)
    whole = windows_of(stream_all(pool, [path], job())[path])
    for range_s in (1.0, 2.0, 5.0):
        (cut,) = stream_all(pool, [path], job(range_s=range_s))[path]
        assert isinstance(cut, CutVideo) and len(cut.ranges) > 1
        sizes = {i: part.num_windows for i, part in enumerate(cut.ranges)}
        requests = list(enumerate(cut.ranges))
        arrived = list(pool.stream(requests, job(), lambda _: same_path(path), lambda item: item[1]))
        assert sum(last for *_, last in arrived) == len(requests)
        parts = [(item[0], result) for item, result, _ in arrived if result is not None]
        assert all(isinstance(result, DecodedWindow) and result.num_windows == sizes[i] for i, result in parts)
        windows = [result for _, result in parts if isinstance(result, DecodedWindow)]
        windows.sort(key=lambda result: result.window.index)
        assert [(w.window, w.frames, w.duration_s, w.damaged) for w in windows] == [
            (w.window, w.frames, w.duration_s, w.damaged) for w in whole
        ], range_s


def test_more_videos_than_decoders_each_come_to_an_end(pool: DecoderPool, long: Path, tmp_path: Path) -> None:
    short = [write_video(tmp_path / f"{i}.avi", 5 + i) for i in range(20)]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(os.urandom(5000))
    paths = [*short[:10], broken, long, tmp_path / "gone.avi", *short[10:]]
    found = stream_all(pool, paths, job())
    assert found.keys() == set(paths)
    assert all(len(windows_of(found[path])) == 1 for path in short) and len(windows_of(found[long])) == 19
    (of_broken,), (of_gone,) = found[broken], found[tmp_path / "gone.avi"]
    assert isinstance(of_broken, Failure) and (of_broken.stage, of_broken.type) == ("decode", "VideoOpenError")
    assert isinstance(of_gone, Failure) and (of_gone.stage, of_gone.type) == ("read", "VideoReadError")
    assert of_gone.transient and not of_broken.transient


def test_a_killed_decoder_costs_the_rest_of_one_video(long: Path, tmp_path: Path) -> None:
    others = [write_video(tmp_path / f"{i}.avi", 10 + i) for i in range(3)]
    arrived: list[Arrived] = []
    of_others = set(decoders())
    with pool_of(1) as alone:
        expected = windows_of(stream_all(alone, [long], job(LARGE))[long])
        for idle in set(decoders()) - of_others:
            idle.kill()  # this must cost no video
            idle.wait()
        for found in alone.stream([others[0], long, *others[1:]], job(LARGE), same_path, hold=1):
            arrived.append(found)
            if found[0] == long and sum(path == long for path, *_ in arrived) == 3:
                (child,) = set(decoders()) - of_others
                child.kill()
    results = by_video(arrived)
    *before, failure = results[long]
    assert 3 <= len(before) < len(expected) and before == expected[: len(before)]
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.type, failure.transient) == ("decode", "DecoderKilled", True)
    assert all(len(windows_of(results[path])) == 1 for path in others)


def test_a_slow_consumer_is_no_slow_video(long: Path) -> None:
    with pool_of(1) as alone:
        results = []
        for number, (_, result, _) in enumerate(alone.stream([long], job(LARGE, time_s=2.0), same_path, hold=1)):
            results.extend([] if result is None else [result])
            time.sleep(2.6 if number in (1, 5) else 0)
    assert len(windows_of(results)) == 19


def test_a_hang_in_one_video_costs_that_video(pool: DecoderPool, long: Path, tmp_path: Path) -> None:
    write_endless_video(tmp_path / "hang.avi", side=1500)
    minutes = WindowJob(SPEC, WindowSpec(120.0, 120.0, 120.0), DecodeLimits(3.0, LIMITS.memory_mb))
    found = stream_all(pool, [tmp_path / "hang.avi", long], minutes)
    expected = Failure("decode", "DecodeTimeout", "not decoded within 3 s", transient=True)
    assert found[tmp_path / "hang.avi"] == [expected] and len(windows_of(found[long])) == 1


def test_a_consumer_that_stops_early_leaves_the_pool_usable(long: Path) -> None:
    of_others, opened = set(decoders()), []

    def open_local(path: Path) -> AbstractContextManager[str]:
        opened.append(path)
        return same_path(path)

    with pool_of(2) as shared:
        before = threading.active_count()
        for _ in range(3):
            results = shared.stream([long] * 30, job(LARGE), open_local, hold=1)
            assert isinstance(results, Generator)
            next(results)
            results.close()
        # This ends only if no decoder still waits for its results to be taken.
        assert len(windows_of(stream_all(shared, [long], job(LARGE))[long])) == 19
        assert len(opened) <= 3 * 4, "videos were decoded whose results nothing waits for"
        assert threading.active_count() == before and len(set(decoders()) - of_others) <= 2
    assert not set(decoders()) - of_others


def test_threads_that_share_a_pool_get_their_own_results(pool: DecoderPool, tmp_path: Path) -> None:
    paths = [[write_video(tmp_path / f"{k}-{i}.avi", 10 + i) for i in range(8)] for k in range(3)]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda videos: stream_all(pool, videos, job()), paths))
    assert [sorted(results) for results in found] == paths


def test_damaged_frames_cost_their_windows(pool: DecoderPool, tmp_path: Path) -> None:
    """Some intra-coded pictures are lost: other windows have the same pixels as before."""
    path, broken = write_video(tmp_path / "v.mov", 250, codec="mjpeg"), range(120, 180)
    whole = windows_of(stream_all(pool, [path], job())[path])
    with av.open(str(path)) as container:
        places = [(packet.pos or 0, packet.size) for packet in container.demux() if packet.size]
    data = bytearray(path.read_bytes())
    for start, size in places[broken.start : broken.stop]:
        data[start : start + size] = bytes(size)
    path.write_bytes(data)
    found = sorted(stream_all(pool, [path], job())[path], key=lambda result: result.window.index)  # type: ignore[union-attr]
    for result, sound in zip(found, whole, strict=True):
        assert isinstance(result, DecodedWindow) and result.num_windows == 19
        lost = sum(read_index(frame) in broken for frame in pictures(sound))
        assert (result.failure is not None) == (lost > 2) and result.window == sound.window
        if result.failure:
            assert result.failure.message == f"only {4 - lost} of 4 frames could be decoded" and not result.frames
        else:
            assert result.damaged == (lost > 0) and (lost or result == sound)
    assert {result.failure is None for result in found} == {True, False}  # type: ignore[union-attr]


def test_a_video_that_is_decoded_to_be_counted_says_that_all_is_well(pool: DecoderPool, tmp_path: Path) -> None:
    """A bare stream has no times: its frames are counted by decoding them all, which has no time limit."""
    path = write_video(tmp_path / "v.h264", 330, codec="libx264", options={"g": "25", "bf": "3"})
    statuses = [header["status"] for header, _ in answers(job(), Request(str(path)))]
    assert statuses == 4 * ["busy"] + 26 * ["window"]
    assert len(windows_of(stream_all(pool, [path], job())[path])) == 26
