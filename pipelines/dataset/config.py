"""Settings of the preprocessing job."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pipelines.core.relative import name_of
from pipelines.core.settings.common import INPUT_OUTPUT, RUNNING, Common
from pipelines.core.settings.fields import Group, Name, SettingError, check_settings, naming, setting, setting_like
from pipelines.core.spec import COMPRESSIONS, ClipSpec, FrameEncoding
from pipelines.decoding.messages import DecodeLimits
from pipelines.inputs.background import Background
from pipelines.inputs.splits.assign import parse_fractions, parse_groups
from pipelines.video.ranges.planning import DenseWindows
from pipelines.video.windows import default_windows

CLIPS, STORAGE = Group("clips"), Group("storage")
SPLITS = Group("splits", "All videos of a group go into the same split, unless official splits say otherwise.")
_PATHS = ("input", "split_file", "video_pattern")
"""Settings that are paths and decide about the content."""


_OF_BACKGROUND = ("background_label", "background_margin_s")
DEFAULT_SPLITS = "train=0.8,val=0.1,test=0.1"
OFFICIAL_SPLITS = "official"
"""In place of fractions: the splits that the input itself gives its videos."""


_NEWER = ("video_pattern", "class_level", "multi_label", "clip_s", "stride_s", "clips_per_video")
"""Settings that datasets of earlier versions don't have."""
ALSO = ("webdataset",)
"""Other forms in which the clips can be written."""
SPLIT_SETTINGS = ("splits", "split_groups", "split_file")
"""Each decides the splits of videos."""


