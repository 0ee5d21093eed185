"""Names of clips that are parts of videos: `gym/clip_07@12.5-15.25` for the seconds 12.5 to 15.25 of `gym/clip_07`.

A clip that is a whole video has the video's own name.
"""

import re

_RANGE = re.compile(r"@(\d+(?:\.\d{1,3})?)-(\d+(?:\.\d{1,3})?)\Z", re.ASCII)


def clip_id(video_id: str, start_s: float, end_s: float) -> str:
    """The name of a part of a video. Times are in seconds from its first frame, to the millisecond."""
    return f"{video_id}@{_seconds(start_s)}-{_seconds(end_s)}"


def video_of(name: str) -> str:
    """The name of the video that a clip is part of, or that it is."""
    return _RANGE.sub("", name) if "@" in name else name


def range_of(name: str) -> tuple[float, float] | None:
    """Start and end of a clip in seconds; None for a whole video."""
    found = _RANGE.search(name)
    return (float(found[1]), float(found[2])) if found else None


def _seconds(time_s: float) -> str:
    return f"{time_s:.3f}".rstrip("0").rstrip(".")
