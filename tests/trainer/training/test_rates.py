"""Learning rates that differ from layer to layer: which rate each variable gets, and that its steps are as it says."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.core.settings.fields import SettingError
from tests.support.rated_learners import learner, multipliers_of, network, train
from trainer.config import TrainConfig
from trainer.evaluation.results import differing
from trainer.networks.build import build_model
from trainer.networks.transfer import layer_decay, named_layers
from trainer.training.rates import LayerwiseAdamW, Rates, make_optimizer, multipliers


@pytest.mark.parametrize(
    ("trainable", "factors", "expected"),
    [
        (True, [], [1, 1, 1, 1, 1, 1]),
        (True, [{"eye": 0.1}], [0.1, 0.1, 1, 1, 1, 1]),
        (True, [{"eye": 0.5}, {"eye": 0.25, "Dense 1": 0.5}], [0.125, 0.125, 0.5, 0.5, 1, 1]),
        (False, [{"logits": 0.5}], [1, 1, 0.5, 0.5]),
    ],
)
def test_each_variable_has_the_rate_of_its_layer(
    trainable: bool, factors: list[Mapping[str, float]], expected: list[float]
) -> None:
    assert multipliers(network(trainable), *factors) == expected


def test_unknown_layers_and_impossible_factors_are_refused() -> None:
    with pytest.raises(ValueError, match="no layer with trainable weights is called eye; there are Dense 1, logits"):
        multipliers(network(trainable=False), {"eye": 0.1})
    with pytest.raises(ValueError, match="the factor of eye must be positive, not 0"):
        multipliers(network(), {"eye": 0.0})
    with pytest.raises(ValueError, match="1 multipliers for 6 trainable variables"):
        make_optimizer(network(), 0.05, lambda network: [1.0])


def test_the_rate_falls_towards_the_input() -> None:
    """A normalisation goes with its layer, and what isn't taken learns at the full rate."""
    lrcn = build_model("lrcn", "default", (3, 32, 32, 3), 2)
    names = [name for _, name in named_layers(lrcn)]
    assert layer_decay(lrcn, names, 0.5) == {
        **{"Conv2D 1": 0.5**6, "GroupNormalization 1": 0.5**6, "Conv2D 2": 0.5**5, "GroupNormalization 2": 0.5**5},
        **{"Conv2D 3": 0.5**4, "GroupNormalization 3": 0.5**4, "Dense 1": 0.5**3, "GroupNormalization 4": 0.5**3},
        **{"Bidirectional 1": 0.25, "Dense 2": 0.5, "logits": 1.0},
    }
    assert layer_decay(lrcn, ["Conv2D 3", "logits"], 0.5) == {"Conv2D 3": 0.5**4, "logits": 1.0}
    found = multipliers(lrcn, layer_decay(lrcn, ["Dense 2"], 0.5))
    assert sorted({*found}) == [0.5, 1.0] and found.count(0.5) == 2


def test_a_layer_decay_needs_a_model_to_start_from_and_is_part_of_the_run() -> None:
    with pytest.raises(
        SettingError, match="layer_decay 0.5 is for layers with the weights of another model: give init"
    ):
        TrainConfig("lrcn", "data", "out", layer_decay=0.5)
    with pytest.raises(SettingError, match="layer_decay must be a number greater than 0, at most 1, not 0"):
        TrainConfig("lrcn", "data", "out", init="model", layer_decay=0)
    usual = TrainConfig("lrcn", "data", "out", init="model")
    other = replace(usual, layer_decay=0.5)
    assert "layer_decay" not in usual.identity(), "runs of earlier versions resume"
    found = usual.identity(), other.identity()
    assert differing(found[0], found[1]) == differing(found[1], found[0]) == ["layer_decay"]


def steps(optimizer: keras.optimizers.Optimizer, model: keras.Model, count: int = 3) -> list[np.ndarray]:
    """The variables after some steps with gradients that are the same for the same shapes."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        optimizer.apply(
            [tf.constant(rng.normal(size=v.shape), tf.float32) for v in model.trainable_variables],
            model.trainable_variables,
        )
    return [variable.numpy() for variable in model.trainable_variables]


def made(rates: Rates | None, learning_rate: float = 1e-2) -> list[np.ndarray]:
    keras.utils.set_random_seed(1)
    model = network()
    optimizer = make_optimizer(model, 0.5, rates)
    optimizer.learning_rate.assign(learning_rate)
    return steps(optimizer, model)


def test_equal_rates_are_keras_own_optimizer_bit_by_bit() -> None:
    keras.utils.set_random_seed(1)
    model = network()
    optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([v for v in model.trainable_variables if len(v.shape) < 2])
    expected = steps(optimizer, model)
    for rates in (None, multipliers):
        for mine, its in zip(made(rates), expected, strict=True):
            np.testing.assert_array_equal(mine, its)


def test_a_multiplier_is_a_learning_rate() -> None:
    """Weight decay included: halves are exact in binary, so the weights are equal bit by bit."""
    quarter, full, mixed = made(None, 1e-2 / 4), made(None), made(partial(multipliers_of, {"eye": 0.25}))
    for index, variable in enumerate(mixed):
        np.testing.assert_array_equal(variable, (quarter if index < 2 else full)[index])
        assert np.abs(quarter[index] - full[index]).max() > 1e-3, "or the equality would say nothing"


@pytest.mark.training
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_slow_layers_stay_and_others_learn(precision: str) -> None:
    slow = learner(precision)
    before = [variable.numpy() for variable in slow.model.trainable_variables]
    losses = train(slow)
    assert slow.precision == precision and isinstance(slow.optimizer, LayerwiseAdamW)
    assert losses[-1] < losses[0] - 0.01
    for index, (first, last) in enumerate(zip(before, slow.model.trainable_variables, strict=True)):
        assert (np.abs(first - last.numpy()).max() < 1e-6) == (index < 2)


@pytest.mark.training
def test_training_goes_on_from_its_variables_as_if_it_had_not_stopped() -> None:
    whole, first, second = learner(), learner(), learner()
    expected = train(whole, count=5)[3:]
    train(first, count=3)
    for mine, its in zip(second.variables(), first.variables(), strict=True):
        mine.assign(its)
    assert train(second, count=2) == expected
    assert second.fingerprint() == whole.fingerprint()
