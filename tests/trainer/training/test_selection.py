"""Which epoch's weights are kept, and when training stops: what chance explains is no reason for either."""

from dataclasses import asdict

import numpy as np
import pytest

from trainer.evaluation.intervals import quantile
from trainer.training.checkpoint import State
from trainer.training.selection import end_epoch, is_clearly_higher

GROUPS = np.repeat(np.arange(6), 4)
NOISE = np.random.default_rng(0).normal(0, 0.2, len(GROUPS))


def run(losses: list[np.ndarray], patience: int = 99, groups: np.ndarray = GROUPS, **begun: bool) -> State:
    state = State(**{"keeps_lowest": False, **begun})
    for loss in losses:
        if not state.stopped:
            end_epoch(state, loss, groups, patience, len(losses))
    return state


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [(1, 12.7062), (2, 4.3027), (9, 2.2622), (10, 2.2281), (12, 2.1788), (20, 2.0860), (60, 2.0003), (1000, 1.9623)],
)
def test_quantiles_of_students_t(freedom: int, expected: float) -> None:
    assert quantile(freedom) == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize(
    ("name", "differences", "groups", "expected"),
    [
        ("all groups a little higher", np.full(24, 0.1) + NOISE / 10, GROUPS, True),
        ("all lower", np.full(24, -0.1) + NOISE / 10, GROUPS, False),
        ("as much up as down", NOISE - NOISE.mean(), GROUPS, False),
        ("many clips of one group", np.where(GROUPS == 0, 1.0, 0.0), GROUPS, False),
        ("a single group", np.full(24, 0.1), np.zeros(24, int), False),
        ("two groups that differ", np.repeat([0.1, 0.3], 12), np.repeat([0, 1], 12), False),
        ("two groups alike", np.repeat([0.1, 0.11], 12), np.repeat([0, 1], 12), True),
        ("equal", np.zeros(24), GROUPS, False),
    ],
)
def test_what_chance_explains(name: str, differences: np.ndarray, groups: np.ndarray, expected: bool) -> None:
    counts, before = np.bincount(groups), np.abs(NOISE)
    sums, other = np.bincount(groups, before + differences), np.bincount(groups, before)
    assert is_clearly_higher(sums, other, counts) is expected, name


def test_the_share_of_false_alarms_is_what_it_promises() -> None:
    """Where nothing differs but chance, one in forty is called higher; clips of a group go together."""
    rng = np.random.default_rng(1)
    counts = np.full(4, 5)
    sums = counts * rng.normal(0, 1, (4000, 4)) + rng.normal(0, 1, (4000, 4))
    alarms = np.mean([is_clearly_higher(row, np.zeros(4), counts) for row in sums])
    assert 0.019 < alarms < 0.031


def test_the_last_epoch_is_kept_where_a_lower_loss_is_chance() -> None:
    lucky = 0.5 + NOISE - 0.1 * (GROUPS == 2)
    state = run([1 + NOISE, lucky, 0.5 + NOISE, 0.49 + NOISE])
    assert (state.stopped, state.best_epoch, state.last_kept, state.kept_epoch) == ("finished", 1, True, 3)


def test_the_lowest_is_kept_where_the_last_is_clearly_worse() -> None:
    state = run([1 + NOISE, 0.5 + NOISE, 0.8 + NOISE * 1.1, 0.9 + NOISE * 1.2])
    assert (state.stopped, state.last_kept, state.kept_epoch, state.worse) == ("finished", False, 1, 2)


def test_training_stops_only_after_epochs_that_are_clearly_worse() -> None:
    chance = [0.5 + NOISE] + [0.5 + NOISE + 0.1 * (number % 6 == GROUPS) for number in range(9)]
    assert run(chance, patience=3).epoch == 10
    worse = [0.5 + NOISE, 0.8 + NOISE, 0.8 + NOISE, 0.5 + NOISE, *[0.8 + NOISE] * 6]
    state = run(worse, patience=3)
    assert (state.stopped, state.epoch, state.kept_epoch) == ("early", 7, 0), "one like the best starts the count anew"


def test_a_run_of_an_earlier_version_ends_by_its_rule() -> None:
    """Its checkpoint names none: the lowest loss is kept, and patience counts epochs without a lower one."""
    chance = [0.5 + NOISE] + [0.5 + NOISE + 0.1 * (number % 6 == GROUPS) for number in range(9)]
    old = {name: value for name, value in asdict(State()).items() if name in ("epoch", "best_loss", "best_epoch")}
    assert State(**old).keeps_lowest
    state = run(chance, patience=3, keeps_lowest=True)
    assert (state.stopped, state.epoch, state.last_kept, state.kept_epoch) == ("early", 4, False, 0)
