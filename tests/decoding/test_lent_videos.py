"""Videos in stores as decoders read them: the same results as from local files, and no more bytes than needed."""

import errno
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import files
from pipelines.core.errors import WorkerError
from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.decoding import decoder, server
from pipelines.decoding.answers import answers
from pipelines.decoding.clip_answers import Answer
from pipelines.decoding.messages import (
    CutVideo,
    DecodedClip,
    DecodedWindow,
    DecodeJob,
    DecodeLimits,
    Job,
    LentVideo,
    Request,
    WindowJob,
)
from pipelines.files import remote
from pipelines.files.blocks.lending import WHOLE_BYTES
from pipelines.files.ranged_reader import CHANGED
from pipelines.video.pieces import Range
from pipelines.video.ranges.planning import DenseWindows
from pipelines.video.windows import WindowSpec
from tests.support.decoders import LIMITS, decoders, pool_of, same_path
from tests.support.fault_proxy import Fault
from tests.support.films import write_film
from tests.support.store_tools import Place, is_content
from tests.support.store_tools import here as here
from tests.support.store_tools import place as place
from tests.support.sweep_videos import sweep

SPEC = ClipSpec(num_frames=4, height=32, width=32)
ROOMY_MB = 100


def window_job(range_s: float = 2.0, limits: DecodeLimits = LIMITS) -> WindowJob:
    return WindowJob(SPEC, WindowSpec(0.5, 0.5, 0.5, range_s), limits)


DENSE = DenseWindows(WindowSpec(0.5, 0.25, 0.5))
JOBS: tuple[Job, ...] = (
    DecodeJob(SPEC, FrameEncoding(), with_source=True),
    DecodeJob(SPEC, FrameEncoding(), dense=DENSE),
    window_job(0.6),
)
SMALL_BLOCK, FEW = 4096, 2


class Scraps:
    """Lends blocks of a local file from a temporary file in which only the last ones are right."""

    def __init__(self, path: Path, file: Any) -> None:
        self.data, self._file, self._count = path.read_bytes(), file, 0
        self.video = LentVideo(len(self.data), file.name, SMALL_BLOCK, FEW, None)

    def lend(self, first: int, count: int) -> tuple[int, ...]:
        places = []
        for block in range(first, first + count):
            place = self._count % FEW
            data = self.data[block * SMALL_BLOCK : (block + 1) * SMALL_BLOCK]
            os.pwrite(self._file.fileno(), data.ljust(SMALL_BLOCK, b"?"), place * SMALL_BLOCK)
            places.append(place)
            self._count += 1
        return tuple(places)


def lent_answers(job: Job, path: Path, wanted: Request, lost: int = 0) -> list[Answer]:
    """The answers about a lent video; with `lost`, from the lost-th request on, blocks can't be had."""
    count = itertools.count(1)
    with tempfile.NamedTemporaryFile() as scraps:
        lender = Scraps(path, scraps)

        def lend(first: int, number: int) -> tuple[int, ...] | None:
            return None if next(count) >= lost > 0 else lender.lend(first, number)

        uri = f"gs://bucket/videos/{path.name}"
        return list(server.all_answers(lend, job, replace(wanted, path=uri, lent=lender.video)))


