"""Models made elsewhere, with Keras 2 and 3 and without Keras, give the same outputs here as there."""

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import UsageError
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.process.tensorflow_start import start_tensorflow
from pipelines.video.clip import read_clip
from tests import ROOT
from tests.conftest import run_here, run_tool
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures
from tests.support.notebook_loop import notebook_frames
from trainer import import_flags, import_model

pytestmark = [pytest.mark.process, pytest.mark.training]

start_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

from trainer.export.adapter import sorted_order  # noqa: E402

SHAPE = (4, 32, 40, 3)
LABELS = ("Wave", "Run", "Jump")
CLIP_FLAGS = ("--num-frames", 4, "--size", "32x40")

MAKE_KERAS_2 = """
import random, sys, numpy as np, tf_keras  # noqa: E402
draw = random.Random.randint
random.Random.randint = lambda self, *ends: draw(self, *map(int, ends))  # Keras 2 gives floats; Python 3.12 refuses
from tf_keras import layers as L  # noqa: E402
folder, shape = sys.argv[1], (4, 32, 40, 3)
tf_keras.utils.set_random_seed(3)
def drawn(stddev): return tf_keras.initializers.RandomNormal(stddev=stddev)
def end(stddev): return [L.Flatten(), L.Dense(3, activation="softmax", kernel_initializer=drawn(stddev))]
networks = {
    "convlstm": [
        L.ConvLSTM2D(3, (3, 3), activation="tanh", data_format="channels_last", recurrent_dropout=0.2,
                     return_sequences=True, input_shape=shape, kernel_initializer=drawn(1.0)),
        L.MaxPooling3D((1, 2, 2), padding="same"), L.TimeDistributed(L.Dropout(0.2)), *end(0.2)],
    "lrcn": [
        L.TimeDistributed(L.Conv2D(4, 3, padding="same", activation="relu"), input_shape=shape),
        L.TimeDistributed(L.MaxPooling2D(4)), L.TimeDistributed(L.Flatten()), L.LSTM(8), *end(5.0)],
}
clips, films = np.load(f"{folder}/clips.npy"), np.load(f"{folder}/films.npy")
for name, parts in networks.items():
    model = tf_keras.Sequential(parts)
    model.compile("adam", "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    both = np.asarray(model(np.concatenate([clips, films]), training=False))  # `predict` compiles, for seconds
    np.save(f"{folder}/{name}.npy", both[:len(clips)])
    np.save(f"{folder}/{name}_films.npy", both[len(clips):])
    (model.save if name == "convlstm" else model.export)(f"{folder}/{name}")
    model.save(f"{folder}/{name}.h5")
model.save_weights(f"{folder}/lrcn_weights.h5")
model.save(f"{folder}/lrcn.keras")
"""


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """Clips of different brightness with more blue than green than red: a wrong order of colours is noticed."""
    noise = np.random.default_rng(0).uniform(0, 256, (4, *SHAPE))
    brightness = np.array([1.0, 0.7, 0.4, 0.1]).reshape(4, 1, 1, 1, 1)
    return (noise * brightness * (0.3, 0.6, 1.0)).astype(np.uint8)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Videos of a moving texture, followed by the real clips if they are available."""
    folder, pictures = tmp_path_factory.mktemp("films"), moving_pictures()
    made = [
        write_film(folder / "a.avi", pictures[:75], "mpeg4", {"bf": "2", "g": "30"}),
        write_film(folder / "b.mp4", pictures[60:99], "libx264", {"bf": "3", "g": "24"}),
        write_film(folder / "c.avi", pictures[::-8], "mjpeg", {}),
    ]
    real = sorted(Path(os.environ.get("HAR_TEST_DATA", folder), "ucf-clips").rglob("*.avi"))
    return list(map(str, made + real))


NUM_MADE = 3


@pytest.fixture(scope="module")
def keras_2(tmp_path_factory: pytest.TempPathFactory, clips: np.ndarray, films: list[str]) -> Path:
    """Models of the public notebooks and their outputs, made by Keras 2 from BGR in [0, 1]."""
    folder = tmp_path_factory.mktemp("keras2")
    np.save(folder / "clips.npy", (clips[..., ::-1] / 255).astype(np.float32))
    seen = np.stack([notebook_frames(path, *SHAPE[:3]) for path in films])
    np.save(folder / "films.npy", (seen / 255).astype(np.float32))
    subprocess.run([sys.executable, "-W", "ignore", "-c", MAKE_KERAS_2, str(folder)], check=True, capture_output=True)
    (folder / "labels.txt").write_text("\n".join(LABELS))
    return folder


def run(*arguments: object, folder: Path) -> int:
    """Runs the tool in this process on a model for 4 frames of 32x40 with three labels."""
    labels = folder / "labels.txt"
    if not labels.exists():
        labels.write_text("\n".join(LABELS))
    default = ("--labels", labels, *CLIP_FLAGS, "--output", folder / "out")
    return import_model.run(list(map(str, (*default, *arguments))))


def answer(folder: Path, clips: np.ndarray) -> np.ndarray:
    info = ModelInfo.from_json((folder / "model_info.json").read_text())
    signature = tf.saved_model.load(str(folder / info.saved_model)).signatures["serving_default"]
    outputs = signature(**{info.input_name: tf.constant(clips)})
    probabilities = outputs[info.output_name].numpy()
    np.testing.assert_allclose(tf.nn.softmax(outputs["logits"]), probabilities, atol=1e-6)
    return probabilities


def test_saved_model_of_keras_2_from_the_command_line(keras_2: Path, clips: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\ufeffWave\n\n  Run\nJump \n\n")
    done = run_tool(
        "trainer.import_model", "--saved-model", keras_2 / "convlstm", "--labels", tmp_path / "labels.txt", *CLIP_FLAGS,
        "--scale", "0-1", "--channels", "bgr", "--sampling", "notebook", "--resize", "pad",
        "--output", tmp_path / "models" / "theirs",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "conv_lstm2d_input float32 [any, 4, 32, 40, 3]" in done.stdout
    assert "outputs: probabilities (found out from sample clips), 3 labels, sorted" in done.stdout
    folder = tmp_path / "models" / "theirs"
    assert str(folder) in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model_info.json", "saved_model"]
    assert "Nothing was measured here" in (folder / "README.md").read_text()
    info = ModelInfo.from_json((folder / "model_info.json").read_text())
    assert (info.name, info.variant, info.labels) == ("convlstm", "imported", ("Jump", "Run", "Wave"))
    assert info.clip_spec == ClipSpec(4, 32, 40, "notebook", "pad")
    assert info.imported == {"scale": "0-1", "channels": "bgr", "outputs": "probabilities", "order": [2, 1, 0]}
    assert info.parameters == 3 * 4 * (9 * 6 + 1) + (4 * 15 * 19 * 3 + 1) * 3
    expected = np.load(keras_2 / "convlstm.npy")[:, ::-1]
    assert np.ptp(expected, axis=0).min() > 0.01
    np.testing.assert_allclose(answer(folder, clips), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["lrcn", "convlstm.h5", "lrcn.h5"])
def test_other_models_of_keras_2(name: str, keras_2: Path, clips: np.ndarray, tmp_path: Path) -> None:
    source = ("--keras" if name.endswith(".h5") else "--saved-model", keras_2 / name)
    assert run(*source, "--scale", "0-1", "--channels", "bgr", folder=tmp_path) == 0
    expected = np.load(keras_2 / f"{name.removesuffix('.h5')}.npy")[:, ::-1]
    assert np.ptp(expected, axis=0).min() > 0.01
    np.testing.assert_allclose(answer(tmp_path / "out", clips), expected, atol=1e-5)
    assert not (tmp_path / "out" / "model.keras").exists()
    if name == "lrcn.h5":  # again, over it
        first = (tmp_path / "out" / "model_info.json").read_bytes()
        assert run(*source, "--scale", "0-1", "--channels", "bgr", folder=tmp_path) == 0
        assert (tmp_path / "out" / "model_info.json").read_bytes() == first


def differences_to_notebook(name: str, interpolation: str, keras_2: Path, films: list[str], folder: Path) -> np.ndarray:
    """The largest difference of an imported model's probabilities from its notebook's, for each clip: float [N]."""
    flags = ("--scale", "0-1", "--channels", "bgr", "--sampling", "notebook", "--interpolation", interpolation)
    assert run("--keras", keras_2 / f"{name}.h5", *flags, folder=folder) == 0
    spec = ModelInfo.from_json((folder / "out" / "model_info.json").read_text()).clip_spec
    assert spec == ClipSpec(*SHAPE[:3], "notebook", interpolation=interpolation)
    got = answer(folder / "out", np.stack([read_clip(path, spec).frames for path in films]))
    difference: np.ndarray = np.abs(got - np.load(keras_2 / f"{name}_films.npy")[: len(films), ::-1]).max(axis=1)
    return difference


@pytest.mark.parametrize("name", ["convlstm", "lrcn"])
def test_models_say_what_they_said_in_a_notebook(name: str, keras_2: Path, films: list[str], tmp_path: Path) -> None:
    """Of made videos to the last digits, and of real ones, if they are available, nearly."""
    found = differences_to_notebook(name, "bilinear", keras_2, films, tmp_path)
    assert found[:NUM_MADE].max() < 1e-5 and found.max() < 1e-3
    if name == "lrcn":  # what is resized otherwise is noticed
        assert differences_to_notebook(name, "area", keras_2, films[:NUM_MADE], tmp_path).min() > 1e-3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lrcn.keras", "Keras 3.* cannot load .*lrcn.keras: .*batch_input_shape.*model.save.DIR. with Keras 2"),
        ("lrcn_weights.h5", "holds weights only"),
        ("labels.txt", "labels.txt is neither a Keras file .*--saved-model DIR"),
    ],
)
def test_files_that_keras_cannot_load(name: str, message: str, keras_2: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        run("--keras", keras_2 / name, "--scale", "0-1", folder=tmp_path)
    assert not (tmp_path / "out").exists()


def colours(**options: Any) -> keras.Model:
    """A model whose outputs are the means of its three colours."""
    return keras.Sequential([keras.Input(SHAPE, **options), layers.GlobalAveragePooling3D()])


MEANS = np.array([51.0, 102.0, 204.0])  # 0.2, 0.4 and 0.8 of 255


@pytest.mark.parametrize(
    ("scale", "channels", "labels", "expected"),
    [
        ("0-1", "rgb", "ABC", (0.2, 0.4, 0.8)),
        ("0-1", "bgr", "BCA", (0.8, 0.4, 0.2)),
        ("-1-1", "rgb", "BCA", (-0.6, -0.2, 0.6)),
        ("0-255", "bgr", "ABC", (204.0, 102.0, 51.0)),
        ("imagenet", "rgb", "BCA", ((0.2 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.8 - 0.406) / 0.225)),
        ("imagenet", "bgr", "ABC", ((0.8 - 0.406) / 0.225, (0.4 - 0.456) / 0.224, (0.2 - 0.485) / 0.229)),
    ],
)
def test_pixels_and_order(scale: str, channels: str, labels: str, expected: tuple[float, ...], tmp_path: Path) -> None:
    colours().save(tmp_path / "means.keras")
    (tmp_path / "labels.txt").write_text("\n".join(labels))
    arguments = ("--keras", tmp_path / "means.keras", "--scale", scale, "--channels", channels, "--outputs", "logits")
    run(*arguments, "--name", "colours", folder=tmp_path)
    clip = np.broadcast_to(MEANS, (1, *SHAPE)).astype(np.uint8)
    signature = tf.saved_model.load(str(tmp_path / "out" / "saved_model")).signatures["serving_default"]
    by_label = dict(zip(labels, expected, strict=True))
    got = signature(frames=tf.constant(clip))["logits"].numpy()
    np.testing.assert_allclose(got, [[by_label[name] for name in "ABC"]], rtol=2e-4)
    info = ModelInfo.from_json((tmp_path / "out" / "model_info.json").read_text())
    assert (info.name, info.labels) == ("colours", ("A", "B", "C"))
    assert (tmp_path / "out" / "model.keras").read_bytes() == (tmp_path / "means.keras").read_bytes()


@given(st.lists(st.text(), unique=True, min_size=1))
def test_outputs_follow_their_labels(labels: list[str]) -> None:
    assert [labels[place] for place in sorted_order(labels)] == sorted(labels)


def test_found_outputs_and_exported_models_of_keras_3(
    tmp_path: Path, clips: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input(SHAPE, dtype="uint8")
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(layers.Rescaling(1 / 255)(inputs))
    logits = layers.Dense(3)(layers.LSTM(4)(x))
    for name, outputs in (("logits", logits), ("probabilities", layers.Softmax()(logits))):
        keras.Model(inputs, outputs).export(str(tmp_path / name), verbose=False)
        capsys.readouterr()
        run("--saved-model", tmp_path / name, "--scale", "0-255", "--output", tmp_path / "o" / name, folder=tmp_path)
        assert f"outputs: {name} (found out" in capsys.readouterr().out
    expected = tf.nn.softmax(keras.Model(inputs, logits)(clips)).numpy()[:, ::-1]
    for name in ("logits", "probabilities"):
        np.testing.assert_allclose(answer(tmp_path / "o" / name, clips), expected, atol=1e-5)


class Batch(layers.Layer):
    """Subtracts the mean over the batch."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs - tf.reduce_mean(inputs, axis=0, keepdims=True)


