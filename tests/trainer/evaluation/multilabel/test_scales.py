"""Probabilities of several labels: losses, temperature, thresholds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.evaluation.multilabel.scales import (
    NEUTRAL,
    best_threshold,
    binary_cross_entropy,
    calibration_error,
    decide,
    fit_temperature,
    fit_thresholds,
    sigmoid,
)
from trainer.evaluation.multilabel.validation import validate


def test_probabilities_and_losses_by_hand() -> None:
    logits = np.array([[0.0, math.log(3)], [-1000.0, 1000.0]], np.float32)
    assert sigmoid(logits) == pytest.approx(np.array([[0.5, 0.75], [0.0, 1.0]]), abs=1e-7)
    assert sigmoid(logits, 2.0)[0, 1] == pytest.approx(math.sqrt(3) / (1 + math.sqrt(3)))
    targets = np.array([[True, True], [False, True]])
    expected = -(math.log(0.5) + math.log(0.75)) / 4
    assert binary_cross_entropy(logits, targets) == pytest.approx(expected, abs=1e-7)
    assert binary_cross_entropy(logits, ~targets) == pytest.approx((math.log(2) + math.log(4) + 2000) / 4, abs=1e-4)
    assert calibration_error(logits, targets) == pytest.approx((0.5 + 0.25) / 4, abs=1e-7)
    for wrong in (0.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="temperature must be above 0"):
            sigmoid(logits, wrong)
        with pytest.raises(ValueError, match="temperature must be above 0"):
            binary_cross_entropy(logits, targets, wrong)
    with pytest.raises(ValueError, match="no clips"):
        binary_cross_entropy(logits[:0], targets[:0])


def test_the_temperature_undoes_a_factor() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3))
    targets = rng.random(logits.shape) < sigmoid(logits)
    assert fit_temperature((3 * logits).astype(np.float32), targets) == pytest.approx(3, rel=0.1)
    assert fit_temperature(np.zeros((5, 2), np.float32), np.ones((5, 2), bool)) == 1.0
    assert fit_temperature(np.zeros((0, 2), np.float32), np.ones((0, 2), bool)) == 1.0


@pytest.mark.parametrize(
    ("scores", "truth", "expected"),
    [
        ([0.9, 0.8, 0.3, 0.1], [1, 1, 0, 0], 0.55),  # between the two that it separates
        ([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0], 0.2),  # F1 of 1: 2/3; of 2: 1/2; of 3: 4/5
        ([0.2, 0.1], [1, 1], 0.05),  # all have it: below the lowest
        ([0.4, 0.4, 0.1], [1, 0, 0], 0.25),  # equal scores can't be told apart
        ([0.9, 0.6, 0.5, 0.4], [1, 0, 0, 1], 0.75),  # F1 of 1 and of 4 are 2/3; 0.75 is closer to 0.5 than 0.2
        ([0.1, 0.2], [0, 0], None),
    ],
)
def test_thresholds_by_hand(scores: list[float], truth: list[int], expected: float | None) -> None:
    found = best_threshold(np.array(scores), np.array(truth, bool))
    assert found == (None if expected is None else pytest.approx(expected))


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=15))
def test_no_threshold_has_a_better_f1(clips: list[tuple[int, bool]]) -> None:
    scores, truth = np.array([s / 20 for s, _ in clips]), np.array([label for _, label in clips])
    found = best_threshold(scores, truth)
    if found is None:
        assert not truth.any()
        return
    assert 0 < found < 1

    def f1(threshold: float) -> float:
        named = scores >= threshold
        return float(2 * (named & truth).sum() / (named.sum() + truth.sum()))

    # A probability of exactly 0 can't be reached by a threshold, which is above 0.
    assert f1(found) == max(f1(value) for value in [*np.linspace(0.025, 0.975, 39), found])


def test_a_class_that_validation_lacks_has_the_neutral_threshold() -> None:
    scores = np.array([[0.9, 0.9], [0.1, 0.2]])
    found = fit_thresholds(scores, np.array([[True, False], [False, False]]))
    assert found.values.tolist() == [0.5, NEUTRAL] and found.uncalibrated == (1,)
    assert decide(scores, found.values).tolist() == [[True, True], [False, False]]
    assert decide(scores, np.array([[1.0, 0.1], [0.05, 0.3]])).tolist() == [[False, True], [True, False]]


def test_what_is_validated_of_one_label_and_of_several() -> None:
    logits = np.array([[2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]], np.float32)
    several = validate(logits, np.array([[True, False], [True, True], [True, True]]))
    assert several.accuracy == pytest.approx(2 / 3) and several.calibrated.mean() <= several.loss
    assert several.loss == pytest.approx((5 * math.log1p(math.exp(-2)) + math.log1p(math.exp(2))) / 6)
    one = validate(logits, np.array([0, 1, 1]))
    assert one.accuracy == pytest.approx(2 / 3)  # of equal logits the first
    assert one.loss == pytest.approx((2 * math.log1p(math.exp(-4)) + math.log(2)) / 3)
