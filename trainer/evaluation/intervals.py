"""Confidence intervals over groups.

Resampling draws whole groups (cluster bootstrap). Clips of one group share actor, place and background, so they tend
to be right or wrong together; an interval that treated them as independent would be too narrow.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from pipelines.core.interval import Interval

NUM_RESAMPLES = 1000
_RESAMPLES_AT_ONCE = 100
_TAIL = 0.025


def is_clearly_worse(baseline: Interval, model: Interval, difference: Interval | None) -> bool:
    """Whether a baseline is clearly worse than a model.

    Args:
        baseline, model: their accuracies.
        difference: the model's accuracy minus the baseline's on the same clips and groups (`paired_difference`). If it
            isn't known, as in files of earlier versions, the two intervals must not overlap.
    """
    return difference.low > 0 if difference else baseline.high < model.low


def worse_by(baseline: Mapping[str, Any] | None) -> Interval | None:
    """That difference, from a baseline in metrics.json or crossval.json; None where it wasn't measured."""
    found = (baseline or {}).get("worse_by")
    return Interval.from_json(found) if found else None


def bootstrap_over_groups(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    num_resamples: int = NUM_RESAMPLES,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """A statistic of all groups, with the 95 % percentile interval over draws of as many groups, with replacement.

    Where all draws agree, as they do if every clip is right, that interval would have no width, and claim more than a
    few groups can show. It is then made as follows: if a share q of all groups, seen or not, is like the n groups here,
    n groups come out alike with probability q ** n; below q = 0.025 ** (1 / n) that is too rare to believe. The
    others, a share of 1 - q, may be as bad or as good as the statistic can be. For 25 groups without an error that
    gives 0.863 to 1, wider than with few errors, where the draws differ and tell more. A single group says nothing
    about others: its interval goes from bound to bound.

    Percentile intervals of fewer than about ten groups are too narrow: give the number of groups beside them.
    An interval that leaves out the value (the bootstrap of macro F1 is biased) is widened to contain it.

    Args:
        counts: [G, ...], for each group what the statistic is computed from; counts of several groups add up.
        statistic: computes values [R] from sums of counts, float64 [R, ...].
        num_resamples: how often groups are drawn.
        bounds: least and greatest value that the statistic can take.

    Raises:
        ValueError: there are no groups, or no resamples are asked for.
    """
    counts = counts.astype(np.float64)
    value = float(statistic(counts.sum(axis=0, keepdims=True))[0]) if len(counts) else 0.0
    values = [statistic(np.tensordot(times, counts, axes=1)) for times in draws(len(counts), num_resamples)]
    return interval_of(value, np.concatenate(values), len(counts), bounds)


def draws(num_groups: int, num_resamples: int = NUM_RESAMPLES) -> Iterator[np.ndarray]:
    """How often each group is drawn, int64 [rows, G] at a time, `num_resamples` rows in all; the same every time.

    Raises:
        ValueError: there are no groups, or no resamples are asked for.
    """
    if not num_groups or num_resamples < 1:
        raise ValueError(f"no interval without clips and resamples: {num_groups} groups, {num_resamples} resamples")
    rng = np.random.default_rng(0)
    for start in range(0, num_resamples, _RESAMPLES_AT_ONCE):
        rows = min(_RESAMPLES_AT_ONCE, num_resamples - start)
        drawn = rng.integers(num_groups, size=(rows, num_groups)) + np.arange(rows)[:, None] * num_groups
        yield np.bincount(drawn.ravel(), minlength=rows * num_groups).reshape(rows, num_groups)


def interval_of(
    value: float, values: np.ndarray, num_groups: int, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """The interval of a statistic from its values in draws of groups; see `bootstrap_over_groups`.

    Args:
        value: of all groups.
        values: [R], of the draws; NaN where a draw has none.
        num_groups: number of groups.
        bounds: least and greatest value that the statistic can take.
    """
    values = values[np.isfinite(values)]
    if num_groups == 1 or not len(values):
        return Interval(value, *bounds)
    low, high = (float(end) for end in np.quantile(values, [_TAIL, 1 - _TAIL]))
    if high - low < 1e-12:
        alike = _TAIL ** (1 / num_groups)
        low, high = (alike * value + (1 - alike) * bound for bound in bounds)
    return Interval(value, min(low, value), max(high, value))
