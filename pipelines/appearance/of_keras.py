"""Eyes that are networks of `keras.applications`, with weights of Keras' own files.

MobileNetV3: Howard et al. 2019, "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244. EfficientNetV2: Tan & Le
2021, "EfficientNetV2: Smaller Models and Faster Training", https://arxiv.org/abs/2104.00298.
"""

import os
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipelines.appearance.folding import folded
from pipelines.core.errors import UsageError

if TYPE_CHECKING:
    import keras


class OfKeras(NamedTuple):
    """A network of `keras.applications`.

    Attributes:
        function: that builds it.
        file: which Keras downloads for it, without the classifier.
        last_block: what the names of layers begin with in the last block, and the convolution after it.
    """

    function: str
    file: str
    last_block: tuple[str, ...]


OF_KERAS = {
    "mobilenetv3-small": OfKeras(
        "MobileNetV3Small", "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5", ("expanded_conv_10_", "conv_1")
    ),
    "mobilenetv3-large": OfKeras(
        "MobileNetV3Large", "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5", ("expanded_conv_14_", "conv_1")
    ),
    "efficientnetv2-b0": OfKeras("EfficientNetV2B0", "efficientnetv2-b0_notop.h5", ("block6h_", "top_conv")),
}
_ENDINGS = (".h5", ".keras")


def eye_of_keras(name: str, height: int, width: int, weights: str) -> "keras.Model":
    """One of these networks as an eye.

    Args:
        name: of `OF_KERAS`.
        height, width: of frames, in pixels.
        weights: a local file `.weights.h5`, `.h5` or `.keras` of this network, with or without its classifier; empty:
            Keras downloads them, or takes them from its cache.

    Raises:
        UsageError: the weights can't be downloaded or read, or are another network's.
    """
    if weights:
        return folded(_with_file(name, height, width, weights))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that the weights were trained on another size of pictures
            return folded(_network(name, height, width, "imagenet"))
    except Exception as error:  # what Keras raises for downloads that fail is no narrower
        file = OF_KERAS[name].file
        raise UsageError(
            f"Keras can't download the weights of {name}: {_first_line(error)}. Where there is no network, give the "
            f"file as --appearance-weights {file}"
        ) from error


def untrained_eye_of_keras(name: str, height: int, width: int) -> "keras.Model":
    """One of these networks as an eye, with random weights."""
    return folded(_network(name, height, width, None))


def _network(name: str, height: int, width: int, weights: str | None, with_classifier: bool = False) -> "keras.Model":
    import keras

    build = getattr(keras.applications, OF_KERAS[name].function)
    shape = (height, width, 3)
    return build(input_shape=shape, weights=weights, include_top=with_classifier, pooling="avg")


def _with_file(name: str, height: int, width: int, path: str) -> "keras.Model":
    """The network without its classifier, with weights of a file that may have it."""
    if not path.endswith(_ENDINGS):
        raise UsageError(
            f"{path} can't have the weights of {name}: it ends neither in {' nor in '.join(_ENDINGS)}. Keras' own file "
            f"is {OF_KERAS[name].file}"
        )
    if not os.path.isfile(path):
        raise UsageError(f"there is no file {path} with the weights of {name}. Keras' own is {OF_KERAS[name].file}")
    network = _network(name, height, width, None)
    said = []
    for with_classifier in (False, True):
        loaded = _network(name, height, width, None, with_classifier) if with_classifier else network
        try:
            _load(loaded, path)
        except Exception as error:  # h5py, zipfile and Keras raise many kinds for damaged files and other networks
            said.append(_first_line(error))
            continue
        if with_classifier:
            ours = [layer for layer in network.layers if layer.weights]
            theirs = [layer for layer in loaded.layers if layer.weights]
            for layer, other in zip(ours, theirs, strict=False):
                layer.set_weights(other.get_weights())
        return network
    raise UsageError(
        f"{path} is damaged or has no weights of {name}: {said[0]}; with its classifier: {said[1]}. Keras' own file is "
        f"{OF_KERAS[name].file}"
    )


def _load(network: "keras.Model", path: str) -> None:
    """Loads weights, and makes sure that all were in the file: Keras leaves some as they are without saying so."""
    for variable in network.variables:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of parts of a file that aren't needed
        network.load_weights(path)
    if missing := [variable.path for variable in network.variables if not np.isfinite(variable.numpy()).all()]:
        raise ValueError(f"weights are missing or not finite, such as those of {missing[0]}")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
