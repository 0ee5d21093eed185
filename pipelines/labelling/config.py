"""Settings of the labelling job."""

import math
from dataclasses import dataclass

from pipelines.core.config import check_job
from pipelines.decoding.messages import DecodeLimits
from pipelines.labelling.rows import FORMATS
from pipelines.labelling.segments import SegmentSpec


@dataclass(frozen=True)
class LabelConfig:
    """Settings of the labelling job; `--help` of `pipelines.label` explains each.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    input: str
    output: str
    model: str
    window_s: float = 0.0
    stride_s: float = 0.0
    range_s: float = 600.0
    min_score: float = 0.0
    smooth: int = 3
    min_duration_s: float = 0.0
    top_k: int = 5
    format: str = "jsonl"
    webvtt: bool = False
    bigquery_table: str = ""
    limit: int = 0
    shards: int = 0
    workers: int = 0
    time_limit_s: float = 300.0
    memory_limit_mb: int = 2048
    max_failure_rate: float = 0.05
    dry_run: bool = False
    overwrite: bool = False
    trust_model: bool = False

    def __post_init__(self) -> None:
        check_job(self)
        for name in ("window_s", "stride_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be 0 (automatic) or a number of seconds, not {value:g}")
        if not (math.isfinite(self.range_s) and self.range_s > 0):
            raise ValueError(f"range_s must be a positive number of seconds, not {self.range_s:g}")
        if self.window_s and self.stride_s > self.window_s:
            raise ValueError(
                f"stride_s is {self.stride_s:g}, more than window_s, {self.window_s:g}: parts of the video would be in "
                "no window"
            )
        if self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {self.format!r}")
        # Made here once, so that a wrong value is found before anything is read.
        _ = self.segments, self.limits

    @property
    def segments(self) -> SegmentSpec:
        """How windows become segments."""
        return SegmentSpec(self.min_score, self.min_duration_s, self.smooth, self.top_k)

    @property
    def limits(self) -> DecodeLimits:
        """What decoding one window may use."""
        return DecodeLimits(self.time_limit_s, self.memory_limit_mb)
