"""What a person should know of a video before believing what was made of it: one line, mostly empty."""

from collections.abc import Sequence
from dataclasses import dataclass

_SHORTEST_S = 0.01
"""What is missing behind a video's end is told if it is at least so long."""

SINGLE_PICTURE = "a single picture"


def remark(damage: str, times: Sequence[str], num_frames: int) -> str:
    """The remark on a video.

    Args:
        damage: what is damaged or missing.
        times: what was wrong with its times, and was corrected.
        num_frames: of the video.
    """
    picture = SINGLE_PICTURE if num_frames == 1 else ""
    return "; ".join(part for part in (damage, *times, picture) if part)


@dataclass(frozen=True)
class Shortfall:
    """What is missing of a video.

    Attributes:
        message: what is there, such as `390 of 720 frames are there`.
        share: of the promised frames, those that are there.
        end_s: when the whole video would end, in seconds from its first frame.
    """

    message: str
    share: float
    end_s: float

    def seconds_behind(self, duration_s: float) -> float:
        """How many seconds are missing behind a video that ends here; 0 where none are, or nobody knows."""
        seconds = self.end_s - duration_s
        return seconds if seconds >= _SHORTEST_S else 0.0
