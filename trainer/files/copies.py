"""Copies of shards from a store on this machine, fetched ahead of their use: TensorFlow reads local files alone.

Where there is room, every copy is kept, so that each shard is fetched once for a whole run, and read as fast as a local
one from then on. Otherwise a copy is removed after use, and fetched again in the next epoch.
"""

import contextlib
import fcntl
import gc
import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Protocol, cast

from pipelines.core.errors import ChangedFileError, UserError, WorkerError
from pipelines.core.file_names import DATASET_INFO
from pipelines.dataset.info import ShardInfo
from pipelines.files import is_local, join, remote
from pipelines.process import interrupts
from trainer.files import stores

AHEAD = 16
"""Shards that are fetched before they are asked for."""
_THREADS = 8
_SHARE_OF_DISK = 0.5
"""Copies are kept if all of them take no more than this share of what is free."""
_PREFIX = "har-shards-"
_YOUNG_S = 60.0
"""A folder without a lock may belong to a process that is about to lock it, unless it is older than this."""


class _Split(Protocol):
    @property
    def shards(self) -> tuple[ShardInfo, ...]: ...


class _Info(Protocol):
    @property
    def splits(self) -> Mapping[str, _Split]: ...


class Copies:
    """Copies of the shards of one dataset, or of its features.

    Args:
        uri: the dataset's folder in a store.
        shards: its shards.
        folder: a local folder, for the copies alone.
        keep: whether copies are kept after use.
        description: name of the file that describes them, for messages.

    Attributes:
        keep: see above.
        problem: why the first shard that was needed could not be had, as a sentence for the user; empty if all could.
    """

    def __init__(
        self, uri: str, shards: Iterable[ShardInfo], folder: str, keep: bool, description: str = DATASET_INFO
    ) -> None:
        self._shards = {join(uri, shard.name): shard for shard in shards}
        self._folder, self.keep, self._description = folder, keep, description
        self.problem = ""
        self._changed = threading.Condition()
        self._wanted: dict[str, None] = {}  # addresses to fetch, in this order
        self._under_way: set[str] = set()
        self._paths: dict[str, str] = {}  # of complete copies, the oldest first
        self._failed: dict[str, Exception] = {}
        self._holders: Counter[str] = Counter()
        self._closed = False
        self._num_threads = self._num_files = 0

    @contextlib.contextmanager
    def held(self, uri: str, then: Sequence[str] = ()) -> Iterator[str]:
        """The path of a shard's copy, which exists for the whole block; waits until it is complete.

        Args:
            uri: the shard's address.
            then: addresses of the shards that will be asked for next, which are fetched meanwhile.

        Raises:
            UserError: the shard can't be fetched, or its checksum differs from the one in the dataset's description.
            WorkerError: there is no room for it.
        """
        with self._changed:
            self._holders[uri] += 1
            self._ask(uri, *then)
            try:
                self._changed.wait_for(lambda: uri in self._paths or uri in self._failed or self._closed)
                if error := self._failed.get(uri):
                    self.problem = self.problem or str(error)
                    raise error
                if self._closed:
                    raise UserError(f"{uri} is no longer needed")
            except BaseException:
                self._release(uri)
                raise
            path = self._paths[uri]
        try:
            yield path
        finally:
            with self._changed:
                self._release(uri)

    def _ask(self, *uris: str) -> None:
        for uri in uris:
            if not (uri in self._paths or uri in self._failed or uri in self._under_way):
                self._wanted.setdefault(uri)
        while self._num_threads < min(_THREADS, len(self._wanted) + len(self._under_way)):
            self._num_threads += 1
            # A daemon, as a request to a store that doesn't answer must not delay the end of the process.
            threading.Thread(target=self._fetch_all, name="shards", daemon=True).start()
        self._changed.notify_all()

    def _release(self, uri: str) -> None:
        self._holders[uri] -= 1
        if not self._holders[uri]:
            self._remove_unneeded(uri)

    def _remove_unneeded(self, used: str = "") -> None:
        """Removes a copy that has been used, and those that were fetched for readers that have ended early."""
        if self.keep or self._closed:
            return
        unused = [uri for uri in self._paths if not self._holders[uri] and uri != used]
        for uri in [used, *unused[: -2 * AHEAD]]:
            if path := self._paths.pop(uri, ""):
                os.unlink(path)

    def _fetch_all(self) -> None:
        """What each thread does."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._closed)
                if self._closed:
                    return
                uri = next((uri for uri in self._wanted if self._holders[uri]), next(iter(self._wanted)))
                del self._wanted[uri]
                self._under_way.add(uri)
                self._num_files += 1
                path = os.path.join(self._folder, str(self._num_files))
            failed: Exception | None = None
            try:
                self._fetch(uri, path)
            except Exception as error:  # raised again where the shard is waited for
                failed = error
            with self._changed:
                self._under_way.discard(uri)
                if not failed:
                    self._paths[uri] = path
                    self._remove_unneeded()
                elif self._holders[uri]:  # otherwise it is tried again when somebody asks for it
                    self._failed[uri] = failed
                self._changed.notify_all()

    def _fetch(self, uri: str, path: str) -> None:
        with stores.explained(uri, "read"):
            try:
                with open(path, "xb") as file:
                    copy = _Hashed(file, lambda: self._closed)
                    remote.fetch(uri, cast(BinaryIO, copy))
            except OSError as error:
                if not is_local(str(error.filename)):
                    raise
                raise WorkerError(
                    f"cannot copy {uri} into the folder of temporary files: {error.strerror}. Make room there or name "
                    "another folder in TMPDIR"
                ) from error
        if copy.sha256.hexdigest() != self._shards[uri].sha256:
            raise ChangedFileError(
                f"{uri} is damaged or has been changed: its checksum differs from the one in {self._description}. "
                "Copy the shard there again"
            )

    def close(self) -> None:
        """Ends all fetching, without waiting for requests under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _Hashed:
    """A file being written that knows the checksum of its content, and refuses more once nobody needs it."""

    def __init__(self, file: BinaryIO, is_unwanted: Callable[[], bool]) -> None:
        self._file, self._is_unwanted = file, is_unwanted
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        if self._is_unwanted():
            raise UserError("no longer needed")
        self.sha256.update(data)
        return self._file.write(data)


