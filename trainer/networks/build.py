"""The networks: Keras models that take uint8 clips and give logits. Their builders go from frames to the last vector.

Each of the two ideas comes in two variants. `reference` is what public notebooks on UCF50 build, with their parameter
counts; `default` is the best that was found of the same idea at this resolution; docs/explanation/results.md tells what
each part is worth. All scaling is inside: frames go in as uint8 [B, T, H, W, 3] RGB, float32 logits [B, C] come out.

No network normalises over a batch: a clip's logits depend on nothing but the clip, so the result is the same for any
number of devices, and a batch may be filled up with empty clips.

LRCN: Donahue et al. 2015, "Long-term Recurrent Convolutional Networks for Visual Recognition and Description",
https://arxiv.org/abs/1411.4389. ConvLSTM: Shi et al. 2015, "Convolutional LSTM Network",
https://arxiv.org/abs/1506.04214."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from pipelines.core.errors import UsageError
from trainer.networks.convlstm_layer import FastConvLSTM2D
from trainer.networks.streams import APPEARANCE, CLIP, LOGITS, Appearance, join, see

Shape = tuple[int, int, int, int]
"""T, H, W, 3 of a clip."""
Stem = tuple[tuple[int, int, int], ...]
"""Filters, kernel size and stride of each convolution."""
_DROPOUT = 0.3
_NO_APPEARANCE = Appearance()


def build_model(
    name: str, variant: str, shape: Shape, num_classes: int, appearance: Appearance = _NO_APPEARANCE
) -> keras.Model:
    """A new network with weights drawn from Keras' seed (`keras.utils.set_random_seed`).

    Args:
        name: `convlstm` or `lrcn`; `appearance` for a pretrained network and nothing that sees motion.
        variant: `default` or `reference`.
        shape: T, H, W, 3 of a clip.
        num_classes: C, the number of logits.
        appearance: the pretrained network of a second stream (see `trainer.networks.streams`), if there is to be one.

    Raises:
        UsageError: the clips are too small for this network, or the pretrained network has no weights here.
    """
    frames = keras.Input(shape, dtype="uint8", name="frames")
    try:
        clip = layers.Identity(name=CLIP)(frames) if appearance else frames
        motion = None if name == APPEARANCE else BUILDERS[name, variant](clip)
    except ValueError as error:  # from Keras: the output of a layer would be empty
        raise UsageError(
            f"clips of {shape[1]}x{shape[2]} pixels are too small for the {variant} network {name}. Preprocess with a "
            "larger --size, or choose the other --variant"
        ) from error
    vector = join(motion, see(frames, appearance)) if appearance else motion
    logits = layers.Dense(num_classes, dtype="float32", name=LOGITS)(vector)
    return keras.Model(frames, logits, name=f"{name}_{variant}")


def without_cudnn(model: keras.Model) -> None:
    """Keeps recurrent layers from using cuDNN's operations, which XLA can't compile and which run only on GPUs."""
    for layer in model._flatten_layers():
        if hasattr(layer, "use_cudnn"):
            layer.use_cudnn = False


def reference_convlstm(frames: Any) -> Any:
    """ConvLSTM2D 4-8-14-16 with pooling after each; 44,524 parameters for 4 classes at 20x64x64."""
    x = layers.Rescaling(1 / 255)(frames)
    for filters in (4, 8, 14, 16):
        x = FastConvLSTM2D(filters, 3, recurrent_dropout=0.2)(x)
        x = _unfold(layers.MaxPooling2D(2, padding="same")(_fold(x)), frames.shape[1])
        if filters < 16:
            x = layers.Dropout(0.2)(x)
    return layers.Flatten()(x)


def reference_lrcn(frames: Any) -> Any:
    """Conv2D 16-32-64-64 on each frame, LSTM 32; 73,060 parameters for 4 classes at 20x64x64."""
    x = _fold(layers.Rescaling(1 / 255)(frames))
    for number, (filters, pool) in enumerate(((16, 4), (32, 4), (64, 2), (64, 2))):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(pool, padding="same")(x)
        if number < 3:
            x = layers.Dropout(0.25)(x)
    return layers.LSTM(32)(_unfold(layers.Flatten()(x), frames.shape[1]))


def default_convlstm(frames: Any) -> Any:
    """A stem that shrinks the frames' differences, ConvLSTM2D on its features, and attention over time."""
    x = _unfold(_stem(_fold(_see(frames)), ((32, 7, 4),)), frames.shape[1])
    x = _norm(FastConvLSTM2D(24, 3, padding="same")(x))
    x = _unfold(_features(_fold(x)), frames.shape[1])
    x = layers.Dropout(_DROPOUT)(x)
    return layers.Dropout(_DROPOUT)(_read_out(x))


