"""Average precision: how well the scores of a class put the clips that have its label before those that don't."""

import numpy as np


def average_precisions(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The average precision of each class for several weightings of the clips.

    It is the sum, over all different scores of the class from the highest down, of the precision among the clips with
    at least this score, times the share of the class' clips that have just this score: sum of (R_n - R_n-1) P_n, as in
    scikit-learn's `average_precision_score`, without interpolation.

    Args:
        scores: float [N, C].
        targets: bool [N, C], whether a clip has the label of a class.
        weights: [R, N], not negative.

    Returns:
        float64 [R, C]; NaN where no clip of positive weight has the label.
    """
    found = np.full((len(weights), scores.shape[1]), np.nan)
    of_clips = np.ascontiguousarray(weights.T, np.float64)  # clips in rows, which are then picked as a whole
    for c in range(scores.shape[1]):
        if not targets[:, c].any():
            continue
        order = np.argsort(-scores[:, c], kind="stable")
        ranked, hit = scores[order, c], np.flatnonzero(targets[order, c])
        last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # of equal scores
        ends = np.unique(last[np.searchsorted(last, hit)])  # precision only counts where recall grows
        starts = np.append(0, ends[:-1] + 1)
        named = np.cumsum(np.add.reduceat(of_clips[order[: ends[-1] + 1]], starts), axis=0)
        gained = np.add.reduceat(of_clips[order[hit]], np.searchsorted(hit, starts))
        hits = np.cumsum(gained, axis=0)
        sums = (gained * hits / np.where(named > 0, named, 1.0)).sum(axis=0)
        found[:, c] = np.where(hits[-1] > 0, sums / np.where(hits[-1] > 0, hits[-1], 1.0), np.nan)
    return found


def mean_over_classes(values: np.ndarray) -> np.ndarray:
    """The mean of each row [R] of [R, C] over the classes that have a value; NaN where none has."""
    known = np.isfinite(values)
    numbers = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
