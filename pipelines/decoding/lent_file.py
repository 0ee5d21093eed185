"""A video in a store as its decoder sees it: a file of which the worker lends blocks.

The decoder has neither network nor credentials. It asks its worker for each block that it needs, and reads it from a
temporary file of the worker.
"""

import contextlib
import io
import os
from collections.abc import Callable
from typing import Any, Protocol

from pipelines.decoding.messages import LentVideo
from pipelines.video.errors import VideoReadError

_NEGATIVE = -22
"""What FFmpeg expects from a seek to before the beginning: an exception would end the whole reading."""


class Lender(Protocol):
    """What the worker has for each such video: see `files.blocks.lending.Lent`."""

    uri: str
    size_bytes: int
    path: str
    block_bytes: int
    most_held: int
    mark: int | None

    def lend(self, first: int, count: int) -> tuple[int, ...]:
        """Fetches blocks if needed, and returns their places in the file `path`."""

    def keep(self) -> None:
        """Says that more of the video will be read later."""

    def cancel(self) -> None:
        """Ends the waiting of another thread."""


Opened = contextlib.AbstractContextManager[str | Lender]
"""The path of a local video, or the lender of one in a store, during a block."""

Lend = Callable[[int, int], tuple[int, ...] | None]
"""Asks the worker for successive blocks, and returns their places; None where the worker can't get them."""


class LentFile:
    """The video, which may be opened several times."""

    def __init__(self, video: LentVideo, lend: Lend) -> None:
        """Opens the temporary file.

        Raises:
            OSError: the temporary file can't be opened.
        """
        self.video = video
        self.lost = False  # whether any read has failed: whatever came of it is void
        self._lend = lend
        self._descriptor = os.open(video.path, os.O_RDONLY)
        self._places: dict[int, int] = {}  # by block, in the order in which they were lent

    def open(self) -> io.RawIOBase:
        """The video from its beginning."""
        return _Raw(self)

    def read_into(self, buffer: memoryview, position: int) -> int:
        """Reads from a position up to the end of the buffer, of the file, or of the blocks that are here.

        Raises:
            VideoReadError: the worker can't get the blocks.
        """
        video = self.video
        wanted = min(len(buffer), video.size_bytes - position)
        if wanted <= 0:
            return 0
        block, offset = divmod(position, video.block_bytes)
        if block not in self._places:
            self._borrow(block, (position + wanted - 1) // video.block_bytes)
        wanted = min(wanted, video.block_bytes - offset)
        begin = self._places[block] * video.block_bytes + offset
        count = os.preadv(self._descriptor, [buffer[:wanted]], begin)
        if count < wanted:
            self._lose()
        return count

    def _borrow(self, first: int, last: int) -> None:
        end = first + 1
        while end <= last and end - first < self.video.most_held and end not in self._places:
            end += 1
        places = None if self.lost else self._lend(first, end - first)
        if places is None:
            self._lose()
        else:
            self._places.update(zip(range(first, end), places, strict=True))
            for block in list(self._places)[: -self.video.most_held]:
                del self._places[block]

    def _lose(self) -> None:
        self.lost = True
        raise VideoReadError("the worker can't get a part of the file")

    def close(self) -> None:
        """Closes the temporary file."""
        os.close(self._descriptor)


class _Raw(io.RawIOBase):
    def __init__(self, file: LentFile) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.read_into(memoryview(buffer).cast("B"), self._position)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = (0, self._position, self._file.video.size_bytes)[whence]
        if base + offset < 0:
            return _NEGATIVE
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position
