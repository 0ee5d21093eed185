"""Windows of a long video, and how it is cut into ranges that are decoded separately. Pure, in whole microseconds.

A window has the frames that are first shown in it: it is half-open, so that a frame at its very end belongs to the next
one. A range is a run of windows and the key frame from which they can be decoded. Ranges only divide the work: the
windows and their frames are fixed before the video is cut.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipelines.video.errors import VideoDecodeError

_UNKNOWN_WINDOW_S = 10.0
"""Length of a window where the lengths of the training videos aren't known."""
_LIKE_TRAINING = 1.5
"""A video is one clip, as those in training were, up to this many times the length of the longest of them."""
_USUAL_SPREAD = 10
"""The longest training video counts as at most this many times the median length: it may be an outlier."""
_WHOLE_TOLERANCE_S = 0.001
_RANGE_S = 600.0
_MAX_WINDOWS, _MAX_WINDOWS_PER_FRAME = 20_000, 10
"""Slides may stay for minutes, but far more windows than frames are a sign of damaged times."""
_LONG_FRAME_S = 60.0
"""Where frames last longer than this on average, it's their times that are wrong rather than the windows."""
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a video from which one clip is made.

    Attributes:
        index: its number in the video, from 0.
        start_s: its start, in seconds from the video's first frame.
        end_s: its end, exclusive.
    """

    index: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class WindowSpec:
    """How a video is divided.

    Attributes:
        window_s: length of a window in seconds.
        stride_s: seconds from the start of one window to the start of the next.
        whole_up_to_s: a video of at most this many seconds is one clip, without windows.
        range_s: about how many seconds of a video are decoded as one piece of work; results don't depend on it.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    window_s: float
    stride_s: float
    whole_up_to_s: float
    range_s: float = _RANGE_S

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number and math.isfinite(value) and round(value * _US) > 0):
                raise ValueError(f"{name} must be a positive number of seconds, not {value!r}")
        if self.stride_s > self.window_s:
            raise ValueError(f"stride_s must be at most window_s ({self.window_s}), not {self.stride_s!r}")
        for name in ("whole_up_to_s", "range_s"):
            if getattr(self, name) < self.window_s:
                raise ValueError(f"{name} must be at least window_s ({self.window_s}), not {getattr(self, name)!r}")

    def identity(self) -> dict[str, Any]:
        """What determines the results, as a JSON object: equal for two specs that give equal windows."""
        return {key: value for key, value in asdict(self).items() if key != "range_s"}


def default_windows(
    durations_s: Mapping[str, float], window_s: float = 0, stride_s: float = 0, range_s: float = _RANGE_S
) -> WindowSpec:
    """Windows as long as those of the training or, if it had none, as the median training video, each overlapping the
    next by half.

    Args:
        durations_s: `min`, `median` and `max` seconds of the training videos, and `window`, the length of the windows
            that they were cut into, if they were; empty where they aren't known.
        window_s: length of a window in seconds, if the user chose one; otherwise 0.
        stride_s: seconds from window to window, if the user chose them; otherwise 0.
        range_s: about how many seconds of a video are decoded as one piece of work.

    Raises:
        ValueError: a value is out of range; see `WindowSpec`.
    """
    window_s = window_s or durations_s.get("window", 0)
    if window_s:
        whole_up_to_s = window_s + _WHOLE_TOLERANCE_S
    else:
        window_s = max(0.1, round(durations_s.get("median", _UNKNOWN_WINDOW_S), 1))
        longest_s = min(durations_s.get("max", 0.0), _USUAL_SPREAD * window_s)
        whole_up_to_s = max(_LIKE_TRAINING * longest_s, 2 * window_s)
    return WindowSpec(window_s, stride_s or window_s / 2, whole_up_to_s, max(range_s, window_s))


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """A window and its frames: those with display indices from `first` up to but not including `end`; at least one."""

    window: Window
    first: int
    end: int


