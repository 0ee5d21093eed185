"""Segments of a model that gives a clip several labels: each class by itself, so that segments overlap in time."""

from collections.abc import Sequence

import numpy as np

from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.segmentation.runs import (
    DIGITS,
    Run,
    absorb_short,
    check,
    ms,
    owned,
    runs_of,
    segment_of,
    smooth,
)  # fmt: skip
from pipelines.labelling.segments import SegmentSpec
from pipelines.labelling.types import Segment
from pipelines.video.windows import Window

_NONE, _SOME = -1, 0


def make_overlapping_segments(
    windows: Sequence[Window],
    probabilities: np.ndarray,
    labels: Sequence[str],
    thresholds: Sequence[float],
    spec: SegmentSpec,
    duration_s: float,
    num_windows: int | None = None,
    unfamiliar: np.ndarray | None = None,
) -> tuple[Segment, ...]:
    """The segments of a video, by start, end and class. Time that no label holds for is `UNKNOWN`.

    A class holds for a window if its smoothed probability reaches its threshold, and `min_score`. For each class, time
    for which it holds, and time between for which it doesn't, is joined to its neighbours where it is shorter than
    `min_duration_s`. What is then left without any label can be shorter than that.

    Args:
        windows: the N windows that were scored, by index, inside the video; a missing index is a window that failed.
        probabilities: float32 [N, C], of each class by itself.
        labels: the C names of the classes. A class called `UNKNOWN` has no segments of its own.
        thresholds: of each class.
        spec: how segments are made.
        duration_s: duration of the video in seconds.
        num_windows: how many windows the video has, including those that failed; None if all were scored.
        unfamiliar: float [N], how far each window is from the clips of training; None if the model can't tell.

    Returns:
        Segments with times rounded to milliseconds. `score` is the mean probability of the class over the segment, of
        the best class where none holds. None if there are no windows.

    Raises:
        ValueError: shapes don't match, values are not probabilities, or windows are out of order.
    """
    if not windows:
        return ()
    check(windows, probabilities, labels)
    if len(thresholds) != len(labels):
        raise ValueError(f"{len(thresholds)} thresholds do not fit {len(labels)} classes")
    shares = owned(windows, duration_s, num_windows)
    smoothed = smooth(np.array([window.index for window in windows]), probabilities.astype(np.float64), spec.smooth)
    least = np.maximum(np.round(np.array(thresholds, np.float64), DIGITS), spec.min_score)
    holds = np.round(smoothed, DIGITS) >= least
    found: list[Run] = []
    for c, label in enumerate(labels):
        if label != UNKNOWN and holds[:, c].any():
            runs = runs_of(np.where(holds[:, c], c, _NONE).tolist(), shares)
            found += [run for run in absorb_short(runs, ms(spec.min_duration_s)) if run.label == c]
    covered = np.full(len(windows), _NONE)
    for run in found:
        covered[run.first : run.last + 1] = _SOME
    if not (covered == _SOME).all():
        found += [run for run in runs_of(covered.tolist(), shares) if run.label == _NONE]
    found.sort(key=lambda run: (run.start_ms, run.end_ms, run.label))
    return tuple(segment_of(run, smoothed, shares, labels, spec.top_k, unfamiliar) for run in found)
