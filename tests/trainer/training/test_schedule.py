"""The length of a run and its learning rate."""

import pytest

from trainer.training.schedule import choose_length, learning_rate


def test_length() -> None:
    lengths = {(0, 0, 1000): (30, 15), (0, 0, 28): (30, 15), (0, 0, 13): (54, 27), (0, 0, 1): (700, 350)}
    lengths |= {(40, 0, 13): (40, 20), (40, 3, 13): (40, 3), (0, 3, 1000): (30, 3)}
    assert {key: choose_length(*key) for key in lengths} == lengths


def test_the_rate_rises_to_its_peak_and_falls_to_a_hundredth() -> None:
    rates = [learning_rate(position / 10, 20, 0.5, 2.0) for position in range(201)]
    top = rates.index(max(rates))
    assert top == 20
    assert rates[top] == pytest.approx(0.5)
    assert rates[0] > 0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0.005)


@pytest.mark.parametrize(("epochs", "warmup"), [(1, 2.0), (1, 0.0), (3, 100.0)])
def test_short_runs_have_a_rate_too(epochs: int, warmup: float) -> None:
    rates = [learning_rate(position / 10, epochs, 1.0, warmup) for position in range(10 * epochs + 1)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) > 0.5
