"""Tiny model directories without training, and plain grey videos whose classes are known in advance."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.familiarity import UNFAMILIAR_OUTPUT, Familiarity
from pipelines.core.hashing import fingerprint, stable_hash
from pipelines.core.model_info import EMBEDDING_OUTPUT, MODEL_INFO, ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.core.versions import OF_MODEL, versions
from pipelines.process.tensorflow_start import start_tensorflow
from tests.support.films import write_film

start_tensorflow()

import tensorflow as tf  # noqa: E402

from trainer.export.model_folder import write_saved_model  # noqa: E402

LABELS = ("Jump", "Run", "Wave")
CLIP_SPEC = ClipSpec(num_frames=4, height=32, width=32)
BRIGHTNESS = "brightness"
DURATIONS = {"min": 0.4, "median": 1.0, "max": 1.0}
Range = tuple[float, float]
"""Mean brightness of a clip, from 0 to 255; the end is exclusive."""


def make_model(
    folder: Path,
    labels: Sequence[str] = LABELS,
    clip_spec: ClipSpec = CLIP_SPEC,
    durations_s: Mapping[str, float] | None = None,
    rule: str = BRIGHTNESS,
    poison: Range | None = None,
    nan: Range | None = None,
    hungry: Range | None = None,
    clip_gib: int = 1 << 16,
    far: Range | None = None,
    embedding: bool = False,
) -> ModelInfo:
    """Writes a model directory that `pipelines.label` takes, in about a second; `model_info.json` is written last.

    By the rule `BRIGHTNESS`, `label_of` gives the class; any other text draws a random projection of the mean of each
    frame and colour. Of clips whose brightness is in a range, `poison` makes the whole batch fail, `nan` gives NaN, and
    `hungry` allocates `clip_gib` GiB each, without using them: by default more than any machine has. Clips whose
    brightness is in `far` are twice as far from those of training as is usual, the others half as far; by default the
    model can't tell. With `embedding`, it also gives the mean of each frame and colour as the embedding of a clip.
    """
    what = [rule, poison, nan, list(labels), clip_spec.fingerprint(), *([hungry, clip_gib] if hungry else [])]
    what += [far] if far else []
    info = ModelInfo(
        "tiny",
        rule,
        clip_spec,
        tuple(labels),
        durations_s=dict(durations_s or {}),
        fingerprint=fingerprint(what),
        versions=versions(OF_MODEL),
        unfamiliar=Familiarity("brightness", 1.0, num_clips=20, num_groups=3, reason="") if far else Familiarity(),
        embedding=clip_spec.num_frames * 3 if embedding else 0,
    )
    logits = _logits(info, poison, nan, hungry, clip_gib)

    def outputs(frames: tf.Tensor) -> dict[str, tf.Tensor]:
        distances = {UNFAMILIAR_OUTPUT: _distances(frames, far)} if far else {}
        features = {EMBEDDING_OUTPUT: frame_means(frames)} if info.embedding else {}
        return {"logits": logits(frames), **distances, **features}

    write_saved_model(str(folder / info.saved_model), outputs, [], info)
    (folder / MODEL_INFO).write_text(info.to_json())
    return info


def label_of(level: float, labels: Sequence[str] = LABELS) -> str:
    """The class of a plain grey clip by the rule `BRIGHTNESS`: the first for black, the last for white."""
    return labels[min(len(labels) - 1, int(level * len(labels) / 256))]


def level_of(label: str, labels: Sequence[str] = LABELS) -> int:
    """The grey value in the middle of a class."""
    return round((list(labels).index(label) + 0.5) * 256 / len(labels))


def write_grey(
    path: Path, levels: Sequence[int], rate: int = 25, codec: str = "mpeg4", options: Mapping[str, str] | None = None
) -> Path:
    """Writes a video of 64x48 pixels, each frame plain grey; decoded values are within 2 of it."""
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    return write_film(path, pictures, codec, options, rate=rate, bit_rate=0)


def grey_clip(level: int, clip_spec: ClipSpec = CLIP_SPEC) -> bytes:
    """A plain grey clip as the decoder gives it."""
    return bytes([level]) * clip_spec.num_bytes


def frame_means(frames: tf.Tensor) -> tf.Tensor:
    """The mean of each frame and colour, float32 [B, T * 3]: what models with `embedding` give."""
    return tf.reshape(tf.reduce_mean(tf.cast(frames, tf.float32), [2, 3]), [-1, frames.shape[1] * 3])


def _distances(frames: tf.Tensor, far: Range) -> tf.Tensor:
    brightness = tf.reduce_mean(tf.cast(frames, tf.float32), [1, 2, 3, 4])
    return tf.where((brightness >= far[0]) & (brightness < far[1]), 2.0, 0.5)


def _logits(
    info: ModelInfo, poison: Range | None, nan: Range | None, hungry: Range | None, clip_gib: int
) -> Callable[[tf.Tensor], tf.Tensor]:
    num_frames, num_classes = info.clip_spec.num_frames, len(info.labels)
    if info.variant == BRIGHTNESS:
        centres = (np.arange(num_classes) + 0.5) * 256 / num_classes
    else:
        generator = np.random.default_rng(stable_hash("rule", info.variant))
        weights = generator.normal(0, 8, (num_frames * 3, num_classes)).astype(np.float32)

    def logits(frames: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(frames, tf.float32)
        brightness = tf.reduce_mean(pixels, [1, 2, 3, 4])
        if info.variant == BRIGHTNESS:
            distance = tf.abs(brightness[:, None] - tf.constant(centres, tf.float32))
            values = -distance * (8 * num_classes / 256)
        else:
            means = tf.reshape(tf.reduce_mean(pixels, [2, 3]), [-1, num_frames * 3])
            values = tf.linalg.matmul(means / 255 - 0.5, tf.constant(weights))
        if poison is not None:
            is_poisoned = (brightness >= poison[0]) & (brightness < poison[1])
            tf.debugging.Assert(~tf.reduce_any(is_poisoned), ["a poisoned clip"])
        if nan is not None:
            has_none = (brightness >= nan[0]) & (brightness < nan[1])
            values = tf.where(has_none[:, None], np.nan, values)
        if hungry is not None:
            is_hungry = (brightness >= hungry[0]) & (brightness < hungry[1])
            values = tf.cond(tf.reduce_any(is_hungry), lambda: eat(values), lambda: values)
        return values

    def eat(values: tf.Tensor) -> tf.Tensor:
        wanted = tf.stack([tf.shape(values)[0], clip_gib, 1 << 30])
        with tf.control_dependencies([tf.raw_ops.Empty(shape=wanted, dtype=tf.uint8)]):
            return tf.identity(values)

    return logits


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained on videos of about a second."""
    folder = tmp_path_factory.mktemp("model")
    make_model(folder, durations_s=DURATIONS)
    return folder
