"""Measures of detections, as ActivityNet defines them: average precision at thresholds of temporal overlap.

The detections of a class, best score first, are compared with the true events of that class in their video. Each takes
the one that it overlaps most among those that no better detection has taken, if their intersection over union reaches
the threshold; otherwise it is wrong. Average precision is the area below the curve of precision over recall after each
detection, where the precision at a recall is the best that is reached at it or at a greater one.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipelines.evaluation.events import Events, temporal_iou

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Temporal intersections over union from which on a detection is right; the first is the usual one."""


def match(truth: Events, found: Events, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """Which true event each detection is right about, int64 [K, N]: its index, -1 for none.

    Equal scores are ranked by video, start and end, so that the order of files doesn't matter.

    Args:
        truth: M true events.
        found: N detections.
        thresholds: K intersections over union, ascending.
    """
    matched = np.full((len(thresholds), len(found)), -1)
    span = max(np.max(truth.video, initial=-1), np.max(found.video, initial=-1)) + 1
    of_truth, of_found = (events.label * span + events.video for events in (truth, found))
    truth_order = np.argsort(of_truth, kind="stable")
    found_order = np.lexsort((-found.score, of_found))  # keeps the order of events with equal scores
    keys = np.intersect1d(of_truth, of_found)
    edges = [
        zip(np.searchsorted(keyed, keys, "left"), np.searchsorted(keyed, keys, "right"), strict=True)
        for keyed in (of_truth[truth_order], of_found[found_order])
    ]
    for (first, last), (start, end) in zip(*edges, strict=True):
        mine, theirs = found_order[start:end], truth_order[first:last]
        chosen = _match_one(temporal_iou(found.where(mine), truth.where(theirs)), thresholds)
        matched[:, mine] = np.where(chosen >= 0, theirs[chosen], -1)
    return matched


def _match_one(overlap: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The same for one class in one video, from overlaps [P, T] of detections in their order: int64 [K, P]."""
    chosen = np.full((len(thresholds), len(overlap)), -1)
    free = np.ones((len(thresholds), overlap.shape[1]), bool)
    rows = np.arange(len(thresholds))
    for place in np.flatnonzero(overlap.max(axis=1) >= thresholds[0]):
        possible = np.where(free & (overlap[place] >= thresholds[:, None]), overlap[place], -1.0)
        best = possible.argmax(axis=1)
        hit = possible[rows, best] >= 0
        chosen[hit, place] = best[hit]
        free[rows[hit], best[hit]] = False
    return chosen


@dataclass(frozen=True)
class Ranking:
    """The detections of a class, best first.

    Attributes:
        video: int64 [N], the video of each.
        hits: bool [K, N], whether it is right at each threshold.
        truth: int64 [V], the number of true events of the class in each video.
    """

    video: np.ndarray
    hits: np.ndarray
    truth: np.ndarray


def rank(truth: Events, found: Events, matched: np.ndarray, num_videos: int, num_labels: int) -> list[Ranking]:
    """The ranking of each class, from what `match` returned."""
    order = np.lexsort((-found.score, found.label))
    edges = np.searchsorted(found.label[order], np.arange(num_labels + 1))
    counts = truth.counts(num_videos, num_labels)
    return [
        Ranking(found.video[order[start:end]], matched[:, order[start:end]] >= 0, counts[:, label])
        for label, (start, end) in enumerate(pairwise(edges))
    ]


def average_precision(ranking: Ranking, weights: np.ndarray) -> np.ndarray:
    """Average precision at each threshold, float64 [R, K]; NaN where a class has no true event.

    Args:
        ranking: a class.
        weights: float64 [R, V], how often each video is there: ones, or draws with replacement. A video that is there
            twice counts as two videos with the same detections, one after the other in the ranking.
    """
    total = weights @ ranking.truth
    often = weights[:, ranking.video]
    seen = np.cumsum(often, axis=1)
    values = np.full((len(weights), len(ranking.hits)), np.nan)
    there = total > 0
    for place, hits in enumerate(ranking.hits):
        # Precision rises at right detections alone, so the best from there on is found by looking at these.
        right = often[:, hits]
        precision = np.cumsum(right, axis=1) / np.maximum(seen[:, hits], 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        values[there, place] = (right * best).sum(axis=1)[there] / total[there]
    return values


def precision_recall(ranking: Ranking, threshold: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision after each detection, float64 [N] both, at the threshold of that number."""
    right = np.cumsum(ranking.hits[threshold])
    return right / max(ranking.truth.sum(), 1), right / np.arange(1, len(right) + 1)
