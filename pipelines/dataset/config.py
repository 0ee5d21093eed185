"""Settings of the preprocessing job."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pipelines.core.config import check_job
from pipelines.core.relative import name_of
from pipelines.core.spec import COMPRESSIONS, ClipSpec, FrameEncoding
from pipelines.decoding.messages import DecodeLimits
from pipelines.inputs.splits.assign import parse_fractions, parse_groups

_PATHS = ("input", "split_file")
"""Settings that are paths and decide about the content."""


DEFAULT_SPLITS = "train=0.8,val=0.1,test=0.1"


OFFICIAL_SPLITS = "official"
"""In place of fractions: the splits that the input itself gives its videos."""


SPLIT_SETTINGS = ("splits", "split_groups", "split_file")
"""Each says of which split videos are."""


@dataclass(frozen=True)
class PreprocessConfig:
    """Settings of the preprocessing job; `--help` of `pipelines.preprocess` explains each.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    input: str
    output: str
    class_level: int = 0
    classes: tuple[str, ...] = ()
    limit: int = 0
    num_frames: int = 20
    size: str = "64"
    sampling: str = "uniform"
    resize: str = "stretch"
    interpolation: str = "area"
    min_frames: int = 1
    drop_duplicates: bool = False
    encoding: str = "raw"
    jpeg_quality: int = 95
    compression: str = "none"
    splits: str = ""
    split_groups: tuple[str, ...] = ()
    split_file: tuple[str, ...] = ()
    split_seed: int = 0
    shards: int = 0
    workers: int = 0
    time_limit_s: float = 300.0
    memory_limit_mb: int = 2048
    max_failure_rate: float = 0.05
    overwrite: bool = False

    def __post_init__(self) -> None:
        given = [name for name in SPLIT_SETTINGS if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"give {' or '.join(given)}, not both: each says of which split videos are")
        check_job(self)
        if self.min_frames < 1:
            raise ValueError(f"min_frames must be at least 1, not {self.min_frames}")
        if self.compression not in COMPRESSIONS:
            raise ValueError(f"compression must be one of {', '.join(COMPRESSIONS)}, not {self.compression!r}")
        if self.class_level < 0:
            raise ValueError(f"class_level must be 0 (automatic) or more, not {self.class_level}")
        # Made here once, so that a wrong value is found before anything is read.
        _ = self.clip_spec, self.frame_encoding, self.limits
        _ = self.fractions
        parse_groups(self.split_groups)

    @property
    def clip_spec(self) -> ClipSpec:
        """How the pixels of a clip are made."""
        height, width = parse_size(self.size)
        return ClipSpec(self.num_frames, height, width, self.sampling, self.resize, self.interpolation)

    @property
    def fractions(self) -> dict[str, float]:
        """Split name to fraction, for videos that are to be dealt."""
        return parse_fractions(DEFAULT_SPLITS if self.splits in ("", OFFICIAL_SPLITS) else self.splits)

    @property
    def frame_encoding(self) -> FrameEncoding:
        """How frames are stored."""
        return FrameEncoding(self.encoding, self.jpeg_quality)

    @property
    def limits(self) -> DecodeLimits:
        """What one video may use."""
        return DecodeLimits(self.time_limit_s, self.memory_limit_mb)

    def identity(self) -> dict[str, Any]:
        """The settings which decide about the dataset's content; two runs into one folder must agree in them."""
        operational = {"output", "workers", "time_limit_s", "memory_limit_mb", "max_failure_rate", "overwrite"}
        value = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in operational}
        height, width = parse_size(self.size)
        value["size"] = f"{height}x{width}"
        value["splits"] = self.splits or DEFAULT_SPLITS
        if len(self.split_file) < 2:
            value["split_file"] = "".join(self.split_file)
        if not self.class_level:
            del value["class_level"]
        if self.encoding != "jpeg":
            del value["jpeg_quality"]
        return {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}


def with_names_for_paths(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are told to others: the same for the same dataset, wherever on a machine it was made."""

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(item) for item in value]
        return ",".join(map(name_of, value.split(","))) if isinstance(value, str) else value

    return {key: told(item) if key in _PATHS else item for key, item in configuration.items()}


def parse_size(text: str) -> tuple[int, int]:
    """Height and width out of `64` or `72x96`.

    Raises:
        ValueError: it is neither.
    """
    height, _, width = text.lower().partition("x")
    try:
        return int(height), int(width or height)
    except ValueError:
        raise ValueError(f"size must be a number or HEIGHTxWIDTH, not {text!r}") from None
