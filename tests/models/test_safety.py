"""A model that does more than calculate is refused before any of it runs; ordinary ones of every kind are taken."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import UsageError
from pipelines.core.model_info import MODEL_INFO, ModelInfo
from pipelines.models.graph_ops import CALCULATING
from pipelines.models.safety import refuse_unsafe, unsafe_operations
from pipelines.models.scorer import Scorer
from pipelines.process.tensorflow_start import start_tensorflow
from tests.conftest import run_here
from tests.support.label_model import CLIP_SPEC, LABELS, make_model, write_grey

start_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.core.framework import function_pb2, node_def_pb2  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402
from tensorflow.python.framework import op_def_registry  # noqa: E402 - TensorFlow has no public list of its operations

v1 = tf.compat.v1


def save(folder: Path, change: Callable[[tf.Module, tf.Tensor], tf.Tensor], prepare: Any = None) -> Path:
    """A SavedModel for clips that does something besides giving thirds."""
    module = tf.Module()
    module.weight = tf.Variable(1 / 3)
    if prepare:
        prepare(module)

    def serve(frames: tf.Tensor) -> dict[str, tf.Tensor]:
        pixels = change(module, tf.cast(frames, tf.float32))
        return {"probabilities": tf.fill([tf.shape(frames)[0], 3], module.weight) + 0 * tf.reduce_sum(pixels)}

    spec = tf.TensorSpec([None, *CLIP_SPEC.shape], tf.uint8, name="frames")
    module.serve = tf.function(serve, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return folder


def read(path: str) -> tf.Tensor:
    return tf.cast(tf.strings.length(tf.io.read_file(path)), tf.float32)


def write(path: str) -> Callable[[tf.Module, tf.Tensor], tf.Tensor]:
    def change(_: tf.Module, x: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.io.write_file(path, tf.io.read_file("/etc/passwd"))]):
            return tf.identity(x)

    return change


def in_a_loop(_: tf.Module, x: tf.Tensor) -> tf.Tensor:
    """Hidden in the branch of a loop."""

    def step(y: tf.Tensor) -> tuple[tf.Tensor]:
        return (tf.cond(y[0, 0, 0, 0, 0] > 1, lambda: y - read("/etc/hostname"), lambda: y - 1),)

    return tf.while_loop(lambda y: tf.reduce_sum(y) > 0, step, (x,))[0]


def of_a_dataset(_: tf.Module, x: tf.Tensor) -> tf.Tensor:
    return x + tf.cast(tf.data.TextLineDataset("/etc/passwd").reduce(0, lambda n, _: n + 1), tf.float32)


def vocabulary(module: tf.Module) -> None:
    line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    file = tf.lookup.TextFileInitializer("words.txt", tf.string, line, tf.int64, number)
    module.table = tf.lookup.StaticHashTable(file, -1)


def restored() -> tf.Tensor:
    return tf.raw_ops.RestoreV2(prefix="S", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])[0]


def print_to(path: str) -> Callable[[tf.Module, tf.Tensor], tf.Tensor]:
    def change(_: tf.Module, x: tf.Tensor) -> tf.Tensor:
        tf.print(x, output_stream=f"file://{path}")
        return x

    return change


HOSTILE: dict[str, tuple[Any, str]] = {
    "writes": (write("PWNED"), "ReadFile, WriteFile"),
    "reads": (lambda _, x: x + read("/etc/passwd"), "ReadFile"),
    "reads in a loop": (in_a_loop, "ReadFile"),
    "lists": (lambda _, x: x + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32), "MatchingFiles"),
    "reads a dataset": (of_a_dataset, "FlatMapDataset, ReduceDataset, TensorSliceDataset, TextLineDataset"),
    "runs Python": (lambda _, x: tf.ensure_shape(tf.py_function(lambda a: a, [x], tf.float32), x.shape), "EagerPyFunc"),
    "runs NumPy": (lambda _, x: tf.ensure_shape(tf.numpy_function(np.copy, [x], tf.float32), x.shape), "PyFunc"),
    "prints to a file": (print_to("PRINTED"), r"PrintV2 \(to a file\)"),
    "maps memory": (
        lambda _, x: x + tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=[], memory_region_name="/etc/passwd"),
        "ImmutableConst",
    ),
    "saves": (
        lambda _, x: (tf.raw_ops.SaveV2(prefix="S", tensor_names=["a"], shape_and_slices=[""], tensors=[x]), x)[1],
        "SaveV2",
    ),
    "restores": (lambda _, x: x + restored(), "RestoreV2"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_graphs_that_do_more_than_calculate(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    change, operations = HOSTILE[name]
    save(tmp_path / "model" / "saved_model", change)
    before = sorted(path.name for path in tmp_path.iterdir())
    info = ModelInfo("evil", "imported", CLIP_SPEC, LABELS)
    folder = tmp_path / "model"
    message = f"^the model in {folder}/saved_model does more than calculate: it holds the operations {operations}, with"
    with pytest.raises(UsageError, match=message) as caught:
        Scorer(str(folder), info)
    assert str(caught.value).endswith("with --trust-model") and "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_tables_out_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read when the model is loaded, even if it is never called."""
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("a\nb\n")
    save(tmp_path, lambda _, x: x, vocabulary)
    assert unsafe_operations(str(tmp_path)) == ["InitializeTableFromTextFileV2"]


