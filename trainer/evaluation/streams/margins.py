"""Whether it is clear that a stream alone is enough, or that it isn't: a test over groups, of paired differences."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from trainer.evaluation.intervals import quantile


def is_clear(margin: Callable[[np.ndarray], np.ndarray], groups: Sequence[str]) -> bool:
    """Whether a margin differs from 0 by more than chance between groups explains: a two-sided t test, at 5 %.

    The margin is a difference of measures of the same clips, so what makes a group hard for both cancels out. Its
    standard error is the jackknife's, which leaves out one group at a time, and at least that of one clip in one group
    being otherwise: few groups that are all alike don't make it certain. (Efron & Stein 1981, "The Jackknife Estimate
    of Variance".)

    Args:
        margin: the margin float64 [R], of weights of clips float64 [R, N].
        groups: the group of each clip.

    Returns:
        False for a single group, which tells nothing about others.
    """
    names, ids = np.unique(np.array(groups), return_inverse=True)
    number, clips = len(names), len(ids)
    if number < 2:
        return False
    found = margin(np.concatenate([np.ones((1, clips)), ids[None, :] != np.arange(number)[:, None]]).astype(np.float64))
    if not np.isfinite(found).all():
        return False
    without = found[1:]
    between = (number - 1) / number * float(np.square(without - without.mean()).sum())
    least = number / (number - 1) / clips**2
    return abs(float(found[0])) > quantile(number - 1) * math.sqrt(max(between, least))
