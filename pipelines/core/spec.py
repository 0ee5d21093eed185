"""How a clip is made from a video: `ClipSpec`, and the rules that choose its frames.

A `ClipSpec` is set once, when a dataset is preprocessed. It travels in `dataset_info.json` to the trainer and from
there with the model to the labelling job, so that the three can't disagree about pixels.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.core.hashing import fingerprint

PIXELS_VERSION = 1
"""Raised whenever the same video and the same `ClipSpec` would give other pixels than before."""

RESIZE_MODES = ("stretch", "crop", "pad")


def sample_uniform(num_source_frames: int, num_frames: int) -> tuple[int, ...]:
    """Centres of `num_frames` equal segments of the video; a shorter video repeats frames.

    Frame i is `floor((2i + 1) * n / 2T)`: integer arithmetic, so that no platform rounds it differently.
    """
    n, t = num_source_frames, num_frames
    return tuple((2 * i + 1) * n // (2 * t) for i in range(t))


def sample_notebook(num_source_frames: int, num_frames: int) -> tuple[int, ...]:
    """Every `max(n // T, 1)`-th frame from 0, as the public UCF50 notebooks do, to reproduce their results.

    It may never see the end of a video: of 39 frames and T = 20 it takes the first 20. A video shorter than T repeats
    its last frame (the notebooks drop such a video).
    """
    n, t = num_source_frames, num_frames
    step = max(n // t, 1)
    return tuple(min(i * step, n - 1) for i in range(t))


SAMPLING_RULES: dict[str, Callable[[int, int], tuple[int, ...]]] = {
    "uniform": sample_uniform,
    "notebook": sample_notebook,
}


@dataclass(frozen=True)
class ClipSpec:
    """What makes the pixels of a clip: uint8 [num_frames, height, width, 3], RGB.

    Attributes:
        num_frames: frames in a clip, T.
        height: height of a frame in pixels.
        width: width of a frame in pixels.
        sampling: name of the rule that chooses the frames, a key of `SAMPLING_RULES`.
        resize: `stretch` to the size, `crop` the centre after scaling the shorter side, or `pad` with black.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    num_frames: int = 20
    height: int = 64
    width: int = 64
    sampling: str = "uniform"
    resize: str = "stretch"

    def __post_init__(self) -> None:
        for name, low, high in (("num_frames", 1, 4096), ("height", 8, 4096), ("width", 8, 4096)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        if self.sampling not in SAMPLING_RULES:
            raise ValueError(f"sampling must be one of {', '.join(SAMPLING_RULES)}, not {self.sampling!r}")
        if self.resize not in RESIZE_MODES:
            raise ValueError(f"resize must be one of {', '.join(RESIZE_MODES)}, not {self.resize!r}")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[T, H, W, C] of a clip."""
        return (self.num_frames, self.height, self.width, 3)

    @property
    def num_bytes(self) -> int:
        """Bytes of a clip's raw pixels."""
        return self.num_frames * self.height * self.width * 3

    def sample(self, num_source_frames: int) -> tuple[int, ...]:
        """Indices of the frames of a clip in a video of `num_source_frames`, in order, possibly repeated.

        Raises:
            ValueError: the video has no frames.
        """
        if num_source_frames < 1:
            raise ValueError(f"a video of {num_source_frames} frames can't be sampled")
        return SAMPLING_RULES[self.sampling](num_source_frames, self.num_frames)

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)

    def fingerprint(self) -> str:
        """Equal for two specs exactly where they give equal pixels from every video."""
        return fingerprint({"pixels_version": PIXELS_VERSION, **asdict(self)})


FRAME_ENCODINGS = ("raw", "png", "jpeg")


@dataclass(frozen=True)
class FrameEncoding:
    """How frames are stored: `raw` uint8, `png` (lossless, smaller), or `jpeg` (lossy, smallest) of a quality.

    Raises:
        ValueError: an unknown format, or a quality out of range.
    """

    format: str = "raw"
    quality: int = 95

    def __post_init__(self) -> None:
        if self.format not in FRAME_ENCODINGS:
            raise ValueError(f"encoding must be one of {', '.join(FRAME_ENCODINGS)}, not {self.format!r}")
        if not isinstance(self.quality, int) or isinstance(self.quality, bool) or not 1 <= self.quality <= 100:
            raise ValueError(f"jpeg quality must be a whole number from 1 to 100, not {self.quality!r}")

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object; the quality only where it has a meaning."""
        return {"format": self.format, **({"quality": self.quality} if self.format == "jpeg" else {})}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "FrameEncoding":
        """The inverse of `to_json`."""
        return cls(**value)
