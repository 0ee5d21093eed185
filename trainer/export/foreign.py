"""Classifiers that were trained elsewhere: a SavedModel or a Keras file as a function of scaled clips."""

import contextlib
import hashlib
import json
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from pipelines.core.errors import UsageError, UserError
from pipelines.core.reasons import first_line
from pipelines.models.safety import refuse_unsafe
from trainer.export.keras_model import configuration, serving_parts
from trainer.export.model_files import AGAIN, BETTER_FORM, HDF5, KERAS, keras_form

_CAUSE = "Exception encountered: "
"""What Keras' longest messages end with."""


@dataclass(frozen=True)
class Foreign:
    """A classifier of clips.

    Attributes:
        call: [B, T, H, W, 3] of `input_dtype` to [B, C], in TensorFlow's operations.
        input_shape: of its input, with None for a size that can vary; None if even the rank is unknown.
        input_dtype: of its input.
        resources: what `call` depends on, for a SavedModel to hold.
        weights: all variables that it uses, as arrays.
        architecture: text that differs between two models that differ in more than their weights.
        description: for people.
        keeps_file: whether Keras 3 reads the same model from its file.
        rescales: the layers that scale values, perhaps pixels; only of a Keras file, where they are known.
    """

    call: Callable[[tf.Tensor], tf.Tensor]
    input_shape: tuple[int | None, ...] | None
    input_dtype: tf.DType
    resources: Sequence[Any]
    weights: Sequence[np.ndarray]
    architecture: str
    description: str
    keeps_file: bool = False
    rescales: str = ""


def open_saved_model(folder: str, signature: str, num_labels: int, trust: bool = False) -> Foreign:
    """Loads a SavedModel of any version of TensorFlow and Keras.

    Args:
        folder: of the SavedModel.
        signature: the name of a signature, or empty to choose `serving_default` or the only one.
        num_labels: distinguishes outputs with classes from others.
        trust: whether its graphs may do more than calculate.

    Raises:
        UsageError: it can't be loaded, does more than calculate, or it isn't clear what to call; the message lists
            what there is.
    """
    try:
        if not trust:
            refuse_unsafe(folder, f"the SavedModel {folder}")
        loaded = tf.saved_model.load(folder)
        signatures = dict(loaded.signatures)
    except UserError:
        raise
    except Exception as error:  # of any class, depending on what is wrong with the files
        raise UsageError(f"cannot load the SavedModel {folder}: {first_line(error)}") from error
    if not signatures:
        raise UsageError(f"the SavedModel {folder} has no signatures, so nothing says how to call it. {BETTER_FORM}")
    name = signature or ("serving_default" if "serving_default" in signatures else "")
    if not name and len(signatures) == 1:
        (name,) = signatures
    listed = "; ".join(map(_describe, signatures, signatures.values()))
    if name not in signatures:
        what = f"has no signature {name!r}" if name else "has several signatures"
        raise UsageError(f"the SavedModel {folder} {what}. Choose one with --signature: {listed}")
    function = signatures[name]
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    if len(inputs) != 1:
        raise UsageError(f"a model of clips has one input, but the SavedModel {folder} has {len(inputs)}: {listed}")
    fitting = [key for key, spec in outputs.items() if _gives_classes(spec, num_labels)]
    if len(outputs) > 1 and len(fitting) != 1:
        raise UsageError(
            f"the SavedModel {folder} has {len(outputs)} outputs, {len(fitting)} of them with a value for each of "
            f"{num_labels} labels; one is needed: {listed}"
        )
    ((input_name, spec),) = inputs.items()
    (output_name,) = fitting if len(outputs) > 1 else outputs
    variables = list(function.variables)
    # With its variables alone, a model needs a fraction of the space, but there may be tables as well.
    resources = variables if len(function.captured_inputs) == len(variables) else [loaded]
    return Foreign(
        call=lambda clips: function(**{input_name: clips})[output_name],
        input_shape=_shape(spec.shape),
        input_dtype=spec.dtype,
        resources=resources,
        weights=[variable.numpy() for variable in variables],
        architecture=f"{_digest(folder)} {name} {output_name}",
        description=f"SavedModel, signature {_describe(name, function)}",
    )


def _digest(folder: str) -> str:
    """A hash of a SavedModel's graphs. Once loaded, their functions have names that differ each time."""
    paths = (Path(folder, "saved_model.pb"), Path(folder, "saved_model.pbtxt"))
    return hashlib.blake2b(next(path for path in paths if path.exists()).read_bytes()).hexdigest()


def _describe(name: str, function: Any) -> str:
    """`serving_default(clip float32 [None, 20, 64, 64, 3]) -> dense [None, 4]`."""

    def show(specs: Mapping[str, tf.TensorSpec]) -> str:
        return ", ".join(
            f"{key} {spec.dtype.name} {show_shape(_shape(spec.shape))}" for key, spec in sorted(specs.items())
        )

    return f"{name}({show(function.structured_input_signature[1])}) -> {show(function.structured_outputs)}"


