"""An exported network gives the same outputs as the network, wherever and however it was trained."""

import re
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import OutputError, UsageError, UserError
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.process.tensorflow_start import start_tensorflow
from tests.support.gcs_server import use_environment
from tests.support.s3_server import s3_server

start_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

from trainer.export import keras_model, model_folder  # noqa: E402

SPEC = ClipSpec(num_frames=3, height=8, width=12)
INFO = ModelInfo("small", "test", SPEC, ("Jump", "Run", "Wave"), temperature=2.5)


def make_model(seed: int = 1) -> keras.Model:
    """Convolution on each frame, then an LSTM, with dropout; its logits are far apart."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(SPEC.shape, dtype="uint8", name="frames")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    x = layers.TimeDistributed(layers.Conv2D(4, 3, strides=2, activation="relu", name="see"), name="each")(x)
    x = layers.Reshape((SPEC.num_frames, 3 * 5 * 4), name="flat")(x)
    x = layers.Dropout(0.5, name="drop")(x)
    x = layers.LSTM(8, recurrent_dropout=0.2, name="lstm")(x)
    x = layers.Dense(3, dtype="float32", kernel_initializer=large(), name="logits")(x)
    return keras.Model(inputs, x, name="small")


def large() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=5.0)


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, *SPEC.shape), np.uint8)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """A limit for the size of a file stands for the disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    parts = keras_model.serving_parts(make_model())
    with pytest.raises(OutputError, match="cannot write .*/m: File too large. Make room"):  # noqa: SIM117
        with model_folder.staged(f"{tmp_path}/m") as built:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
            try:
                model_folder.write_saved_model(f"{built}/saved_model", *parts, INFO)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_everything_in_the_folder_gives_what_the_network_gives(tmp_path: Path, clips: np.ndarray) -> None:
    model = make_model()
    model.compile("adam", "mse")
    info = keras_model.export_model(model, str(tmp_path / "runs" / "model"), INFO, clips)
    folder = tmp_path / "runs" / "model"
    assert sorted(path.name for path in folder.iterdir()) == ["model.keras", "model_info.json", "saved_model"]
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    assert ModelInfo.from_json((folder / "model_info.json").read_text()) == info
    assert info.parameters == model.count_params()
    assert set(info.versions) == {"keras", "numpy", "tensorflow"}

    logits = np.asarray(model(clips))
    reloaded = keras.models.load_model(folder / "model.keras")
    np.testing.assert_allclose(reloaded(clips), logits, atol=1e-5)
    signature = tf.saved_model.load(str(folder / info.saved_model)).signatures["serving_default"]
    assert signature.structured_input_signature[1][info.input_name].shape.as_list() == [None, *SPEC.shape]
    for count in (1, 4):
        outputs = signature(**{info.input_name: tf.constant(clips[:count])})
        assert outputs[info.output_name].dtype == tf.float32
        np.testing.assert_allclose(outputs["logits"], logits[:count], atol=1e-5)
        np.testing.assert_allclose(outputs[info.output_name], softmax(logits[:count] / 2.5), atol=1e-5)


def test_fingerprint_says_what_the_model_is(clips: np.ndarray, tmp_path: Path) -> None:
    info = keras_model.export_model(make_model(), str(tmp_path / "a"), INFO, clips)
    reloaded = keras.models.load_model(tmp_path / "a" / "model.keras")
    trained_further = make_model()
    trained_further.compile("adam", "mse")
    assert len(info.fingerprint) == 16
    assert keras_model.model_fingerprint(reloaded, INFO) == info.fingerprint
    assert keras_model.model_fingerprint(trained_further, INFO) == info.fingerprint
    assert keras_model.model_fingerprint(make_model(), replace(INFO, name="x", metrics={"top1": 1})) == info.fingerprint
    trained_further.layers[-1].bias.assign([0.0, 0.0, 1e-7])
    others = [
        keras_model.model_fingerprint(trained_further, INFO),
        *(
            keras_model.model_fingerprint(make_model(), replace(INFO, **change))
            for change in ({"temperature": 2.0}, {"labels": ("A", "B", "C")}, {"clip_spec": ClipSpec(3, 8, 8)})
        ),
    ]
    assert len({info.fingerprint, *others}) == 5


