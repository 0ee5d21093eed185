"""How much of a video is missing, where a container promises more than the file holds."""

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import av

from pipelines.video.remarks import Shortfall

PLAUSIBLE = 3.0
"""Factor by which estimates from frames and from bytes may differ."""


@dataclass(frozen=True)
class Found:
    """What was read of a stream.

    Attributes:
        packets: number of packets that aren't empty, including those that aren't shown.
        incomplete: number of packets of which the file holds only a part.
        duration_s: seconds from the first frame to the end of the last one.
        frame_rate: frames per second.
        indexed: number of entries in FFmpeg's index just after the file was opened.
        end: the byte behind the last packet that was read; 0 where that isn't known.
    """

    packets: int
    incomplete: int
    duration_s: float
    frame_rate: float
    indexed: int
    end: int = 0


class Source(NamedTuple):
    """A file as bytes, and as FFmpeg sees it. After `end` there are only zeros."""

    file: BinaryIO
    size_bytes: int
    end: int
    container: "av.container.InputContainer"
    stream: "av.VideoStream"


def counted(there: int, promised: int, end_s: float, about: bool = False) -> Shortfall | None:
    """The shortfall where `there` of `promised` frames are there; None if none is missing."""
    if there >= promised:
        return None
    frames = "frame is" if promised == 1 else "frames are"
    message = f"{'about ' if about else ''}{there:,} of {promised:,} {frames} there"
    return Shortfall(message, there / promised, end_s)


def zeros(source: Source, found: Found) -> Shortfall | None:
    """Where a file doesn't say where it should end, zeros at its end show that there was to be more."""
    if source.end == source.size_bytes:
        return None
    count = source.size_bytes - source.end
    return some(found, f"{count:,} zeros take the place of what follows")


def some(found: Found, why: str, lasts_s: float = 0.0) -> Shortfall:
    """The shortfall of a video from which an unknown number of frames is missing."""
    message = f"{found.packets:,} frames are there, and {why}"
    return Shortfall(message, found.packets / (found.packets + 1), max(lasts_s, found.duration_s))


def is_all(found: Found, lasts_s: float) -> bool:
    """Whether a video of this length is there, give or take a frame: what the file lacks then isn't pictures."""
    promised = lasts_s * found.frame_rate
    is_there = found.duration_s * found.frame_rate + 1 >= promised and found.packets + 1 >= round(promised)
    return lasts_s > 0 and not found.incomplete and is_there


def estimated(found: Found, bytes_share: float, duration_s: float, plausible: float = PLAUSIBLE) -> Shortfall | None:
    """The shortfall estimated from the duration or, if that is implausible, from the share of bytes that is there.

    Args:
        found: what was read.
        bytes_share: the share of bytes that is there.
        duration_s: length of the video, in seconds, as far as is known.
        plausible: factor by which the two estimates may differ.
    """
    if is_all(found, duration_s):
        return None
    whole = found.packets - found.incomplete
    by_bytes = whole / min(1.0, max(bytes_share, 1e-3))
    promised = duration_s * found.frame_rate
    if not by_bytes / plausible < promised < by_bytes * plausible:
        promised = by_bytes
    end_s = duration_s if promised != by_bytes else found.duration_s * promised / max(found.packets, 1)
    return counted(whole, max(round(promised), whole + 1), max(end_s, found.duration_s), about=True)


def joined(begins: int | None, found: Found) -> Shortfall | None:
    """What is missing where another file was joined to this one and isn't read."""
    return None if begins is None else some(found, f"another video that begins at byte {begins:,} isn't read")
