"""Confidence intervals over groups.

Resampling draws whole groups (cluster bootstrap). Clips of one group share actor, place and background, so they tend
to be right or wrong together; an interval that treated them as independent would be too narrow.
"""

from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from pipelines.core.interval import NUM_RESAMPLES, Interval, draws, interval_of

_NORMAL = NormalDist().inv_cdf(0.975)
_FEW = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantiles of Student's t for 1 to 9 degrees of freedom, where the series for many isn't exact."""


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


def quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to 0.003, for so many degrees of freedom.

    From 10 on by the series of Fisher and Cornish (Abramowitz & Stegun 1964, 26.7.5).
    """
    if freedom <= len(_FEW):
        return _FEW[freedom - 1]
    z = _NORMAL
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
