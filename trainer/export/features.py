"""What a clip looks like to a network, as one vector: what `trainer.evaluation.familiarity` measures distances of."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from trainer.evaluation.familiarity import Gaussian
from trainer.networks.convlstm_layer import FastConvLSTM2D
from trainer.networks.streams import known_inputs

LOGITS = "logits"
_EVERY = 4
"""Statistics are of every fourth frame and its successor: they hardly differ from those of all, and cost a quarter."""


def tapped(model: keras.Model, from_features: bool = False) -> keras.Model:
    """The same network with more outputs: logits, the embedding float [B, D], then the features of the first and of the
    last layer.

    The embedding is what the last layer gets. Where that is maps [B, T, ...], flattened, it is their mean over time:
    the maps of all frames would be thousands of values.

    Args:
        model: a network of `trainer.networks.build`.
        from_features: whether the new one gets what `streams.on_features` gets.
    """
    first = next((layer.output for layer in model.layers if _is_activation(layer)), None)
    last = embedding = model.get_layer(LOGITS).input
    for layer in model.layers:
        if isinstance(layer, layers.Flatten) and layer.output is last:
            last = layer.input  # its size doesn't depend on that of the clips
            embedding = layers.Flatten()(keras.ops.mean(last, axis=1) if len(last.shape) > 4 else last)
            break
    inputs = model.inputs[0]
    if from_features:
        inputs = known_inputs(model)
        last = layers.Identity()(last)  # Keras can't cut a network whose outputs are one tensor twice
    return keras.Model(inputs, [model.outputs[0], embedding, *([] if first is None else [first]), last])


def gives_embedding(model: keras.Model) -> bool:
    """Whether the model's last layer is known, so that there are features before it."""
    return any(layer.name == LOGITS and len(layer.input.shape) == 2 for layer in model.layers)


def _is_activation(layer: keras.Layer) -> bool:
    if isinstance(layer, layers.Conv2D):
        return layer.activation is not keras.activations.linear
    return isinstance(layer, layers.Activation | FastConvLSTM2D)


def clip_features(frames: tf.Tensor, taps: list[tf.Tensor]) -> tf.Tensor:
    """The features of clips, float32 [B, D].

    Args:
        frames: uint8 [B, T, H, W, 3].
        taps: outputs of layers, [B, ..., C] or, for all frames in one batch, [B * T, ..., C].
    """
    batch = tf.shape(frames)[0]
    means = [tf.reduce_mean(tf.reshape(tap, (batch, -1, tap.shape[-1])), 1) for tap in taps]
    return tf.concat([_frame_statistics(frames), *means], 1)


def _frame_statistics(frames: tf.Tensor) -> tf.Tensor:
    """For each colour its mean and standard deviation, and how much it changes over a pixel's width, over its height
    and from frame to frame, [B, 15]; less where a clip is one pixel wide or high, or one frame long.

    Written in operations that are fast on CPUs: TensorFlow slices and sums arrays of five dimensions, of bytes above
    all, ten times as slowly.
    """
    num_frames, height, width, colors = frames.shape[1:]
    first = list(range(0, num_frames - 1, _EVERY)) or [0]
    flat = tf.reshape(frames, (-1, num_frames, height * width * colors))

    def chosen(numbers: list[int]) -> tf.Tensor:
        taken = tf.cast(tf.gather(flat, numbers, axis=1), tf.float32)
        return tf.reshape(taken, (-1, height, width * colors)) / 127.5 - 1

    def mean(values: tf.Tensor) -> tf.Tensor:
        """[B, colors] of [B * N, rows, columns * colors]."""
        by_color = tf.tile(tf.eye(colors), (values.shape[2] // colors, 1)) / (values.shape[2] // colors)
        rows = tf.linalg.matmul(tf.reshape(values, (-1, values.shape[2])), by_color)
        return tf.reduce_mean(tf.reshape(rows, (-1, len(first) * values.shape[1], colors)), 1)

    some = chosen(first)
    found = [mean(some), tf.sqrt(tf.maximum(mean(tf.square(some)) - tf.square(mean(some)), 0.0))]
    if width > 1:
        found.append(mean(tf.abs(some[:, :, colors:] - some[:, :, :-colors])))
    if height > 1:
        found.append(mean(tf.abs(some[:, 1:] - some[:, :-1])))
    if num_frames > 1:
        found.append(mean(tf.abs(chosen([number + 1 for number in first]) - some)))
    return tf.concat(found, 1)


class Unfamiliar(tf.Module):
    """Distances of clips over the threshold, in TensorFlow's operations.

    Args:
        gaussian: where the features of training clips are.
        threshold: the distance that becomes 1.
    """

    def __init__(self, gaussian: Gaussian, threshold: float) -> None:
        super().__init__()
        self.mean = tf.Variable(gaussian.mean, trainable=False)
        self.whiten = tf.Variable(gaussian.whiten / threshold, trainable=False)

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        """float32 [B], of features float32 [B, D]."""
        whitened = tf.linalg.matmul(features - self.mean, self.whiten)
        return tf.sqrt(tf.reduce_mean(tf.square(whitened), 1))


def features_of(model: keras.Model, from_features: bool = False) -> Callable[..., tf.Tensor]:
    """A function from frames uint8 [B, T, H, W, 3] to features float32 [B, D].

    Args:
        model: a network of `trainer.networks.build`.
        from_features: whether the function also gets what the pretrained network in it sees, float32 [B, T, D].
    """
    network = tapped(model, from_features)

    def features(frames: Any, *seen: Any) -> tf.Tensor:
        inputs = [frames, *seen][-len(network.inputs) :]
        _, _, *taps = network(inputs if len(inputs) > 1 else inputs[0], training=False)
        return clip_features(frames, taps)

    return features
