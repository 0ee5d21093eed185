"""EfficientNet-Lite0 in NumPy and float64, straight from the tensors of its file: nothing is folded, and no code is
shared with the network in Keras."""

from collections.abc import Mapping

import numpy as np

BLOCKS = (
    *((3, 1, 0), (3, 2, 0), (3, 1, 1), (5, 2, 0), (5, 1, 1), (3, 2, 0), (3, 1, 1), (3, 1, 1)),
    *((5, 1, 0), (5, 1, 1), (5, 1, 1), (5, 2, 0), (5, 1, 1), (5, 1, 1), (5, 1, 1), (3, 1, 0)),
)
"""Of each block the side of the kernel, the stride, and whether its input is added to its output."""


def features_and_logits(pictures: np.ndarray, tensors: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What the network gives of pictures uint8 [N, H, W, 3] RGB.

    Returns:
        Features float64 [N, 1280], and logits [N, 1000].
    """
    weights = {name: values.astype(np.float64) for name, values in tensors.items()}

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
        return (x - mean) / np.sqrt(variance + 1e-3) * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def pointwise(x: np.ndarray, name: str) -> np.ndarray:
        return x @ weights[f"{name}.weight"][:, :, 0, 0].T

    x = (pictures.astype(np.float64) - 127) / 128
    windows = _windows(x, 3, 2)
    x = _relu6(norm(np.einsum("nijchw,ochw->nijo", windows, weights["_conv_stem.weight"], optimize=True), "_bn0"))
    for number, (side, stride, adds) in enumerate(BLOCKS):
        block, before = f"_blocks.{number}", x
        if f"{block}._expand_conv.weight" in weights:
            x = _relu6(norm(pointwise(x, f"{block}._expand_conv"), f"{block}._bn0"))
        kernel = weights[f"{block}._depthwise_conv.weight"][:, 0]
        x = np.einsum("nijchw,chw->nijc", _windows(x, side, stride), kernel, optimize=True)
        x = norm(pointwise(_relu6(norm(x, f"{block}._bn1")), f"{block}._project_conv"), f"{block}._bn2")
        x = x + before if adds else x
    features = _relu6(norm(pointwise(x, "_conv_head"), "_bn1")).mean(axis=(1, 2))
    return features, features @ weights["_fc.weight"].T + weights["_fc.bias"]


def _relu6(x: np.ndarray) -> np.ndarray:
    return x.clip(0, 6)


def _windows(x: np.ndarray, side: int, stride: int) -> np.ndarray:
    """[N, H, W, C] to [N, h, w, C, side, side] as TensorFlow pads: h = ceil(H / stride), zeros on both sides, and
    the odd one at the end."""
    pads = []
    for length in x.shape[1:3]:
        total = max(0, (-(-length // stride) - 1) * stride + side - length)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]
