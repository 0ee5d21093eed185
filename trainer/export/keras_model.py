"""Exports a trained network as a model directory, which can be used with TensorFlow alone."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.core.familiarity import UNFAMILIAR_OUTPUT
from pipelines.core.model_info import EMBEDDING_OUTPUT, MODEL_INFO, ModelInfo
from pipelines.core.versions import OF_MODEL, versions
from pipelines.process.tensorflow_start import exact_float32
from trainer.evaluation.card.keeping import CARD, sealed
from trainer.evaluation.familiarity import Gaussian
from trainer.export.features import LOGITS, Unfamiliar, clip_features, features_of, gives_embedding, tapped
from trainer.export.model_folder import (
    KERAS_MODEL,
    check_equal,
    check_saved_model,
    staged,
    write_saved_model,
)
from trainer.files import storage
from trainer.networks.build import without_cudnn

HALF_TOLERANCE = 0.1
"""Largest difference that computing in 16 bits may make to a logit, in units of the largest one."""


def export_model(
    model: keras.Model,
    folder: str,
    info: ModelInfo,
    check_clips: np.ndarray,
    gaussian: Gaussian | None = None,
    card: Callable[[ModelInfo, int], str] | None = None,
    portable: keras.Model | None = None,
) -> ModelInfo:
    """Writes a model directory, after reading it back and comparing it with the network. Replaces an older model there.

    What is written computes in float32 on any device, whatever the network was trained in and on. Optimizer and
    training state are left out.

    Args:
        model: gives logits [B, C] of clips uint8 [B, T, H, W, 3]; its layers are Keras' own or registered.
        folder: local, or an address that TensorFlow can write to.
        info: everything but fingerprint, parameters and versions, which are filled in.
        check_clips: uint8 [N, T, H, W, 3], some clips to compare with.
        gaussian: where the features of training clips are; not needed if `info` says that the model can't tell
            unfamiliar clips.
        card: gives the text of the model card for `info` as written and the size of the SavedModel in bytes.
        portable: its `portable_copy`, if there already is one: building it takes seconds.

    Returns:
        `info` as written to `model_info.json`.

    Raises:
        UserError: the outputs of what was written differ from the network's.
        UsageError: the folder holds something other than a model.
        OutputError: the folder can't be written.
        RuntimeError: it is called in the scope of a strategy, where a SavedModel can't be read back.
    """
    if tf.distribute.has_strategy():
        raise RuntimeError("export_model must be called outside of a strategy's scope")
    with exact_float32(), staged(folder) as built:
        portable = portable or portable_copy(model)
        told = gaussian if info.unfamiliar.is_known else None
        info = replace(
            info,
            parameters=portable.count_params(),
            fingerprint=model_fingerprint(portable, info, told),
            versions=versions(OF_MODEL),
            embedding=tapped(portable).outputs[1].shape[-1] if gives_embedding(portable) else 0,
        )
        keras_file, saved_model = f"{built}/{KERAS_MODEL}", f"{built}/{info.saved_model}"
        portable.save(keras_file)
        parts = exported_parts(portable, told, info.unfamiliar.threshold) if info.embedding else serving_parts(portable)
        write_saved_model(saved_model, *parts, info)

        logits = predict(portable, check_clips)
        tolerance = {"tolerance": HALF_TOLERANCE} if _is_half_precision(model) else {}
        check_equal("the logits of the copy in float32", logits, predict(model, check_clips), **tolerance)
        reloaded = keras.models.load_model(keras_file, compile=False)
        check_equal(f"the logits of {KERAS_MODEL}", predict(reloaded, check_clips), logits)
        expected: dict[str, np.ndarray] = {}
        if told:
            distances = told.distances(features_of(portable)(check_clips).numpy()) / info.unfamiliar.threshold
            expected[UNFAMILIAR_OUTPUT] = distances
        if info.embedding:
            expected[EMBEDDING_OUTPUT] = np.asarray(tapped(portable)(check_clips, training=False)[1])
        check_saved_model(saved_model, info, check_clips, logits, expected)
        if card:
            Path(built, CARD).write_text(sealed(card(info, storage.size_of_tree(saved_model))), encoding="utf-8")
        Path(built, MODEL_INFO).write_text(info.to_json())
    return info


def portable_copy(model: keras.Model) -> keras.Model:
    """The same network with the same weights, in float32 and free of the devices that it was trained on."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # for operations, which use the current one
    try:
        copy: keras.Model = keras.saving.deserialize_keras_object(json.loads(configuration(model)))
    finally:
        keras.config.set_dtype_policy(policy)
    copy.set_weights(model.get_weights())
    return copy


