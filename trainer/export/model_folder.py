"""A model directory: how it is built, checked and put in its place.

| in the folder | |
|---|---|
| `saved_model/` | `serving_default`: uint8 `frames` [B, T, H, W, 3] to float32 `probabilities` and `logits` [B, C], \
if the last layer is known, `embedding` [B, D]: what that layer gets, and if the model can tell, `unfamiliar` [B]: the \
distance from the clips of training over the threshold |
| `model.keras` | the Keras model, where there is one |
| `README.md` | the model card; an edited one is kept when the model is replaced, see `card.keeping` |
| `model_info.json` | written last; names the other parts |
"""

import contextlib
import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.core.errors import OutputError, UserError
from pipelines.core.familiarity import UNFAMILIAR_OUTPUT
from pipelines.core.model_info import EMBEDDING_OUTPUT, MODEL_INFO, ModelInfo
from pipelines.process import interrupts
from trainer.evaluation.card.keeping import keep_edited
from trainer.evaluation.multilabel.scales import sigmoid
from trainer.evaluation.places import refuse_other_folder
from trainer.files import storage

KERAS_MODEL = "model.keras"
TOLERANCE = 1e-5
"""Largest difference of a probability between a model and its written copy."""
_DISTANCES = 1e-3
"""The same for distances, whose features are sums over a clip, which are rounded differently in another order."""
_LOGITS = "logits"
_NUMBERS = {os.strerror(number): number for number in errno.errorcode}
"""Of the errors of the operating system, by what TensorFlow says."""


def write_saved_model(
    folder: str,
    outputs: Callable[[tf.Tensor], Any],
    resources: Sequence[Any],
    info: ModelInfo,
    batch: int | None = None,
) -> None:
    """Writes a SavedModel that gives probabilities of clips.

    Args:
        folder: a new folder to write to.
        outputs: uint8 [B, T, H, W, 3] to logits, float [B, C], in TensorFlow's operations, or to the outputs by their
            names, of which `logits` must be one, and `unfamiliar` and `embedding` may be others.
        resources: the variables, or what holds them, on which `outputs` depends.
        info: shapes, names and temperature.
        batch: number of clips that it takes; None for any.

    Raises:
        OSError: the folder can't be written.
    """
    module = tf.Module()
    module.resources = list(resources)
    spec = tf.TensorSpec([batch, *info.clip_spec.shape], tf.uint8, name=info.input_name)

    def serve(frames: tf.Tensor) -> dict[str, tf.Tensor]:
        found = outputs(frames)
        given = found if isinstance(found, Mapping) else {_LOGITS: found}
        sizes = {_LOGITS: [len(info.labels)], UNFAMILIAR_OUTPUT: [], EMBEDDING_OUTPUT: [info.embedding]}
        named = {
            name: tf.ensure_shape(tf.cast(value, tf.float32), [None, *sizes[name]]) for name, value in given.items()
        }
        squash = tf.nn.sigmoid if info.multi_label else tf.nn.softmax
        return {info.output_name: squash(named[_LOGITS] / info.temperature), **named}

    module.serve = tf.function(serve, input_signature=[spec], autograph=False)  # there is no Python to rewrite
    # Without the gradients of custom operations: a SavedModel isn't trained any more.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        tf.saved_model.save(module, folder, signatures=module.serve, options=options)
    except tf.errors.OpError as error:
        said = error.message.rpartition("; ")[2].partition(" [Op:")[0]  # after the path
        if (number := _NUMBERS.get(said)) is None:
            raise
        raise OSError(number, said, folder) from error


def check_saved_model(
    folder: str,
    info: ModelInfo,
    clips: np.ndarray,
    expected_logits: np.ndarray,
    expected: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Loads a SavedModel and compares its outputs with those expected.

    Args:
        folder: the SavedModel.
        info: names and temperature.
        clips: uint8 [N, T, H, W, 3].
        expected_logits: float32 [N, C].
        expected: its other outputs by name.

    Raises:
        UserError: they differ.
    """
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    outputs = signature(**{info.input_name: tf.constant(clips)})
    check_equal("the SavedModel's logits", outputs["logits"].numpy(), expected_logits)
    scaled = expected_logits.astype(np.float64) / info.temperature
    if info.multi_label:
        shares = sigmoid(expected_logits, info.temperature)
    else:
        shares = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
    check_equal("the SavedModel's probabilities", outputs[info.output_name].numpy(), shares)
    for name, values in (expected or {}).items():
        check_equal(f"the SavedModel's output {name}", outputs[name].numpy(), values, _DISTANCES)


def check_equal(what: str, values: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    """Compares two arrays of outputs, in units of the largest expected one where that is above 1.

    Raises:
        UserError: they differ by more than the tolerance, within which the best class can differ only in a tie.
    """
    difference = np.inf
    if values.shape == expected.shape:
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            difference = float(np.max(np.abs(values - expected), initial=0.0))
    if not difference <= tolerance * max(1.0, float(np.max(np.abs(expected), initial=0.0))):
        raise UserError(
            f"{what} differ from those of the model by {difference:.2g} on sample clips, so nothing was written. Look "
            "for weights that aren't finite, layers that don't keep all their settings in get_config, or randomness "
            "that isn't switched off outside of training"
        )


@contextlib.contextmanager
def staged(folder: str) -> Iterator[str]:
    """A local folder to build a model in, which replaces `folder` when the block ends without an error.

    A local model that is replaced is moved aside first and deleted last. In a store, which can't rename folders, the
    old model's `model_info.json` is deleted first and the new one's written last: a folder that has it is complete.

    Raises:
        UsageError: `folder` holds something other than a model.
        OutputError: `folder` can't be written.
    """
    with interrupts.tidying_up(), _staged(storage.normalise(folder)) as built:
        yield built


@contextlib.contextmanager
def _staged(folder: str) -> Iterator[str]:
    refuse_other_folder(folder)
    if not storage.is_local(folder):
        with _uploaded(folder) as built:
            yield built
        return
    target = Path(os.path.realpath(folder))
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.new")
    try:
        temporary.mkdir(parents=True)
        yield str(temporary)
        keep_edited(folder, str(temporary))
        _swap(temporary, target)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {folder}: {reason}. Make room or give permission there") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(new: Path, target: Path) -> None:
    """Renames a folder to `target`; what was there is deleted once the new one is in place, or put back."""
    old = new.with_suffix(".old")
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _uploaded(folder: str) -> Iterator[str]:
    built = tempfile.mkdtemp(prefix="model-")
    keep = False
    try:
        yield built
        keep = True
        keep_edited(folder, built)
        storage.delete(storage.join(folder, MODEL_INFO))
        storage.delete_tree(folder)
        storage.copy_tree(built, folder, last=(MODEL_INFO,))
        keep = False
    except UserError as error:
        if not keep:
            raise
        raise OutputError(f"{error}. The finished model is in {built}: copy it from there") from error
    finally:
        if not keep:
            shutil.rmtree(built, ignore_errors=True)
