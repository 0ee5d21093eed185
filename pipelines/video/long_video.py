"""The clips of a long video's windows, each frame decoded once however much the windows overlap.

A video is first surveyed from its packets alone (`survey`), then read in independent pieces, each starting at a key
frame. Memory depends on how many windows overlap, not on the length of the video, and the clips don't depend on how it
was cut.
"""

import bisect
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec
from pipelines.video.clip import MIN_DECODABLE_SHARE
from pipelines.video.errors import VideoDecodeError
from pipelines.video.piece_frames import piece_frames
from pipelines.video.pieces import Piece
from pipelines.video.resize import Resizer
from pipelines.video.windows import PlannedWindow, Window

_SETTLED = 8
"""A frame is given up once this many in a row were later ones: in damaged videos, single frames come too early."""


@dataclass(frozen=True)
class WindowClip:
    """The clip of a window.

    Attributes:
        window: its place in the video.
        frames: uint8 [T, H, W, 3], RGB, upright; empty where it failed.
        damaged: frames that could not be decoded are replaced by others of the window, or a picture on which a frame
            depends is damaged.
        failure: why there is no clip: less than half of its frames could be decoded.
        indices: T display indices, in the video, of the frames that the window takes; empty where it failed.
        remarks: at what angle its pictures stay.
    """

    window: Window
    frames: np.ndarray
    damaged: bool = False
    failure: Failure | None = None
    indices: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()


def lost_window(window: Window, message: str) -> WindowClip:
    """A window without a clip."""
    error = VideoDecodeError.__name__
    failure = Failure("decode", error, message, start_s=window.start_s, end_s=window.end_s)
    return WindowClip(window, np.empty((0, 0, 0, 3), np.uint8), failure=failure)


def read_windows(path: str, spec: ClipSpec, piece: Piece) -> Iterator[WindowClip]:
    """Decodes the windows of a piece, and yields each as soon as its last frame has been decoded.

    A frame that can't be decoded is replaced by the nearest decoded one that the window takes; of two equally near, by
    the earlier.

    Args:
        path: the local file that was surveyed.
        spec: how many frames to take from each window, which ones, and their size.
        piece: the windows to read, one of `Survey.pieces`.

    Raises:
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: the file is empty or not a video.
        NoVideoStreamError: the file has no video stream.
        VideoDecodeError: the piece's key frame isn't found: the file isn't the one that was surveyed.
    """
    assembly = _Assembly(spec, piece)
    resize = Resizer(spec)
    for index, frame, is_tainted in piece_frames(path, piece, assembly.needed):
        if not frame.is_corrupt and assembly.waits_for(index):
            picture = resize(frame)
            assembly.remarks = resize.remarks
            yield from assembly.add(index, picture, is_tainted)
            if assembly.done:
                return
    yield from assembly.finish()


class _Assembly:
    """Assembles pictures into windows, and keeps only those that a window needs that isn't complete yet.

    Windows are completed in their order, which needn't be that of their ends: one that lies within an earlier one waits
    for that.
    """

    def __init__(self, spec: ClipSpec, piece: Piece) -> None:
        self.remarks: tuple[str, ...] = ()
        self._spec = spec
        self._piece = piece
        self._windows = piece.windows
        self._next = 0
        self._pictures: dict[int, np.ndarray] = {}
        self._tainted: set[int] = set()
        self._last_use: dict[int, int] = {}
        self._recent: deque[int] = deque(maxlen=_SETTLED)
        self._indices = [self._choose(window) for window in self._windows]
        self._last_index = list(map(max, self._indices))
        for number, indices in enumerate(self._indices):
            self._last_use.update(dict.fromkeys(indices, number))

    @property
    def needed(self) -> Collection[int]:
        """Display indices of the frames that any window takes."""
        return self._last_use.keys()

    @property
    def done(self) -> bool:
        return self._next == len(self._windows)

    def waits_for(self, index: int) -> bool:
        """Whether an incomplete window still needs the frame."""
        return self._last_use.get(index, -1) >= self._next and index not in self._pictures

    def add(self, index: int, picture: np.ndarray, is_tainted: bool = False) -> Iterator[WindowClip]:
        """Takes a frame, and yields the windows that are now complete, or as complete as they will ever be.

        A frame that `is_tainted` is used, but may show the damage of a picture on which it depends.
        """
        self._pictures[index] = picture
        if is_tainted:
            self._tainted.add(index)
        self._recent.append(index)
        while not self.done:
            is_over = len(self._recent) == _SETTLED and min(self._recent) > self._last_index[self._next]
            if not is_over and any(i not in self._pictures for i in self._indices[self._next]):
                return
            yield self._complete()

    def finish(self) -> Iterator[WindowClip]:
        """Yields the remaining windows with the frames that there are."""
        while not self.done:
            yield self._complete()

    def _choose(self, window: PlannedWindow) -> list[int]:
        times_us = self._piece.times_us
        if times_us is None:
            return [window.first + index for index in self._spec.sample(window.end - window.first)]
        offset = self._piece.first_frame
        times_s = [time_us / 1e6 for time_us in times_us[window.first - offset : window.end - offset]]
        place = window.window
        return [window.first + index for index in self._spec.sample_times(times_s, place.start_s, place.end_s)]

    def _complete(self) -> WindowClip:
        planned, indices = self._windows[self._next], self._indices[self._next]
        needed = set(indices)
        here = sorted(needed & self._pictures.keys())
        if len(here) < len(needed) * MIN_DECODABLE_SHARE:
            result = lost_window(planned.window, f"only {len(here)} of {len(needed)} frames could be decoded")
        else:
            frames = np.stack([self._pictures[_nearest(index, here)] for index in indices])
            damaged = len(here) < len(needed) or not self._tainted.isdisjoint(here)
            result = WindowClip(planned.window, frames, damaged, indices=tuple(indices), remarks=self.remarks)
        self._next += 1
        self._pictures = {i: picture for i, picture in self._pictures.items() if self._last_use[i] >= self._next}
        return result


def _nearest(index: int, here: list[int]) -> int:
    """The one of ascending indices that is nearest to `index`; of two equally near, the lower."""
    right = bisect.bisect_left(here, index)
    return min(here[max(0, right - 1) : right + 1], key=lambda other: abs(other - index))