def classifier(*parts: layers.Layer, shape: tuple[int | None, ...] = SHAPE, **options: Any) -> keras.Model:
    return keras.Sequential([keras.Input(shape, **options), layers.GlobalAveragePooling3D(), *parts])


@pytest.mark.parametrize(
    ("make", "flags", "message"),
    [
        (colours, ["--num-frames", "5"], "takes .any, 4, 32, 40, 3. .* --num-frames 5 and --size 32x40 make .any, 5, "),
        (colours, ["--size", "32"], "takes .any, 4, 32, 40, 3. .* --size 32x32 make"),
        (lambda: classifier(layers.Dense(4)), [], "has 4 outputs, but there are 3 labels"),
        (lambda: classifier(layers.Dense(1, activation="softmax")), [], "one output, but an output is needed for each"),
        (lambda: classifier(Batch()), [], "cannot load .*: Could not locate class 'Batch'"),
        (lambda: classifier(shape=(4, 32, 40, 1)), [], "takes .any, 4, 32, 40, 1."),
        (lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten()]), [], "takes .any, 8, 8, 3. .clips, fra"),
        (lambda: colours(batch_size=2), [], "takes batches of 2 clips only"),
        (lambda: colours(dtype="uint8"), [], "takes whole numbers .uint8., .* use --scale 0-255"),
        (lambda: colours(dtype="string"), [], "takes values of type string, not pixels"),
        (lambda: keras.Sequential([keras.Input(SHAPE), layers.Dense(3)]), [], "gives .3, 4, 32, 40, 3. for 3 clips"),
        (lambda: classifier(layers.Lambda(lambda x: x)), [], "cannot load .*Lambda.*--saved-model DIR"),
        (lambda: classifier(layers.Dense(3, activation="sigmoid")), [], "from a sigmoid .* --outputs logits"),
        (lambda: classifier(layers.Dense(3)), ["--outputs", "probabilities"], "doesn't give probabilities: .*add up"),
        (lambda: classifier(layers.Rescaling(1e38)), ["--scale", "0-255"], "values that aren't finite"),
        (lambda: keras.Model(a := keras.Input(SHAPE), [colours()(a)] * 2), [], "one input and one output"),
    ],
)
def test_models_not_as_said(make: Callable[[], keras.Model], flags: list[str], message: str, tmp_path: Path) -> None:
    make().save(tmp_path / "m.keras")
    with pytest.raises(UsageError, match=message):
        run("--keras", tmp_path / "m.keras", "--scale", "0-1", *flags, folder=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "named.h5", "named.keras", "named"])
