"""How a clip is made from a video: `ClipSpec`, and the rules that choose its frames.

A `ClipSpec` is set once, when a dataset is preprocessed. It travels in `dataset_info.json` to the trainer and from
there with the model to the labelling job, so that the three can't disagree about pixels.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.core.hashing import fingerprint
from pipelines.core.settings.fields import check_settings, setting

STRIP_FRAMES = 8
"""Most frames of a clip in its film strip, which pages show."""
PIXELS_VERSION = 2
"""Raised whenever the same video and the same `ClipSpec` would give other pixels than before.

2: mirrored videos are mirrored back; attached pictures are not videos; of several streams the one that FFmpeg picks is
used; MPEG-4 with placeholders (packed B-frames of DivX and XviD) is sampled by the frames that it has.
"""

RESIZE_MODES = ("stretch", "crop", "pad")
INTERPOLATIONS = ("area", "bilinear")
_SMALLEST_PX, _LARGEST_PX = 8, 4096


def sample_uniform(num_source_frames: int, num_frames: int) -> tuple[int, ...]:
    """Centres of `num_frames` equal segments of the video; a shorter video repeats frames.

    Frame i is `floor((2i + 1) * n / 2T)`: integer arithmetic, so that no platform rounds it differently.
    """
    n, t = num_source_frames, num_frames
    return tuple((2 * i + 1) * n // (2 * t) for i in range(t))


def sample_notebook(num_source_frames: int, num_frames: int) -> tuple[int, ...]:
    """Every `max(n // T, 1)`-th frame from 0, as the public UCF50 notebooks do, to reproduce their results.

    It may never see the end of a video: with 39 frames and T = 20 it takes the first 20. A video shorter than T repeats
    its last frame (the notebooks drop such a video).
    """
    n, t = num_source_frames, num_frames
    step = max(n // t, 1)
    return tuple(min(i * step, n - 1) for i in range(t))


def sample_uniform_time(times_s: Sequence[float], start_s: float, end_s: float, num_frames: int) -> tuple[int, ...]:
    """The frames shown at the centres of `num_frames` equal spans of the time from `start_s` to `end_s`.

    For videos with a variable frame rate: a frame that stands for seconds is taken more often than one of a burst.

    Args:
        times_s: when each frame is first shown, ascending, in seconds from the first.
        start_s: start of the time in seconds.
        end_s: end of the time in seconds.
        num_frames: T.
    """
    span_s = end_s - start_s
    # Times are rounded to microseconds: a frame that begins exactly at a moment is the one shown then.
    moments = (start_s + span_s * (2 * i + 1) / (2 * num_frames) + 1.5e-6 for i in range(num_frames))
    return tuple(max(0, bisect_right(times_s, moment) - 1) for moment in moments)


UNIFORM_TIME = "uniform-time"
"""The rule that samples by time instead of by frame number: `sample_uniform_time`."""
SAMPLING_RULES: dict[str, Callable[[int, int], tuple[int, ...]]] = {
    "uniform": sample_uniform,
    "notebook": sample_notebook,
}
SAMPLING_NAMES = (*SAMPLING_RULES, UNIFORM_TIME)


@dataclass(frozen=True)
class ClipSpec:
    """What makes the pixels of a clip: uint8 [num_frames, height, width, 3], RGB.

    Attributes:
        num_frames: frames in a clip, T.
        height: height of a frame in pixels.
        width: width of a frame in pixels.
        sampling: name of the rule that chooses the frames, a key of `SAMPLING_RULES` or `UNIFORM_TIME`.
        resize: `stretch` to the size, `crop` the centre after scaling the shorter side, or `pad` with black.
        interpolation: `area` averages all pixels that fall into one; `bilinear` decodes and resizes as OpenCV 4 does by
            default, as in the public notebooks, for models that were trained on such frames.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    num_frames: int = setting(20, metavar="N", low=1, high=4096, help="number of frames in a clip")
    height: int = setting(64, low=_SMALLEST_PX, high=_LARGEST_PX)
    width: int = setting(64, low=_SMALLEST_PX, high=_LARGEST_PX)
    sampling: str = setting(
        "uniform", choices=SAMPLING_NAMES,
        help="how frames are chosen: `uniform` takes the centres of spans with equal numbers of frames, `uniform-time` "
        "takes the centres of equal spans of time, `notebook` takes every n-th frame as the public notebooks do",
    )  # fmt: skip
    resize: str = setting(
        "stretch", choices=RESIZE_MODES,
        help="how a frame of another shape is fitted: `stretch` it, `crop` its edges, or `pad` it with black",
    )  # fmt: skip
    interpolation: str = setting(
        "area", choices=INTERPOLATIONS,
        help="how a frame is scaled: `area` averages the pixels that fall into one, `bilinear` gives the pixels of "
        "OpenCV's default and of the public notebooks",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[T, H, W, C] of a clip."""
        return (self.num_frames, self.height, self.width, 3)

    @property
    def num_bytes(self) -> int:
        """Bytes of a clip's raw pixels."""
        return self.num_frames * self.height * self.width * 3

    def sample(self, num_source_frames: int) -> tuple[int, ...]:
        """Indices of a clip's frames in a video of `num_source_frames` frames, in order, possibly repeated.

        A rule that samples by time treats all frames as shown for the same time.

        Raises:
            ValueError: the video has no frames.
        """
        if num_source_frames < 1:
            raise ValueError(f"a video of {num_source_frames} frames can't be sampled")
        return SAMPLING_RULES.get(self.sampling, sample_uniform)(num_source_frames, self.num_frames)

    @property
    def by_time(self) -> bool:
        """Whether the rule samples by presentation time; then `sample_times` chooses the frames."""
        return self.sampling == UNIFORM_TIME

    def sample_times(self, times_s: Sequence[float], start_s: float, end_s: float) -> tuple[int, ...]:
        """Like `sample`, for a rule that samples by time, from the frames shown between `start_s` and `end_s`.

        Args:
            times_s: when each frame of the video is first shown, ascending, in seconds.
            start_s: start of the clip in seconds.
            end_s: end of the clip in seconds.

        Raises:
            ValueError: the video has no frames.
        """
        if not len(times_s):
            raise ValueError("a video without frames can't be sampled")
        return sample_uniform_time(times_s, start_s, end_s, self.num_frames)

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)

    def fingerprint(self) -> str:
        """A hash that is equal for two specs exactly if they give equal pixels from every video."""
        return fingerprint({"pixels_version": PIXELS_VERSION, **asdict(self)})


FRAME_ENCODINGS = ("raw", "png", "jpeg")
COMPRESSIONS = ("none", "gzip")
"""Compressions of whole shards."""


@dataclass(frozen=True)
class FrameEncoding:
    """How frames are stored: `raw` uint8, `png` (lossless, smaller), or `jpeg` (lossy, smallest) of a given quality.

    Raises:
        ValueError: the format is unknown, or the quality out of range.
    """

    format: str = setting("raw", choices=FRAME_ENCODINGS, help="how frames are stored")
    quality: int = setting(95, metavar="N", low=1, high=100, help="quality of JPEG frames, from 1 to 100")

    def __post_init__(self) -> None:
        check_settings(self)

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object; the quality only for JPEG."""
        return {"format": self.format, **({"quality": self.quality} if self.format == "jpeg" else {})}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "FrameEncoding":
        """The inverse of `to_json`."""
        return cls(**value)