def count_windows(duration_s: float, spec: WindowSpec) -> int:
    """How many windows a video has: 1 + ceil((duration - window) / stride), at least 1."""
    duration, window, stride = (round(value * _US) for value in (duration_s, spec.window_s, spec.stride_s))
    return 1 + max(0, -(-(duration - window) // stride))


def refuse_endless(num_frames: int, duration_s: float, spec: WindowSpec) -> None:
    """Refuses a video that would have far more windows than frames.

    Raises:
        VideoDecodeError: the video claims to be so long that its times must be damaged, or windows are too short.
    """
    if count_windows(duration_s, spec) > _MAX_WINDOWS + _MAX_WINDOWS_PER_FRAME * num_frames:
        if duration_s < _LONG_FRAME_S * num_frames:
            raise VideoDecodeError(f"windows of {spec.window_s:g} s are too short for so few frames: {num_frames:,}")
        reason = f"{num_frames} frames can't last {duration_s:.0f} s"
        raise VideoDecodeError(f"{reason}; if they do, choose longer windows")


def plan_windows(
    times_s: np.ndarray, duration_s: float, spec: WindowSpec, by_time: bool = False
) -> list[PlannedWindow]:
    """The windows of a video: one every stride, and a last one that ends where the video ends.

    All have full length, unless the video is shorter than one window. A window in which no frame begins, because of a
    gap in the times, has the frame that is on display during it.

    Args:
        times_s: float64 [n], ascending: when each frame is first shown, in seconds from the first.
        duration_s: length of the video in seconds.
        spec: length and stride of the windows.
        by_time: a window also has the frame that is already on display when it begins.

    Returns:
        `count_windows` windows in order; both `first` and `end` are non-decreasing.

    Raises:
        ValueError: there are no frames.
    """
    if len(times_s) == 0:
        raise ValueError("a video without frames has no windows")
    times = np.rint(np.asarray(times_s, np.float64) * _US).astype(np.int64)
    duration, window, stride = (round(value * _US) for value in (duration_s, spec.window_s, spec.stride_s))
    last = max(0, duration - window)
    starts = np.append(np.arange(0, last, stride, dtype=np.int64), last)
    ends = np.minimum(starts + window, duration)
    firsts, past = np.searchsorted(times, starts), np.searchsorted(times, ends)
    if by_time:
        firsts = np.maximum(np.searchsorted(times, starts, side="right") - 1, 0)
    past[-1] = len(times)  # a last frame without a length begins exactly at the video's end
    firsts = np.where(firsts < past, firsts, np.maximum(past - 1, 0))
    past = np.maximum(past, firsts + 1)
    rows = zip(starts.tolist(), ends.tolist(), firsts.tolist(), past.tolist(), strict=True)
    return [
        PlannedWindow(Window(index, start / _US, end / _US), first, past_last)
        for index, (start, end, first, past_last) in enumerate(rows)
    ]


@dataclass(frozen=True, slots=True)
class WindowRange:
    """The windows from `first` up to but not including `end`, and the display index of the key frame to decode from.

    Key frame 0 stands for the start of the file.
    """

    first: int
    end: int
    key_frame: int


def cut_ranges(windows: Sequence[PlannedWindow], key_frames: Sequence[int], range_s: float) -> list[WindowRange]:
    """Cuts a run of windows into ranges of about `range_s` seconds, at windows that start soon after a key frame.

    Args:
        windows: the windows of one video, in order; at least one.
        key_frames: ascending display indices of frames at which decoding can start.
        range_s: desired length of a range in seconds; where key frames are rare, ranges are fewer and longer.

    Returns:
        Ranges in order; each window is in exactly one, and none is empty.
    """
    # For each window at which a range may begin, the last key frame before it: decoding from there wastes least.
    begins = {0: 0}
    window = 0
    for key_frame in key_frames:
        while window < len(windows) and windows[window].first < key_frame:
            window += 1
        if 0 < window < len(windows):
            begins[window] = key_frame
    places = sorted(begins)
    starts_s = np.array([windows[place].window.start_s for place in places])
    first_s, end_s = windows[0].window.start_s, windows[-1].window.end_s
    count = max(1, round((end_s - first_s) / range_s))
    wanted_s = np.linspace(first_s, end_s, count, endpoint=False)
    cuts = sorted({places[int(np.abs(starts_s - wanted).argmin())] for wanted in wanted_s})
    return [WindowRange(first, end, begins[first]) for first, end in zip(cuts, [*cuts[1:], len(windows)], strict=True)]