def test_what_only_the_saver_may_do_is_refused_elsewhere(tmp_path: Path) -> None:
    """Also if the saver is declared to be something that other code runs, and in functions that are never called."""
    path = save(tmp_path / "m", lambda _, x: x) / "saved_model.pb"
    assert unsafe_operations(str(tmp_path / "m")) == []
    original = saved_model_pb2.SavedModel.FromString(path.read_bytes())

    def changed(change: Callable[[Any], None]) -> list[str]:
        model = saved_model_pb2.SavedModel()
        model.CopyFrom(original)
        change(model.meta_graphs[0])
        path.write_bytes(model.SerializeToString())
        return unsafe_operations(str(tmp_path / "m"))

    def add(graph: Any, operation: str, name: str = "more") -> None:
        graph.graph_def.node.append(node_def_pb2.NodeDef(name=name, op=operation))

    def saver(graph: Any) -> Any:
        name = graph.saver_def.save_tensor_name.split(":")[0]
        return next(node for node in graph.graph_def.node if node.name == name)

    def call_saver(graph: Any) -> None:
        """The signature runs what saves."""
        output = next(iter(graph.signature_def["serving_default"].outputs.values())).name.split(":")[0]
        next(node for node in graph.graph_def.node if node.name == output).input.append(f"^{saver(graph).name}")

    def call_its_function(graph: Any) -> None:
        other = graph.graph_def.node.add()
        other.CopyFrom(saver(graph))
        other.name = "other"

    def name_its_function(graph: Any) -> None:
        _ = graph.object_graph_def.concrete_functions[saver(graph).attr["f"].func.name]

    def no_saver(graph: Any) -> None:
        graph.saver_def.Clear()

    def hidden(graph: Any) -> None:
        """An operation that no saver needs, in the function that restores."""
        node = next(node for node in graph.graph_def.node if node.name == graph.saver_def.restore_op_name)
        name = node.attr["f"].func.name
        body = next(function for function in graph.graph_def.library.function if function.signature.name == name)
        body.node_def.append(node_def_pb2.NodeDef(name="more", op="WriteFile"))
        body.node_def.append(node_def_pb2.NodeDef(name="again", op="SaveV2"))

    def unused(graph: Any) -> None:
        function = function_pb2.FunctionDef()
        function.signature.name = "nobody"
        function.node_def.append(node_def_pb2.NodeDef(name="x", op="SaveV2"))
        graph.graph_def.library.function.append(function)

    saving = ["MergeV2Checkpoints", "SaveV2", "ShardedFilename"]
    assert changed(call_saver) == saving
    assert changed(call_its_function) == saving
    assert changed(name_its_function) == saving
    assert changed(no_saver) == ["MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"]
    assert changed(hidden) == ["SaveV2", "WriteFile"]
    assert changed(unused) == ["SaveV2"]
    assert changed(lambda graph: add(graph, "SomethingNew")) == ["SomethingNew"]
    assert changed(lambda graph: add(graph, "IO>ReadAnything")) == ["IO>ReadAnything"]
    assert changed(lambda graph: add(graph, "SaveV2")) == ["SaveV2"]


