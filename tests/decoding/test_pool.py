"""A video that hangs, kills its decoder or exhausts memory costs one record, and the others are decoded."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.decoding.messages import DecodedClip, DecodedWindow, DecodeFiltered, DecodeJob, DecodeLimits, WindowJob
from pipelines.video.windows import WindowSpec
from tests.conftest import write_endless_video, write_video
from tests.support.decoders import LIMITS, SPEC, decoders, job, pool_of, same_path, wait_until_read

pytestmark = pytest.mark.process


def test_a_time_limit_of_all_sockets_does_no_harm(tmp_path: Path) -> None:
    """Beam sets a default timeout for sockets as soon as it finds Google credentials."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)
    try:
        with pool_of(1) as pool:
            results = [result for _, result in pool.map([write_video(tmp_path / "a.avi", 10)] * 3, job(), same_path)]
    finally:
        socket.setdefaulttimeout(before)
    assert [type(result) for result in results] == [DecodedClip] * 3


def test_results_come_in_order_and_a_hang_costs_one_record(tmp_path: Path) -> None:
    good = [write_video(tmp_path / f"{i}.avi", 10 + i) for i in range(6)]
    write_endless_video(tmp_path / "hang.avi")
    paths = [*good[:2], tmp_path / "hang.avi", *good[2:]]
    limits = DecodeLimits(time_s=3.0, memory_mb=256)
    with pool_of(2, limits) as pool:
        results = list(pool.map(paths, job(limits), same_path))
    assert [path for path, _ in results] == paths
    failure = results.pop(2)[1]
    assert failure == Failure("decode", "DecodeTimeout", "not decoded within 3 s", transient=True)
    assert [clip.num_source_frames for _, clip in results if isinstance(clip, DecodedClip)] == [
        10 + i for i in range(6)
    ]


def test_killed_decoder_costs_one_record_and_is_replaced(tmp_path: Path) -> None:
    write_endless_video(tmp_path / "victim.avi")
    good = write_video(tmp_path / "good.avi", 10)

    def kill() -> None:
        wait_until_read(tmp_path / "victim.avi")
        for process in decoders():
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pool_of(1) as pool:
        results = [result for _, result in pool.map([tmp_path / "victim.avi", good], job(), same_path)]
    killer.join()
    assert isinstance(results[0], Failure)
    assert (results[0].type, results[0].transient) == ("DecoderKilled", True)
    assert isinstance(results[1], DecodedClip)


def test_filtered_and_failed(tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.avi", 10)
    (tmp_path / "text.avi").write_text("x")
    paths = [good, tmp_path / "text.avi", tmp_path / "gone.avi"]
    with pool_of(1) as pool:
        results = [result for _, result in pool.map(paths, job(min_frames=11), same_path)]
    assert isinstance(results[0], DecodeFiltered)
    assert isinstance(results[1], Failure) and (results[1].stage, results[1].type) == ("decode", "VideoOpenError")
    assert isinstance(results[2], Failure) and (results[2].stage, results[2].type) == ("read", "VideoReadError")
    assert results[2].transient and not results[1].transient


def test_source_that_cannot_be_fetched_is_a_read_failure(tmp_path: Path) -> None:
    @contextlib.contextmanager
    def refused(_: Path) -> Iterator[str]:
        raise PermissionError(13, "Permission denied")
        yield ""

    with pool_of(1) as pool:
        ((_, result),) = pool.map([tmp_path], job(), refused)
    assert result == Failure("read", "PermissionError", "Permission denied", transient=True)


def test_encodings_and_strips(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 10)
    with pool_of(1) as pool:
        for encoding, parts, start in (
            (FrameEncoding(), 1, b""),
            (FrameEncoding("png"), 4, b"\x89PNG"),
            (FrameEncoding("jpeg", 90), 4, b"\xff\xd8"),
        ):
            ((_, clip),) = pool.map([path], DecodeJob(SPEC, encoding), same_path, wants_strip=lambda _: True)
            assert isinstance(clip, DecodedClip)
            assert len(clip.frames) == parts and all(frame.startswith(start) for frame in clip.frames)
            assert clip.strip is not None and clip.strip.startswith(b"\xff\xd8")


def test_no_more_children_than_workers_and_none_left(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{i}.avi", 5) for i in range(12)]
    with pool_of(3) as pool:
        for _ in pool.map(paths, job(), same_path):
            assert 1 <= len(decoders()) <= 3
    assert not decoders()


@pytest.mark.parametrize("values", [{"time_s": 0}, {"time_s": float("nan")}, {"memory_mb": 10}])
def test_limits_are_checked(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be .* (greater than 0|64 or more), not"):
        DecodeLimits(**values)  # type: ignore[arg-type]


def test_a_decoder_learns_of_another_job(tmp_path: Path) -> None:
    """A decoder is sent a job once; alternating callers, and a new process, still get what they asked for."""
    paths = [write_video(tmp_path / f"{i}.avi", 10 + i) for i in range(3)]
    jobs = [DecodeJob(ClipSpec(n, 32, 32), FrameEncoding(), 1, LIMITS) for n in (2, 5)]
    windows = WindowJob(ClipSpec(3, 16, 16), WindowSpec(1.0, 0.5, 1.5), LIMITS)
    with pool_of(1) as pool:
        for _ in range(2):
            running = [pool.map(paths, wanted, same_path) for wanted in jobs]
            for pairs in zip(*running, strict=True):
                clips = [result for _, result in pairs if isinstance(result, DecodedClip)]
                assert [len(clip.frame_indices) for clip in clips] == [2, 5]
            ((_, window, _), _) = pool.stream(paths[:1], windows, same_path)
            assert isinstance(window, DecodedWindow) and len(window.frames) == 3 * 16 * 16 * 3
            for process in decoders():
                process.kill()
                process.wait()


def test_processes_can_be_started_before_there_is_work(tmp_path: Path) -> None:
    with pool_of(2) as pool:
        assert not decoders()
        pool.start(2)
        deadline = time.monotonic() + 60
        while len(started := decoders()) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        list(pool.map([write_video(tmp_path / "a.avi", 10)] * 4, job(), same_path))
        assert len(started) == 2 and decoders() == started
