"""Sigmoid outputs as probabilities: their loss, their calibration, and the threshold of each class.

As for one label a clip (`trainer.evaluation.calibration`), all logits are divided by one temperature, which keeps the
order of the clips within each class, and with it the average precision.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluation.calibration import NUM_BINS, least_temperature

NEUTRAL = 0.5
"""The threshold of a class without a validation clip that would tell a better one."""
_DIGITS = 6
_STEP = 10.0**-_DIGITS


@dataclass(frozen=True)
class Thresholds:
    """From which probability on a clip gets the label of a class.

    Attributes:
        values: float64 [C], each above 0 and below 1.
        uncalibrated: numbers of the classes that no validation clip shows, whose threshold is `NEUTRAL`.
    """

    values: np.ndarray
    uncalibrated: tuple[int, ...] = ()


def sigmoid(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities float64, of the shape of the logits, which are divided by the temperature first.

    Raises:
        ValueError: the temperature isn't a finite number above 0.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"a temperature must be above 0, not {temperature}")
    scaled = logits.astype(np.float64) / temperature
    small = np.exp(-np.abs(scaled))  # never overflows
    return np.asarray(np.where(scaled >= 0, 1, small) / (1 + small))


def binary_cross_entropies(logits: np.ndarray, targets: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """The same for each clip, the mean over its classes, float64 [N]; see `binary_cross_entropy`."""
    if not 0 < temperature < math.inf:
        raise ValueError(f"a temperature must be above 0, not {temperature}")
    against = np.where(targets, -1.0, 1.0) * logits.astype(np.float64) / temperature
    return np.asarray((np.maximum(against, 0) + np.log1p(np.exp(-np.abs(against)))).mean(axis=1))


def binary_cross_entropy(logits: np.ndarray, targets: np.ndarray, temperature: float = 1.0) -> float:
    """Mean over clips and classes of the negative logarithm of the probability of what is true, in nats.

    Args:
        logits: float [N, C].
        targets: bool [N, C], whether a clip has the label of a class.
        temperature: what the logits are divided by.

    Raises:
        ValueError: there are no clips, or the temperature isn't above 0.
    """
    if not targets.size:
        raise ValueError("there are no clips to measure")
    return float(binary_cross_entropies(logits, targets, temperature).mean())


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature from 0.25 to 20 with the least cross-entropy; 1.0 where there are no clips, or none is better.

    Args:
        logits: float [N, C], of the validation split.
        targets: bool [N, C].
    """
    if not targets.size:
        return 1.0
    return least_temperature(lambda temperature: binary_cross_entropy(logits, targets, temperature))


def calibration_error(logits: np.ndarray, targets: np.ndarray, temperature: float = 1.0) -> float:
    """Mean distance of the probabilities of labels from the share of clips that have them, among such probabilities.

    Every clip counts once for each class. Probabilities fall into 15 bins of equal width, open below and closed above.

    Args:
        logits: float [N, C].
        targets: bool [N, C].
        temperature: what the logits are divided by.

    Raises:
        ValueError: there are no clips, or the temperature isn't above 0.
    """
    if not targets.size:
        raise ValueError("there are no clips to measure")
    scores, truth = sigmoid(logits, temperature).ravel(), targets.ravel()
    bins = np.ceil(scores * NUM_BINS).astype(np.int64)
    return float(np.abs(np.bincount(bins, weights=truth - scores)).sum() / len(scores))


def fit_thresholds(probabilities: np.ndarray, targets: np.ndarray) -> Thresholds:
    """The threshold of each class with the best F1, halfway between the two probabilities that it separates.

    Of equally good ones, the one closest to 0.5 is taken. A class that no clip shows gets 0.5: any threshold that finds
    nothing would look right.

    Args:
        probabilities: float [N, C], of the validation split, calibrated.
        targets: bool [N, C].
    """
    values = [best_threshold(probabilities[:, c], targets[:, c]) for c in range(targets.shape[1])]
    missing = tuple(int(c) for c in np.flatnonzero(~targets.any(axis=0)))
    return Thresholds(np.array([NEUTRAL if value is None else value for value in values], np.float64), missing)


def best_threshold(scores: np.ndarray, truth: np.ndarray) -> float | None:
    """The threshold of one class; None where no clip has its label.

    Args:
        scores: float [N], from 0 to 1.
        truth: bool [N].
    """
    if not truth.any():
        return None
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order].astype(np.float64), np.cumsum(truth[order])
    # A threshold can only lie between different scores: after the last of equal ones.
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))
    ends = ends[ranked[ends] > _STEP]  # no threshold reaches a probability of 0
    if not len(ends):
        return NEUTRAL
    f1 = 2 * hits[ends] / (ends + 1 + hits[-1])
    below = np.append(ranked[1:], 0.0)[ends]
    halfway = (ranked[ends] + below) / 2
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    chosen = float(halfway[best[np.argmin(np.abs(halfway[best] - NEUTRAL))]])
    return round(min(max(chosen, _STEP), 1 - _STEP), _DIGITS)


def decide(probabilities: np.ndarray, thresholds: np.ndarray | Sequence[float]) -> np.ndarray:
    """Which labels clips get, bool [N, C].

    Args:
        probabilities: float [N, C].
        thresholds: [C], or [N, C] where clips come from several models.
    """
    return np.asarray(probabilities >= np.asarray(thresholds))
