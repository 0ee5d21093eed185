"""Models as they run where they are used: a SavedModel in TensorFlow, the others in their own runtimes, on the CPU."""

import contextlib
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from pipelines.core.errors import UserError
from pipelines.core.model_info import ModelInfo
from pipelines.core.reasons import first_line
from pipelines.core.versions import installed
from trainer.export.conversion.forms import Form

Predict = Callable[[np.ndarray], np.ndarray]
"""Probabilities float32 [N, C] of clips uint8 [N, T, H, W, 3]."""
_BATCH = 8
_WARM_UP, _ROUNDS, _MOST_S = 3, 30, 3.0


def saved_model(folder: str, info: ModelInfo) -> Predict:
    """A SavedModel, of which nothing may be run that does more than calculate.

    Args:
        folder: local folder of the model.
        info: its description.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(f"{folder}/{info.saved_model}")  # has to stay as long as its signature is used
    signature = loaded.signatures["serving_default"]

    def predict(clips: np.ndarray) -> np.ndarray:
        given = (clips[start : start + _BATCH] for start in range(0, len(clips), _BATCH))
        rows = [signature(**{info.input_name: tf.constant(some)})[info.output_name].numpy() for some in given]
        return np.concatenate(rows)

    predict.loaded = loaded  # type: ignore[attr-defined]
    return predict


def converted(form: Form, data: bytes, info: ModelInfo, threads: int) -> Predict:
    """A converted model.

    Args:
        form: what it was converted to.
        data: its content.
        info: of the model that it was made from.
        threads: how many it may use.

    Raises:
        UserError: its runtime can't load it.
    """
    try:
        return (_onnx if form.kind == "onnx" else _tflite)(data, info, threads)
    except Exception as error:  # ONNX Runtime raises classes of its own, which have nothing in common
        reason = first_line(error)
        raise UserError(f"{form.file} was not written, as its runtime can't load it: {reason}") from error


def _tflite(data: bytes, info: ModelInfo, threads: int) -> Predict:
    lite = _lite()
    # Built-in operators alone: TensorFlow's own interpreter would lend it those of TensorFlow.
    resolver = lite.OpResolverType.BUILTIN
    with _quiet():
        interpreter = lite.Interpreter(model_content=data, num_threads=threads, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        run = interpreter.get_signature_runner()

    def predict(clips: np.ndarray) -> np.ndarray:
        # What it returns is a view of memory that the next call writes to.
        return np.concatenate([np.array(run(**{info.input_name: clip[None]})[info.output_name]) for clip in clips])

    return predict


def _onnx(data: bytes, info: ModelInfo, threads: int) -> Predict:
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def predict(clips: np.ndarray) -> np.ndarray:
        given = (clips[start : start + _BATCH] for start in range(0, len(clips), _BATCH))
        return np.concatenate([session.run([info.output_name], {info.input_name: some})[0] for some in given])

    return predict


def _lite() -> Any:
    """The module with the interpreter: TensorFlow Lite's new name if that is installed, else the part of TensorFlow."""
    with contextlib.suppress(ImportError):
        return import_module("ai_edge_litert.interpreter")
    return import_module("tensorflow.lite.python.interpreter")


@contextlib.contextmanager
def _quiet() -> Any:
    """Drops what native code says on stderr, such as which kernels an interpreter uses."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def operators(form: Form, data: bytes) -> dict[str, int]:
    """How often each operator is in a converted model, by name.

    Raises:
        UserError: an operator isn't built into the runtime.
    """
    found, foreign = _onnx_operators(data) if form.kind == "onnx" else _tflite_operators(data)
    if foreign:
        raise UserError(f"{form.file} was not written: {', '.join(foreign)} isn't built into its runtime")
    return dict(sorted(found.items()))


def _tflite_operators(data: bytes) -> tuple[Counter[str], list[str]]:
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.Model.GetRootAs(data, 0)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = [model.OperatorCodes(number) for number in range(model.OperatorCodesLength())]
    # Older files have the number in a byte, which is full at 127.
    numbers = [max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes]
    found: Counter[str] = Counter()
    for graph in (model.Subgraphs(number) for number in range(model.SubgraphsLength())):
        found.update(names[numbers[graph.Operators(i).OpcodeIndex()]] for i in range(graph.OperatorsLength()))
    return found, sorted({code.CustomCode().decode() for code in codes if code.CustomCode()})


def _onnx_operators(data: bytes) -> tuple[Counter[str], list[str]]:
    onnx: Any = import_module("onnx")
    nodes = [*onnx.load_model_from_string(data).graph.node]
    foreign = sorted({f"{node.domain}.{node.op_type}" for node in nodes if node.domain not in ("", "ai.onnx")})
    return Counter(node.op_type for node in nodes), foreign


def versions_of(form: Form) -> dict[str, str]:
    """Versions of the packages that converted and checked a model."""
    return installed(("onnx", "onnxruntime", "tf2onnx", "tensorflow") if form.kind == "onnx" else (
        "ai-edge-litert", "tensorflow",
    ))  # fmt: skip


def clip_ms(predict: Predict, clip: np.ndarray) -> float:
    """The median time for a clip alone, in milliseconds.

    Args:
        predict: the model.
        clip: uint8 [T, H, W, 3].
    """
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < _WARM_UP + _ROUNDS and (len(taken) <= _WARM_UP or time.perf_counter() - began < _MOST_S):
        start = time.perf_counter()
        predict(clip[None])
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken[_WARM_UP:])
