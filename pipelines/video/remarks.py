"""What a person should know of a video before believing what was made of it: one line, mostly empty."""

from collections.abc import Sequence

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
