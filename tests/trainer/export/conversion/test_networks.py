"""Each network becomes a TensorFlow Lite file with built-in operators alone, and an ONNX file: the same network."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from pipelines.core.errors import UserError
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from tests.support.converted_models import network, patches, several_labels
from trainer.export.conversion import runtimes
from trainer.export.conversion.child import to_onnx, to_tflite
from trainer.export.conversion.forms import ONNX, TFLITE, WEIGHTS_ALONE, Form
from trainer.export.conversion.graph import unrolled, write_convertible
from trainer.export.keras_model import export_model
from trainer.networks.build import BUILDERS

pytestmark = pytest.mark.training
SPEC = ClipSpec(num_frames=4, height=32, width=32)
LABELS = ("Jump", "Run", "Wave")
needs_onnx = pytest.mark.skipif(
    not all(map(find_spec, ("tf2onnx", "onnx", "onnxruntime"))), reason="tf2onnx and ONNX Runtime aren't installed"
)


def export(folder: Path, info: ModelInfo) -> ModelInfo:
    return export_model(network(info, patches(info, 16)), str(folder), info, patches(info, 2))


def by_saved_model(folder: Path, clips: np.ndarray) -> np.ndarray:
    signature = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    return np.asarray(signature(frames=tf.constant(clips))["probabilities"])


@pytest.mark.parametrize(("model", "variant"), BUILDERS)
def test_tensorflow_lite(model: str, variant: str, tmp_path: Path) -> None:
    info = export(tmp_path, ModelInfo(model, variant, SPEC, LABELS, temperature=0.4))
    write_convertible(str(tmp_path), info, str(tmp_path / "convertible"), 1)
    data = to_tflite(str(tmp_path / "convertible"))
    found = runtimes.operators(TFLITE, data)  # refuses what isn't built in
    assert found["CONV_2D"] > 0 and not {"WHILE", "CUSTOM"} & {*found}
    # In an interpreter that has built-in operators and nothing else.
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_REF
    interpreter = tf.lite.Interpreter(model_content=data, experimental_op_resolver_type=resolver)
    (given,) = interpreter.get_input_details()
    assert given["dtype"] is np.uint8 and given["shape"].tolist() == [1, *SPEC.shape]
    run = interpreter.get_signature_runner()
    assert {*run.get_output_details()} == {"probabilities", "logits"}
    clips = patches(info, 5)
    expected = by_saved_model(tmp_path, clips)
    assert np.ptp(expected) > 0.2
    for clip, row in zip(clips, expected, strict=True):
        np.testing.assert_allclose(run(frames=clip[None])["probabilities"][0], row, atol=1e-4)
    np.testing.assert_allclose(runtimes.converted(TFLITE, data, info, 1)(clips), expected, atol=1e-4)


def test_several_labels(tmp_path: Path) -> None:
    info = export(tmp_path, several_labels(ModelInfo("lrcn", "reference", SPEC, LABELS)))
    write_convertible(str(tmp_path), info, str(tmp_path / "convertible"), 1)
    data = to_tflite(str(tmp_path / "convertible"))
    rows = runtimes.converted(TFLITE, data, info, 1)(clips := patches(info, 3))
    np.testing.assert_allclose(rows, by_saved_model(tmp_path, clips), atol=1e-4)
    small = to_tflite(str(tmp_path / "convertible"), WEIGHTS_ALONE)
    assert len(small) < 0.6 * len(data) and "QUANTIZE" not in runtimes.operators(TFLITE, small)
    difference = np.abs(runtimes.converted(TFLITE, small, info, 1)(clips) - rows).max()
    assert 1e-6 < difference < 0.05
    assert np.abs(rows.sum(axis=1) - 1).max() > 0.01


@needs_onnx
@pytest.mark.parametrize(("model", "variant"), BUILDERS)
def test_onnx(model: str, variant: str, tmp_path: Path) -> None:
    info = export(tmp_path, ModelInfo(model, variant, SPEC, LABELS, temperature=0.4))
    write_convertible(str(tmp_path), info, str(tmp_path / "convertible"), None)
    to_onnx(str(tmp_path / "convertible"), str(tmp_path / "model.onnx"))
    data = (tmp_path / "model.onnx").read_bytes()
    assert runtimes.operators(ONNX, data)["Conv"] > 0
    predict = runtimes.converted(ONNX, data, info, 1)
    clips = patches(info, 5)
    np.testing.assert_allclose(predict(clips), by_saved_model(tmp_path, clips), atol=1e-4)
    np.testing.assert_allclose(predict(clips[:1]), by_saved_model(tmp_path, clips[:1]), atol=1e-4)


@pytest.mark.parametrize("recurrent", [layers.LSTM, layers.GRU])
def test_unrolled_layers_give_the_same(recurrent: type[layers.RNN]) -> None:
    inputs = keras.Input((5, 3))
    x = layers.Bidirectional(recurrent(4, return_sequences=True))(inputs)
    model = keras.Model(inputs, recurrent(2)(x))
    values = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    copy = unrolled(model)
    np.testing.assert_allclose(copy(values), model(values), atol=1e-6)

    def loops(network: keras.Model) -> bool:
        graph = tf.function(lambda x: network(x)).get_concrete_function(tf.TensorSpec([1, 5, 3])).graph.as_graph_def()
        return any(
            "While" in node.op for node in [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
        )

    assert loops(model) and not loops(copy)


@pytest.mark.parametrize("form", [TFLITE, pytest.param(ONNX, marks=needs_onnx)], ids=lambda form: form.key)
def test_a_file_that_cannot_be_loaded(form: Form) -> None:
    info: Any = ModelInfo("lrcn", "default", SPEC, LABELS)
    with pytest.raises(UserError, match=f"{form.file} was not written, as its runtime can't load it"):
        runtimes.converted(form, b"nonsense" * 100, info, 1)


def test_operators_that_are_not_built_in_are_found(tmp_path: Path) -> None:
    """A file that needs operators of somebody else, which the converter makes if it is allowed to."""
    module = tf.Module()
    spec = tf.TensorSpec([1, *SPEC.shape], tf.uint8, name="frames")
    module.serve = tf.function(lambda frames: {"x": tf.math.igamma(tf.cast(frames, tf.float32), 1.0)}, [spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    converter.allow_custom_ops = True
    with pytest.raises(UserError, match="Igamma isn't built into its runtime"):
        runtimes.operators(TFLITE, converter.convert())
