"""What a decoder is asked for, and what it answers."""

import math
from dataclasses import dataclass

from pipelines.core.spec import ClipSpec, FrameEncoding


@dataclass(frozen=True)
class DecodeLimits:
    """What one video may use.

    Attributes:
        time_s: seconds from opening the file to the finished clip.
        memory_mb: megabytes of address space above that of an idle decoder.
    """

    time_s: float = 300.0
    memory_mb: int = 2048

    def __post_init__(self) -> None:
        if not (math.isfinite(self.time_s) and self.time_s > 0):
            raise ValueError(f"the time limit must be a positive number of seconds, not {self.time_s!r}")
        if self.memory_mb < 64:
            raise ValueError(f"the memory limit must be at least 64 MB, not {self.memory_mb!r}")


@dataclass(frozen=True)
class DecodeJob:
    """What every request of a run has in common."""

    spec: ClipSpec
    encoding: FrameEncoding
    min_frames: int = 1
    limits: DecodeLimits = DecodeLimits()


@dataclass(frozen=True)
class DecodedClip:
    """A clip as it is stored: `frames` holds one part of raw pixels, or one encoded picture a frame."""

    frames: list[bytes]
    frame_indices: list[int]
    timestamps_s: list[float]
    num_source_frames: int
    duration_s: float
    damaged: bool
    strip: bytes | None = None


@dataclass(frozen=True)
class DecodeFailure:
    """Why there is no clip. `transient` reasons may be gone when the video is tried again."""

    stage: str
    type: str
    message: str
    transient: bool = False


@dataclass(frozen=True)
class DecodeFiltered:
    """A sound video that was not wanted."""

    reason: str


DecodeResult = DecodedClip | DecodeFailure | DecodeFiltered
