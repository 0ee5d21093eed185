"""TensorBoard's event files, without the name of the machine that TensorFlow's own writer puts into theirs.

An event file is a TFRecord file of `Event` messages, and is recognised by `tfevents` in its name.
"""

import os
import time
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

_VERSION = "brain.Event:2"


class EventFile:
    """Appends scalars and pictures to a new event file.

    Args:
        folder: local, made if it isn't there.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 1000}.{os.getpid()}.v2"
        self._writer = tf.io.TFRecordWriter(os.path.join(folder, name))
        self._write(tf.compat.v1.Event(wall_time=time.time(), file_version=_VERSION))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds numbers by their tags, and makes them visible."""
        made = [_value(tag, tf.make_tensor_proto(value, tf.float32), "scalars") for tag, value in values.items()]
        self._add(step, made)

    def picture(self, step: int, tag: str, pixels: np.ndarray) -> None:
        """Adds a picture uint8 [H, W, 3], and makes it visible."""
        height, width = (str(size).encode() for size in pixels.shape[:2])
        content = [width, height, tf.io.encode_png(pixels).numpy()]
        self._add(step, [_value(tag, tf.make_tensor_proto(content, tf.string), "images")])

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()

    def _add(self, step: int, values: list[tf.compat.v1.Summary.Value]) -> None:
        self._write(tf.compat.v1.Event(wall_time=time.time(), step=step, summary=tf.compat.v1.Summary(value=values)))

    def _write(self, event: tf.compat.v1.Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def _value(tag: str, tensor: object, plugin: str) -> tf.compat.v1.Summary.Value:
    metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": plugin})
    return tf.compat.v1.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
