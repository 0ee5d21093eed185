"""Statistics against values that are tabulated or can be counted by hand."""

import math

import numpy as np
import pytest

from pipelines.shift.statistics import (
    ROUNDS,
    chi_square,
    cramers_v,
    distances,
    energy,
    holm,
    kolmogorov_smirnov,
    permute,
)


def singles(number: int, name: str = "v") -> list[str]:
    """Groups of one video each."""
    return [f"{name}{index}" for index in range(number)]


def normal(number: int, mean: float = 0.0, seed: int = 0) -> "np.ndarray":
    return np.random.default_rng(seed).normal(mean, 1.0, number)


class TestPermutations:
    def test_few_groups_are_all_permuted(self) -> None:
        found = permute(["a", "a", "b"], ["c", "d"], seed=0)
        assert found.exact and found.members.shape == (math.comb(4, 2), 5)
        assert found.members[0].tolist() == [True, True, True, False, False]
        assert len({tuple(row) for row in found.members.tolist()}) == 6
        assert all(row[0] == row[1] for row in found.members), "a group was torn apart"

    def test_many_groups_are_permuted_at_random(self) -> None:
        first, second = permute(singles(20), singles(30), 3), permute(singles(20), singles(30), 3)
        assert not first.exact and first.members.shape == (ROUNDS + 1, 50)
        assert (first.members.sum(axis=1) == 20).all()
        assert np.array_equal(first.members, second.members)
        assert not np.array_equal(first.members, permute(singles(20), singles(30), 4).members)

    def test_groups_of_the_same_name_on_both_sides_are_two(self) -> None:
        assert permute(["g01"], ["g01"], seed=0).members.tolist() == [[True, False], [False, True]]


class TestKolmogorovSmirnov:
    @pytest.mark.parametrize(
        ("shift", "distance", "p_value"),
        # Exact two-sided probabilities for 5 and 5 values: 2, 20 and 90 of the 252 ways.
        [(5, 1.0, 2 / 252), (4, 0.8, 20 / 252), (3, 0.6, 90 / 252)],
    )
    def test_tabulated_values(self, shift: int, distance: float, p_value: float) -> None:
        values = np.array([*range(5), *(index + shift - 0.5 for index in range(5))], float)
        permutations = permute(singles(5), singles(5), seed=0)
        found = kolmogorov_smirnov(values, permutations.members)
        assert found[0] == pytest.approx(distance)
        assert permutations.p_value(found) == pytest.approx(p_value)

    def test_limit_for_large_samples(self) -> None:
        """P(sqrt(n m / (n + m)) D > 1.358) is 0.05 in the limit."""
        permutations = permute(singles(400), singles(400), seed=0)
        found = kolmogorov_smirnov(normal(800), permutations.members)
        assert np.mean(found > 1.358 / math.sqrt(200)) == pytest.approx(0.05, abs=0.02)

    def test_equal_values_count_together(self) -> None:
        values = np.array([1, 1, 2, 1, 1, 2], float)
        permutations = permute(singles(3), singles(3), seed=0)
        found = kolmogorov_smirnov(values, permutations.members)
        assert found[0] == 0 and permutations.p_value(found) == 1

    def test_a_shift_of_a_standard_deviation(self) -> None:
        """D is 2 Phi(1/2) - 1 = 0.383 in the limit."""
        values = np.concatenate([normal(2000), normal(2000, 1.0, seed=1)])
        permutations = permute(singles(2000), singles(2000), seed=0)
        assert kolmogorov_smirnov(values, permutations.members[:1])[0] == pytest.approx(0.383, abs=0.03)


