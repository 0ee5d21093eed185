"""What a decoder is asked for, and what it answers.

Its process gets the job once and then a request for each video, pickled, as it trusts its worker. What it answers is
JSON and bytes: nobody knows what a hostile video makes of a decoder.
"""

from dataclasses import dataclass

from pipelines.core.failure import Failure
from pipelines.core.settings.fields import check_settings, setting
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.video.pieces import Range
from pipelines.video.source import Source
from pipelines.video.windows import Window, WindowSpec


@dataclass(frozen=True)
class DecodeLimits:
    """What one video may use.

    Attributes:
        time_s: seconds from opening the file to the finished clip.
        memory_mb: megabytes of address space above that of an idle decoder.
    """

    time_s: float = setting(300.0, metavar="SECONDS", above=0)
    memory_mb: int = setting(2048, metavar="MB", low=64)

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class DecodeJob:
    """A clip of each video, as it is stored; `with_source`, it comes with what the file says of itself."""

    spec: ClipSpec
    encoding: FrameEncoding
    min_frames: int = 1
    limits: DecodeLimits = DecodeLimits()
    with_source: bool = False


@dataclass(frozen=True)
class WindowJob:
    """The windows of each video, to be scored; the time limit is for each window."""

    spec: ClipSpec
    windows: WindowSpec
    limits: DecodeLimits = DecodeLimits()


@dataclass(frozen=True)
class Request:
    """What is wanted of a video, besides what the job says.

    Attributes:
        path: absolute path of a local file; empty until its turn comes.
        strip: of a clip, whether a film strip is to come with it.
        range: of windows, those of this range alone; None for all of them, or to learn how the video is to be cut.
    """

    path: str = ""
    strip: bool = False
    range: Range | None = None


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
class DecodeFiltered:
    """A sound video that was not wanted."""

    reason: str


@dataclass(frozen=True)
class DecodedWindow:
    """A window's clip, or why there is none: too little could be decoded, or it is what is missing behind the end.

    Attributes:
        window: where in the video.
        num_windows: of the video, or of the range that was asked for; what is missing behind its end is one of them.
        duration_s: of the video.
        frames: raw uint8 [T, H, W, 3] RGB; empty where it failed.
        damaged: some of it could not be decoded.
        remark: what a person should know of the video; see `remarks.remark`.
        failure: why there is no clip; the video goes on.
    """

    window: Window
    num_windows: int
    duration_s: float
    frames: bytes
    damaged: bool
    remark: str = ""
    failure: Failure | None = None


@dataclass(frozen=True)
class CutVideo:
    """A long video's ranges; each is to be asked for by itself."""

    ranges: tuple[Range, ...]


Job = DecodeJob | WindowJob
ClipResult = DecodedClip | DecodeFiltered | Failure
WindowResult = DecodedWindow | CutVideo | Failure
