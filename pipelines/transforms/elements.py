"""The elements that pass from step to step of the labelling job."""

from dataclasses import dataclass

from pipelines.core.failure import Failure
from pipelines.labelling.plan import VideoTask
from pipelines.video.pieces import Range
from pipelines.video.windows import Window


@dataclass(frozen=True, eq=False)
class VideoRange:
    """A video, or a range of a long one, to be decoded.

    Attributes:
        shard: the shard that its labels go into.
        task: the video.
        parts: names of all ranges of the video; empty if it was not cut.
        range: the range.
    """

    shard: int
    task: VideoTask
    parts: tuple[str, ...] = ()
    range: Range | None = None

    @property
    def part(self) -> str:
        """Name of the range; empty for a video that was not cut."""
        return self.range.name if self.range else ""


@dataclass(frozen=True)
class RangeTask:
    """Ranges of one video that a worker decodes in parallel."""

    ranges: tuple[VideoRange, ...]


@dataclass(frozen=True, slots=True)
class Scorable:
    """A decoded window, or the failure of one or more windows, on its way to the ledger.

    Attributes:
        source: the video or range to which it belongs.
        window: the window; None if it stands for several windows, or for none.
        num_windows: windows of the range, including those that failed.
        covers: how many of these it stands for.
        duration_s: duration of the video in seconds.
        damaged: whether some of the video could not be decoded.
        remark: what a person should know about the video.
        frames: raw uint8 [T, H, W, 3] RGB; empty if decoding failed.
        failure: why decoding failed, if it did.
    """

    source: VideoRange
    window: Window | None
    num_windows: int
    covers: int
    duration_s: float
    damaged: bool
    remark: str
    frames: bytes
    failure: Failure | None