@dataclass(frozen=True)
class PreprocessConfig:
    """Settings of the preprocessing job; `--help` of `pipelines.preprocess` explains each.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    input: str = setting(
        group=INPUT_OUTPUT, metavar="PATH",
        help="videos to read: a folder of class folders, a CSV manifest with the columns "
        "path,label[,group][,split][,start,end], or a file of annotations or folder of labels; local, gs:// or s3://",
    )  # fmt: skip
    output: str = setting(group=INPUT_OUTPUT, metavar="FOLDER", help="folder to write the dataset to")
    video_pattern: str = setting(
        "", group=INPUT_OUTPUT, metavar="PATTERN", automatic="as the annotations name them",
        help="where the videos of annotations lie: `videos/{youtube_id}.mp4`, with fields of an annotation in braces",
    )  # fmt: skip
    class_level: int = setting(
        0, group=INPUT_OUTPUT, metavar="N", low=0,
        automatic="the first level below folders train, val, test and below a lone folder around everything",
        help="level of folders that are the classes, counted from 1",
    )  # fmt: skip
    classes: tuple[str, ...] = setting(
        (), group=INPUT_OUTPUT, metavar="A,B,...", automatic="all", help="use only these classes"
    )
    limit: int = setting_like(Common, "limit")
    multi_label: bool = setting(
        False, group=INPUT_OUTPUT,
        help="let a clip have several labels, written as `Swing|Walk`; rows of a manifest for the same clip, or for at "
        "least half of it, add theirs",
    )  # fmt: skip
    num_frames: int = setting_like(ClipSpec, "num_frames", group=CLIPS)
    size: str = setting(
        "64", group=CLIPS, metavar="PIXELS", help="height and width of a frame in pixels: 64 or HEIGHTxWIDTH, as 72x96"
    )
    sampling: str = setting_like(ClipSpec, "sampling", group=CLIPS)
    resize: str = setting_like(ClipSpec, "resize", group=CLIPS)
    interpolation: str = setting_like(ClipSpec, "interpolation", group=CLIPS)
    clip_s: float = setting(
        0.0, group=CLIPS, metavar="SECONDS", low=0, automatic="a clip of each whole video or part",
        help="make clips of this length of videos and parts that are longer: the windows that labelling makes",
    )  # fmt: skip
    stride_s: float = setting(
        0.0, group=CLIPS, metavar="SECONDS", low=0, automatic="half of --clip-s",
        help="seconds from the start of such a clip to the start of the next",
    )  # fmt: skip
    clips_per_video: int = setting(
        0, group=CLIPS, metavar="N", low=0, automatic="all",
        help="with --clip-s, the largest number of clips of a video or part, evenly spread over it",
    )  # fmt: skip
    background_label: str = setting(
        "", group=CLIPS, metavar="NAME", automatic="no such clips",
        help="also make clips, of this class, of what lies between the annotated parts of videos: as long as --clip-s "
        "or, without it, as the median of these parts",
    )  # fmt: skip
    background_margin_s: float = setting(
        1.0, group=CLIPS, metavar="SECONDS", low=0,
        help="with --background-label, seconds before and after an annotated part of which no clip is made",
    )  # fmt: skip
    min_frames: int = setting(
        1, group=INPUT_OUTPUT, metavar="N", low=1, help="leave out videos with fewer frames than this"
    )
    drop_duplicates: bool = setting(
        False, group=INPUT_OUTPUT,
        help="keep only the first, by name, of videos with identical content; this reads all files of equal size",
    )  # fmt: skip
    encoding: str = setting_like(FrameEncoding, "format", group=STORAGE)
    jpeg_quality: int = setting_like(FrameEncoding, "quality", group=STORAGE)
    compression: str = setting("none", group=STORAGE, choices=COMPRESSIONS, help="how whole shards are compressed")
    splits: str = setting(
        "", group=SPLITS, metavar="NAME=F,...",
        automatic=f"official where the input has splits, else {DEFAULT_SPLITS}",
        help="names and fractions of splits, which override those of the input; or `official`, to keep "
        "the splits given by the folders train, val, test or by the manifest's column split",
    )  # fmt: skip
    split_groups: tuple[str, ...] = setting(
        (), group=SPLITS, metavar="NAME=GROUP,...", repeated=True, automatic="none",
        help="groups that go into a split; all others go into train. May be repeated",
    )  # fmt: skip
    split_file: tuple[str, ...] = setting(
        (), group=SPLITS, metavar="FILE", repeated=True, automatic="none",
        help="file, folder or pattern of files with lines group,split or path,split, or like UCF101's trainlist01.txt "
        "and testlist01.txt, or like HMDB51's files for each class. Videos that no file names go into train, or are "
        "left out if the files name videos of train. May be repeated",
    )  # fmt: skip
    split_seed: int = setting(0, group=SPLITS, metavar="N", help="seed of the random assignment of groups to splits")
    shards: int = setting(
        0, group=STORAGE, metavar="N", low=0, automatic="about 128 MB each", help="number of TFRecord files"
    )
    also: tuple[str, ...] = setting(
        (), group=STORAGE, metavar="webdataset", choices=ALSO, automatic="nothing",
        help="also write the clips in another form: `webdataset`, tar files in the folder webdataset, which a dataset "
        "that has them keeps up to date",
    )  # fmt: skip
    license: str = setting(
        "", group=INPUT_OUTPUT, metavar="ID", automatic="not stated",
        help="licence of the videos, such as cc-by-4.0 or an address, for README.md and croissant.json",
    )  # fmt: skip
    workers: int = setting_like(Common, "workers")
    time_limit_s: float = setting_like(
        DecodeLimits, "time_s", group=RUNNING, help="seconds that decoding one video may take"
    )
    memory_limit_mb: int = setting_like(
        DecodeLimits, "memory_mb", group=RUNNING, help="megabytes of memory that decoding one video may take"
    )
    disk_limit_mb: int = setting_like(DecodeLimits, "disk_mb", group=RUNNING)
    max_failure_rate: float = setting_like(Common, "max_failure_rate")
    overwrite: bool = setting_like(Common, "overwrite")

    def __post_init__(self) -> None:
        check_settings(self)
        given = [Name(name) for name in SPLIT_SETTINGS if getattr(self, name)]
        if len(given) > 1:
            places = " or ".join(["{}"] * len(given))
            raise SettingError(f"give {places}, not both: each decides which split a video is in", *given)
        for name in ("stride_s", "clips_per_video"):
            if getattr(self, name) and not self.clip_s and not (self.background_label and name != "stride_s"):
                raise SettingError("{} needs {}, the length of the clips", Name(name), Name("clip_s"))
        if self.jpeg_quality != type(self).jpeg_quality and self.encoding != "jpeg":
            raise SettingError("{} needs {} jpeg", Name("jpeg_quality"), Name("encoding"))
        if self.background_margin_s != type(self).background_margin_s and not self.background_label:
            raise SettingError("{} needs {}", Name("background_margin_s"), Name("background_label"))
        if self.clip_s and self.stride_s > self.clip_s:
            given_s = f"{self.clip_s:g}"
            raise SettingError(
                "{} must be at most {} ({}), not {}", Name("stride_s"), Name("clip_s"), given_s, f"{self.stride_s:g}"
            )
        # Built once here, so that a wrong value is found before anything is read.
        with naming("clip_s"):
            _ = self.dense
        with naming("size"):
            _ = self.clip_spec
        with naming("splits"):
            _ = self.fractions
        with naming("split_groups"):
            parse_groups(self.split_groups)

    @property
    def clip_spec(self) -> ClipSpec:
        """How the pixels of a clip are made."""
        height, width = parse_size(self.size)
        return ClipSpec(self.num_frames, height, width, self.sampling, self.resize, self.interpolation)

    @property
    def fractions(self) -> dict[str, float]:
        """Split name to fraction, for videos that are assigned to splits at random."""
        return parse_fractions(DEFAULT_SPLITS if self.splits in ("", OFFICIAL_SPLITS) else self.splits)

    @property
    def frame_encoding(self) -> FrameEncoding:
        """How frames are stored."""
        return FrameEncoding(self.encoding, self.jpeg_quality)

    @property
    def dense(self) -> DenseWindows | None:
        """How long videos become several clips; None where each becomes one."""
        if not self.clip_s:
            return None
        return DenseWindows(default_windows({}, self.clip_s, self.stride_s), self.clips_per_video)

    @property
    def background(self) -> Background | None:
        """Which clips are made of what lies between annotated parts; None if there are none."""
        if not self.background_label:
            return None
        how = self.background_margin_s, self.clip_s, self.stride_s, self.clips_per_video
        return Background(self.background_label, *how)

    @property
    def limits(self) -> DecodeLimits:
        """Limits for decoding one video."""
        return DecodeLimits(self.time_limit_s, self.memory_limit_mb, self.disk_limit_mb)

    def identity(self) -> dict[str, Any]:
        """The settings that determine the dataset's content; two runs into one folder must agree on them."""
        limits = {"time_limit_s", "memory_limit_mb", "disk_limit_mb", "max_failure_rate"}
        operational = {"output", "workers", "overwrite", "also", "license", *limits}
        value = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in operational}
        height, width = parse_size(self.size)
        value["size"] = f"{height}x{width}"
        value["splits"] = self.splits or DEFAULT_SPLITS
        if len(self.split_file) < 2:
            value["split_file"] = "".join(self.split_file)
        if not self.background_label:
            value["background_margin_s"] = 0
        for name in (*_NEWER, *_OF_BACKGROUND):
            if not value[name]:
                del value[name]  # as in datasets of earlier versions
        if self.encoding != "jpeg":
            del value["jpeg_quality"]
        return {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}


def with_names_for_paths(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without local folders: the same for the same dataset, wherever on a machine it was made."""

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(item) for item in value]
        return ",".join(map(name_of, value.split(","))) if isinstance(value, str) else value

    return {key: told(item) if key in _PATHS else item for key, item in configuration.items()}


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from `64` or `72x96`.

    Raises:
        ValueError: the text has neither form.
    """
    height, sign, width = text.lower().replace("\u00d7", "x").partition("x")
    try:
        return int(height), int(width if sign else height)
    except ValueError:
        raise ValueError(f"must be a number or HEIGHTxWIDTH, not {text!r}") from None