@contextlib.contextmanager
def shard_copies(uri: str, info: _Info, description: str = DATASET_INFO) -> Iterator[Copies | None]:
    """Copies of a dataset's shards, which are removed at the end of the block; None for a local dataset.

    Folders that killed processes left behind are removed first.

    Args:
        uri: the dataset's folder.
        info, description: its description, and the name of the file of that, for messages.
    """
    if is_local(uri):
        try:
            yield None
        finally:
            _free_iterators(sys.exception())
        return
    shards = [shard for split in info.splits.values() for shard in split.shards]
    _remove_leftovers()
    with interrupts.tidying_up(), tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keep = sum(shard.size_bytes for shard in shards) <= _SHARE_OF_DISK * shutil.disk_usage(folder).free
            copies = Copies(uri, shards, folder, keep, description)
            try:
                yield copies
            finally:
                copies.close()
                _free_iterators(sys.exception())
        finally:
            os.close(lock)


def _free_iterators(error: BaseException | None) -> None:
    """Frees the iterators of TensorFlow over the shards, also those of functions that have failed.

    When such an iterator is freed, it waits for the Python functions that it has called. At the end of the process it
    would wait forever, because Python ends every other thread then.
    """
    seen: set[int] = set()
    while error and id(error) not in seen:  # chains of errors can be rings
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()


def _remove_leftovers() -> None:
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [entry for entry in entries if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False)]
    for entry in found:
        with contextlib.suppress(OSError):  # somebody else's, or removed by another process
            if time.time() - entry.stat().st_mtime < _YOUNG_S or entry.stat().st_uid != os.getuid():
                continue
            lock = os.open(entry.path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(lock)
