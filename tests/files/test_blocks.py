"""The cache of blocks of stored files, without a store: what is fetched, what is kept, and what goes wrong."""

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipelines.core.errors import WorkerError
from pipelines.files import remote
from pipelines.files.blocks import arena
from pipelines.files.blocks.arena import BLOCK_BYTES
from pipelines.files.blocks.cache import BlockCache
from pipelines.files.blocks.lending import MOST_HELD, WHOLE_BYTES, Lent
from pipelines.files.blocks.read_ahead import ReadAhead
from pipelines.files.ranged_reader import StoredObject

SIZE = WHOLE_BYTES + 20 * BLOCK_BYTES + 1000
NUM_BLOCKS = SIZE // BLOCK_BYTES + 1


class Store:
    """A file of random bytes, and the requests for it."""

    def __init__(self, size_bytes: int = SIZE, seed: int = 1) -> None:
        self.data = np.random.default_rng(seed).integers(0, 256, size_bytes, np.uint8).tobytes()
        self.asked: list[tuple[int, int]] = []
        self.before: Callable[[int], None] = lambda first: None

    def fetch(self, first: int, count: int) -> bytes:
        self.asked.append((first, count))
        self.before(first)
        return self.data[first : first + count]

    def lend(self, cache: BlockCache, limit_mb: int = 1000, version: str = "1", uri: str = "s3://b/f") -> Lent:
        lent = Lent(cache, cache.enter(uri, StoredObject(len(self.data), version, "etag", self.fetch), limit_mb))
        lent.begin()
        return lent

    def check(self, lent: Lent, first: int, count: int) -> None:
        """Borrows blocks and compares them."""
        with open(lent.path, "rb") as file:
            for block, place in zip(range(first, first + count), lent.lend(first, count), strict=True):
                wanted = self.data[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]
                assert os.pread(file.fileno(), len(wanted), place * BLOCK_BYTES) == wanted, block

    @property
    def num_bytes(self) -> int:
        return sum(count for _, count in self.asked)


def test_what_is_read_once_is_fetched_once_in_growing_requests() -> None:
    store, cache = Store(), BlockCache()
    for _ in range(2):  # the second reader finds everything
        lent = store.lend(cache)
        lent.keep()
        for block in range(NUM_BLOCKS):
            store.check(lent, block, 1)
        lent.end()
        assert sorted(first for first, _ in store.asked) == sorted({first for first, _ in store.asked})
        assert store.num_bytes == SIZE
        assert len(store.asked) < NUM_BLOCKS / 2
    assert max(count for _, count in store.asked) > BLOCK_BYTES


def test_who_jumps_gets_only_what_he_asks_for() -> None:
    store = Store()
    lent = store.lend(BlockCache())
    for block in (NUM_BLOCKS - 1, 30, 31, 10, 11, 12, 40):
        store.check(lent, block, 1)
    store.check(lent, 20, 3)
    assert store.num_bytes == 10 * BLOCK_BYTES + SIZE % BLOCK_BYTES  # the beginning too, which was fetched at once
    assert (20 * BLOCK_BYTES, 3 * BLOCK_BYTES) in store.asked  # in one request


