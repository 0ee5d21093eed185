"""A small network to export."""

from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.process.tensorflow_start import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

SPEC = ClipSpec(num_frames=3, height=8, width=12)


INFO = ModelInfo("small", "test", SPEC, ("Jump", "Run", "Wave"), temperature=2.5)


def make_model(seed: int = 1) -> keras.Model:
    """Convolution on each frame, then an LSTM, with dropout; its logits are far apart."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(SPEC.shape, dtype="uint8", name="frames")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    x = layers.TimeDistributed(layers.Conv2D(4, 3, strides=2, activation="relu", name="see"), name="each")(x)
    x = layers.Reshape((SPEC.num_frames, 3 * 5 * 4), name="flat")(x)
    x = layers.Dropout(0.5, name="drop")(x)
    x = layers.LSTM(8, recurrent_dropout=0.2, name="lstm")(x)
    x = layers.Dense(3, dtype="float32", kernel_initializer=large(), name="logits")(x)
    return keras.Model(inputs, x, name="small")


def large() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=5.0)
