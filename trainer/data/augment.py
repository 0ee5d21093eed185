"""Augmentation of training clips: one draw for a clip, applied to all of its frames alike.

Every draw is a function of a seed, so that a run that resumes in the middle of an epoch sees the same pixels.
"""

import re
from collections.abc import Iterable

import tensorflow as tf

from trainer.setting_texts import AUGMENTATIONS, parse_augmentations

MOVE = 0.1
"""The furthest that a picture is moved, as a share of its size."""
GREY = 128
BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.25, 0.25
_DIRECTIONS = re.compile(r"(?<![a-z])(left|right)(?![a-z])|clockwise", re.IGNORECASE)


def choose(setting: str, labels: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The augmentations of clips, and a note where `auto` left one out.

    A flip turns left into right and clockwise into counter-clockwise: `auto` doesn't flip if a class has such a name.
    """
    chosen = parse_augmentations(setting)
    if chosen is not None:
        return chosen, ""
    directed = [label for label in labels if _DIRECTIONS.search(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label))]
    if not directed:
        return AUGMENTATIONS, ""
    note = f"clips are not flipped: classes such as {directed[0]} depend on left and right (--augment overrides this)"
    return tuple(name for name in AUGMENTATIONS if name != "flip"), note


def augment(frames: tf.Tensor, seed: tf.Tensor, names: Iterable[str]) -> tf.Tensor:
    """The augmented clip, uint8 [T, H, W, 3] like the original.

    Args:
        frames: uint8 [T, H, W, 3].
        seed: int64 [2], the only source of randomness.
        names: some of `flip`, `crop`, `color`.
    """
    seeds = tf.random.split(tf.cast(seed, tf.int32), 3)
    if "flip" in names:
        mirrored = _uniform([], seeds[0], 0, 1) < 0.5
        frames = tf.cond(mirrored, lambda original=frames: tf.reverse(original, [2]), lambda original=frames: original)
    if "crop" in names:
        frames = _crop(frames, seeds[1])
    if "color" in names:
        frames = _color(frames, seeds[2])
    return frames


def _uniform(shape: list[int], seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed, low, high)


def _crop(frames: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The picture moved by up to a tenth of its size, with grey edges, which are cheaper than mirrored ones."""
    height, width = frames.shape[1], frames.shape[2]
    most = tf.constant([max(1, round(MOVE * height)), max(1, round(MOVE * width))], tf.float32)
    down, right = tf.unstack(tf.cast(tf.round(_uniform([2], seed, -1, 1) * most), tf.int32))
    top, left, bottom, end = tf.maximum(down, 0), tf.maximum(right, 0), tf.maximum(-down, 0), tf.maximum(-right, 0)
    seen = frames[:, bottom : height - top, end : width - left]
    moved = tf.pad(seen, [[0, 0], [top, bottom], [left, end], [0, 0]], constant_values=tf.constant(GREY, tf.uint8))
    return tf.ensure_shape(moved, frames.shape)


def _color(frames: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Brightness, contrast about the clip's mean, and saturation: together one affine map of a pixel's colours."""
    draws = _uniform([3], seed, -1, 1)
    contrast, saturation = 1 + CONTRAST * draws[1], 1 + SATURATION * draws[2]
    x = tf.cast(frames, tf.float32)
    shift = (1 - contrast) * tf.reduce_mean(x) + 255 * BRIGHTNESS * draws[0]
    # A colour is its grey (the mean of the three) plus its difference from that, which saturation scales.
    mix = contrast * (saturation * tf.eye(3) + (1 - saturation) / 3)
    # 0.5 is added because the cast truncates; values of 256 and more would wrap around in a uint8.
    x = tf.matmul(tf.reshape(x, [-1, 3]), mix) + (shift + 0.5)
    return tf.reshape(tf.cast(tf.clip_by_value(x, 0.0, 255.9), tf.uint8), frames.shape)
