"""Adapts a classifier that was trained on other clips to those that this project makes."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import tensorflow as tf

from pipelines.core.errors import UsageError
from pipelines.core.reasons import first_line
from pipelines.core.spec import ClipSpec
from pipelines.process.tensorflow_start import without_announcements
from pipelines.reports.text import plural
from trainer.export.foreign import Foreign, show_shape

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SUM_TOLERANCE = 1e-3
_BATCH_TOLERANCE = 1e-4
_LOWEST_PROBABILITY = 1e-37


def sample_clips(spec: ClipSpec) -> np.ndarray:
    """Noise, a gradient of colours, black and white: uint8 [4, T, H, W, 3], always the same."""
    clips = np.zeros((4, *spec.shape), np.uint8)
    clips[0] = np.random.default_rng(0).integers(0, 256, spec.shape, np.uint8)
    clips[1] = np.linspace(0, 255, spec.width * 3).reshape(spec.width, 3).astype(np.uint8)
    clips[3] = 255
    return clips


def sorted_order(labels: Sequence[str]) -> tuple[int, ...]:
    """For each label in sorted order, its place in `labels`."""
    return tuple(sorted(range(len(labels)), key=lambda place: labels[place]))


@dataclass(frozen=True)
class Adapter:
    """A classifier with its pixels scaled and its outputs put in order.

    Attributes:
        foreign: the classifier.
        scale: range of the pixels that it takes: `0-1`, `-1-1`, `0-255` or `imagenet`.
        channels: their order, `rgb` or `bgr`.
        outputs: what it gives, `probabilities` or `logits`.
        order: for each label in sorted order, the number of its output.
    """

    foreign: Foreign
    scale: str
    channels: str
    outputs: str
    order: tuple[int, ...]

    @classmethod
    def make(
        cls,
        foreign: Foreign,
        source: str,
        spec: ClipSpec,
        labels: Sequence[str],
        scale: str,
        channels: str,
        outputs: str,
        clips: np.ndarray,
    ) -> Self:
        """Checks that a classifier is what it is said to be.

        Args:
            foreign: the classifier.
            source: its name for messages.
            spec: the clips that it takes.
            labels: names of its outputs in their order.
            scale: see the class.
            channels: see the class.
            outputs: see the class, or `auto` to find out.
            clips: uint8 [N, T, H, W, 3] to try it on, three at least.

        Raises:
            UsageError: it isn't; the message says how it differs.
        """
        _check_input(foreign, source, spec, scale)
        order = sorted_order(labels)
        adapter = cls(foreign, scale, channels, outputs, order)
        try:
            with without_announcements(), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of layers about other layers
                values = adapter._values(tf.constant(clips[:3])).numpy()
                single = [adapter._values(tf.constant(clips[i : i + 1])).numpy() for i in range(len(clips))]
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise UsageError(
                f"{source} doesn't take clips {show_shape((None, *spec.shape))} of {foreign.input_dtype.name}: "
                f"{first_line(error)}"
            ) from error
        _check_outputs(source, values, single, len(labels))
        singly = np.concatenate(single)
        found = _find_out(source, singly, outputs)
        return cls(foreign, scale, channels, found, order)

    def to_json(self) -> dict[str, Any]:
        """The settings of the adapter, as a JSON object."""
        return {
            "scale": self.scale,
            "channels": self.channels,
            "outputs": self.outputs,
            "order": list(self.order),
        }

    def logits(self, frames: tf.Tensor) -> tf.Tensor:
        """Logits float32 [B, C] of clips uint8 [B, T, H, W, 3], by sorted label."""
        values = tf.gather(tf.cast(self._values(frames), tf.float32), self.order, axis=-1)
        # Their softmax is the probabilities again, whatever rounding made of their sum.
        return tf.math.log(tf.maximum(values, _LOWEST_PROBABILITY)) if self.outputs == "probabilities" else values

    def _values(self, frames: tf.Tensor) -> tf.Tensor:
        """What the classifier gives."""
        pixels = tf.cast(frames, tf.float32)
        if self.scale == "0-1":
            pixels = pixels / 255.0
        elif self.scale == "-1-1":
            pixels = pixels / 127.5 - 1.0
        elif self.scale == "imagenet":
            pixels = (pixels / 255.0 - IMAGENET_MEAN) / IMAGENET_DEVIATION
        if self.channels == "bgr":
            pixels = tf.reverse(pixels, [-1])
        return self.foreign.call(tf.cast(pixels, self.foreign.input_dtype))


def _check_input(foreign: Foreign, source: str, spec: ClipSpec, scale: str) -> None:
    shape, dtype = foreign.input_shape, foreign.input_dtype
    if not (dtype.is_floating or dtype.is_integer):
        raise UsageError(f"{source} takes values of type {dtype.name}, not pixels")
    if dtype.is_integer and scale != "0-255":
        raise UsageError(f"{source} takes whole numbers ({dtype.name}), so it scales pixels itself: use --scale 0-255")
    if shape is None:
        return
    if len(shape) != 5 or any(has not in (None, wants) for has, wants in zip(shape[1:], spec.shape, strict=True)):
        wanted = show_shape((None, *spec.shape))
        raise UsageError(
            f"{source} takes {show_shape(shape)} (clips, frames, height, width, colours), but --num-frames "
            f"{spec.num_frames} and --size {spec.height}x{spec.width} make {wanted}"
        )
    if shape[0] is not None:
        raise UsageError(f"{source} takes batches of {shape[0]} clips only; export it with a variable batch size")


def _check_outputs(source: str, values: np.ndarray, single: Sequence[np.ndarray], num_labels: int) -> None:
    if values.ndim != 2 or values.shape[0] != 3:
        raise UsageError(f"{source} gives {show_shape(values.shape)} for 3 clips, not a row of values for each clip")
    if odd := next((one.shape for one in single if one.shape != (1, values.shape[1])), None):
        raise UsageError(f"{source} gives {show_shape(odd)} for one clip, not a row of values for each clip")
    if values.shape[1] == 1:
        raise UsageError(
            f"{source} has one output, but an output is needed for each class. Where the model was made, turn a "
            "sigmoid p that tells two classes apart into the two outputs 1 - p and p"
        )
    if values.shape[1] != num_labels:
        outputs, labels = plural(values.shape[1], "output"), plural(num_labels, "label")
        raise UsageError(f"{source} has {outputs}, but there {'is' if num_labels == 1 else 'are'} {labels}")
    singly = np.concatenate(single)
    if not (np.isfinite(values).all() and np.isfinite(singly).all()):
        raise UsageError(f"{source} gives values that aren't finite on sample clips; its weights or --scale are wrong")
    difference = float(np.max(np.abs(values - singly[:3])))
    if difference > _BATCH_TOLERANCE * max(1.0, float(np.max(np.abs(values)))):
        raise UsageError(
            f"{source} gives other values for a clip alone than for the same clip in a batch of 3 (they "
            f"differ by {difference:.2g}): it normalises over the batch, or is random as in training"
        )


def _find_out(source: str, values: np.ndarray, outputs: str) -> str:
    """Whether values [N, C] are probabilities or logits."""
    sums = values.sum(axis=-1, dtype=np.float64)
    unlike = np.abs(sums - 1).max()
    if values.min() >= 0 and unlike <= _SUM_TOLERANCE:
        return "probabilities" if outputs == "auto" else outputs
    if outputs == "probabilities":
        raise UsageError(
            f"{source} doesn't give probabilities: a sample clip's values add up to "
            f"{sums[np.abs(sums - 1).argmax()]:.4g}, and the smallest value is {values.min():.4g}. Try --outputs logits"
        )
    if outputs == "auto" and values.min() >= 0 and values.max() <= 1:
        raise UsageError(
            f"{source} gives values from 0 to 1 that don't add up to 1, as from a sigmoid for each class, where "
            "several classes may apply at once. If they are meant as logits anyway, use --outputs logits"
        )
    return "logits"
