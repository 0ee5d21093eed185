"""Runs of windows of a long video: all that is needed to read them, and how it is sent to a worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipelines.video.compact import pack, unpack, windows_from_json, windows_to_json
from pipelines.video.remarks import Shortfall
from pipelines.video.windows import PlannedWindow


@dataclass(frozen=True)
class Piece:
    """A run of windows of one video, and all that is needed to read them independently of the others.

    Attributes:
        windows: the windows, in order.
        start_pts: presentation time of the key frame to start from, in units of the stream; None for the file's start.
        first_frame: display index of the frame to which `pts[0]` belongs.
        pts: presentation times of the windows' frames; None where frames are to be counted from the file's start.
        times_us: when the windows' frames are first shown, in microseconds; None where that isn't needed.
        by_decoding: frames are counted as they come out of the decoder, not as packets announce them.
    """

    windows: tuple[PlannedWindow, ...]
    start_pts: int | None
    first_frame: int
    pts: tuple[int, ...] | None
    times_us: tuple[int, ...] | None = None
    by_decoding: bool = False

    def to_json(self) -> dict[str, Any]:
        """The fields as a compact JSON object; see `compact`."""
        return {
            "windows": windows_to_json(self.windows),
            "start_pts": self.start_pts,
            "first_frame": self.first_frame,
            "pts": None if self.pts is None else pack(self.pts),
            "times_us": None if self.times_us is None else pack(self.times_us),
            "by_decoding": self.by_decoding,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        pts, times_us = (None if value[key] is None else tuple(unpack(value[key])) for key in ("pts", "times_us"))
        windows = windows_from_json(value["windows"])
        return cls(windows, value["start_pts"], value["first_frame"], pts, times_us, value["by_decoding"])


@dataclass(frozen=True)
class Range:
    """A piece as a job shuffles it: compact, and with what its worker must know about the whole video.

    Attributes:
        first: index of its first window.
        end: index after that of its last window.
        duration_s: length of the video, in seconds.
        piece: how to read the windows, in the form of `Piece.to_json`.
        missing: what the container promises after the end of the video; only in its last range.
        remark: what a person should know about the video; see `remarks.remark`.
    """

    first: int
    end: int
    duration_s: float
    piece: Mapping[str, Any]
    missing: Shortfall | None = None
    remark: str = ""

    @property
    def name(self) -> str:
        """The windows as `first:end`."""
        return f"{self.first}:{self.end}"

    @property
    def num_windows(self) -> int:
        """How many windows it has; what is missing after the end of the video counts as one more."""
        return self.end - self.first + bool(self.missing and self.missing.seconds_behind(self.duration_s))

    def span_from(self, delivered: int) -> tuple[float, float]:
        """Start and end in seconds of what is left after the first `delivered` windows."""
        windows = windows_from_json(self.piece["windows"])
        end_s = max(windows[-1].window.end_s, self.missing.end_s if self.missing else 0.0)
        return windows[min(delivered, len(windows) - 1)].window.start_s, end_s

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        missing = value["missing"]
        return cls(**{**value, "missing": Shortfall(**missing) if missing else None})
