"""Eyes: networks trained on ImageNet that turn single frames into features."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from pipelines.appearance.efficientnet_lite import efficientnet_lite0, take_tensors
from pipelines.appearance.names import APPEARANCES, NONE
from pipelines.appearance.of_keras import OF_KERAS, eye_of_keras, untrained_eye_of_keras
from pipelines.appearance.tensors import read_tensors
from pipelines.appearance.weights import packaged_weights
from pipelines.core.errors import UsageError
from pipelines.process import extras

if TYPE_CHECKING:
    import keras

EFFICIENTNET_LITE0 = "efficientnet-lite0"
SMALLEST_SIDE = 32
"""Fewest pixels of a frame's height and width: each eye halves them five times."""
_LAST_BLOCKS = {
    EFFICIENTNET_LITE0: ("stage7_", "head"),
    **{name: kind.last_block for name, kind in OF_KERAS.items()},
}
"""By eye: what the names of layers begin with in the last block, and the convolution after it."""


def build_eye(name: str, height: int, width: int, weights: str = "") -> "keras.Model":
    """An eye with ImageNet's weights.

    It computes the same in training and outside of it: there is no dropout, and batch normalisation, with its stored
    statistics, is part of the convolutions. Its layers are Keras' own and have the same names in every process.

    Args:
        name: one of `APPEARANCES` other than `none`.
        height, width: of frames, in pixels, at least 32. These networks were trained on 224 x 224; below 96 they see
            little.
        weights: a local file with the weights; empty: EfficientNet-Lite0's are read from the installed package, and
            those of the others are downloaded by Keras or taken from its cache (`~/.keras/models`).

    Returns:
        A model `eye`: uint8 [N, H, W, 3] RGB to float32 features [N, D], averaged over places.

    Raises:
        UsageError: the name is unknown, frames are too small, or the weights are missing, damaged, or of another
            network.
    """
    if name not in APPEARANCES or name == NONE:
        raise UsageError(f"{name!r} isn't a pretrained network; there are {', '.join(APPEARANCES[1:])}")
    if min(height, width) < SMALLEST_SIDE:
        raise UsageError(
            f"frames of {height}x{width} pixels are too small for {name}, which needs {SMALLEST_SIDE} a side at least "
            "and sees well from 96. Preprocess with a larger --size"
        )
    extras.require("train")
    if name in OF_KERAS:
        return eye_of_keras(name, height, width, weights)
    path = weights or str(packaged_weights())
    if not path.endswith((".pth", ".pt")):
        raise UsageError(
            f"{path} can't have the weights of {name}, which are a .pth file of torch's old format; leave out "
            "--appearance-weights, and they are taken from the package that 'har-pipelines[pretrained]' installs"
        )
    eye = efficientnet_lite0(height, width)
    take_tensors(eye, read_tensors(path), path)
    return eye


def untrained_eye(name: str, height: int, width: int) -> "keras.Model":
    """An eye with random weights, in place of which those of a model's file are to be read.

    Args:
        name, height, width: as for `build_eye`.
    """
    if name in OF_KERAS:
        return untrained_eye_of_keras(name, height, width)
    return efficientnet_lite0(height, width)


def feature_size(eye: "keras.Model") -> int:
    """D, the number of features that an eye gives of a frame."""
    return int(eye.output.shape[-1])


def last_block(eye: "keras.Model", name: str) -> "list[keras.layers.Layer]":
    """The layers with weights of an eye's last block and of the convolution after it, in their order: what is trained
    where only the last part of an eye is.

    Args:
        eye: of `build_eye`, or read back from a file.
        name: the name it was built by.
    """
    return [layer for layer in eye.layers if layer.weights and layer.name.startswith(_LAST_BLOCKS[name])]


def eye_fingerprint(eye: "keras.Model") -> str:
    """16 hexadecimal digits of the names and the values of an eye's weights. Frames may be of any size."""
    digest = hashlib.blake2b(digest_size=8)
    for layer in eye.layers:
        for variable in layer.weights:
            value = np.ascontiguousarray(variable, dtype=np.float32)
            digest.update(f"{layer.name}/{variable.name} {value.shape}\n".encode())
            digest.update(value.tobytes())
    return digest.hexdigest()