class TestChiSquare:
    def table(self, first: tuple[int, ...], second: tuple[int, ...]) -> "tuple[np.ndarray, np.ndarray, float]":
        rows = np.repeat(np.eye(len(first)), first, axis=0), np.repeat(np.eye(len(second)), second, axis=0)
        permutations = permute(singles(sum(first)), singles(sum(second)), seed=0)
        found = chi_square(np.concatenate(rows), permutations.members)
        return found, permutations.members, permutations.p_value(found)

    @pytest.mark.parametrize(
        ("first", "second", "statistic", "p_value"),
        # Fisher's tea: 2 and 34 of the 70 ways are at least as extreme.
        [((4, 0), (0, 4), 8.0, 2 / 70), ((3, 1), (1, 3), 2.0, 34 / 70), ((2, 2), (2, 2), 0.0, 1.0)],
    )
    def test_exact_values(
        self, first: tuple[int, ...], second: tuple[int, ...], statistic: float, p_value: float
    ) -> None:
        found, _, p = self.table(first, second)
        assert found[0] == pytest.approx(statistic)
        assert p == pytest.approx(p_value)

    @pytest.mark.parametrize(("categories", "critical"), [(2, 3.841), (3, 5.991), (6, 11.070)])
    def test_limit_for_large_samples(self, categories: int, critical: float) -> None:
        """The tabulated values that chi-square exceeds with a probability of 0.05, for 1, 2 and 5 degrees."""
        found, _, _ = self.table((100,) * categories, (100,) * categories)
        assert np.mean(found > critical) == pytest.approx(0.05, abs=0.02)

    def test_a_known_table(self) -> None:
        found, _, p = self.table((30, 10), (20, 40))  # by hand: 16.667 with 50 expected each
        assert found[0] == pytest.approx(100 * (30 * 40 - 10 * 20) ** 2 / (40 * 60 * 50 * 50))
        assert p == 1 / (ROUNDS + 1)
        assert cramers_v(found, 100) == pytest.approx(math.sqrt((16.667 - 1.01) / 100), abs=0.01)

    def test_v_has_no_bias_by_many_categories(self) -> None:
        raw, corrected = [], []
        for seed in range(10):
            shares = np.eye(50)[np.random.default_rng(seed).integers(0, 50, 200)]
            found = chi_square(shares, permute(singles(100), singles(100), seed, rounds=200).members)
            raw.append(math.sqrt(found[0] / 200))
            corrected.append(cramers_v(found, 200))
        assert min(raw) > 0.4, "without a correction, it would look like drift"
        assert np.median(corrected) < 0.15

    def test_videos_with_several_labels_count_once(self) -> None:
        shares = np.array([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
        assert chi_square(shares, np.array([[True, True, False, False]]))[0] == 0
        assert chi_square(shares, np.array([[False, False, True, False]]))[0] == pytest.approx(4 / 3)


class TestEnergy:
    def test_by_hand(self) -> None:
        distance = distances(np.array([[0.0], [1.0], [3.0], [5.0]]))
        # Between: 3, 5, 2, 4, on average 3.5; within: 1 and 2.
        found = energy(distance, np.array([[True, True, False, False]]))
        assert found[0] == pytest.approx((2 * 3.5 - 1 - 2) / (2 * 3.5))

    def test_from_one_source_and_from_two(self) -> None:
        rng = np.random.default_rng(0)
        permutations = permute(singles(60), singles(60), 0)
        alike = rng.normal(size=(120, 8))
        found = energy(distances(alike), permutations.members)
        assert abs(found[0]) < 0.02 and permutations.p_value(found) > 0.05
        alike[60:] += 1.0
        found = energy(distances(alike), permutations.members)
        assert math.sqrt(found[0]) > 0.3 and permutations.p_value(found) == permutations.least_p_value

    def test_a_point_against_a_point(self) -> None:
        distance = distances(np.array([[0.0], [0.0], [2.0], [2.0]]))
        assert energy(distance, np.array([[True, True, False, False]]))[0] == pytest.approx(1)
        assert energy(np.zeros((4, 4)), np.array([[True, True, False, False]]))[0] == 0


def test_groups_are_the_units() -> None:
    """Two sides of 5 groups from one source, whose videos are alike within a group: taken one by one, they would seem
    to have drifted in most cases; by groups, in about 5 of 100."""
    wrong = {"videos": 0, "groups": 0}
    for trial in range(60):
        centres = normal(10, seed=trial)
        values = np.repeat(centres, 20) + 0.1 * normal(200, seed=1000 + trial)
        groups = [f"g{index // 20}" for index in range(200)]
        for unit in wrong:
            names = groups if unit == "groups" else singles(200)
            permutations = permute(names[:100], names[100:], trial, rounds=300)
            wrong[unit] += permutations.p_value(kolmogorov_smirnov(values, permutations.members)) < 0.05
    assert wrong["videos"] > 40 and wrong["groups"] <= 8


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # the example of R's p.adjust
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([], []),
    ],
)
def test_holm(given: list[float], adjusted: list[float]) -> None:
    assert holm(given) == pytest.approx(adjusted)