def default_lrcn(frames: Any) -> Any:
    """Convolutions on the frames' differences, an LSTM in both directions, and attention over time."""
    x = _stem(_fold(_see(frames)), ((32, 7, 4), (64, 3, 2), (96, 3, 2)))
    x = layers.Dropout(_DROPOUT)(_unfold(_features(x), frames.shape[1]))
    x = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(x)
    return layers.Dropout(_DROPOUT)(_read_out(x))


BUILDERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("convlstm", "reference"): reference_convlstm,
    ("convlstm", "default"): default_convlstm,
    ("lrcn", "reference"): reference_lrcn,
    ("lrcn", "default"): default_lrcn,
}


def _see(inputs: Any) -> Any:
    """What the first convolution sees of clips uint8 [B, T, H, W, 3]: how each frame differs from the one before and
    the one after, [B, T, H, W, 6]. A single frame has no motion: then it is the frame."""
    frames = layers.Rescaling(1 / 127.5, -1)(inputs)
    if frames.shape[1] == 1:
        return frames
    # The first frame has no predecessor: its change is 0.
    change = ops.pad(frames[:, 1:] - frames[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0), (0, 0))) * 4.0
    following = ops.pad(change[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0), (0, 0)))
    return ops.concatenate([change, following], axis=-1)


def _stem(x: Any, stem: Stem) -> Any:
    for filters, kernel, strides in stem:
        x = layers.Conv2D(filters, kernel, strides, padding="same")(x)
        x = layers.Activation("relu")(_norm(x))
    return x


def _features(x: Any) -> Any:
    """Feature maps [N, h, w, C] to vectors [N, 128]: what is where on a grid of 4x4."""
    cells = tuple(max(1, side // 4) for side in x.shape[1:3])
    x = layers.Flatten()(layers.AveragePooling2D(cells)(x))
    return layers.Activation("relu")(_norm(layers.Dense(128)(x)))


def _norm(x: Any) -> Any:
    """Activations [N, ..., C] to mean 0 and variance 1, with a learnt scale and shift for each channel.

    It goes over all places and channels of a frame together (Wu & He 2018, "Group Normalization",
    https://arxiv.org/abs/1803.08494, with one group). Where nothing moves there is nothing but noise, and over the
    channels of each place alone it would become as large as what does move.

    Args:
        x: feature maps [N, h, w, C], or [B, T, h, w, C], or vectors [N, C].
    """
    if len(x.shape) == 5:
        return _unfold(_norm(_fold(x)), x.shape[1])
    return layers.GroupNormalization(1)(x)


def _read_out(x: Any) -> Any:
    """[B, T, D] to [B, D]: the mean over time with learnt weights."""
    if x.shape[1] == 1:
        return x[:, -1]
    weights = ops.softmax(layers.Dense(1)(x), axis=1)
    return ops.sum(weights * x, axis=1)


def _fold(x: Any) -> Any:
    """[B, T, ...] to [B * T, ...]: one large convolution instead of T small ones."""
    return ops.reshape(x, (-1, *x.shape[2:]))


def _unfold(x: Any, num_frames: int) -> Any:
    """The inverse of `_fold`."""
    return ops.reshape(x, (-1, num_frames, *x.shape[1:]))
