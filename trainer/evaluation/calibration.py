"""Calibration: how far scores can be trusted.

After C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
Networks tend to be more confident than accurate. Dividing all logits by one number, the temperature, fitted on the
validation split, corrects most of that and leaves the order of the classes, and with it the accuracy, as it was.
"""

import math
from collections.abc import Callable

import numpy as np

NUM_BINS = 15
LOWEST_TEMPERATURE = 0.25
"""Where all validation clips are classified correctly, the likelihood keeps growing as the temperature falls, until
every score is 1, which no number of clips can justify. So logits are sharpened at most fourfold."""
HIGHEST_TEMPERATURE = 20.0
"""Where the scores say nothing about the truth, equal scores are best; at this temperature they nearly are equal."""


def log_softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Logarithms of probabilities, float64 [N, C], of logits [N, C] over the temperature; large logits don't overflow.

    Raises:
        ValueError: the temperature isn't a finite number above 0.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"a temperature must be above 0, not {temperature}")
    scaled = logits.astype(np.float64)
    # The largest is subtracted before the division, so that a low temperature can't make it infinite.
    scaled = (scaled - scaled.max(axis=1, keepdims=True)) / temperature
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def cross_entropies(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Negative logarithm of the probability of each clip's true class, float64 [N], in nats; see `cross_entropy`."""
    return -log_softmax(logits, temperature)[np.arange(len(labels)), labels]


def cross_entropy(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean negative logarithm of the probability of the true class, in nats.

    Args:
        logits: float [N, C].
        labels: int [N].
        temperature: what the logits are divided by.

    Raises:
        ValueError: there are no clips, or the temperature isn't above 0.
    """
    _check_not_empty(labels)
    return float(cross_entropies(logits, labels, temperature).mean())


def expected_calibration_error(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean distance of the score of the predicted class from the share of correct predictions among such scores.

    Scores fall into 15 bins of equal width, open below and closed above; each bin is weighted by its number of clips.

    Args:
        logits: float [N, C].
        labels: int [N].
        temperature: what the logits are divided by.

    Raises:
        ValueError: there are no clips, or the temperature isn't above 0.
    """
    _check_not_empty(labels)
    scores = np.exp(log_softmax(logits, temperature).max(axis=1))
    correct = logits.argmax(axis=1) == labels
    gaps = np.bincount(np.ceil(scores * NUM_BINS).astype(np.int64), weights=correct - scores)
    return float(np.abs(gaps).sum() / len(labels))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature from 0.25 to 20 with the least cross entropy (Guo et al. 2017); for the validation split.

    Args:
        logits: float [N, C].
        labels: int [N].

    Returns:
        The temperature; 1.0 where there are no clips, or where no other is better (as with all logits equal).
    """
    return least_temperature(lambda temperature: cross_entropy(logits, labels, temperature)) if len(labels) else 1.0


def least_temperature(loss_at: Callable[[float], float]) -> float:
    """The temperature from 0.25 to 20 with the least loss; 1.0 where no other is better.

    A cross entropy is convex in 1 / temperature, so over the logarithm of the temperature too it falls and then rises,
    and golden section search finds its minimum.
    """

    def loss(log_temperature: float) -> float:
        return loss_at(math.exp(log_temperature))

    ratio = (math.sqrt(5) - 1) / 2
    low, high = math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    while high - low > 1e-5:
        if loss_left <= loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - ratio * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + ratio * (high - low)
            loss_right = loss(right)
    best = (low + high) / 2
    return math.exp(best) if loss(best) < loss(0.0) - 1e-9 else 1.0


def _check_not_empty(labels: np.ndarray) -> None:
    if not len(labels):
        raise ValueError("there are no clips to measure")
