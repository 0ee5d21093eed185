"""Copies of shards from a store: each is whole, there as long as it is held, and fetched as often as needed."""

import fcntl
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.core.errors import UserError, WorkerError
from pipelines.dataset.info import DatasetInfo
from tests.support.gcs_server import GcsServer, use_environment
from tests.support.gcs_server import environment as environment
from tests.support.gcs_server import server as server
from trainer.data.check import check_shards, open_dataset
from trainer.files import copies
from trainer.files.copies import Copies, shard_copies

URI = "gs://bucket/ds"
Requests = Counter[str]


@pytest.fixture
def info(
    server: GcsServer, environment: dict[str, str], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DatasetInfo:
    """The description of a dataset in the store. Copies are made in a folder of the test's own."""
    use_environment({**environment, "TMPDIR": str(tmp_path)}, monkeypatch)
    monkeypatch.setattr(tempfile, "tempdir", None)
    for path in (path for path in dataset.iterdir() if path.is_file()):
        server.put(f"{URI}/{path.name}", path.read_bytes())
    return open_dataset(URI).info


@pytest.fixture
def requests(server: GcsServer) -> Iterator[Requests]:
    """How often the content of each file was asked for."""
    seen: Requests = Counter()

    def count(method: str, path: str) -> None:
        if "alt=media" in path and ".tfrecord" in path:
            seen[path.rpartition("/")[2].partition("?")[0]] += 1

    with server.intervening(count):
        yield seen


@pytest.fixture(params=[True, False], ids=["kept", "removed"])
def keep(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether there is room for all copies."""
    if not request.param:
        monkeypatch.setattr(copies, "_SHARE_OF_DISK", 0.0)
    return bool(request.param)


def names_of(info: DatasetInfo) -> list[str]:
    return [shard.name for split in info.splits.values() for shard in split.shards]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_copies_are_whole_and_there_while_they_are_held(
    info: DatasetInfo, dataset: Path, requests: Requests, keep: bool
) -> None:
    names, held = names_of(info), []
    with shard_copies(URI, info) as made:
        assert made and made.keep == keep
        for _ in range(2):
            for name in names:
                with made.held(f"{URI}/{name}") as path, made.held(f"{URI}/{name}") as again:
                    assert Path(path).read_bytes() == (dataset / name).read_bytes() and again == path
                held.append(path)
        assert [os.path.exists(path) for path in held] == [keep] * len(held)
    assert not any(map(os.path.exists, held)) and not os.listdir(tempfile.gettempdir())
    assert requests == dict.fromkeys(names, 1 if keep else 2)


def test_the_next_ones_are_fetched_meanwhile(info: DatasetInfo, requests: Requests, keep: bool) -> None:
    first, *others = names_of(info)
    with shard_copies(URI, info) as made:
        assert made
        with made.held(f"{URI}/{first}", [f"{URI}/{name}" for name in others]):
            wait_for(lambda: set(requests) == {first, *others})
        for name in others:
            with made.held(f"{URI}/{name}") as path:
                assert os.path.exists(path)
    assert requests == dict.fromkeys([first, *others], 1)


def test_what_failed_ahead_is_tried_again_when_it_is_needed(info: DatasetInfo, server: GcsServer) -> None:
    first, second, *_ = (f"{URI}/{name}" for name in names_of(info))
    denied: list[str] = []

    def deny_once(method: str, path: str) -> int | None:
        if second.rpartition("/")[2] not in path or denied:
            return None
        denied.append(path)
        return 403

    with server.intervening(deny_once), shard_copies(URI, info) as made:
        assert made
        with made.held(first, [second]):
            wait_for(lambda: bool(denied) and not made._under_way)  # else it fails for whoever asks now
        with made.held(second) as path:
            assert os.path.exists(path)


def test_many_readers_share_one_copy(info: DatasetInfo, requests: Requests, keep: bool) -> None:
    name, ready = names_of(info)[0], threading.Barrier(4, timeout=30)

    def read() -> None:
        with made.held(f"{URI}/{name}") as path:
            ready.wait()
            read_bytes.append(Path(path).read_bytes())

    read_bytes: list[bytes] = []
    with shard_copies(URI, info) as found:
        assert found
        made = found
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read_bytes) == 4 and len(set(read_bytes)) == 1 and requests == {name: 1}


def test_copies_that_nobody_asked_for_after_all_do_not_pile_up(
    info: DatasetInfo, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_SHARE_OF_DISK", 0.0)
    monkeypatch.setattr(copies, "AHEAD", 1)
    first, *others = (f"{URI}/{name}" for name in names_of(info))

    def files() -> int:
        return sum(len(names) for _, _, names in os.walk(tempfile.gettempdir()))

    with shard_copies(URI, info) as made:
        assert made
        with made.held(first, others):
            wait_for(lambda: requests.total() == 1 + len(others))
        wait_for(lambda: files() <= 2 < len(others))


def test_a_shard_that_is_not_the_described_one_is_named(
    info: DatasetInfo, server: GcsServer, dataset: Path, keep: bool
) -> None:
    changed, missing, good, *_ = names_of(info)
    content = server.get(f"{URI}/{changed}")
    server.put(f"{URI}/{changed}", content[:-1] + bytes([content[-1] ^ 1]))
    server.delete(f"{URI}/{missing}")
    with shard_copies(URI, info) as made:
        assert made
        for name, words in ((changed, "is damaged or has been changed: its checksum"), (missing, "No such file")):
            with pytest.raises(UserError, match=words) as caught, made.held(f"{URI}/{name}"):
                pass
            assert f"{URI}/{name}" in str(caught.value)
        assert made.problem.startswith(f"{URI}/{changed} is damaged")
        with made.held(f"{URI}/{good}") as path:
            assert Path(path).read_bytes() == (dataset / good).read_bytes()
        with pytest.raises(UserError) as caught:
            check_shards(open_dataset(URI), info.splits, copies=made)
    assert f"2 of {len(names_of(info))} shards" in str(caught.value) and f"{missing}: missing" in str(caught.value)


def test_the_check_makes_the_copies(info: DatasetInfo, requests: Requests, keep: bool) -> None:
    with shard_copies(URI, info) as made:
        assert made
        check_shards(open_dataset(URI), info.splits, copies=made)
        assert requests == dict.fromkeys(names_of(info), 1)
        with made.held(f"{URI}/{names_of(info)[0]}"):
            assert requests.total() == len(names_of(info)) + (not keep)


def test_no_room(info: DatasetInfo) -> None:
    shards = [shard for split in info.splits.values() for shard in split.shards]
    made = Copies(URI, shards, "/sys", keep=True)
    with pytest.raises(WorkerError, match=f"cannot copy {URI}/.* into the folder of temporary files: .*TMPDIR$"):
        check_shards(open_dataset(URI), info.splits, copies=made)
    made.close()


def test_folders_of_killed_processes_are_removed(info: DatasetInfo, tmp_path: Path) -> None:
    old, young, used, other = (tmp_path / name for name in ("har-shards-a", "har-shards-b", "har-shards-c", "other"))
    for folder in (old, young, used, other):
        folder.mkdir()
        (folder / "1").write_bytes(b"shard")
        if folder != young:
            os.utime(folder, (0, 0))
    lock = os.open(used, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with shard_copies(URI, info):
        assert {*os.listdir(tmp_path)} >= {young.name, used.name, other.name} and not old.exists()
    os.close(lock)


def test_local_datasets_need_no_copies(dataset: Path) -> None:
    with shard_copies(str(dataset), open_dataset(str(dataset)).info) as made:
        assert made is None