def serving_parts(model: keras.Model) -> tuple[Any, list[Any]]:
    """What `write_saved_model` needs of a Keras model that gives logits: a function of its inputs, and its variables.

    Recurrent layers don't use cuDNN, whose operations would make a SavedModel that runs only on GPUs.
    """
    without_cudnn(model)
    return (lambda inputs: model(inputs, training=False)), [variable.value for variable in model.variables]


def exported_parts(model: keras.Model, gaussian: Gaussian | None, threshold: float) -> tuple[Any, list[Any]]:
    """The same with the embedding, and with distances from the clips of training where these are known.

    Args:
        model: gives logits, and an embedding (see `gives_embedding`).
        gaussian: where the features of training clips are; None if it isn't known.
        threshold: what distances are divided by.
    """
    _, variables = serving_parts(model)
    network = tapped(model)
    unfamiliar = Unfamiliar(gaussian, threshold) if gaussian else None

    def outputs(frames: Any) -> dict[str, Any]:
        logits, embedding, *taps = network(frames, training=False)
        told = {UNFAMILIAR_OUTPUT: unfamiliar(clip_features(frames, taps))} if unfamiliar else {}
        return {LOGITS: logits, EMBEDDING_OUTPUT: embedding, **told}

    return outputs, [*variables, *([unfamiliar] if unfamiliar else [])]


def model_fingerprint(model: keras.Model, info: ModelInfo, gaussian: Gaussian | None = None) -> str:
    """16 hexadecimal digits of a network's weights and architecture and of what its inputs and outputs mean.

    The architecture includes the names of layers, which Keras numbers in the order in which a process makes them.
    """
    told = [gaussian.mean, gaussian.whiten] if gaussian else []
    return weights_fingerprint(configuration(model), [*model.get_weights(), *told], info)


def weights_fingerprint(architecture: str, weights: Iterable[np.ndarray], info: ModelInfo) -> str:
    """16 hexadecimal digits of weights in their order, a description of the architecture, and of what `info` says."""
    digest = hashlib.blake2b(digest_size=8)
    meaning = [info.clip_spec.fingerprint(), list(info.labels), info.temperature]
    meaning += [info.encoding.to_json()] if info.encoding.format == "jpeg" else []
    meaning += [info.unfamiliar.threshold] if info.unfamiliar.is_known else []
    meaning += [["multi_label", *info.thresholds]] if info.multi_label else []
    for array in map(np.ascontiguousarray, weights):
        digest.update(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    digest.update(json.dumps([architecture, meaning]).encode())
    return digest.hexdigest()


def predict(model: keras.Model, clips: np.ndarray) -> np.ndarray:
    """Logits of clips, float32 [N, C]."""
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(model(clips, training=False), "float32")))


def _is_half_precision(model: keras.Model) -> bool:
    return any("16" in layer.compute_dtype for layer in model._flatten_layers())


def configuration(model: keras.Model) -> str:
    """The architecture as JSON, without settings of training and precision."""
    settings = keras.saving.serialize_keras_object(model)
    settings.pop("compile_config", None)
    text = json.dumps(settings, sort_keys=True)
    return text.replace('"mixed_bfloat16"', '"float32"').replace('"mixed_float16"', '"float32"')
