"""Tests of whether two samples come from one source. Pure: arrays in, numbers out.

Clips of one video, and videos of one group, resemble each other: they aren't independent. All tests therefore permute
whole groups of videos between the two sides, which also makes them exact for small samples and for ties. Each statistic
is computed for all permutations at once, the first of which is what was observed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Members = npt.NDArray[np.bool_]

ROUNDS = 1999
"""Random permutations; where there are no more than this in all, every one is used."""
SIGNIFICANT = 0.05
"""P-values below this, adjusted for the number of tests, count."""
_AT_ONCE = 1 << 22
"""About how many numbers of a kind are in memory."""
_ALIKE = 1e-9
"""Statistics that differ by less are equal, whatever the order in which they were summed."""


@dataclass(frozen=True)
class Permutations:
    """Ways to divide videos between two sides.

    Attributes:
        members: bool [rounds, n], whether each video is on the first side; row 0 is what was observed.
        exact: whether these are all ways, each once, rather than a random choice.
    """

    members: Members
    exact: bool

    def p_value(self, statistics: Floats) -> float:
        """The share of permutations whose statistic is at least as large as the observed one, which counts too."""
        least = statistics[0] - _ALIKE * max(1.0, abs(statistics[0]))
        return float(np.mean(statistics >= least))

    @property
    def least_p_value(self) -> float:
        """The smallest p-value that there can be."""
        return 1 / len(self.members)


def permute(groups_a: Sequence[str], groups_b: Sequence[str], seed: int, rounds: int = ROUNDS) -> Permutations:
    """Permutations of the videos of two sides that keep groups together, and the number of groups of each side.

    Args:
        groups_a: the group of each video of the first side; at least one.
        groups_b: those of the second; a group of the same name is another one.
        seed: of the random choice.
        rounds: how many permutations to take at most, besides what was observed.
    """
    keys = [*(("a", group) for group in groups_a), *(("b", group) for group in groups_b)]
    number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    of = np.array([number[key] for key in keys])
    total, first = len(number), len({*groups_a})
    if math.comb(total, first) <= rounds + 1:
        chosen = np.zeros((math.comb(total, first), total), bool)
        for row, members in enumerate(combinations(range(total), first)):
            chosen[row, list(members)] = True  # the first row is 0, 1, ...: the groups of the first side
        return Permutations(chosen[:, of], True)
    observed = np.arange(total) < first
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(observed, (rounds, 1)), axis=1)
    return Permutations(np.concatenate([observed[None], shuffled])[:, of], False)


def kolmogorov_smirnov(values: Floats, members: Members) -> Floats:
    """The largest distance between the two distribution functions, from 0 to 1, for each permutation.

    Args:
        values: float64 [n], one for each video.
        members: bool [rounds, n], as in `Permutations`.
    """
    order = np.argsort(values, kind="stable")
    is_last = np.append(np.diff(values[order]) > 0, True)  # of those that are equal
    found = np.empty(len(members))
    step = max(1, _AT_ONCE // len(values))
    for start in range(0, len(members), step):
        part = members[start : start + step, order]
        count = part.sum(axis=1, keepdims=True)
        below = np.cumsum(part, axis=1)[:, is_last]
        others = np.flatnonzero(is_last) + 1 - below
        found[start : start + step] = np.abs(below / count - others / (len(values) - count)).max(axis=1)
    return found


def chi_square(shares: Floats, members: Members) -> Floats:
    """Pearson's chi-square of the table of sides by categories, for each permutation.

    Args:
        shares: float64 [n, K], how each video is divided between categories; rows add up to 1.
        members: bool [rounds, n], as in `Permutations`.
    """
    shares = shares[:, shares.sum(axis=0) > 0]
    total, per_category = float(shares.sum()), shares.sum(axis=0)
    first = members.astype(np.float64) @ shares
    found = np.zeros(len(members))
    for side in (first, per_category - first):
        expected = side.sum(axis=1, keepdims=True) * per_category / total
        found += ((side - expected) ** 2 / expected).sum(axis=1)
    return found


def cramers_v(statistics: Floats, num_videos: int) -> float:
    """Cramer's V of a table with two rows, from 0 (equal shares) to 1 (no category in common).

    What chance alone gives, the mean over the permutations, is subtracted, as V would otherwise grow with the number of
    categories.
    """
    by_chance = float(statistics[1:].mean()) if len(statistics) > 1 else 0.0
    return math.sqrt(min(1.0, max(0.0, (float(statistics[0]) - by_chance) / num_videos)))


def distances(points: Floats) -> Floats:
    """Euclidean distances, float64 [n, n], between points [n, d]."""
    squares = (points**2).sum(axis=1)
    found: Floats = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0.0))
    np.fill_diagonal(found, 0.0)
    return found


def energy(distance: Floats, members: Members) -> Floats:
    """How much farther apart the sides are than videos within a side, for each permutation.

    That is the energy distance `2 E|A-B| - E|A-A'| - E|B-B'|` as a share of `2 E|A-B|`: about 0 if the sides come from
    one source, 1 if each side is a single point. It has no bias, and so may be below 0.

    Args:
        distance: float64 [n, n], as `distances` gives it.
        members: bool [rounds, n], as in `Permutations`; at least two videos on each side.
    """
    side = members.astype(np.float64)
    to_first = side @ distance
    sizes = side.sum(axis=1)
    others = len(distance) - sizes
    within, between = (to_first * side).sum(axis=1), (to_first * (1 - side)).sum(axis=1)
    rest = distance.sum() - within - 2 * between
    across = 2 * between / (sizes * others)
    inside = within / np.maximum(sizes * (sizes - 1), 1) + rest / np.maximum(others * (others - 1), 1)
    return np.divide(across - inside, across, out=np.zeros_like(across), where=across > 0)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number: the chance that any test of several is wrong stays below its level."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
