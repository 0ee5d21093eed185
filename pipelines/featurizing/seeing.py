"""A pretrained network at work on frames, and the copy of it that all workers of a job load.

Only this file of the room uses TensorFlow, and imports it inside functions. Features must not depend on which clips
share a batch, nor on which worker computes them: every batch has the same shape, and an incomplete one is filled up.
"""

import atexit
import os
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from pipelines import files
from pipelines.core.errors import OutputError
from pipelines.featurizing.plan import Sight
from pipelines.files.output_folder import STATE, temporary_folder
from pipelines.process.tensorflow_start import set_threads, start_tensorflow

if TYPE_CHECKING:
    import keras

BATCH_FRAMES = 48
"""More are no faster on CPUs, and take more memory: activations of 48 frames of 160 pixels have 120 MB."""
_ASIDE = "eye.keras"


class Eye:
    """A pretrained network that is ready to see frames of one size.

    Args:
        model: what `appearance.eyes.build_eye` makes.
        name: its name.

    Attributes:
        sight: which network it is.
    """

    def __init__(self, model: "keras.Model", name: str) -> None:
        import tensorflow as tf

        from pipelines.appearance.eyes import eye_fingerprint

        self._model, self._tf = model, tf
        self._shape = tuple(model.input_shape[1:])
        self.sight = Sight(name, eye_fingerprint(model), int(model.output_shape[-1]), *self._shape[:2])
        spec = tf.TensorSpec([BATCH_FRAMES, *self._shape], tf.uint8)
        self._see = tf.function(lambda frames: model(frames, training=False), [spec], autograph=False)

    def see(self, frames: np.ndarray) -> np.ndarray:
        """The features float32 [N, D] of frames uint8 [N, H, W, 3], with N at most `BATCH_FRAMES`."""
        batch = frames
        if len(frames) < BATCH_FRAMES:
            batch = np.zeros((BATCH_FRAMES, *self._shape), np.uint8)
            batch[: len(frames)] = frames
        found = self._see(self._tf.constant(batch)).numpy()[: len(frames)]
        return np.asarray(found, np.float32)

    def save(self, output: str) -> None:
        """Puts a copy into the folder of the features, where workers find it, whatever they have installed.

        Raises:
            OutputError: the folder can't be written.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, _ASIDE)
            self._model.save(path)
            with files.write_atomically(_uri(output), temporary_folder(output)) as file, open(path, "rb") as saved:
                while data := saved.read(1 << 20):
                    file.write(data)


def _uri(output: str) -> str:
    return files.join(output, STATE, _ASIDE)


def forget(output: str) -> None:
    """Removes the copy from the folder of the features.

    Raises:
        OSError: it can't be removed.
    """
    files.delete([_uri(output)])


def start(threads: int = 0) -> None:
    """Starts TensorFlow with so many threads, 0 for as many as there are cores."""
    start_tensorflow()
    set_threads(threads)


_eyes: dict[Sight, Eye] = {}
atexit.register(_eyes.clear)  # while TensorFlow can still free their functions


def make_eye(name: str, height: int, width: int, weights: str, threads: int) -> Eye:
    """Makes a network from its weights, to be used in this process.

    Raises:
        UsageError: the weights are missing or wrong.
    """
    start(threads)
    from pipelines.appearance.eyes import build_eye

    eye = Eye(build_eye(name, height, width, weights), name)
    _eyes[eye.sight] = eye
    return eye


def shared_eye(output: str, sight: Sight, threads: int) -> Eye:
    """The network of this process: the one that was made here, or the copy in the folder of the features.

    Raises:
        OutputError: the copy is damaged.
    """
    if sight not in _eyes:
        start(threads)
        import keras

        from pipelines.appearance import eyes  # noqa: F401 - registers what its networks are made of

        with files.local_copy(_uri(output)) as path:
            eye = Eye(keras.saving.load_model(path, compile=False), sight.appearance)
        if eye.sight != sight:
            raise OutputError(f"{_uri(output)} is damaged: its weights are {eye.sight.weights}, not {sight.weights}. "
                              "Run the same command again")  # fmt: skip
        _eyes[sight] = eye
    return _eyes[sight]
