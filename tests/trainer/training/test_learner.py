"""Steps compiled by XLA change weights as other steps do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.training.devices import make_devices, why_no_compiler
from trainer.training.learner import Learner, Learning

SHAPE, CLASSES, BATCH = (3, 8, 8, 3), 3, 4


def network() -> keras.Model:
    """With an LSTM, whose cuDNN operations XLA can't compile."""
    inputs = keras.Input(SHAPE, dtype="uint8")
    x = keras.layers.Reshape((SHAPE[0], -1))(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(CLASSES)(keras.layers.LSTM(4)(x)))


def train(compiled: bool) -> tuple[list[float], list[np.ndarray]]:
    devices = make_devices("cpu", "float32")
    rng = np.random.default_rng(0)
    batch = (
        rng.integers(0, 256, (BATCH, *SHAPE), np.uint8),
        np.array([0, 1, 2, 0]),
        np.array([1, 1, 1, 0], np.float32),  # the last, empty one fills the batch
    )
    batches = devices.batches(lambda: tf.data.Dataset.from_tensors(batch).repeat())
    learner = Learner(devices, network, Learning(0.05, 0.1, 1.0, 0.9, (1.0, 2.0, 1.0)), 0, compiled)
    under_way = [learner.train_step(batches, 1e-2, stop=step == 3, save=step == 4) for step in range(5)]
    results = [step.result() for step in under_way]
    assert [result.clips for result in results] == [3.0] * 5
    assert [(result.stop, result.save) for result in results[2:]] == [(False, False), (True, False), (False, True)]
    assert all(result.finite for result in results)
    return [result.loss for result in results], [variable.numpy() for variable in learner.variables()]


@pytest.mark.training
def test_compiled_steps_change_weights_and_their_average_as_others_do() -> None:
    assert not why_no_compiler()
    losses, weights = train(compiled=False)
    assert losses[-1] < losses[0]
    compiled_losses, compiled_weights = train(compiled=True)
    np.testing.assert_allclose(compiled_losses, losses, rtol=1e-4)
    for mine, its in zip(compiled_weights, weights, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-3, atol=1e-4)
