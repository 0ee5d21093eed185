"""The SavedModel that is converted: the model with its probabilities and logits alone, without loops."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from pipelines.core.errors import UserError
from pipelines.core.model_info import ModelInfo
from pipelines.core.reasons import first_line
from trainer.export.adapter import Adapter
from trainer.export.foreign import open_keras
from trainer.export.keras_model import serving_parts
from trainer.export.model_folder import KERAS_MODEL, write_saved_model
from trainer.networks import build  # noqa: F401 - registers the layers of our networks


def write_convertible(model: str, info: ModelInfo, folder: str, batch: int | None) -> None:
    """Writes a SavedModel that converters can read, with the outputs of `info.output_name` and `logits`.

    A recurrent layer is a loop, whose lists of tensors TensorFlow Lite knows no operators for. The number of steps is
    known, so the layers of a Keras file are unrolled. A model without such a file is converted as it is.

    Args:
        model: local folder of the model, of which nothing is run that does more than calculate.
        info: its description.
        folder: where to write to.
        batch: number of clips that it takes; None for any.

    Raises:
        UserError: the Keras file can't be read.
    """
    keras_file = Path(model, KERAS_MODEL)
    outputs, resources = _of_keras(str(keras_file), info) if keras_file.exists() else _of_saved_model(model, info)
    write_saved_model(folder, outputs, resources, info, batch)


def _of_saved_model(model: str, info: ModelInfo) -> tuple[Callable[[tf.Tensor], Any], list[Any]]:
    loaded = tf.saved_model.load(str(Path(model, info.saved_model)))
    signature = loaded.signatures["serving_default"]
    return (lambda frames: signature(**{info.input_name: frames})["logits"]), [loaded]


def _of_keras(path: str, info: ModelInfo) -> tuple[Callable[[tf.Tensor], Any], list[Any]]:
    if info.imported:
        foreign = open_keras(path, change=unrolled)
        settings = {**info.imported, "order": tuple(info.imported["order"])}
        return Adapter(foreign, **settings).logits, list(foreign.resources)
    try:
        network = keras.models.load_model(path, compile=False)
    except Exception as error:  # of any class, depending on the file
        raise UserError(f"cannot read {path}: {first_line(error)}. Train the model again") from error
    return serving_parts(unrolled(network))


def unrolled(network: keras.Model) -> keras.Model:
    """The same network with the same weights, whose recurrent layers have their steps one after another."""
    settings = _unrolled(keras.saving.serialize_keras_object(network))
    settings.pop("compile_config", None)
    copy: keras.Model = keras.saving.deserialize_keras_object(settings)
    copy.set_weights(network.get_weights())
    return copy


def _unrolled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: True if key == "unroll" else _unrolled(item) for key, item in value.items()}
    return [_unrolled(item) for item in value] if isinstance(value, list) else value