def test_text_form_is_read_too(tmp_path: Path) -> None:
    folder = save(tmp_path / "m", HOSTILE["reads"][0])
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    (folder / "saved_model.pbtxt").write_text(str(model))
    (folder / "saved_model.pb").unlink()
    with pytest.raises(UsageError, match=r"^m does more than calculate: it holds the operations ReadFile, with"):
        refuse_unsafe(str(folder), "m")


def graph_of_version_1(folder: Path, hostile: bool) -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, (None, 3), "x")
        y = tf.matmul(x, v1.get_variable("w", (3, 3)))
        if hostile:
            with tf.control_dependencies([tf.io.write_file("PWNED", "1")]):
                y = tf.identity(y)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            v1.saved_model.simple_save(session, str(folder), {"x": x}, {"y": y})


def layers_of_keras_3(folder: Path, hostile: bool) -> None:
    parts = [keras.layers.RandomFlip(), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization(),
             keras.layers.GlobalAveragePooling2D(), keras.layers.Reshape((2, 1)), keras.layers.GRU(4),
             keras.layers.Dropout(0.2), keras.layers.Dense(3)]  # fmt: skip
    if hostile:
        parts.insert(0, keras.layers.Lambda(lambda x: x + read("/etc/hostname"), output_shape=(8, 8, 3)))
    keras.Sequential([keras.Input((8, 8, 3)), *parts]).export(str(folder), verbose=False)


def layers_of_keras_2(folder: Path, hostile: bool) -> None:
    import tf_keras

    parts = [tf_keras.layers.Flatten(), tf_keras.layers.BatchNormalization(), tf_keras.layers.Dense(3)]
    if hostile:
        parts.insert(0, tf_keras.layers.Lambda(lambda x: x + read("/etc/hostname")))
    model = tf_keras.Sequential([tf_keras.Input((2, 8, 8, 3)), *parts])
    model.compile("adam", "mse")  # its training step is saved with it
    model.optimizer.build(model.trainable_variables)
    model.save(str(folder))


@pytest.mark.parametrize("make", [graph_of_version_1, layers_of_keras_3, layers_of_keras_2])
@pytest.mark.training
def test_models_of_every_kind(make: Callable[[Path, bool], None], tmp_path: Path) -> None:
    make(tmp_path / "good", False)
    assert unsafe_operations(str(tmp_path / "good")) == []
    make(tmp_path / "bad", True)
    assert unsafe_operations(str(tmp_path / "bad")) in (["ReadFile"], ["WriteFile"])


def ordinary(module: tf.Module, x: tf.Tensor) -> tf.Tensor:
    tf.debugging.assert_all_finite(x, "finite")
    tf.print("clip", tf.shape(x))
    count = module.table.lookup(tf.constant(["a"]))
    return tf.image.resize(x[:, 0], (4, 4)) + tf.cast(count, tf.float32) + tf.random.normal(())


def with_table(module: tf.Module) -> None:
    module.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), 0)


def test_asserts_tables_chance_and_printing_are_ordinary(tmp_path: Path) -> None:
    assert unsafe_operations(str(save(tmp_path, ordinary, with_table))) == []