@pytest.fixture(scope="module")
def each_container(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A video in each container."""
    seen: set[str] = set()

    def is_new(suffix: str) -> bool:
        return suffix not in seen and not seen.add(suffix)  # type: ignore[func-returns-value]

    chosen = sweep(tmp_path_factory.mktemp("containers"), [], lambda case: is_new(Path(case.name).suffix))
    return [path for _, path in chosen]


def test_lent_videos_give_what_local_ones_give(each_container: list[Path]) -> None:
    """Also where only a few small blocks are held at a time, and with seeks."""
    suffixes = {path.suffix for path in each_container}
    assert suffixes >= {".avi", ".mp4", ".mov", ".mkv", ".webm", ".ts", ".mpg", ".flv", ".wmv"}
    statuses: set[str] = set()
    for path, job in itertools.product(each_container, JOBS):
        wanted = Request(str(path))
        local = list(answers(job, wanted))
        assert lent_answers(job, path, wanted) == local, path
        statuses.update(header["status"] for header, _ in local)
        for part in local[-1][0].get("ranges", ()):
            wanted = replace(wanted, range=Range.from_json(part))
            assert lent_answers(job, path, wanted) == list(answers(job, wanted)), (path, part)
    assert statuses == {"clip", "done", "window", "cut", "busy"}


@pytest.mark.parametrize("name", ["truncated.mp4", "empty.mp4", "text.avi"])
def test_lent_videos_fail_as_local_ones_do(each_container: list[Path], tmp_path: Path, name: str) -> None:
    sound = next(path for path in each_container if path.suffix == Path(name).suffix)
    data = {"t": sound.read_bytes()[:5000], "e": b""}.get(name[0], b"")
    (tmp_path / name).write_bytes(b"not a video at all" if name == "text.avi" else data)
    for job in JOBS:
        local = list(answers(job, Request(str(tmp_path / name))))
        assert local[-1][0]["status"] == "failed"
        assert lent_answers(job, tmp_path / name, Request(str(tmp_path / name))) == local


def test_a_lost_block_is_never_the_end_of_the_file(each_container: list[Path]) -> None:
    """Whatever a demuxer makes of a read that fails, nothing that was decoded after it is delivered."""
    for path, job in itertools.product(each_container, JOBS):
        local = list(answers(job, Request(str(path))))
        for lost in (1, 3):
            *before, last = lent_answers(job, path, Request(str(path)), lost)
            assert last == ({"status": "lost"}, []) and before == local[: len(before)], (path, lost)


@dataclass
class Slow:
    """Lends a local file; the first block after the first comes late."""

    path_of_file: Path
    wait: Callable[[], None]
    uri: str = "gs://bucket/v.avi"
    block_bytes: int = SMALL_BLOCK
    most_held: int = 1000
    mark: int | None = None

    @property
    def size_bytes(self) -> int:
        return self.path_of_file.stat().st_size

    @property
    def path(self) -> str:
        return str(self.path_of_file)

    def lend(self, first: int, count: int) -> tuple[int, ...]:
        self.wait()
        return tuple(range(first, first + count))

    def keep(self) -> None:
        pass

    def cancel(self) -> None:
        pass

    @contextmanager
    def opened(self, _: object) -> Iterator["Slow"]:
        yield self


@pytest.mark.process
def test_waiting_for_a_store_is_not_a_hung_decoder(each_container: list[Path]) -> None:
    path = next(path for path in each_container if path.suffix == ".avi")
    pauses = iter([0.0, 2.6])
    slow = Slow(path, lambda: time.sleep(next(pauses, 0.0)))
    limits = replace(LIMITS, time_s=2.0)
    with pool_of(1, limits) as pool:
        ((_, result),) = pool.map([path], DecodeJob(SPEC, FrameEncoding(), limits=limits), slow.opened)
    assert isinstance(result, DecodedClip) and next(pauses, None) is None


@pytest.mark.process
def test_a_decoder_that_is_killed_while_it_waits_costs_one_video(each_container: list[Path]) -> None:
    path = next(path for path in each_container if path.suffix == ".avi")
    of_others = set(decoders())

    def kill() -> None:
        for child in set(decoders()) - of_others:
            child.kill()

    with pool_of(1) as pool:
        job = DecodeJob(SPEC, FrameEncoding())
        items = [Slow(path, kill).opened, same_path]
        (_, killed), (_, other) = pool.map(items, job, lambda opened: opened(path))
    assert isinstance(killed, Failure) and killed.type == "DecoderKilled"
    assert isinstance(other, DecodedClip)


@pytest.mark.process
@pytest.mark.parametrize(
    ("error", "kind"),
    [(PermissionError(errno.EACCES, "no", "x"), "PermissionError"), (ValueError("blocks 9 to 7"), "OSError"),
     (WorkerError("there is no room"), ""), (KeyError("a defect"), "")],
)  # fmt: skip
def test_what_cannot_be_lent_is_a_failure_or_ends_the_work(
    each_container: list[Path], error: Exception, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next(path for path in each_container if path.suffix == ".avi")
    monkeypatch.setattr(decoder, "_PAUSES_S", (0.01,))

    def fail() -> None:
        raise error

    with pool_of(1) as pool:
        job, items = DecodeJob(SPEC, FrameEncoding()), [same_path, Slow(path, fail).opened, same_path]
        results = pool.map(items, job, lambda opened: opened(path))
        if not kind:
            with pytest.raises(type(error), match=str(error).strip("'")):
                list(results)
            return
        (_, first), (_, failed), (_, last) = results
    assert isinstance(failed, Failure) and (failed.stage, failed.type, failed.transient) == ("read", kind, True)
    assert isinstance(first, DecodedClip) and first == last


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of noise, 8 s in 12 MB, with its index at the end."""
    chance = np.random.default_rng(1)
    pictures = (chance.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(200))
    return write_film(tmp_path_factory.mktemp("long") / "v.mp4", pictures, "mjpeg", {"qmin": "4", "qmax": "4"})


def opened(uri: str, limit_mb: int = ROOMY_MB, version: str = "") -> Callable[[object], AbstractContextManager[Any]]:
    return lambda _: files.borrowed(uri, limit_mb, version)


def windows(results: Iterator[Any]) -> list[DecodedWindow]:
    found = [result for _, result, _ in results if result is not None]
    assert all(isinstance(result, DecodedWindow) and not result.failure for result in found), found
    return sorted(found, key=lambda result: result.window.index)


@pytest.fixture(scope="module")
def expected(long: Path) -> list[DecodedWindow]:
    """The windows of the local file."""
    with pool_of(1) as pool:
        return windows(pool.stream([long], window_job(1e6), same_path))


def contents_after(number: int, fault: Fault) -> Callable[[str, str], Fault | None]:
    """What befalls all requests for content but the first ones."""
    count = itertools.count(1)
    return lambda method, path: fault if is_content(method, path) and next(count) > number else None


@pytest.mark.server
@pytest.mark.process
@pytest.mark.usefixtures("here")
class TestStores:
    """With a store, which answers after 20 ms."""

    @pytest.fixture
    def uri(self, place: Place, long: Path, request: pytest.FixtureRequest) -> Iterator[str]:
        uri = f"{place.root}/{request.node.originalname}/v.mp4"  # a name of its own: what is kept stays
        place.server.put(uri, long.read_bytes())
        with place.proxy.faulty(lambda method, path: Fault(delay_s=0.02)):
            self.forget(place)
            yield uri
        for thread in threading.enumerate():  # what nobody waits for must not disturb other tests
            if thread.name in ("blocks", "look"):
                thread.join(60)

    @staticmethod
    def forget(place: Place) -> None:
        place.proxy.requests.clear()
        place.proxy.num_bytes = 0

    @staticmethod
    def ranges_of(long: Path) -> tuple[Range, ...]:
        with pool_of(1) as pool:
            ((_, cut, _),) = pool.stream([long], window_job(), same_path)
        assert isinstance(cut, CutVideo) and len(cut.ranges) == 4
        return cut.ranges

    def test_ranges_of_a_video_fetch_each_byte_once(
        self, place: Place, uri: str, long: Path, expected: list[DecodedWindow]
    ) -> None:
        size = long.stat().st_size
        assert size > WHOLE_BYTES
        with pool_of(2) as pool:
            ((_, cut, _),) = pool.stream([uri], window_job(), opened(uri))
            assert isinstance(cut, CutVideo) and len(cut.ranges) == 4
            found = windows(pool.stream(cut.ranges, window_job(), opened(uri), lambda part: part))
        assert [window.frames for window in found] == [window.frames for window in expected]
        assert size <= place.proxy.num_bytes < size + 20_000  # what Google says about a file is content as well
        assert len(place.proxy.requests) < 5 + size // 500_000

    def test_another_worker_fetches_what_it_needs(
        self, place: Place, uri: str, long: Path, expected: list[DecodedWindow]
    ) -> None:
        part = self.ranges_of(long)[1]
        with pool_of(1) as pool:
            found = windows(pool.stream([part], window_job(), opened(uri), lambda part: part))
        assert [window.frames for window in found] == [
            window.frames for window in expected[part.first : part.end]
        ]  # a key frame everywhere
        assert place.proxy.num_bytes < 0.7 * long.stat().st_size

    def test_a_tiny_cache_gives_the_same(self, uri: str, long: Path, expected: list[DecodedWindow]) -> None:
        with pool_of(2) as pool:
            ranges = pool.stream(self.ranges_of(long), window_job(), opened(uri, 1), lambda part: part)
            assert [window.frames for window in windows(ranges)] == [window.frames for window in expected]

    def test_a_video_that_is_replaced_while_it_is_read_is_a_failure(
        self, place: Place, uri: str, long: Path, expected: list[DecodedWindow]
    ) -> None:
        data, count, lock = long.read_bytes(), itertools.count(1), threading.Lock()
        version = files.stat_file("", uri).version or ""

        def decide(method: str, path: str) -> Fault | None:
            with lock:
                number = next(count) if is_content(method, path) else 0
                if number == 4:
                    place.server.put(uri, data[:-1] + b"?")
            # Google doesn't find the generation that was asked for any more; the emulator knows only the last one.
            return Fault(status=404) if number >= 4 and "generation=" in path else None

        with place.proxy.faulty(decide), pool_of(1) as pool:
            *before, (_, failure, last) = pool.stream([uri], window_job(1e6), opened(uri))
        assert last and isinstance(failure, Failure)
        assert (failure.stage, failure.type, failure.message) == ("read", "OSError", CHANGED)
        assert failure.transient and not before
        with pytest.raises(OSError, match="changed"), files.borrowed(uri, ROOMY_MB, version):
            pass  # nor is another version taken for that which was listed

    def test_blocks_that_come_short_are_a_failure(
        self, place: Place, uri: str, long: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pipelines.files.ranged_reader.time.sleep", lambda _: None)
        with place.proxy.faulty(contents_after(2, Fault(cut=1000))), pool_of(1) as pool:
            ((_, failure),) = pool.map([uri], DecodeJob(SPEC, FrameEncoding()), opened(uri))
        assert isinstance(failure, Failure) and (failure.stage, failure.type) == ("read", "OSError")
        assert "the store sent" in failure.message and failure.transient

    def test_blocks_that_never_come_are_a_failure(
        self, place: Place, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote, "STALLED_S", 0.3)
        with place.proxy.faulty(contents_after(3, Fault(delay_s=1.5))), pool_of(1) as pool:
            ((_, failure),) = pool.map([uri], DecodeJob(SPEC, FrameEncoding()), opened(uri))
        assert isinstance(failure, Failure) and (failure.stage, failure.type) == ("read", "TimeoutError")
        assert failure.message == "no more data came within 0.3 s. Check the network"
