"""95 % intervals by bootstrap: measures of many draws of as many groups as there are, with replacement.

Videos of one group share people and places, and so tend to be right or wrong together; where no groups are known, each
video is a group.
"""

from collections.abc import Callable, Iterator

import numpy as np

from pipelines.core import interval
from pipelines.core.interval import NUM_RESAMPLES, Interval, interval_of

NUM_DRAWS = NUM_RESAMPLES


def draws(groups: np.ndarray, num_draws: int = NUM_DRAWS) -> Iterator[np.ndarray]:
    """How often each video is in each draw, float64 [R, V] at a time; the same draws for the same groups.

    Args:
        groups: int64 [V], the number of each video's group, from 0.
        num_draws: the number of draws in all.
    """
    for times in interval.draws(int(groups.max()) + 1, num_draws):
        yield times[:, groups].astype(np.float64)


def intervals(
    statistics: Callable[[np.ndarray], np.ndarray], groups: np.ndarray, num_draws: int = NUM_DRAWS
) -> list[Interval | None]:
    """Each statistic with its interval; None where it isn't defined.

    A draw in which a statistic isn't defined is left out for it. Where all draws agree, the groups are too few to show
    an error, but that doesn't mean that there is none: with probability 0.025, as many groups would all be alike if a
    share of 0.025 ** (1 / n) were. The other groups may be as bad or as good as can be, which gives the ends. A single
    group says nothing about others: its interval goes from 0 to 1. An interval that leaves out the value is widened.

    Args:
        statistics: computes shares [R, S] from how often each video is there, float64 [R, V]; NaN for undefined.
        groups: int64 [V], as for `draws`.
        num_draws: the number of draws.
    """
    values = statistics(np.ones((1, len(groups))))[0]
    num_groups = int(groups.max()) + 1
    if num_groups == 1:
        return [None if np.isnan(value) else Interval(float(value), 0.0, 1.0) for value in values]
    drawn = np.concatenate([statistics(weights) for weights in draws(groups, num_draws)])
    return [
        None if np.isnan(value) else interval_of(float(value), column, num_groups)
        for value, column in zip(values, drawn.T, strict=True)
    ]
