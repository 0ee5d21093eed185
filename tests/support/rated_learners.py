"""Tiny networks whose layers learn at different rates, on one device or several."""

from collections.abc import Mapping, Sequence
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from trainer.training.devices import make_devices
from trainer.training.learner import Learner, Learning
from trainer.training.rates import multipliers

SHAPE, CLASSES = (2, 4, 4, 3), 3


def network(trainable: bool = True) -> keras.Model:
    """A pretrained network called `eye`, a layer, and logits."""
    frames = keras.Input(SHAPE[1:])
    eye = keras.Model(frames, keras.layers.Dense(4)(keras.layers.Flatten()(frames)), name="eye")
    eye.trainable = trainable
    inputs = keras.Input(SHAPE, dtype="uint8")
    x = keras.ops.reshape(keras.layers.Rescaling(1 / 255)(inputs), (-1, *SHAPE[1:]))
    x = keras.ops.reshape(eye(x), (-1, SHAPE[0] * 4))
    x = keras.layers.Dense(5, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES, dtype="float32", name="logits")(x))


def multipliers_of(factors: Mapping[str, float], network: keras.Model) -> list[float]:
    return multipliers(network, factors)


def learner(precision: str = "float32", names: Sequence[str] = ("CPU:0",)) -> Learner:
    learning = Learning(0.05, 0.1, 1.0, 0.9, (1.0,) * CLASSES, rates=partial(multipliers_of, {"eye": 1e-6}))
    return Learner(make_devices("cpu", precision, names), network, learning, 0)


def train(learner: Learner, names: Sequence[str] = ("CPU:0",), count: int = 4) -> list[float]:
    """The losses of some steps on the same four clips, spread over the devices."""
    rng = np.random.default_rng(0)
    frames, labels = rng.integers(0, 256, (4, *SHAPE), np.uint8), np.array([0, 1, 2, 0])
    each = tf.data.Dataset.from_tensor_slices((frames, labels, np.ones(4, np.float32)))
    devices = make_devices("cpu", "float32", names)
    batches = devices.batches(lambda: each.batch(len(frames) // len(names)).repeat())
    return [learner.train_step(batches, 1e-2).result().loss for _ in range(count)]
