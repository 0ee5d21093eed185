"""A temporary file of fixed places for blocks, so that the disk space that they take is bounded."""

import contextlib
import os
import tempfile

BLOCK_BYTES = 1 << 18
_LOOK_EVERY = 64
"""Free disk space is looked at once for so many new places."""


class Arena:
    """The places, which are numbered from 0. Only one thread may use it at a time."""

    def __init__(self) -> None:
        """Makes the file.

        Raises:
            OSError: it can't be made.
        """
        with contextlib.ExitStack() as opened:
            self._file = opened.enter_context(tempfile.NamedTemporaryFile(prefix="video-blocks-"))
            self._opened = opened.pop_all()
        self._free: list[int] = []
        self._size = 0
        self._may_grow = True

    @property
    def path(self) -> str:
        """The file."""
        return self._file.name

    def take(self, limit: int) -> int | None:
        """An unused place; None where `limit` places are in use, or more would leave little room to others: the file
        takes at most half of the free space, but always has `_LOOK_EVERY` places if there is room at all."""
        if self._free:
            return self._free.pop()  # the one freed last, so that few different ones are written to the disk
        if self._size and self._size % _LOOK_EVERY == 0:
            disk = os.statvfs(self._file.name)
            self._may_grow = self._size * BLOCK_BYTES < disk.f_bavail * disk.f_frsize
        if self._size >= limit or not self._may_grow:
            return None
        self._size += 1
        return self._size - 1

    def take_more(self) -> int:
        """A new place beyond any limit, for what is in use."""
        self._size += 1
        return self._size - 1

    def free(self, place: int) -> None:
        """Takes a place back."""
        self._free.append(place)

    def refuse(self, place: int) -> None:
        """Takes a place back for which there was no room on the disk; it is offered again after all others."""
        self._free.insert(0, place)

    def write(self, place: int, data: memoryview) -> None:
        """Fills a place.

        Raises:
            OSError: there is no room, or the disk fails.
        """
        begin = place * BLOCK_BYTES
        while data:
            written = os.pwrite(self._file.fileno(), data, begin)
            begin, data = begin + written, data[written:]

    def close(self) -> None:
        """Removes the file."""
        with contextlib.suppress(FileNotFoundError):
            self._opened.close()