def _gives_classes(spec: tf.TensorSpec, num_labels: int) -> bool:
    return spec.shape.rank is None or (spec.shape.rank == 2 and spec.shape[-1] in (None, num_labels))


def _shape(shape: tf.TensorShape) -> tuple[int | None, ...] | None:
    return None if shape.rank is None else tuple(shape.as_list())


def show_shape(shape: Sequence[int | None] | None) -> str:
    """`[any, 20, 64, 64, 3]`."""
    if shape is None:
        return "[...]"
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"


def open_keras(path: str, change: Callable[[keras.Model], keras.Model] = lambda model: model) -> Foreign:
    """Loads a `.keras` file or a legacy `.h5` file, of Keras 2 as far as Keras 3 can load it.

    Args:
        path: the file.
        change: what to do to the model before it is used.

    Raises:
        UsageError: Keras can't load it, or it doesn't have one input and one output.
    """
    form = keras_form(Path(path))
    try:
        version = _keras_version(path)
        with _readable_file(path, form, version) as readable, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about how the layers were written
            model = keras.models.load_model(readable, compile=False, safe_mode=True)
            old = version.startswith("2")
            if old:
                _restore_hard_sigmoid(model)
    except Exception as error:  # of any class, depending on the file and on the layers
        remedy = AGAIN if isinstance(error, OSError) and "truncated" in str(error) else BETTER_FORM
        raise UsageError(f"Keras {keras.__version__} cannot load {path}: {_why(error)}. {remedy}") from error
    if not isinstance(model, keras.Model) or not model.inputs or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(f"{path} is not a Keras model with one input and one output. {BETTER_FORM}")
    if any(
        isinstance(getattr(model, end, None), dict) for end in ("input", "output")
    ):  # by names, which nobody here knows
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    model = change(model)
    call, variables = serving_parts(model)
    shape = tuple(model.inputs[0].shape)
    return Foreign(
        call=call,
        input_shape=shape,
        input_dtype=tf.as_dtype(model.inputs[0].dtype),
        resources=variables,
        weights=model.get_weights(),
        architecture=configuration(model) + (" of Keras 2" if old else ""),
        description=f"Keras {version or '(version unknown)'} model {model.name}, {len(model.layers)} layers, "
        f"{model.inputs[0].dtype} {show_shape(shape)} -> {show_shape(tuple(model.outputs[0].shape))}",
        keeps_file=form == KERAS and not old,
        rescales=", ".join(
            layer.name
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization)
        ),
    )


def _why(error: Exception) -> str:
    """The reason why Keras can't load a file: its own first line is about how to write layers."""
    _, _, cause = str(error).rpartition(_CAUSE)
    return first_line(ValueError(cause.partition(" Full object config: ")[0]))


def _keras_version(path: str) -> str:
    """The version of Keras that wrote a file, empty where it doesn't say."""
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            if "model_config" not in file.attrs:
                raise ValueError("the file holds weights only, not the layers that use them")
            return str(file.attrs.get("keras_version", ""))
    with zipfile.ZipFile(path) as file:
        return str(json.loads(file.read("metadata.json")).get("keras_version", ""))


@contextlib.contextmanager
def _readable_file(path: str, form: str, version: str) -> Iterator[str]:
    """The file, by a name that Keras takes for its form; or for a legacy file of Keras 2 a copy without the setting
    that Keras 3 rejects.

    Keras 2 writes `time_major: false` into each recurrent layer; Keras 3 has no other order and no such setting.
    """
    is_old = version.startswith("2") and form == HDF5
    if not is_old and path.endswith((form, ".hdf5") if form == HDF5 else form):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        if not is_old:
            named = Path(folder, f"model{form}")
            named.symlink_to(Path(path).absolute())
            yield str(named)
            return
        copy = shutil.copy(path, f"{folder}/model.h5")
        Path(copy).chmod(0o600)
        with h5py.File(copy, "r+") as file:
            layers = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(_without_time_major(layers))
        yield copy


def _without_time_major(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key != "time_major" or item}
        return {key: _without_time_major(item) for key, item in kept.items()}
    return [_without_time_major(item) for item in value] if isinstance(value, list) else value


def _restore_hard_sigmoid(model: keras.Model) -> None:
    """Gives the layers of a Keras 2 model that version's `hard_sigmoid`, which is steeper than that of Keras 3.

    It is the default of Keras 2's ConvLSTM2D.
    """
    for layer in model._flatten_layers():
        for name in ("activation", "recurrent_activation"):
            if getattr(layer, name, None) is keras.activations.hard_sigmoid:
                # Some layers only show this attribute of their cell and can't set it.
                with contextlib.suppress(AttributeError):
                    setattr(layer, name, _hard_sigmoid_of_keras_2)


def _hard_sigmoid_of_keras_2(x: Any) -> Any:
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
