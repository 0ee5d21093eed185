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
    for c in range(scores.shape[1]):
        if not targets[:, c].any():
            continue
        order = np.argsort(-scores[:, c], kind="stable")
        ranked = scores[order, c]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # the last of equal scores
        sorted_weights = weights[:, order].astype(np.float64)
        hits = np.cumsum(sorted_weights * targets[order, c], axis=1)[:, ends]
        named = np.cumsum(sorted_weights, axis=1)[:, ends]
        gained = np.diff(hits, axis=1, prepend=0.0)
        totals = hits[:, -1]
        sums = (gained * hits / np.where(named > 0, named, 1.0)).sum(axis=1)
        found[:, c] = np.where(totals > 0, sums / np.where(totals > 0, totals, 1.0), np.nan)
    return found


def mean_over_classes(values: np.ndarray) -> np.ndarray:
    """The mean of each row [R] of [R, C] over the classes that have a value; NaN where none has."""
    known = np.isfinite(values)
    numbers = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)
