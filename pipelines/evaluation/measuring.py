"""All measures of some videos, and of draws of these videos, from parts that are computed once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.detection import THRESHOLDS, Ranking, average_precision, match, rank
from pipelines.evaluation.events import Events
from pipelines.evaluation.lost import Stretch, without_labels
from pipelines.evaluation.segmentation import (
    OVERLAPS,
    edit_score,
    joined,
    overlaps_itself,
    seconds_by_pair,
    segment_hits,
)

AVERAGE, AT_HALF = "mAP@0.5:0.95", "mAP@0.5"
OF_DETECTIONS = (AVERAGE, *(f"mAP@{threshold:g}" for threshold in THRESHOLDS.round(2)), "precision@0.5", "recall@0.5")
OF_SEGMENTATIONS = ("edit", *(f"F1@{100 * overlap:g}" for overlap in OVERLAPS), "accuracy")
MEASURES = (*OF_DETECTIONS, *OF_SEGMENTATIONS)
"""Names of the measures, in the order of the columns of `Parts.statistics`; all are from 0 to 1."""


@dataclass(frozen=True)
class Parts:
    """What all measures are computed from: V videos, C classes, K thresholds or overlaps.

    Attributes:
        matched: int64 [K, N], for each detection the true event that it is right about, -1 for none.
        rankings: the detections of each class.
        truth: int64 [V, C], the number of true events.
        found: int64 [V, C], the number of detections.
        right: int64 [V, C], the number of detections that are right at the first threshold.
        seconds: float64 [C + 1, C + 1], seconds by true and given label; the last is for none.
        right_s: float64 [V], seconds in which truth and labels agree.
        lengths_s: float64 [V], of the videos.
        truth_overlaps: bool [V], videos whose true events overlap.
        found_overlaps: bool [V], videos whose detections overlap.
        edit: float64 [V], the edit score; 0 where events overlap.
        segments: int64 [V, 2 + K], the number of true segments, of given ones, and of right ones; 0 where events
            overlap.
    """

    matched: np.ndarray
    rankings: Sequence[Ranking]
    truth: np.ndarray
    found: np.ndarray
    right: np.ndarray
    seconds: np.ndarray
    right_s: np.ndarray
    lengths_s: np.ndarray
    truth_overlaps: np.ndarray
    found_overlaps: np.ndarray
    edit: np.ndarray
    segments: np.ndarray

    def statistics(self, weights: np.ndarray) -> np.ndarray:
        """All measures, and the average precisions of each class: float64 [R, len(MEASURES) + 2 C].

        The last 2 C columns are, class by class, the mean over the thresholds, and that at the first of them. What is
        undefined is NaN: a class without truth has no average precision, and counts in no mean.

        Args:
            weights: float64 [R, V], how often each video is there.
        """
        precisions = np.stack([average_precision(ranking, weights) for ranking in self.rankings], axis=1)
        defined = ~np.isnan(precisions)
        by_threshold = _ratio(np.where(defined, precisions, 0.0).sum(axis=1), defined.sum(axis=1))
        right, found, truth = (weights @ counts.sum(axis=1) for counts in (self.right, self.found, self.truth))
        plain = (~self.truth_overlaps & ~self.found_overlaps).astype(np.float64)
        segments = weights @ self.segments
        columns = [
            by_threshold.mean(axis=1),
            *by_threshold.T,
            _ratio(right, found),
            _ratio(right, truth),
            _ratio(weights @ self.edit, weights @ plain),
            *_ratio(2 * segments[:, 2:], segments[:, :2].sum(axis=1, keepdims=True)).T,
            _ratio(weights @ (self.right_s * plain), weights @ (self.lengths_s * plain)),
        ]
        per_class = np.stack([precisions.mean(axis=2), precisions[:, :, 0]], axis=2)
        return np.concatenate([np.stack(columns, axis=1), per_class.reshape(len(weights), -1)], axis=1)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """A quotient; NaN where it would be divided by 0."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def take_apart(
    truth: Events,
    found: Events,
    lengths_s: np.ndarray,
    num_labels: int,
    lost: Sequence[Sequence[Stretch] | None] | None = None,
) -> Parts:
    """The parts of all measures.

    Args:
        truth: what happens.
        found: what the labels say.
        lengths_s: float64 [V], lengths of the videos; no event ends later.
        num_labels: the number of classes C, at least 1.
        lost: the time of each video that failed and has no labels, None for all of it: that nothing is said of it
            isn't right even if nothing happens there. None if nothing failed.
    """
    num_videos = len(lengths_s)
    matched = match(truth, found)
    seconds = np.zeros((num_labels + 1, num_labels + 1))
    right_s, edit = np.zeros(num_videos), np.zeros(num_videos)
    segments = np.zeros((num_videos, 2 + len(OVERLAPS)), np.int64)
    overlapping = np.zeros((2, num_videos), bool)
    for video, sides in enumerate(zip(truth.by_video(num_videos), found.by_video(num_videos), strict=True)):
        mine = seconds_by_pair(*sides, float(lengths_s[video]), num_labels)
        seconds += mine
        failed: Sequence[Stretch] | None = () if lost is None else lost[video]
        if failed is not None:
            happens = zip(sides[0].start_s.tolist(), sides[0].end_s.tolist(), strict=True)
            right_s[video] = np.trace(mine) - sum(end_s - start_s for start_s, end_s in without_labels(failed, happens))
        overlapping[:, video] = [overlaps_itself(side) for side in sides]
        if not overlapping[:, video].any():
            true, given = map(joined, sides)
            edit[video] = 0.0 if failed is None else edit_score(true.label, given.label)
            segments[video] = [len(true), len(given), *segment_hits(true, given)]
    return Parts(
        matched=matched,
        rankings=rank(truth, found, matched, num_videos, num_labels),
        truth=truth.counts(num_videos, num_labels),
        found=found.counts(num_videos, num_labels),
        right=found.where(matched[0] >= 0).counts(num_videos, num_labels),
        seconds=seconds,
        right_s=right_s,
        lengths_s=lengths_s,
        truth_overlaps=overlapping[0],
        found_overlaps=overlapping[1],
        edit=edit,
        segments=segments,
    )