def test_files_are_what_they_hold(
    name: str, clips: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model whose ends go by names, in files that are called otherwise than Keras calls them."""
    ends = {"clip": (clip := keras.Input(SHAPE, name="clip"))}, {"scores": classifier(layers.Rescaling(3.0))(clip)}
    form = "m.keras" if name in ("named.h5", "named") else "m.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        (model := keras.Model(*ends)).save(tmp_path / (name if name.startswith("m.") else form))
    if not name.startswith("m."):
        (tmp_path / form).rename(tmp_path / name)
    run("--keras", tmp_path / name, "--scale", "0-1", "--outputs", "logits", folder=tmp_path)
    expected = tf.nn.softmax(model({"clip": clips / 255})["scores"]).numpy()[:, ::-1]
    np.testing.assert_allclose(answer(tmp_path / "out", clips), expected, atol=1e-5)
    assert (tmp_path / "out" / "model.keras").exists() == (name in ("m.keras", "named.h5", "named"))
    assert re.search("note: the model scales values in rescaling.* give --scale 0-255", capsys.readouterr().out)


def test_model_that_mixes_the_clips_of_a_batch(tmp_path: Path) -> None:
    classifier(Batch()).export(str(tmp_path / "m"), verbose=False)
    with pytest.raises(UsageError, match="gives other values for a clip alone than .* in a batch of 3"):
        run("--saved-model", tmp_path / "m", "--scale", "0-1", folder=tmp_path)


CLIP = tf.TensorSpec([None, *SHAPE], tf.float32, name="clip")
FLOW = tf.TensorSpec([None, 2], tf.float32, name="flow")


class Squeezed(tf.Module):
    """Loses the axis of clips where there is one clip."""

    @tf.function(input_signature=[CLIP])
    def means(self, clip: tf.Tensor) -> tf.Tensor:
        return tf.squeeze(tf.reduce_mean(clip, axis=[1, 2, 3]))


def test_model_that_loses_the_axis_of_clips(tmp_path: Path) -> None:
    tf.saved_model.save(module := Squeezed(), str(tmp_path / "m"), signatures=module.means)
    with pytest.raises(UsageError, match="gives .3. for one clip, not a row of values for each clip"):
        run("--saved-model", tmp_path / "m", "--scale", "0-1", folder=tmp_path)


class Two(tf.Module):
    """Functions for signatures, with a table that is not a variable."""

    def __init__(self) -> None:
        super().__init__()
        keys = tf.constant([0, 1, 2], tf.int64)
        values = tf.constant([1.0, 2.0, 3.0])
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0.0)

    @tf.function(input_signature=[CLIP])
    def means(self, clip: tf.Tensor) -> dict[str, tf.Tensor]:
        values = tf.reduce_mean(clip, axis=[1, 2, 3]) * self.table.lookup(tf.constant([0, 1, 2], tf.int64))
        return {"scores": values, "embedding": tf.zeros([tf.shape(clip)[0], 7])}

    @tf.function(input_signature=[CLIP, FLOW])
    def fused(self, clip: tf.Tensor, flow: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": tf.reduce_mean(clip, axis=[1, 2, 3]) + tf.reduce_sum(flow)}

    @tf.function(input_signature=[CLIP])
    def twice(self, clip: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"a": tf.reduce_mean(clip, axis=[1, 2, 3]), "b": tf.reduce_max(clip, axis=[1, 2, 3])}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    module = Two()
    tf.saved_model.save(
        module, str(folder / "m"), signatures={n: getattr(module, n) for n in ("means", "fused", "twice")}
    )
    tf.saved_model.save(module, str(folder / "one"), signatures={"only": module.means})
    tf.saved_model.save(module, str(folder / "none"))
    return folder


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--saved-model", "m"], "several signatures. Choose one with --signature: .*means.clip float32 .any, 4"),
        (["--saved-model", "m", "--signature", "x"], "no signature 'x'. Choose .*fused.clip .*flow float32 .any, 2."),
        (["--saved-model", "m", "--signature", "fused"], "one input, but the SavedModel .* has 2: "),
        (["--saved-model", "m", "--signature", "twice"], "has 2 outputs, 2 of them with a value for each of 3 labels"),
        (["--saved-model", "none"], "has no signatures, so nothing says how to call it. Where the model was made"),
        (["--keras", "m"], "is a folder; if it is a SavedModel, use --saved-model"),
        (["--saved-model", "."], "is not a SavedModel; did you mean .*/m\\?"),
    ],
)  # fmt: skip
def test_saved_models_that_need_a_choice(flags: list[str], message: str, two: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        run(flags[0], two / flags[1], *flags[2:], "--scale", "0-1", folder=tmp_path)


@pytest.mark.parametrize("flags", [["m", "--signature", "means"], ["one"]])
def test_chosen_signature_with_a_table(flags: list[str], two: Path, tmp_path: Path) -> None:
    run("--saved-model", two / flags[0], *flags[1:], "--scale", "0-1", "--outputs", "logits", folder=tmp_path)
    clip = np.broadcast_to(MEANS, (1, *SHAPE)).astype(np.uint8)
    got = tf.saved_model.load(str(tmp_path / "out" / "saved_model")).signatures["serving_default"](frames=clip)
    np.testing.assert_allclose(got["logits"], [[2.4, 0.8, 0.2]], rtol=2e-4)


def test_damaged_saved_model(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"no such thing")
    with pytest.raises(UsageError, match="cannot load the SavedModel .*/m: "):
        run("--saved-model", tmp_path / "m", "--scale", "0-1", folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "holds no class names"),
        (b" \n\n", "holds no class names"),
        (b"A\nB\n\nA\n", "line 4: 'A' is already in line 1"),
        (b"\xff\xfe\x00", "line 1: byte 3 of the file is not UTF-16"),
        (b"Caf\xe9\n", "line 1: byte 0xe9 .* is not UTF-8; in Windows-1252 this line reads 'Café'"),
        (b"PK\x03\x04", "is a spreadsheet .*, not text"),
        (b"A\n\x1b[31mB\n", "line 2: the label .* contains a line break or control character"),
        (b"2 B\n1 A\n3 C\n", "the lines aren't in the order of their numbers, which begin 2, 1, 3. Sort them"),
        (b"0,A\n1,B\n2,A\n", "line 3: 'A' is already in line 1"),
    ],
)
def test_wrong_labels(text: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(text)
    with pytest.raises(UsageError, match=message):
        import_flags.read_labels(tmp_path / "l")


@pytest.mark.parametrize(
    ("text", "labels", "numbered"),
    [
        ("1 ApplyEyeMakeup\r\n2 Archery\r\n", ("ApplyEyeMakeup", "Archery"), True),  # UCF101's classInd.txt
        ("0\tshake hands\n1\tkick\n", ("shake hands", "kick"), True),
        ("0,A\n\n1,B\n", ("A", "B"), True),
        ("1. A\n2. B\n", ("A", "B"), True),
        ("100 m\n200 m\n", ("100 m", "200 m"), False),
        ("1 hand\nboth hands\n", ("1 hand", "both hands"), False),
        ("1 hand\n", ("1 hand",), False),
        ("0\n1\n2\n", ("0", "1", "2"), False),
        ("1st\n2nd\n", ("1st", "2nd"), False),
    ],
)
def test_numbers_before_labels(text: str, labels: tuple[str, ...], numbered: bool, tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / "l").write_text(text, encoding)
        assert import_flags.read_labels(tmp_path / "l") == (labels, numbered)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--labels": "missing.txt"}, "cannot read the labels .*missing.txt: No such file"),
        ({"--saved-model": "missing"}, "no such SavedModel: .*missing"),
        ({"--saved-model": "gs://b/m"}, "--saved-model gs://b/m must be on this machine: copy it here first"),
        ({"--labels": "s3://b/l.txt"}, "--labels s3://b/l.txt must be on this machine"),
        ({"--saved-model": "labels.txt"}, "is neither a Keras file .* nor the folder of a SavedModel"),
        ({"--saved-model": "empty"}, "is not a SavedModel; give the folder that holds saved_model.pb"),
        ({"--num-frames": "0"}, "--num-frames must be a whole number from 1"),
        ({"--size": "big"}, "--size must be a number or HEIGHTxWIDTH, not 'big'"),
        ({"--output": "."}, "would replace the model to import"),
        ({"--chanels": "bgr"}, "unknown flag --chanels; did you mean --channels"),
        ({"--scale": "0-2"}, "--scale must be one of 0-1, -1-1, 0-255, imagenet, not '0-2'"),
    ],
)
def test_mistakes_are_found_before_a_model_is_loaded(
    change: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "labels.txt").write_text("A\nB\n")
    flags = {"--saved-model": "m", "--labels": "labels.txt", "--num-frames": "4", "--size": "32", "--scale": "-1-1",
             "--output": "out", **change}  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = run_here("trainer.import_model", *(part for pair in flags.items() for part in pair))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert re.search(message, done.stderr), done.stderr
    assert not (tmp_path / "out").exists()


def test_a_mistake_loads_no_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pipelines.cli import tool\nfrom trainer import import_model\n"
        "words = '--saved-model none --labels l --num-frames 4 --size 32 --scale 0-1 --output o'.split()\n"
        "assert tool.run_tool(import_model.run, words) == 2\n"
        "assert not {'tensorflow', 'keras', 'apache_beam'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
