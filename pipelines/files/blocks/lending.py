"""Lends files in stores to decoders, block by block."""

import contextlib
import errno
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from pipelines.core.hashing import stable_hash
from pipelines.files import remote
from pipelines.files.addresses import is_local
from pipelines.files.blocks.arena import BLOCK_BYTES
from pipelines.files.blocks.cache import BlockCache, Fetch, File
from pipelines.files.blocks.read_ahead import ReadAhead
from pipelines.files.ranged_reader import CHANGED, StoredObject

WHOLE_BYTES = 8 << 20
"""A file of at most this size is fetched in one request: more would save little."""
MOST_HELD = 16
"""A decoder may rely on as many blocks as it was lent last; others may be replaced."""
_CACHE = BlockCache()


@contextlib.contextmanager
def borrowed(uri: str, limit_mb: int, version: str = "") -> Iterator["str | Lent"]:
    """A file for a decoder: the path of a local one, or the blocks of one in a store, of which the beginning, or all of
    a small file, is fetched at once.

    Args:
        uri: the file's path or address.
        limit_mb: disk space that the blocks of all files may take in this process, in megabytes.
        version: for a file in a store, the only version that is acceptable; empty for any.

    Raises:
        OSError: the file can't be read, or has another version now.
        WorkerError: there is no room on the temporary disk.
    """
    if is_local(uri):
        yield uri
        return
    stored = _in_time(uri)
    if version not in ("", stored.version):
        raise OSError(errno.EBUSY, CHANGED, uri)
    lent = Lent(_CACHE, _CACHE.enter(uri, stored, limit_mb))
    try:
        lent.begin()
        yield lent
    finally:
        lent.end()


class Lent:
    """The use of a file by one decoder.

    Attributes:
        uri: the file's address.
        size_bytes: its size.
        path: the temporary file in which blocks lie.
        block_bytes: size of a block.
        most_held: how many of the blocks that were lent last may still be read.
        mark: a number that is the same for the same content, from the store's checksum, so that a large file needn't be
            read for it; 0 if the store has none; None for a small file, of which all is here.
    """

    def __init__(self, cache: BlockCache, file: File) -> None:
        self._cache = cache
        self._file = file
        self._cancelled = False
        self._held: deque[int] = deque()
        self._ahead = ReadAhead(file.num_blocks, cache.most_ahead())
        stored = file.stored
        self.uri, self.size_bytes, self.path = file.uri, stored.size_bytes, cache.path
        self.block_bytes, self.most_held = BLOCK_BYTES, MOST_HELD
        self.mark: int | None = None
        if stored.size_bytes > WHOLE_BYTES:
            self.mark = stable_hash("stored", str(stored.size_bytes), stored.checksum) if stored.checksum else 0

    def begin(self) -> None:
        """Fetches a small file; starts to fetch the beginning of a large one, which every decoder reads first."""
        is_small = self.size_bytes <= WHOLE_BYTES
        blocks = range(self._file.num_blocks if is_small else 1)
        with self._cache.changed:
            fetches = self._cache.request(self._file, blocks, max(1, len(blocks)))
            for fetch in fetches if is_small else ():
                self._await(fetch)

    def lend(self, first: int, count: int) -> tuple[int, ...]:
        """Fetches some successive blocks if they aren't here, and perhaps some that will be wanted next.

        Returns:
            the places of the blocks: that of place k begins at byte `k * block_bytes` of the temporary file.

        Raises:
            OSError: they can't be read, or don't come.
            WorkerError: there is no room on the temporary disk.
            ValueError: there are no such blocks, or too many.
        """
        end = first + count
        if not (0 <= first < end <= self._file.num_blocks and count <= MOST_HELD):
            raise ValueError(f"blocks {first} to {end} of {self._file.num_blocks}")
        blocks = range(first, end)
        with self._cache.changed:
            # The decoder waits, and then forgets those that it was lent first.
            self._release([self._held.popleft() for _ in range(len(self._held) + count - MOST_HELD)])
            self._hold(blocks)
            try:
                self._cache.request(self._file, blocks)
                self._cache.request(self._file, self._ahead.after(first, end))
                found = [self._present(block) for block in blocks]
            except BaseException:
                self._release(blocks)
                raise
            self._held.extend(blocks)
            return tuple(found)

    def keep(self) -> None:
        """Keeps what was read after its use, as more of the file will be read in this process."""
        self._file.kept = True

    def cancel(self) -> None:
        """Ends the waiting of another thread in `lend`."""
        with self._cache.changed:
            self._cancelled = True
            self._cache.changed.notify_all()

    def end(self) -> None:
        """Ends the use."""
        with self._cache.changed:
            self._release(self._held)
            self._held.clear()
            self._cache.leave(self._file)

    def _hold(self, blocks: Iterable[int]) -> None:
        for block in blocks:
            self._cache.hold(self._file, block, 1)

    def _release(self, blocks: Iterable[int]) -> None:
        for block in blocks:
            self._cache.hold(self._file, block, -1)

    def _present(self, block: int) -> int:
        while (place := self._cache.place_of(self._file, block)) is None:
            self._await(self._cache.wait(self._file, block))
        return place

    def _await(self, fetch: Fetch) -> None:
        def is_over() -> bool:
            return fetch.done or self._cancelled

        if not self._cache.changed.wait_for(is_over, remote.STALLED_S):
            self._cache.give_up(fetch)
            raise remote.stalled(self.uri)
        if self._cancelled:
            raise RuntimeError("the decoders were closed")
        if fetch.error is not None:
            raise fetch.error


def _in_time(uri: str) -> StoredObject:
    """`remote.look`, in a thread, since a request that never ends can't be interrupted."""
    found: Future[StoredObject] = Future()

    def look() -> None:
        try:
            found.set_result(remote.look(uri))
        except Exception as error:  # raised again in the waiting thread
            found.set_exception(error)

    threading.Thread(target=look, name="look", daemon=True).start()
    try:
        return found.result(remote.STALLED_S)
    except TimeoutError:
        if found.done():
            raise
        raise remote.stalled(uri) from None