@pytest.mark.process
def test_every_tool_refuses_and_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import and labelling, in turn; what is trusted works."""
    monkeypatch.chdir(tmp_path)
    source = save(tmp_path / "theirs", write("PWNED"))
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    flags = ("--saved-model", source, "--labels", "labels.txt", "--num-frames", 4, "--size", 32, "--scale", "0-255")
    done = run_here("trainer.import_model", *flags, "--output", "imported")
    assert done.returncode == 2 and done.stderr.startswith(f"error: the SavedModel {source} does more than calculate")
    assert not (tmp_path / "PWNED").exists() and not (tmp_path / "imported").exists()
    trusted = run_here("trainer.import_model", *flags, "--output", "imported", "--trust-model")
    assert trusted.returncode == 0 and (tmp_path / "PWNED").exists(), trusted.stderr
    (tmp_path / "PWNED").unlink()
    write_grey(tmp_path / "videos" / "a.mp4", [100] * 10)
    label = ("--model", "imported", "--input", "videos", "--output", "labels")
    for more in ((), ("--dry-run",)):
        done = run_here("pipelines.label", *label, *more)
        line = done.stderr.splitlines()[-1]
        assert done.returncode == 2 and "ReadFile, WriteFile" in line and line.endswith("with --trust-model"), line
        assert not (tmp_path / "PWNED").exists() and not (tmp_path / "labels").exists()
    assert run_here("pipelines.label", *label, "--trust-model").returncode == 0
    assert (tmp_path / "PWNED").exists() and (tmp_path / "labels" / "summary.json").exists()


def test_keras_files_stay_in_safe_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    shape = CLIP_SPEC.shape
    hidden = keras.layers.Lambda(lambda x: (Path("PWNED").touch(), x)[1], output_shape=shape)
    parts = [keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input(shape), hidden, *parts])
    (tmp_path / "PWNED").unlink(missing_ok=True)
    flags = ("--labels", "labels.txt", "--num-frames", 4, "--size", 32, "--scale", "0-1", "--output", "out")
    for name in ("lambda.keras", "lambda.h5"):
        model.save(name)
        (tmp_path / "PWNED").unlink(missing_ok=True)
        done = run_here("trainer.import_model", "--keras", name, *flags)
        assert done.returncode == 2 and "`Lambda` layer whose `function` is a Python lambda" in done.stderr
    done = run_here("trainer.import_model", "--keras", name, *flags, "--trust-model")
    assert (done.returncode, done.stderr) == (
        2, "error: --trust-model is for a SavedModel; a Keras file is always read in safe mode\n"
    )  # fmt: skip
    assert not (tmp_path / "PWNED").exists() and not (tmp_path / "out").exists()


def test_a_model_that_is_changed_behind_its_description_is_refused(tmp_path: Path) -> None:
    """Our own are checked as well: they may come from a bucket."""
    info = make_model(tmp_path / "model")
    Scorer(str(tmp_path / "model"), info)
    shutil.rmtree(tmp_path / "model" / "saved_model")
    save(tmp_path / "model" / "saved_model", HOSTILE["reads"][0])
    assert (tmp_path / "model" / MODEL_INFO).exists()
    with pytest.raises(UsageError, match="does more than calculate"):
        Scorer(str(tmp_path / "model"), info)


def test_names_of_the_list_are_operations() -> None:
    known = {name for name in CALCULATING if op_def_registry.get(name) is not None}
    assert len(known) > 0.95 * len(CALCULATING)
    assert not {
        name for name in CALCULATING if any(word in name for word in ("File", "PyFunc", "Dataset", "Save", ">"))
    }


@pytest.mark.parametrize("filename", ["../../../../../../../../etc/hostname", "/etc/hostname", "gone.txt"])
def test_assets_are_files_of_the_model(filename: str, tmp_path: Path) -> None:
    """Saving a model again copies its assets, which would disclose other people's files."""
    (tmp_path / "words.txt").write_text("a\n")

    def prepare(module: tf.Module) -> None:
        module.words = tf.saved_model.Asset(str(tmp_path / "words.txt"))

    folder = save(tmp_path / "model", lambda _, x: x, prepare)
    refuse_unsafe(str(folder), "the model")
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    for asset in model.meta_graphs[0].asset_file_def:
        asset.filename = filename
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match=f"assets that aren't files in its folder: '{filename}'"):
        refuse_unsafe(str(folder), "the model")
