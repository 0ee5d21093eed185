"""What a person should know about a video before trusting its clips and labels: one line, usually empty."""

from collections.abc import Sequence
from dataclasses import dataclass

_SHORTEST_S = 0.01
"""What is missing after a video's end is reported if it is at least this long."""

SINGLE_PICTURE = "a single picture"
TURNED = "turned by "
RECOLOURED = "colours coded as "


def remark(damage: str, corrected: Sequence[str], num_frames: int) -> str:
    """The remark on a video.

    Args:
        damage: what is damaged or missing.
        corrected: which of its times were wrong and have been corrected; at what angle its pictures stay.
        num_frames: number of its frames.
    """
    picture = SINGLE_PICTURE if num_frames == 1 else ""
    return "; ".join(part for part in (damage, *corrected, picture) if part)


def is_single_picture(said: str) -> bool:
    """Whether a video with this `remark` has one frame."""
    return SINGLE_PICTURE in said.split("; ")


def is_at_an_angle(said: str) -> bool:
    """Whether the pictures of a video with this `remark` aren't turned as it asks for."""
    return _has(TURNED, said)


def is_recoloured(said: str) -> bool:
    """Whether the colours of a video with this `remark` aren't read as it asks for."""
    return _has(RECOLOURED, said)


def _has(beginning: str, said: str) -> bool:
    return said.startswith(beginning) or f"; {beginning}" in said


@dataclass(frozen=True)
class Shortfall:
    """What is missing from a video.

    Attributes:
        message: how much is there, such as `390 of 720 frames are there`.
        share: share of the promised frames that is there.
        end_s: where the complete video would end, in seconds from its first frame.
    """

    message: str
    share: float
    end_s: float

    def seconds_behind(self, duration_s: float) -> float:
        """How many seconds are missing after a video that lasts this long; 0 where none are, or that isn't known."""
        seconds = self.end_s - duration_s
        return seconds if seconds >= _SHORTEST_S else 0.0