def test_half_precision_becomes_float32(clips: np.ndarray, tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make_model()
        info = keras_model.export_model(model, str(tmp_path / "model"), INFO, clips)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert info.fingerprint == keras_model.model_fingerprint(make_model(), INFO)
    assert b"bfloat16" not in (tmp_path / "model" / "model.keras").read_bytes()
    graph = tf.saved_model.load(str(tmp_path / "model" / "saved_model")).signatures["serving_default"].graph
    assert "DT_FLOAT" in str(graph.as_graph_def())
    assert "DT_BFLOAT16" not in str(graph.as_graph_def())


def test_layers_do_not_use_cudnn() -> None:
    model = make_model()
    logits, _ = keras_model.serving_parts(model)
    graph = tf.function(logits, input_signature=[tf.TensorSpec([None, *SPEC.shape], tf.uint8)]).get_concrete_function()
    assert [layer.use_cudnn for layer in model.layers if hasattr(layer, "use_cudnn")] == [False]
    assert not [node for node in graph.graph.as_graph_def().node if "Cudnn" in node.op]


def test_in_the_scope_of_a_strategy_it_is_refused(clips: np.ndarray, tmp_path: Path) -> None:
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope(), pytest.raises(RuntimeError, match="outside of a strategy"):
        keras_model.export_model(make_model(), str(tmp_path / "model"), INFO, clips)


def test_model_that_gives_something_else_when_read_back_is_refused(tmp_path: Path, clips: np.ndarray) -> None:
    @keras.saving.register_keras_serializable(package="test")
    class Forgetful(layers.Layer):
        """Doesn't keep its factor."""

        def __init__(self, factor: float = 1.0, **options: object) -> None:
            super().__init__(**options)
            self.factor = factor

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return inputs * self.factor

        def get_config(self) -> dict[str, object]:
            return {"name": self.name}

    plain = make_model()
    keras_model.export_model(plain, str(tmp_path / "model"), INFO, clips)
    before = (tmp_path / "model" / "model_info.json").read_bytes()
    model = keras.Model(plain.input, Forgetful(2.0)(plain.output))
    with pytest.raises(UserError, match="the logits of the copy in float32 differ .* get_config"):
        keras_model.export_model(model, str(tmp_path / "model"), INFO, clips)
    plain.layers[-1].bias.assign([0.0, np.nan, 0.0])
    with pytest.raises(UserError, match="differ from those of the model by nan"):
        keras_model.export_model(plain, str(tmp_path / "model"), INFO, clips)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "model_info.json").read_bytes() == before


def test_saved_model_with_other_outputs_is_found(tmp_path: Path, clips: np.ndarray) -> None:
    model = make_model()
    logits = keras_model.predict(model, clips)
    model_folder.write_saved_model(str(tmp_path / "s"), *keras_model.serving_parts(model), INFO)
    model_folder.check_saved_model(str(tmp_path / "s"), INFO, clips, logits)
    with pytest.raises(UserError, match="SavedModel's logits differ"):
        model_folder.check_saved_model(str(tmp_path / "s"), INFO, clips, logits[:, ::-1])
    with pytest.raises(UserError, match="SavedModel's probabilities differ"):
        model_folder.check_saved_model(str(tmp_path / "s"), replace(INFO, temperature=1.0), clips, logits)


def test_what_counts_as_equal() -> None:
    for values, expected in (([0.5, 0.5], [0.5, 0.500009]), ([100.0, 0.0], [100.0009, 0.0])):
        model_folder.check_equal("x", np.array([values]), np.array([expected]))
    others = [([0.5, 0.5], [0.5, 0.50002]), ([100.0, 0.0], [100.002, 0.0]), ([0.5], [0.5, 0.5])]
    for values, expected in (*others, *(([odd, 0.0], [odd, 0.0]) for odd in (np.nan, np.inf))):
        with pytest.raises(UserError, match="x differ"):
            model_folder.check_equal("x", np.array([values]), np.array([expected]))


def stage(folder: Path | str, **files: str) -> None:
    with model_folder.staged(str(folder)) as built:
        for name, text in files.items():
            path = Path(built) / "saved_model" / name if name != "info" else Path(built) / "model_info.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)


def test_replacing_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "model"
    stage(folder, info="1", old="x")
    stage(folder, info="2", new="y")
    assert (folder / "model_info.json").read_text() == "2"
    assert [path.name for path in (folder / "saved_model").iterdir()] == ["new"]
    with pytest.raises(ZeroDivisionError), model_folder.staged(str(folder)) as built:
        Path(built, "model_info.json").write_text(str(1 // 0))
    assert (folder / "model_info.json").read_text() == "2"
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_old_model_is_put_back_where_the_new_one_cannot_come(tmp_path: Path) -> None:
    stage(tmp_path / "model", info="1")
    with (
        pytest.raises(model_folder.OutputError, match="cannot write .*model"),
        model_folder.staged(str(tmp_path / "model")) as b,
    ):
        Path(b).rmdir()
    assert (tmp_path / "model" / "model_info.json").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "videos" / "a.avi").write_text("x")
    for name in ("videos", "videos/a.avi"):
        with pytest.raises(UsageError, match=f"{name} already exists and is not a model"):
            stage(tmp_path / name, info="1")
    assert (tmp_path / "videos" / "a.avi").read_text() == "x"
    stage(tmp_path / "empty", info="1")
    with pytest.raises(model_folder.OutputError, match="cannot write .*model: .*permission there"):
        stage(tmp_path / "videos" / "a.avi" / "model", info="1")


@pytest.mark.server
def test_remote_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server() as server:
        bucket = server.make_bucket("models")
        use_environment(server.environment(), monkeypatch)
        stage(f"{bucket}/models/one", info="1", old="x")
        stage(f"{bucket}/models/one", info="2", new="y")
        assert sorted(server.contents(f"{bucket}/models/one")) == ["model_info.json", "saved_model/new"]
        assert server.get(f"{bucket}/models/one/model_info.json") == b"2"
        server.make_bucket("gone")
        with pytest.raises(model_folder.OutputError) as caught, model_folder.staged("s3://gone/model") as built:
            Path(built, "model_info.json").write_text("3")
            server.delete("s3://gone")
    found = re.search(r"cannot .* s3://gone/model.* The finished model is in (.*): copy it", str(caught.value))
    assert found, caught.value
    kept = Path(found.group(1))
    assert (kept / "model_info.json").read_text() == "3"
    shutil.rmtree(kept)
