"""What passes from step to step of the labelling job."""

from dataclasses import dataclass

from pipelines.core.failure import Failure
from pipelines.labelling.plan import VideoTask
from pipelines.video.pieces import Range
from pipelines.video.windows import Window


@dataclass(frozen=True, eq=False)
class VideoRange:
    """A video, or a range of a long one, to be decoded.

    Attributes:
        shard: where its labels will go.
        task: the video.
        parts: names of all ranges of the video; empty where it was not cut.
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
    """Ranges of one video that a worker decodes side by side."""

    ranges: tuple[VideoRange, ...]


@dataclass(frozen=True, slots=True)
class Scorable:
    """What the decoder says of a window, or of all that won't come any more, on its way to the ledger.

    Attributes:
        source: the video or range to which it belongs.
        window: None where it stands for several windows, or for none.
        num_windows: of the range, those that failed included.
        covers: how many of these it stands for.
        duration_s: of the video.
        damaged: some of it could not be decoded.
        remark: what a person should know of the video.
        frames: raw uint8 [T, H, W, 3] RGB; empty where it failed.
        failure: why.
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
