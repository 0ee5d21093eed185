"""Which frames the clips of time ranges have, and in which runs they are read. Pure.

A range is a window that somebody has placed: it has the frames that are first shown in it. Ranges may overlap and lie
within each other; their clips are made in the order in which they are asked for.
"""

import bisect
import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from pipelines.core.clip_ids import clip_id
from pipelines.core.spec import sample_uniform
from pipelines.video.errors import RangeError
from pipelines.video.windows import PlannedWindow, Window, WindowRange, WindowSpec, default_windows, plan_windows

_US = 1_000_000
_LEAST_TOLERANCE_US = 1000
"""Ranges are named to the millisecond."""
_FAR_S = 30.0
"""Where nothing is wanted for longer than this, the file is opened again at the next key frame instead of read on."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A part of a video, half-open, in seconds from the video's first frame."""

    start_s: float
    end_s: float

    def __str__(self) -> str:
        return f"{self.start_s:.6g} to {self.end_s:.6g} s"


@dataclass(frozen=True)
class DenseWindows:
    """How long videos and ranges become many clips.

    Attributes:
        windows: the windows, as in labelling; what isn't longer than `whole_up_to_s` is one clip.
        most: how many of them become clips at most, evenly spread; 0 for all.
    """

    windows: WindowSpec
    most: int = 0


@dataclass(frozen=True)
class Between:
    """What lies between parts of a video, and before and after them.

    Attributes:
        parts: start and end of each, in seconds.
        margin_s: seconds before and after each part that are left out, too.
        dense: the windows of it. What is shorter than half a window is left out.
    """

    parts: tuple[tuple[float, float], ...]
    margin_s: float
    dense: DenseWindows

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Reads `[margin_s, window_s, stride_s, most, [[start_s, end_s], ...]]`; a stride of 0 is half a window."""
        margin_s, window_s, stride_s, most, parts = json.loads(text)
        dense = DenseWindows(default_windows({}, window_s, stride_s), most)
        return cls(tuple((float(start_s), float(end_s)) for start_s, end_s in parts), float(margin_s), dense)

    def gaps(self, duration_s: float) -> Iterator[TimeRange]:
        """What lies between the parts, in order, where it is long enough."""
        begin_s = 0.0
        for start_s, end_s in (*sorted(self.parts), (duration_s + self.margin_s, math.inf)):
            gap = TimeRange(begin_s, round(min(start_s - self.margin_s, duration_s), 6))
            if gap.end_s - gap.start_s >= self.dense.windows.window_s / 2:
                yield gap
            begin_s = max(begin_s, round(end_s + self.margin_s, 6))


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """When the frames of a video are shown.

    Attributes:
        times_s: float64 [n], ascending, in seconds from the first frame; n is at least 1.
        duration_s: length of the video in seconds.
        by_time: whether frames are chosen by their times (`ClipSpec.by_time`): a range then also has the frame that is
            already on display when it begins.
    """

    times_s: np.ndarray
    duration_s: float
    by_time: bool = False

    @cached_property
    def _times_us(self) -> np.ndarray:
        return np.rint(np.asarray(self.times_s, np.float64) * _US).astype(np.int64)

    def frames_of(self, wanted: TimeRange) -> PlannedWindow:
        """The range as a window with its frames. It ends where the video does, if it is at most half a frame longer.

        Raises:
            RangeError: the range is empty, ends after the video, or has no frame.
        """
        times = self._times_us
        start, end, duration = (round(value * _US) for value in (wanted.start_s, wanted.end_s, self.duration_s))
        if not 0 <= start < end:
            raise RangeError(f"the range {wanted} is not one: it must start at 0 or later, and end after its start")
        if end > duration + max(_LEAST_TOLERANCE_US, duration // (2 * len(times))):
            raise RangeError(f"the range {wanted} ends after the video, which is {self.duration_s:.6g} s long")
        if self.by_time:
            first = max(0, int(np.searchsorted(times, start, side="right")) - 1)
        else:
            first = int(np.searchsorted(times, start))
        # A last frame without a length begins exactly at the video's end.
        past = len(times) if end >= duration else int(np.searchsorted(times, end))
        if first >= past:
            raise RangeError(f"no frame is first shown in the range {wanted}")
        return PlannedWindow(Window(0, start / _US, min(end, max(duration, start + 1)) / _US), first, past)

    def windows_in(self, wanted: TimeRange | None, dense: DenseWindows) -> PlannedWindow | list[PlannedWindow]:
        """The dense windows of a range, or of the whole video; the range itself if it isn't longer than a window.

        Of two windows with the same name, to the millisecond, only the first is kept.

        Raises:
            RangeError: as `frames_of`.
        """
        if wanted is None:
            return _thinned(plan_windows(self.times_s, self.duration_s, dense.windows, self.by_time), dense.most)
        whole = self.frames_of(wanted)
        start_s, length_s = whole.window.start_s, whole.window.end_s - whole.window.start_s
        if length_s <= dense.windows.whole_up_to_s:
            return whole
        times_s = np.asarray(self.times_s[whole.first : whole.end], np.float64) - start_s
        planned = plan_windows(times_s, length_s, dense.windows, self.by_time)
        return _thinned([_moved(window, start_s, whole.first) for window in planned], dense.most)

    def windows_between(self, wanted: Between) -> list[PlannedWindow]:
        """The dense windows of what lies between parts; none where that is too short."""
        planned: list[PlannedWindow] = []
        for gap in wanted.gaps(self.duration_s):
            with contextlib.suppress(RangeError):  # in slides, there may be time without a new frame
                found = self.windows_in(gap, replace(wanted.dense, most=0))
                planned += [found] if isinstance(found, PlannedWindow) else found
        return _thinned(planned, wanted.dense.most)


def _thinned(planned: Sequence[PlannedWindow], most: int) -> list[PlannedWindow]:
    """Windows with different names, at most so many if that isn't 0, evenly spread."""
    named = {clip_id("", one.window.start_s, one.window.end_s): one for one in reversed(planned)}
    distinct = list(named.values())[::-1]
    if most and len(distinct) > most:
        return [distinct[index] for index in sample_uniform(len(distinct), most)]
    return distinct


