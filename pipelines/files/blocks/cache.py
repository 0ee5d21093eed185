"""A cache of blocks of files in stores, on the temporary disk of this process, for decoders that read here and there.

Decoders run in processes without credentials, so this process fetches blocks for them, and tells them where they lie in
one temporary file. All decoders share it: what one has read, the others needn't fetch.
"""

import itertools
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.core.errors import WorkerError
from pipelines.files.blocks.arena import BLOCK_BYTES, Arena
from pipelines.files.errors import no_room
from pipelines.files.ranged_reader import StoredObject

_REQUEST_BLOCKS = 8
"""How many blocks one request fetches; several requests run at the same time."""
_AHEAD_BLOCKS, _AHEAD_SHARE = 64, 16
"""How many blocks are read ahead for a decoder at most, and as which part of the cache."""


@dataclass(eq=False)
class File:
    """A version of a file. `blocks` are here, `users` decoders read it, and once unused it may be `kept`."""

    uri: str
    stored: StoredObject
    users: int = 0
    kept: bool = False
    blocks: set[int] = field(default_factory=set)

    @property
    def num_blocks(self) -> int:
        return -(-self.stored.size_bytes // BLOCK_BYTES)


Key = tuple[File, int]


@dataclass(eq=False)
class Fetch:
    """A request for successive blocks."""

    file: File
    blocks: range
    done: bool = False
    error: Exception | None = None


class BlockCache:
    """The blocks of all files that are read in this process.

    Many threads use it. They hold `changed`, except while they call `enter` and `leave`, and are notified through it
    when blocks have arrived.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._files: dict[str, File] = {}
        self._places: OrderedDict[Key, int] = OrderedDict()  # least recently lent first
        self._pending: dict[Key, Fetch] = {}
        self._held: Counter[Key] = Counter()
        self._arena: Arena | None = None  # while there are blocks or uses
        self._limit = 0
        self._uses = 0

    def enter(self, uri: str, stored: StoredObject, limit_mb: int) -> File:
        """Begins a use of a file. From now on the cache takes at most `limit_mb` megabytes of disk space.

        Raises:
            WorkerError: no file can be made there.
        """
        with self.changed:
            if self._arena is None:
                try:
                    self._arena = Arena()
                except OSError as error:
                    raise no_room(uri, error) from error
            self._limit = (limit_mb << 20) // BLOCK_BYTES
            file = self._files.get(uri)
            if file is None or file.stored.version != stored.version:
                if file is not None and not file.users:
                    self._drop(file)
                file = self._files[uri] = File(uri, stored)
            file.users += 1
            self._uses += 1
            return file

    def leave(self, file: File) -> None:
        """Ends one use of a file."""
        with self.changed:
            file.users -= 1
            self._uses -= 1
            if not file.users and not (file.kept and file.blocks and self._files.get(file.uri) is file):
                self._drop(file)
            if not self._files and not self._uses and self._arena is not None:
                self._arena.close()
                self._arena = None

    def _drop(self, file: File) -> None:
        for block in file.blocks:
            assert self._arena is not None
            self._arena.free(self._places.pop((file, block)))
        file.blocks.clear()
        for key in [key for key in self._pending if key[0] is file]:
            del self._pending[key]
        if self._files.get(file.uri) is file:
            del self._files[file.uri]

    def hold(self, file: File, block: int, count: int) -> None:
        """Changes by how many decoders a block is held."""
        self._held[file, block] += count
        if not self._held[file, block]:
            del self._held[file, block]

    def most_ahead(self) -> int:
        """How many blocks may be read ahead for one decoder."""
        return min(_AHEAD_BLOCKS, self._limit // _AHEAD_SHARE)

    def request(self, file: File, blocks: Iterable[int], together: int = _REQUEST_BLOCKS) -> list[Fetch]:
        """Starts to fetch those of some ascending blocks that are neither here nor on their way."""
        missing = [b for b in blocks if b not in file.blocks and (file, b) not in self._pending]
        fetches = []
        for _, run in itertools.groupby(enumerate(missing), lambda item: item[1] - item[0]):
            successive = [block for _, block in run]
            for first in range(0, len(successive), together):
                part = successive[first : first + together]
                fetch = Fetch(file, range(part[0], part[-1] + 1))
                threading.Thread(target=self._run, args=(fetch,), name="blocks", daemon=True).start()
                self._pending.update(((file, block), fetch) for block in fetch.blocks)
                fetches.append(fetch)
        return fetches

    def _run(self, fetch: Fetch) -> None:
        file, begin = fetch.file, fetch.blocks.start * BLOCK_BYTES
        data, failed = b"", None
        try:
            data = file.stored.fetch(begin, min(fetch.blocks.stop * BLOCK_BYTES, file.stored.size_bytes) - begin)
        except Exception as error:  # raised again for those who wait for these blocks
            failed = error
        with self.changed:
            view = memoryview(data)
            for number, block in enumerate(fetch.blocks):
                if self._pending.get((file, block)) is not fetch:
                    continue  # nobody waits any more
                del self._pending[file, block]
                if failed is None:
                    try:
                        self._store(file, block, view[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES])
                    except WorkerError as error:
                        failed = error
            fetch.error, fetch.done = failed, True
            self.changed.notify_all()

    def _store(self, file: File, block: int, data: memoryview) -> None:
        """Puts a block on the disk, in place of another one where there is no room; if nobody waits for it, only where
        it fits.

        Raises:
            WorkerError: there is no room.
        """
        assert self._arena is not None
        place = self._arena.take(self._limit)
        if place is None and (place := self._replace()) is None:
            if (file, block) not in self._held:
                return
            place = self._arena.take_more()
        while True:
            try:
                self._arena.write(place, data)
                break
            except OSError as error:
                self._arena.refuse(place)
                if (place := self._replace()) is None:
                    raise no_room(file.uri, error) from error
        self._places[file, block] = place
        file.blocks.add(block)

    def _replace(self) -> int | None:
        """The place of the block that has been unused for longest, which is given up; None where all are in use."""
        key = next((key for key in self._places if key not in self._held), None)
        if key is None:
            return None
        file, block = key
        file.blocks.discard(block)
        place = self._places.pop(key)
        if not file.blocks and not file.users:
            self._drop(file)
        return place

    def place_of(self, file: File, block: int) -> int | None:
        """Where a block lies, which is now the last one used; None where it isn't here."""
        if (place := self._places.get((file, block))) is not None:
            self._places.move_to_end((file, block))
        return place

    def wait(self, file: File, block: int) -> Fetch:
        """The request that will bring a block; a new one if there is none."""
        return self._pending.get((file, block)) or self.request(file, [block])[0]

    def give_up(self, fetch: Fetch) -> None:
        """Forgets a request that takes too long."""
        for block in fetch.blocks:
            if self._pending.get((fetch.file, block)) is fetch:
                del self._pending[fetch.file, block]

    @property
    def path(self) -> str:
        """The temporary file in which the blocks lie."""
        assert self._arena is not None
        return self._arena.path
