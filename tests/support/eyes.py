"""Pretrained networks for tests: of random weights, in a file, as no download or package is needed then."""

from pathlib import Path

APPEARANCE = "mobilenetv3-small"


def write_weights(path: Path, seed: int = 1) -> Path:
    """Writes weights of MobileNetV3-Small, drawn from a seed, to a file `.weights.h5`."""
    import keras

    keras.utils.set_random_seed(seed)
    network = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), include_top=False, weights=None, pooling="avg"
    )
    network.save_weights(path)
    return path
