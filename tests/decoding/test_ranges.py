"""Ranges of videos as a pool of decoders gives them: in order, each once, and few at a time in memory."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.failure import Failure
from pipelines.core.spec import FrameEncoding
from pipelines.dataset.plan import ShardTask
from pipelines.dataset.shard_writer import ShardSettings, write_shard
from pipelines.decoding import pool as pool_module
from pipelines.decoding.messages import DecodedClip, DecodedPart, DecodeFiltered, DecodeJob, Request
from pipelines.decoding.pool import DecoderPool
from pipelines.decoding.sinks import Backlog, InOrder
from pipelines.inputs.catalog import VideoRecord
from pipelines.video.ranges.planning import DenseWindows, TimeRange
from pipelines.video.windows import WindowSpec
from tests.conftest import write_endless_video, write_video
from tests.support.decoders import LIMITS, SPEC, decoders, job, pool_of, same_path, wait_until_read

processes = pytest.mark.process


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with pool_of(2, LIMITS) as shared:
        yield shared


def wanted(path: Path, ranges: list[tuple[float, float]], strips: tuple[int, ...] = ()) -> tuple[list[Path], Request]:
    return [path] * len(ranges), Request(ranges=tuple(TimeRange(*r) for r in ranges), strips=frozenset(strips))


@processes
def test_ranges_come_in_order_and_the_whole_ones_between_them(pool: DecoderPool, tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{i}.mp4", 100 + i, options={"g": "10", "bf": "2"}) for i in range(4)]
    ranges = [(0.0, 1.0), (0.2, 0.4), (1.0, 9.0), (2.0, 4.0)]
    asked = [item for path in paths for item in (wanted(path, ranges, (1,)), ([path], Request()))]
    found = list(pool.map_ranges(asked, job(), same_path))
    assert [path for path, _ in found] == [path for path in paths for _ in range(5)]
    for place, path in enumerate(paths):
        *parts, whole = [part for other, part in found if other == path]
        assert [part.more for part in parts] == [False] * 4
        results = [part.result for part in parts]
        clips = [result for result in results if isinstance(result, DecodedClip)]
        assert [clip.num_source_frames for clip in clips] == [25, 5, 50]
        assert [clip.strip is not None for clip in clips] == [False, True, False]
        assert isinstance(results[2], Failure) and results[2].type == "RangeError"
        assert isinstance(whole.result, DecodedClip) and whole.result.num_source_frames == 100 + place
        assert {clip.content for clip in clips} == {whole.result.content} != {0}


@processes
def test_ranges_with_too_few_frames_are_filtered(pool: DecoderPool, tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 50)
    ranges = [(0.0, 1.0), (0.0, 0.2)]
    (_, first), (_, second) = pool.map_ranges([wanted(path, ranges)], job(min_frames=6), same_path)
    assert isinstance(first.result, DecodedClip) and second.result == DecodeFiltered("5 frames, fewer than 6")
    dense = DecodeJob(SPEC, FrameEncoding(), 11, LIMITS, dense=DenseWindows(WindowSpec(0.4, 0.4, 0.4)))
    results = [part for _, part in pool.map_ranges([([path], Request())], dense, same_path)]
    assert results == [
        DecodedPart(DecodeFiltered("5 of 5 windows: 10 frames, fewer than 11"), None, True),
        DecodedPart(None),
    ]


@processes
def test_a_lost_decoder_costs_the_ranges_of_one_video(tmp_path: Path) -> None:
    victim = write_endless_video(tmp_path / "victim.avi") or tmp_path / "victim.avi"
    good = write_video(tmp_path / "good.avi", 50)

    def kill() -> None:
        wait_until_read(victim)
        for process in decoders():
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    asked = [wanted(victim, [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]), wanted(good, [(0.0, 1.0), (1.0, 2.0)])]
    with pool_of(1) as pool:
        results = [part.result for _, part in pool.map_ranges(asked, job(), same_path)]
    killer.join()
    assert [type(result) for result in results] == [Failure] * 3 + [DecodedClip] * 2
    assert {result.type for result in results[:3] if isinstance(result, Failure)} == {"DecoderKilled"}


@processes
def test_few_clips_are_held(pool: DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is first always gets on, and the others wait."""
    held: list[int] = []

    class Watched(Backlog):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "held":
                held.append(value)
            super().__setattr__(name, value)

    monkeypatch.setattr(pool_module, "Backlog", Watched)
    monkeypatch.setattr(pool_module, "_LOOK_AHEAD", 1)
    monkeypatch.setattr(pool_module, "_HELD_BYTES", 1)
    paths = [write_video(tmp_path / f"{i}.avi", 60) for i in range(3)]
    ranges = [(k * 0.04, k * 0.04 + 0.4) for k in range(40)]
    found = list(pool.map_ranges([wanted(path, ranges) for path in paths], job(), same_path))
    assert [path for path, _ in found] == [path for path in paths for _ in ranges]
    assert all(isinstance(part.result, DecodedClip) for _, part in found)
    assert max(held) <= 3 + 1


@processes
def test_decoders_end_although_their_clips_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk is full while clips wait; whoever closes the decoders still holds the error with all it refers to."""
    monkeypatch.setattr(pool_module, "_HELD_BYTES", 1)
    monkeypatch.setattr(pool_module, "_LOOK_AHEAD", 1)

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    paths = [write_video(tmp_path / f"{i}.avi", 60) for i in range(3)]
    videos = tuple(
        VideoRecord(f"{i}@{k / 25:g}-{k / 25 + 0.4:g}", str(path), "A", "g", "1", "", k / 25, k / 25 + 0.4)
        for i, path in enumerate(paths)
        for k in range(40)
    )
    task = ShardTask("train-00000-of-00001.tfrecord", "train", videos, frozenset(), "1")
    with pool_of(2) as pool:
        try:
            write_shard(task, ShardSettings(job(), ("A",)), pool, lambda video: same_path(Path(video.uri)), Full())
        except OSError as error:
            assert error.errno == 28
            pool.close()
        else:
            raise AssertionError("nothing was written")


def test_producers_wait_for_the_first_and_are_released() -> None:
    backlog = Backlog(hold=2)
    first, second, third = (InOrder(backlog) for _ in range(3))
    got: list[object] = []

    def produce(sink: InOrder, count: int) -> None:
        for number in range(count):
            sink.put(Failure("decode", "X", str(number)), last=number == count - 1)

    threads = [threading.Thread(target=produce, args=(sink, 20)) for sink in (third, second, first)]
    for thread in threads:
        thread.start()
    for sink in (first, second):
        got.append([result.message for result in sink.take() if isinstance(result, Failure)])
        assert backlog.held <= 3
    backlog.give_up()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert got == [[str(number) for number in range(20)]] * 2
    assert not third.wanted()


def test_an_error_reaches_whoever_takes() -> None:
    sink = InOrder(Backlog(hold=1))
    sink.put(DecodeFiltered("short"), last=False)
    producer = threading.Thread(target=sink.fail, args=(RuntimeError("closed"),))
    producer.start()
    taken = sink.take()
    assert next(taken) == DecodeFiltered("short")
    with pytest.raises(RuntimeError, match="closed"):
        next(taken)
    producer.join()
