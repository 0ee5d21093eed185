"""Intervals: which draws they are made of, and what they say of few groups."""

import numpy as np
import pytest

from pipelines.core.interval import Interval
from pipelines.evaluation.measuring import MEASURES, take_apart
from pipelines.evaluation.resampling import NUM_DRAWS, draws, intervals
from tests.support.evaluation import events


def shares(values: list[float]) -> "np.typing.NDArray[np.float64]":
    return np.array(values)


def test_draws_are_whole_groups_and_always_the_same() -> None:
    groups = np.array([0, 1, 1, 2])
    weights = np.concatenate([*draws(groups)])
    assert weights.shape == (NUM_DRAWS, 4) and np.array_equal(weights, np.concatenate([*draws(groups)]))
    assert np.array_equal(weights[:, 1], weights[:, 2])
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all() and weights.std() > 0


def test_intervals_of_a_mean() -> None:
    right = shares([1] * 30 + [0] * 10)
    [found] = intervals(lambda w: (w @ right / w.sum(axis=1))[:, None], np.arange(40))
    assert found is not None and found.value == 0.75
    # The normal approximation: 1.96 * sqrt(0.75 * 0.25 / 40) is 0.134.
    assert found.low == pytest.approx(0.75 - 0.134, abs=0.03) and found.high == pytest.approx(0.75 + 0.134, abs=0.03)
    # In groups of eight alike it is wider, as there are only five of them.
    [wider] = intervals(lambda w: (w @ right / w.sum(axis=1))[:, None], np.arange(40) // 8)
    assert wider is not None and wider.high - wider.low > found.high - found.low


def test_intervals_of_few_and_of_equal_groups() -> None:
    def always(weights: np.ndarray) -> np.ndarray:
        return np.tile([1.0, np.nan], (len(weights), 1))

    assert intervals(always, np.zeros(3, int)) == [Interval(1.0, 0.0, 1.0), None]
    [found, nothing] = intervals(always, np.arange(25))
    assert nothing is None and found is not None
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 25)), 1.0)
    with pytest.raises(ValueError, match="not from"):
        Interval(0.5, 0.6, 0.7)


def test_statistics_of_draws_are_those_of_copied_videos() -> None:
    rng = np.random.default_rng(3)

    def some(number: int, scores: bool) -> list[tuple[int, int, float, float, float]]:
        return [
            (int(rng.integers(4)), int(rng.integers(2)), s := float(rng.integers(20)), s + float(rng.integers(1, 9)),
             float(rng.random()) if scores else 1.0)
            for _ in range(number)
        ]  # fmt: skip

    truth, found = some(30, False), some(40, True)
    # One video without overlaps, so that the measures of segmentations are defined.
    truth += [(4, 0, 0, 5, 1), (4, 1, 5, 9, 1)]
    found += [(4, 0, 0, 6, 0.5), (4, 0, 7, 9, 0.4)]
    times = [2, 0, 1, 3, 2]
    parts = take_apart(events(*truth), events(*found), np.full(5, 30.0), 2)
    weighted = parts.statistics(np.array([times], float))[0]
    new = [(old, copy) for old, often in enumerate(times) for copy in range(often)]
    copied = [
        events(*((n, *row[1:]) for n, (old, _) in enumerate(new) for row in side if row[0] == old))
        for side in (truth, found)
    ]
    plain = take_apart(*copied, np.full(len(new), 30.0), 2).statistics(np.ones((1, len(new))))[0]
    assert np.allclose(weighted, plain) and not np.isnan(weighted).any()
    assert len(plain) == len(MEASURES) + 2 * 2