def _moved(planned: PlannedWindow, by_s: float, by_frames: int) -> PlannedWindow:
    start_s, end_s = (round(by_s + value, 6) for value in (planned.window.start_s, planned.window.end_s))
    window = Window(planned.window.index, start_s, end_s)
    return PlannedWindow(window, planned.first + by_frames, planned.end + by_frames)


def cut_runs(
    windows: Sequence[PlannedWindow], times_s: np.ndarray, key_frames: Sequence[int], most_held: int
) -> Iterator[WindowRange]:
    """Cuts windows into runs, each of which is read in one go, from its own key frame, in the order of the windows.

    A new run begins where a window starts before the one in front of it, where `most_held` windows would be held back
    because a long one in front of them isn't complete, and at a key frame after a long time in which nothing is wanted.

    Args:
        windows: in the order in which their clips are wanted.
        times_s: float64 [n], when each frame is first shown.
        key_frames: ascending display indices of frames at which decoding can start.
        most_held: how many incomplete windows may be held in memory.

    Yields:
        Runs in order; each window is in exactly one, and none is empty.
    """
    start = 0
    reach: list[int] = []  # for each window of the run, the furthest end so far
    begin = 0
    for number, window in enumerate(windows):
        place = bisect.bisect_right(key_frames, window.first) - 1
        key_frame = key_frames[place] if place >= 0 else 0
        if reach:
            held = len(reach) + 1 - bisect.bisect_right(reach, window.first)
            far = key_frame >= reach[-1] and times_s[window.first] - times_s[reach[-1] - 1] > _FAR_S
            if window.first < windows[number - 1].first or held > most_held or far:
                yield WindowRange(start, number, begin)
                start, reach = number, []
        if not reach:
            begin = int(key_frame)
        reach.append(max(window.end, reach[-1] if reach else 0))
    if reach:
        yield WindowRange(start, len(windows), begin)
