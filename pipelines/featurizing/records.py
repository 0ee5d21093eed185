"""A record of features: a `tf.train.Example` with the keys of the dataset's, but `features` in place of `frames`.

| key | type | value |
|---|---|---|
| `features` | bytes | one value, float16 [T, D], little-endian: what the network says of each frame |
| `video_id`, `label`, ... | | as in the dataset's record of the clip (`dataset.example`) |
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.dataset.example import FRAMES, LABEL, LABELS, VIDEO_ID, Example, Message, decode

if TYPE_CHECKING:
    import tensorflow as tf

FEATURES = "features"
STORED = np.dtype("<f2")


def encode(record: bytes, features: np.ndarray) -> bytes:
    """The record of a clip's features, the same bytes for the same content.

    Args:
        record: that of the clip.
        features: float16 [T, D].
    """
    message = Message()
    message.ParseFromString(record)
    feature = message.features.feature
    del feature[FRAMES]
    feature[FEATURES].bytes_list.value.append(features.astype(STORED, copy=False).tobytes())
    return bytes(message.SerializeToString(deterministic=True))


def decode_features(record: bytes, num_frames: int, size: int) -> tuple[Example, np.ndarray]:
    """The clip of a record, with no frames, and its features, float16 [T, D].

    Args:
        record: what `encode` gave.
        num_frames, size: T and D.

    Raises:
        ValueError: the record is of another form; the message says how.
    """
    message = Message()
    try:
        message.ParseFromString(record)
    except Exception as error:  # protobuf's class for this differs between its implementations
        raise ValueError(f"not a tf.train.Example: {error}") from error
    feature = message.features.feature
    values = list(feature[FEATURES].bytes_list.value) if FEATURES in feature else []
    if len(values) != 1 or len(values[0]) != num_frames * size * STORED.itemsize:
        found = f"{len(values)} values" if len(values) != 1 else f"{len(values[0])} bytes"
        raise ValueError(f"the key {FEATURES!r} must have a value of float16 [{num_frames}, {size}], not {found}")
    feature[FRAMES].bytes_list.SetInParent()
    clip = decode(message.SerializeToString())
    return clip, np.frombuffer(values[0], STORED).reshape(num_frames, size)


def parse(record: "tf.Tensor", num_frames: int, size: int, num_classes: int = 0) -> "Mapping[str, tf.Tensor]":
    """One serialised record as tensors, for use in `tf.data`: `features` float32 [T, D], `video_id`, and the label.

    Args:
        record: a scalar string.
        num_frames, size: T and D.
        num_classes: C where clips may have several labels, and `labels` is float32 [C]; else 0, and `label` is int64.
    """
    import tensorflow as tf

    wanted: dict[str, Any] = {
        FEATURES: tf.io.FixedLenFeature([], tf.string),
        VIDEO_ID: tf.io.FixedLenFeature([], tf.string),
        LABEL: tf.io.FixedLenFeature([], tf.int64),
    }
    if num_classes:
        wanted[LABELS] = tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)
    found = tf.io.parse_single_example(record, wanted)
    if num_classes:
        found[LABELS] = tf.reduce_max(tf.one_hot(found[LABELS], num_classes), axis=0)
    halves = tf.io.decode_raw(found[FEATURES], tf.float16, little_endian=True)
    return {**found, FEATURES: tf.cast(tf.reshape(halves, (num_frames, size)), tf.float32)}
