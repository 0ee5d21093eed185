"""EfficientNet-Lite0 in Keras' own layers, with weights of torch's layout.

EfficientNet: Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
https://arxiv.org/abs/1905.11946. The Lite variant (Google, 2020) has ReLU6 for swish, no squeeze-and-excitation, and a
stem and a head that don't scale. Pixels are (x - 127) / 128, and padding is TensorFlow's "SAME".

Batch normalisation at its stored statistics is a multiplication and an addition for each channel. Both go into the
kernel and a bias of the convolution before it, so that the network has fewer operations, and no statistics that
training could change.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipelines.core.errors import UsageError

if TYPE_CHECKING:
    import keras

FEATURES, CLASSES = 1280, 1000
_EPSILON = 1e-3
_STEM = 32


class _Stage(NamedTuple):
    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class _Source(NamedTuple):
    """Where a convolution's weights are among the tensors, and how they are to be there: [filters, inputs, h, w]."""

    layer: str
    kernel: str
    norm: str
    shape: tuple[int, int, int, int]


def efficientnet_lite0(height: int, width: int, with_classifier: bool = False) -> "keras.Model":
    """The network with random weights.

    Args:
        height, width: of the pictures, in pixels.
        with_classifier: whether it gives ImageNet's 1,000 classes rather than features.

    Returns:
        A model `eye`: uint8 [N, H, W, 3] RGB to float32 features [N, 1280], or logits [N, 1000].
    """
    import keras
    from keras import layers

    pictures = keras.Input((height, width, 3), dtype="uint8", name="pictures")
    x = layers.Rescaling(1 / 128, -127 / 128, name="scaled")(pictures)
    x = layers.Conv2D(_STEM, 3, 2, padding="same", activation="relu6", name="stem")(x)
    for number, stage in enumerate(_STAGES, 1):
        for block in range(1, stage.blocks + 1):
            stride = stage.stride if block == 1 else 1
            x = _block(x, stage._replace(stride=stride), f"stage{number}_block{block}")
    x = layers.Conv2D(FEATURES, 1, activation="relu6", name="head")(x)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="pool")(x)
    if with_classifier:
        x = layers.Dense(CLASSES, dtype="float32", name="classifier")(x)
    return keras.Model(pictures, x, name="eye")


def _block(x: Any, stage: _Stage, name: str) -> Any:
    """A mobile inverted bottleneck: wider, a convolution of each channel alone, narrower, and past all that."""
    from keras import layers

    before, inputs = x, x.shape[-1]
    if stage.expansion > 1:
        x = layers.Conv2D(inputs * stage.expansion, 1, activation="relu6", name=f"{name}_expand")(x)
    x = layers.DepthwiseConv2D(
        stage.kernel, stage.stride, padding="same", activation="relu6", name=f"{name}_depthwise"
    )(x)
    x = layers.Conv2D(stage.filters, 1, name=f"{name}_project")(x)
    if stage.stride == 1 and inputs == stage.filters:
        x = layers.Add(name=f"{name}_add")([x, before])
    return x


def take_tensors(network: "keras.Model", tensors: Mapping[str, np.ndarray], what: str) -> None:
    """Gives a network of `efficientnet_lite0` the weights of the tensors.

    Args:
        network: with or without the classifier.
        tensors: by the names of `efficientnet_pytorch`, such as `_blocks.0._bn1.running_var`.
        what: the file they come from, for messages.

    Raises:
        UsageError: a tensor is missing, has another shape, or isn't finite.
    """

    def take(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in tensors:
            raise UsageError(f"{what} doesn't hold EfficientNet-Lite0: it has no tensor {name!r}")
        found = tensors[name]
        if found.shape != shape or found.dtype != np.float32:
            raise UsageError(
                f"{what} doesn't hold EfficientNet-Lite0: {name!r} is {found.dtype} {list(found.shape)}, "
                f"not float32 {list(shape)}"
            )
        if not np.isfinite(found).all():
            raise UsageError(f"{what} is damaged: {name!r} has values that aren't finite")
        return found

    for source in _sources():
        kernel = take(source.kernel, source.shape).astype(np.float64)
        scale, shift, mean, variance = (
            take(f"{source.norm}.{part}", source.shape[:1]).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        if variance.min() < 0:
            raise UsageError(f"{what} is damaged: '{source.norm}.running_var' has values below 0")
        scale /= np.sqrt(variance + _EPSILON)
        folded = kernel * scale[:, None, None, None]
        # Keras has [h, w, inputs, filters], and [h, w, filters, 1] for one of each channel alone.
        axes = (2, 3, 0, 1) if source.layer.endswith("_depthwise") else (2, 3, 1, 0)
        network.get_layer(source.layer).set_weights([folded.transpose(axes), shift - mean * scale])
    if any(layer.name == "classifier" for layer in network.layers):
        values = [take("_fc.weight", (CLASSES, FEATURES)).T, take("_fc.bias", (CLASSES,))]
        network.get_layer("classifier").set_weights(values)


def _sources() -> list[_Source]:
    """All convolutions, with the names that `efficientnet_pytorch` gives to their tensors."""
    found = [_Source("stem", "_conv_stem.weight", "_bn0", (_STEM, 3, 3, 3))]
    inputs, number = _STEM, 0
    for place, stage in enumerate(_STAGES, 1):
        for block in range(1, stage.blocks + 1):
            ours, theirs, inner = f"stage{place}_block{block}", f"_blocks.{number}", inputs * stage.expansion
            if stage.expansion > 1:
                shape = (inner, inputs, 1, 1)
                found.append(_Source(f"{ours}_expand", f"{theirs}._expand_conv.weight", f"{theirs}._bn0", shape))
            shape = (inner, 1, stage.kernel, stage.kernel)
            found.append(_Source(f"{ours}_depthwise", f"{theirs}._depthwise_conv.weight", f"{theirs}._bn1", shape))
            shape = (stage.filters, inner, 1, 1)
            found.append(_Source(f"{ours}_project", f"{theirs}._project_conv.weight", f"{theirs}._bn2", shape))
            inputs, number = stage.filters, number + 1
    return [*found, _Source("head", "_conv_head.weight", "_bn1", (FEATURES, inputs, 1, 1))]