def test_a_small_file_is_one_request() -> None:
    for size in (0, 1, BLOCK_BYTES, WHOLE_BYTES):
        store = Store(size)
        lent = store.lend(BlockCache())
        for block in range(-(-size // BLOCK_BYTES)):
            store.check(lent, block, 1)
        assert store.asked == ([(0, size)] if size else [])
        assert lent.mark is None


@pytest.mark.parametrize("num_blocks", [1, 3, 10, 1000])
def test_read_ahead_stays_within_the_file_and_half_of_what_was_read(num_blocks: int) -> None:
    ahead, fetched = ReadAhead(num_blocks, 64), set()
    for block in range(num_blocks):
        found = ahead.after(block, block + 1)
        assert not fetched & set(found)
        fetched.update(found)
        assert max(fetched, default=0) < min(num_blocks, block + 1 + max(1, (block + 1) // 2))
    between = ReadAhead(num_blocks, 64)  # two places, read in turn
    found = [between.after(block + place, block + place + 1) for block in range(20) for place in (0, 500)]
    assert any(found) == (num_blocks > 4)


def test_what_is_not_kept_is_gone_and_its_disk_space_free() -> None:
    store, cache = Store(), BlockCache()
    lent = store.lend(cache)
    path = lent.path
    store.check(lent, 5, 2)
    lent.end()
    assert not os.path.exists(path)
    lent = store.lend(cache)
    store.check(lent, 5, 2)
    assert store.num_bytes == 6 * BLOCK_BYTES
    lent.end()


def test_a_changed_file_is_another_file() -> None:
    old, new, cache = Store(), Store(seed=2), BlockCache()
    first = old.lend(cache)
    first.keep()
    old.check(first, 3, 1)
    second = new.lend(cache, version="2")
    new.check(second, 3, 1)
    old.check(first, 4, 1)
    second.end()
    old.check(first, 5, 1)
    first.end()
    assert second.mark == first.mark  # of the same size and checksum
    third = new.lend(cache, version="2")
    new.check(third, 3, 1)
    assert new.asked.count((3 * BLOCK_BYTES, BLOCK_BYTES)) == 2


def test_disk_space_is_bounded_and_what_is_held_stays() -> None:
    stores, cache = [Store(), Store(seed=2)], BlockCache()
    limit_mb = 8
    lents = [store.lend(cache, limit_mb, uri=f"s3://b/{number}") for number, store in enumerate(stores)]
    for block in [*range(NUM_BLOCKS), *range(NUM_BLOCKS)]:
        for store, lent in zip(stores, lents, strict=True):
            store.check(lent, block, 1)
        assert os.path.getsize(lents[0].path) <= limit_mb << 20
    tiny = Store(seed=3)
    lent = tiny.lend(cache, 1, uri="s3://b/tiny")
    places = lent.lend(0, MOST_HELD)
    for block in range(NUM_BLOCKS):
        stores[0].check(lents[0], block, 1)
    with open(lent.path, "rb") as file:  # other files' blocks have not taken their places
        for block, place in enumerate(places):
            assert os.pread(file.fileno(), 9, place * BLOCK_BYTES) == tiny.data[block * BLOCK_BYTES :][:9]


def test_many_decoders_at_once_get_what_they_ask_for() -> None:
    stores, cache = [Store(seed=seed) for seed in range(2)], BlockCache()

    def read(number: int) -> None:
        store, chance = stores[number % 2], np.random.default_rng(number)
        for _ in range(3):
            lent = store.lend(cache, 4, uri=f"s3://b/{number % 2}")
            for block in chance.integers(0, NUM_BLOCKS - 3, 30).tolist():
                store.check(lent, block, 1 + block % 3)
            lent.end()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(read, range(6)))


def test_errors_are_those_of_the_request_and_the_next_one_tries_again() -> None:
    store = Store()
    lent = store.lend(BlockCache())

    def refuse(first: int) -> None:
        raise PermissionError(errno.EACCES, "no", "s3://b/f")

    store.before = refuse
    with pytest.raises(PermissionError):
        lent.lend(7, 2)
    store.before = lambda first: None
    store.check(lent, 7, 2)
    for first, count in ((-1, 1), (0, 0), (0, MOST_HELD + 1), (NUM_BLOCKS, 1)):
        with pytest.raises(ValueError, match="blocks"):
            lent.lend(first, count)


def test_a_store_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    store, answers = Store(), threading.Event()
    lent = store.lend(BlockCache())
    store.check(lent, 0, 1)

    def wait(first: int) -> None:
        answers.wait(30)

    store.before = wait
    monkeypatch.setattr(remote, "STALLED_S", 0.1)
    with pytest.raises(TimeoutError, match="no more data came within 0.1 s"):
        lent.lend(9, 1)
    answers.set()
    monkeypatch.undo()
    store.check(lent, 9, 1)


def test_waiting_ends_when_the_decoders_are_closed() -> None:
    store, asked, answers = Store(), threading.Event(), threading.Event()
    lent = store.lend(BlockCache())
    store.check(lent, 0, 1)

    def wait(first: int) -> None:
        asked.set()
        answers.wait(30)

    store.before = wait
    threading.Thread(target=lambda: asked.wait(30) and lent.cancel()).start()
    with pytest.raises(RuntimeError, match="closed"):
        lent.lend(9, 1)
    answers.set()


def test_a_full_disk_is_used_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    room, real = [20], os.pwrite

    def write(descriptor: int, data: memoryview, begin: int) -> int:
        if begin >= room[0] * BLOCK_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, begin)

    monkeypatch.setattr(arena.os, "pwrite", write)
    store = Store()
    lent = store.lend(BlockCache())
    for block in range(NUM_BLOCKS):
        store.check(lent, block, 1)
    room[0] = 0
    with pytest.raises(WorkerError, match=r"no room for s3://b/f in the folder of temporary files: No space left"):
        store.lend(BlockCache()).lend(0, 1)


def test_the_cache_leaves_room_on_the_disk_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = os.statvfs("/tmp")
    few = os.statvfs_result((*disk[:3], 0, 0, *disk[5:]))
    monkeypatch.setattr(arena.os, "statvfs", lambda path: few)
    store = Store(100 * BLOCK_BYTES)
    lent = store.lend(BlockCache())
    for block in range(100):
        store.check(lent, block, 1)
    assert os.path.getsize(lent.path) == 64 * BLOCK_BYTES
