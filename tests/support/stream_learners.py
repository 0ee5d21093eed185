"""Tiny networks of two streams that learn, on one device or several."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from trainer.networks.streams import FEATURES, join
from trainer.training.devices import make_devices
from trainer.training.learner import Learner, Learning
from trainer.training.rates import multipliers

CLIPS = np.random.default_rng(0).integers(0, 256, (16, 2, 8, 8, 3), np.uint8)
LABELS = np.arange(16) % 3


def tiny(trained: bool = False, dropout: bool = True) -> keras.Model:
    """Two streams of one layer each, and an eye of one layer."""
    layers, ops = keras.layers, keras.ops
    frames = keras.Input(CLIPS.shape[1:], dtype="uint8")
    pictures = keras.Input(CLIPS.shape[2:], dtype="uint8")
    seen = layers.Dense(5, activation="relu", name="look")(layers.Flatten()(layers.Rescaling(1 / 255)(pictures)))
    eye = keras.Model(pictures, seen, name="eye")
    eye.trainable = trained
    features = ops.reshape(eye(ops.reshape(frames, (-1, *CLIPS.shape[2:]))), (-1, 2, 5))
    features = layers.Identity(name=FEATURES)(features)
    appearance = layers.Identity(name="appearance")(ops.mean(features, axis=1))
    motion = layers.Dense(4)(layers.Flatten()(layers.Rescaling(1 / 255)(frames)))
    joined = join(motion, appearance)
    model = keras.Model(frames, layers.Dense(3, dtype="float32", name="logits")(joined))
    if not dropout:  # two devices would leave out others than one
        model.get_layer("stream_dropout").rate = 0.0
    return model


def learner(names: Sequence[str] = ("CPU:0",), precision: str = "float32", trained: bool = False) -> Learner:
    learning = Learning(
        0.05, 0.1, 1.0, 0.99, (1.0,) * 3, rates=lambda net: multipliers(net, {"eye": 0.1} if trained else {})
    )
    devices = make_devices("cpu", precision, names)
    return Learner(devices, lambda: tiny(trained, dropout=len(names) == 1), learning, seed=1)


def batches(names: Sequence[str] = ("CPU:0",), first: int = 0) -> object:
    devices = make_devices("cpu", "float32", names)
    size = 8 // len(names)
    data = tf.data.Dataset.from_tensor_slices((CLIPS, LABELS, np.ones(16, np.float32))).repeat()
    return devices.batches(lambda: data.skip(8 * first).batch(size, drop_remainder=True))


def train(one: Learner, count: int, first: int = 0, names: Sequence[str] = ("CPU:0",)) -> list[float]:
    iterator = batches(names, first)
    return [one.train_step(iterator, 1e-2).result().loss for _ in range(count)]
