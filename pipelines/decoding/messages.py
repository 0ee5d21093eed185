"""What a decoder is asked for, and what it answers.

The decoder's process is sent the job once and then a request for each video, both pickled, since it trusts its worker.
Its answers are JSON and bytes, since a hostile video may have taken control of it.
"""

from dataclasses import dataclass

from pipelines.core.failure import Failure
from pipelines.core.settings.fields import check_settings, setting
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.video.pieces import Range
from pipelines.video.ranges.planning import Between, DenseWindows, TimeRange
from pipelines.video.source import Source
from pipelines.video.windows import Window, WindowSpec


@dataclass(frozen=True)
class DecodeLimits:
    """The resources that one video may use, and the disk space for all that are read in a process.

    Attributes:
        time_s: seconds from opening the file to the finished clip; waiting for a store doesn't count.
        memory_mb: megabytes of address space above that of an idle decoder.
        disk_mb: megabytes of temporary disk space for parts of videos in stores; parts that are in use may exceed it.
    """

    time_s: float = setting(300.0, metavar="SECONDS", above=0)
    memory_mb: int = setting(2048, metavar="MB", low=64)
    disk_mb: int = setting(
        8192, metavar="MB", low=1,
        help="megabytes of temporary disk space in each worker process for parts of videos that are read from a store",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class DecodeJob:
    """Asks for a clip of each video or of ranges of it, encoded for storage; `with_source`, also for what the file says
    about itself. With `dense`, long videos and ranges become many clips; the time limit applies to each."""

    spec: ClipSpec
    encoding: FrameEncoding
    min_frames: int = 1
    limits: DecodeLimits = DecodeLimits()
    with_source: bool = False
    dense: DenseWindows | None = None


@dataclass(frozen=True)
class WindowJob:
    """Asks for the windows of each video, to be scored; the time limit applies to each window."""

    spec: ClipSpec
    windows: WindowSpec
    limits: DecodeLimits = DecodeLimits()


@dataclass(frozen=True)
class LentVideo:
    """A video in a store, of which the worker lends blocks.

    Attributes:
        size_bytes: its size.
        path: a local file with those blocks of it that are lent, at their places.
        block_bytes: size of a block.
        most_held: how many of the blocks that were lent last may still be read.
        mark: what stands for its `content.content_mark`; None where that is to be computed.
    """

    size_bytes: int
    path: str
    block_bytes: int
    most_held: int
    mark: int | None


@dataclass(frozen=True)
class Request:
    """What is wanted from one video, besides what the job says.

    Attributes:
        path: absolute path of a local file, or the address of a lent one; empty until its turn comes.
        strip: for clips, whether a film strip should come with the clip.
        ranges: for clips, those parts of the video of which clips are wanted, or what lies between some; none for the
            whole video.
        strips: numbers of those ranges of which a film strip should come with the first clip.
        range: for windows, the only range that is wanted; None for all windows, or to learn how the video is cut.
        lent: how to read a video that isn't local.
    """

    path: str = ""
    strip: bool = False
    ranges: tuple[TimeRange | Between, ...] = ()
    strips: frozenset[int] = frozenset()
    range: Range | None = None
    lent: LentVideo | None = None


@dataclass(frozen=True)
class LentBlocks:
    """The answer to a decoder that asks for blocks: their places, or None if the worker can't get them."""

    places: tuple[int, ...] | None


@dataclass(frozen=True)
class DecodedClip:
    """A clip as it is stored: `frames` holds one part of raw pixels, or one encoded picture per frame.

    `content` is the file's `content.content_mark`, or what stands for it in a store (0 if there is none, or the file
    can't be read again); `source` is set if asked for.
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
    """An intact video that was filtered out."""

    reason: str


@dataclass(frozen=True)
class DecodedPart:
    """One of the results about a range of a video.

    Attributes:
        result: a clip, or why there is none; None at the end of a range that became several clips.
        range_s: start and end of a clip's window in seconds; None where the clip is that of the whole range.
        more: whether another result about the same range follows.
    """

    result: "ClipResult | None"
    range_s: tuple[float, float] | None = None
    more: bool = False


@dataclass(frozen=True)
class DecodedWindow:
    """A window's clip, or why there is none: too little could be decoded, or it is missing after the video's end.

    Attributes:
        window: its place in the video.
        num_windows: number of windows of the video, or of the range that was asked for; what is missing after the end
            counts as one.
        duration_s: length of the video in seconds.
        frames: raw uint8 [T, H, W, 3] RGB; empty where it failed.
        damaged: some of it could not be decoded.
        remark: what a person should know about the video; see `remarks.remark`.
        failure: why there is no clip; further windows may follow.
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
    """The ranges of a long video, each to be requested separately."""

    ranges: tuple[Range, ...]


Job = DecodeJob | WindowJob
ClipResult = DecodedClip | DecodeFiltered | Failure
WindowResult = DecodedWindow | CutVideo | Failure
