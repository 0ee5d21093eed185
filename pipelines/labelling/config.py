"""Settings of the labelling job."""

from dataclasses import dataclass

from pipelines.core.settings.common import INPUT_OUTPUT, RUNNING, Common
from pipelines.core.settings.fields import Group, Name, SettingError, check_settings, setting, setting_like
from pipelines.decoding.messages import DecodeLimits
from pipelines.labelling.rows import FORMATS
from pipelines.labelling.segments import SegmentSpec

WINDOWS = Group("windows", "A video about as long as those in training is one clip; a longer one is cut into windows.")
SEGMENTS = Group("segments", "Changing these doesn't require decoding or scoring again.")


@dataclass(frozen=True)
class LabelConfig:
    """Settings of the labelling job; `--help` of `pipelines.label` explains each.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    input: str = setting(
        group=INPUT_OUTPUT, metavar="PATH",
        help="videos to read: a folder, a pattern in quotes, a video, a text file of paths, or a CSV manifest with a "
        "column path; local, gs:// or s3://",
    )  # fmt: skip
    output: str = setting(group=INPUT_OUTPUT, metavar="FOLDER", help="folder to write the labels to")
    model: str = setting(
        group=INPUT_OUTPUT, metavar="FOLDER", help="model directory that trainer.task or trainer.import_model wrote"
    )
    window_s: float = setting(
        0.0, group=WINDOWS, metavar="SECONDS", low=0,
        automatic="that of the training windows or, without any, the median of the training videos",
        help="length of a window in seconds",
    )  # fmt: skip
    stride_s: float = setting(
        0.0, group=WINDOWS, metavar="SECONDS", low=0, automatic="half a window",
        help="seconds from the start of a window to the start of the next",
    )  # fmt: skip
    range_s: float = setting(
        600.0, group=WINDOWS, metavar="SECONDS", above=0,
        help="length above which a video is cut at key frames, so that several workers can share it",
    )  # fmt: skip
    min_score: float = setting_like(SegmentSpec, "min_score", group=SEGMENTS)
    smooth: int = setting_like(SegmentSpec, "smooth", group=SEGMENTS)
    min_duration_s: float = setting_like(SegmentSpec, "min_duration_s", group=SEGMENTS)
    top_k: int = setting_like(SegmentSpec, "top_k", group=SEGMENTS)
    format: str = setting("jsonl", group=INPUT_OUTPUT, choices=FORMATS, help="format of the label files")
    webvtt: bool = setting(False, group=INPUT_OUTPUT, help="also write a subtitle track for each video")
    embeddings: bool = setting(
        False, group=INPUT_OUTPUT, help="also write the features of each window before the model's last layer"
    )
    bigquery_table: str = setting(
        "", group=INPUT_OUTPUT, metavar="PROJECT:DATASET.TABLE", automatic="none",
        help="also load the labels into this table, replacing its content; needs --temp_location gs://...",
    )  # fmt: skip
    limit: int = setting_like(Common, "limit")
    shards: int = setting(
        0, group=RUNNING, metavar="N", low=0, automatic="one for 10,000 videos", help="number of label files"
    )
    workers: int = setting_like(Common, "workers")
    time_limit_s: float = setting_like(
        DecodeLimits, "time_s", group=RUNNING, help="seconds that decoding one window may take"
    )
    memory_limit_mb: int = setting_like(
        DecodeLimits, "memory_mb", group=RUNNING, help="megabytes of memory that decoding one video may take"
    )
    disk_limit_mb: int = setting_like(DecodeLimits, "disk_mb", group=RUNNING)
    max_failure_rate: float = setting_like(Common, "max_failure_rate")
    dry_run: bool = setting(
        False, group=INPUT_OUTPUT, help="show what would be done, with an estimate from a sample, and write nothing"
    )
    overwrite: bool = setting_like(Common, "overwrite")
    trust_model: bool = setting_like(Common, "trust_model", group=INPUT_OUTPUT)

    def __post_init__(self) -> None:
        check_settings(self)
        if self.window_s and self.stride_s > self.window_s:
            raise SettingError(
                "{} is {:g}, more than {}, {:g}: parts of the video would be in no window",
                Name("stride_s"), self.stride_s, Name("window_s"), self.window_s,
            )  # fmt: skip
        # Built once here, so that a wrong value is found before anything is read.
        _ = self.segments, self.limits

    @property
    def segments(self) -> SegmentSpec:
        """How windows become segments."""
        return SegmentSpec(self.min_score, self.min_duration_s, self.smooth, self.top_k)

    @property
    def limits(self) -> DecodeLimits:
        """Limits for decoding one window."""
        return DecodeLimits(self.time_limit_s, self.memory_limit_mb, self.disk_limit_mb)
