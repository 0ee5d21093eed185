"""Networks of `keras.applications` with random weights, as if they had been trained."""

from typing import Any

import keras
import numpy as np

from pipelines.appearance.of_keras import OF_KERAS


def network_of_keras(name: str, seed: int = 1, **settings: Any) -> "keras.Model":
    """One of them, whose statistics of batches differ from those of a new network.

    Args:
        name: of `OF_KERAS`.
        seed: of all weights.
        settings: for Keras' function.
    """
    keras.utils.set_random_seed(seed)
    network = getattr(keras.applications, OF_KERAS[name].function)(**{"weights": None, **settings})
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.moving_mean.shape
            scales = [rng.uniform(0.7, 1.2, shape) for _ in range(2)]
            shifts = [rng.normal(0, 0.1, shape) for _ in range(2)]
            layer.set_weights([scales[0], shifts[0], shifts[1], scales[1]])
    return network
