"""Made-up windows and probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.labelling.segments import SegmentSpec, make_segments
from pipelines.labelling.types import Segment
from pipelines.video.windows import Window

LABELS = ("Jump", "Run", "Walk")


PLAIN = SegmentSpec(smooth=1)


def tiles(*indices: int, stride: float = 1.0, length: float = 2.0) -> list[Window]:
    """Windows that by default last two seconds and start one second apart."""
    return [Window(i, i * stride, i * stride + length) for i in indices]


def make(windows: Sequence[Window], p: Any, spec: SegmentSpec = PLAIN, **options: Any) -> tuple[Segment, ...]:
    duration_s = windows[-1].end_s if windows else 0.0
    return make_segments(windows, np.array(p, np.float32), LABELS, spec, duration_s, **options)


def times(segments: Sequence[Segment]) -> list[tuple[float, float, str]]:
    return [(s.start_s, s.end_s, s.label) for s in segments]
