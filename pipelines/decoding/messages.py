"""What a decoder is asked for, and what it answers."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.video.source import Source
from pipelines.video.windows import Window, WindowSpec


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
    """A clip of each video, as it is stored; what every request of a run has in common.

    With `with_source`, the clip comes with what the file says of itself.
    """

    spec: ClipSpec
    encoding: FrameEncoding
    min_frames: int = 1
    limits: DecodeLimits = DecodeLimits()
    with_source: bool = False

    def request(self) -> dict[str, Any]:
        """For the decoder process."""
        spec, encoding = self.spec.to_json(), self.encoding.to_json()
        wanted = {"wanted": "clip", "with_source": self.with_source}
        return {**wanted, "spec": spec, "encoding": encoding, "min_frames": self.min_frames}


@dataclass(frozen=True)
class WindowJob:
    """The windows of each video, to be scored; the time limit is for each window."""

    spec: ClipSpec
    windows: WindowSpec
    limits: DecodeLimits = DecodeLimits()

    def request(self) -> dict[str, Any]:
        """For the decoder process."""
        return {"wanted": "windows", "spec": self.spec.to_json(), "windows": asdict(self.windows)}


@dataclass(frozen=True)
class DecodedClip:
    """A clip as it is stored: `frames` holds one part of raw pixels, or one encoded picture a frame.

    `content` is the file's `content.content_mark`, and `source` is there if it was asked for.
    """

    frames: list[bytes]
    frame_indices: list[int]
    timestamps_s: list[float]
    num_source_frames: int
    duration_s: float
    damaged: bool
    strip: bytes | None = None
    remark: str = ""
    content: int = 0
    source: Source | None = None


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


@dataclass(frozen=True)
class DecodedWindow:
    """A window's clip.

    Attributes:
        window: where in the video.
        num_windows: of the video, or of the range that was asked for; what is missing behind its end is one of them.
        duration_s: of the video.
        frames: raw uint8 [T, H, W, 3] RGB.
        damaged: some of it could not be decoded.
        remark: what a person should know of the video; see `remarks.remark`.
    """

    window: Window
    num_windows: int
    duration_s: float
    frames: bytes
    damaged: bool
    remark: str = ""


@dataclass(frozen=True)
class WindowFailure:
    """A window of which too little could be decoded, of a video that goes on; or what is missing behind its end."""

    window: Window
    num_windows: int
    duration_s: float
    type: str
    message: str


@dataclass(frozen=True)
class CutVideo:
    """A long video's ranges; each is to be asked for by itself, as it stands here."""

    ranges: tuple[Mapping[str, Any], ...]


ClipResult = DecodedClip | DecodeFailure | DecodeFiltered
WindowResult = DecodedWindow | WindowFailure | CutVideo | DecodeFailure
