"""Runs of windows of a long video: all that reading them takes, and how it travels to a worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipelines.video.compact import pack, unpack, windows_from_json, windows_to_json
from pipelines.video.remarks import Shortfall
from pipelines.video.windows import PlannedWindow


@dataclass(frozen=True)
class Piece:
    """A run of windows of one video, and all that is needed to read them apart from the others.

    Attributes:
        windows: in order.
        start_pts: presentation time of the key frame to start from, in units of the stream; None for the file's start.
        first_frame: display index of the frame to which `pts[0]` belongs.
        pts: presentation times of the windows' frames; None where frames are to be counted from the file's start.
        times_us: when the windows' frames are first shown, in microseconds; None where nobody needs to know.
        by_decoding: frames that are counted are those which come out of the decoder, not those that packets announce.
    """

    windows: tuple[PlannedWindow, ...]
    start_pts: int | None
    first_frame: int
    pts: tuple[int, ...] | None
    times_us: tuple[int, ...] | None = None
    by_decoding: bool = False

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object, which is short: see `compact`."""
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
    """A piece on its way: short, as a job shuffles it, with what its worker must know of the whole video.

    Attributes:
        first: index of its first window.
        end: index behind that of its last one.
        duration_s: of the video, in seconds.
        piece: how to read the windows; `Piece.from_json` reads it.
        missing: what the container promises behind the end of the video; of its last range alone.
        remark: what a person should know of the video; see `remarks.remark`.
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
        """How many windows it has; what is missing behind the end of the video counts as one more."""
        return self.end - self.first + bool(self.missing and self.missing.seconds_behind(self.duration_s))

    def span_from(self, delivered: int) -> tuple[float, float]:
        """Start and end in seconds of what is left once so many of the windows are through."""
        windows = windows_from_json(self.piece["windows"])
        end_s = max(windows[-1].window.end_s, self.missing.end_s if self.missing else 0.0)
        return windows[min(delivered, len(windows) - 1)].window.start_s, end_s

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        missing = value["missing"]
        return cls(**{**value, "missing": Shortfall(**missing) if missing else None})
