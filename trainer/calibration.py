"""How far scores and figures can be believed: calibration of scores, and intervals of figures.

Calibration is after C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
Networks tend to be surer than they are right. Dividing all logits by one number, the temperature, fitted on the
validation split, mends most of that and leaves the order of the classes, and with it the accuracy, as it was.

Intervals draw whole groups (cluster bootstrap). Clips of one group share actor, place and background, so they are right
or wrong together; an interval that took them for independent would be too narrow.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

NUM_BINS = 15
NUM_RESAMPLES = 1000
_RESAMPLES_AT_ONCE = 100
_TAIL = 0.025
LOWEST_TEMPERATURE = 0.25
"""Where the validation clips are all classified right, the likelihood grows without end as the temperature falls: it
would have every score be 1, which no number of clips can show. So logits are sharpened fourfold at the most."""
HIGHEST_TEMPERATURE = 20.0
"""Where the scores say nothing about the truth, every score is best equal; beyond this they nearly are."""


def log_softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Logarithms of probabilities, float64 [N, C], of logits [N, C] over the temperature; large logits don't overflow.

    Raises:
        ValueError: the temperature isn't a finite number above 0.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"a temperature must be above 0, not {temperature}")
    scaled = logits.astype(np.float64)
    # The largest is taken off before the division, so that a low temperature can't make it infinite.
    scaled = (scaled - scaled.max(axis=1, keepdims=True)) / temperature
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


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
    return -float(log_softmax(logits, temperature)[np.arange(len(labels)), labels].mean())


def expected_calibration_error(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean distance of the score of the predicted class from the share of right predictions among such scores.

    Scores fall into 15 bins of equal width, open below and closed above; each bin weighs as its number of clips.

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

    Cross entropy is convex in 1 / temperature, so over the logarithm of the temperature too it falls and then rises,
    and golden section search finds its minimum.

    Args:
        logits: float [N, C].
        labels: int [N].

    Returns:
        The temperature; 1.0 where there are no clips, or where no other is better (as with all logits equal).
    """
    if not len(labels):
        return 1.0

    def loss(log_temperature: float) -> float:
        return cross_entropy(logits, labels, math.exp(log_temperature))

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


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and the 95 % interval about it.

    Raises:
        ValueError: the value is not between the ends.
    """

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} is not from {self.low} to {self.high}")

    def to_json(self) -> dict[str, float]:
        """As a dictionary for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, float]) -> Self:
        """Reads what `to_json` gave.

        Raises:
            TypeError, ValueError: it is something else.
        """
        return cls(**value)


def bootstrap_over_groups(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """A statistic of all groups, with the 95 % percentile interval over draws of as many groups, with replacement.

    Where all draws agree, as they do if every clip is right, that interval would have no width, and claim what a few
    groups can't show. Then it is made of this: if a share q of all groups, seen or not, is like the n groups here, n
    come out alike with probability q ** n; below q = 0.025 ** (1 / n) that is too rare to believe. The others, a share
    of 1 - q, may be as bad or as good as the statistic can be. For 25 groups without an error that gives 0.863 to 1,
    wider than with few errors, where the draws differ and tell more. A single group says nothing about others: its
    interval goes from bound to bound.

    Percentile intervals of fewer than about ten groups are too narrow: give the number of groups beside them.
    An interval that leaves out the value (the bootstrap of macro F1 is biased) is widened to hold it.

    Args:
        counts: [G, ...], for each group what the statistic is made of; counts of several groups add up.
        statistic: makes values [R] of sums of counts, float64 [R, ...].
        seed: the same seed, the same draws.
        num_resamples: how often groups are drawn.
        bounds: least and greatest value that the statistic can take.

    Raises:
        ValueError: there are no groups, or no resamples are asked for.
    """
    num_groups = len(counts)
    if not num_groups or num_resamples < 1:
        raise ValueError(f"no interval without clips and resamples: {num_groups} groups, {num_resamples} resamples")
    counts = counts.astype(np.float64)
    value = float(statistic(counts.sum(axis=0, keepdims=True))[0])
    if num_groups == 1:
        return Interval(value, *bounds)
    rng = np.random.default_rng(seed)
    values = []
    for start in range(0, num_resamples, _RESAMPLES_AT_ONCE):
        rows = min(_RESAMPLES_AT_ONCE, num_resamples - start)
        drawn = rng.integers(num_groups, size=(rows, num_groups)) + np.arange(rows)[:, None] * num_groups
        times = np.bincount(drawn.ravel(), minlength=rows * num_groups).reshape(rows, num_groups)
        values.append(statistic(np.tensordot(times, counts, axes=1)))
    low, high = (float(end) for end in np.quantile(np.concatenate(values), [_TAIL, 1 - _TAIL]))
    if high - low < 1e-12:
        alike = _TAIL ** (1 / num_groups)
        low, high = (alike * value + (1 - alike) * bound for bound in bounds)
    return Interval(value, min(low, value), max(high, value))


def _check_not_empty(labels: np.ndarray) -> None:
    if not len(labels):
        raise ValueError("there are no clips to measure")
