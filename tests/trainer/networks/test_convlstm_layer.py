"""The fast ConvLSTM against Keras' own: outputs, gradients, dropout, saving, precision. Replicas: test_two_devices."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.process.tensorflow_start import exact_float32
from trainer.networks import convlstm
from trainer.networks.convlstm_layer import FastConvLSTM2D

SHAPE = (2, 5, 9, 8, 3)  # B, T, H, W, C


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """A GPU would round to TF32."""
    with exact_float32():
        yield


def clips(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> tf.Tensor:
    """Random clips, float32, normally distributed."""
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def of_keras(*arguments: Any, **settings: Any) -> Any:
    return keras.layers.ConvLSTM2D(*arguments, return_sequences=True, **settings)


def pair(ours: type = FastConvLSTM2D, **settings: Any) -> tuple[Any, Any]:
    """Our layer and Keras' with the same weights, none of them 0."""
    arguments = {"filters": 4, "kernel_size": 3, **settings}
    first, second = ours(**arguments), of_keras(**arguments)
    for layer in (first, second):
        layer.build(SHAPE)
    rng = np.random.default_rng(1)
    second.set_weights([rng.normal(scale=0.2, size=weight.shape) for weight in second.get_weights()])
    first.set_weights(second.get_weights())
    return first, second


def results(layer: Any, x: tf.Tensor, training: bool, graph: bool = True) -> list[np.ndarray]:
    """The output, and the gradients of a function of it with respect to inputs and weights."""

    def run(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
            loss = tf.reduce_sum(tf.sin(3 * tf.cast(y, tf.float32)))
        return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]

    # There is no Python to rewrite.
    return [value.numpy() for value in (tf.function(run, autograph=False) if graph else run)(x)]


def assert_same(ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float = 1e-5) -> None:
    for first, second in zip(ours, theirs, strict=True):
        assert first.shape == second.shape
        assert np.abs(second).max() > 0
        assert np.abs(first - second).max() <= tolerance * np.abs(second).max()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "settings", [{}, {"padding": "same", "kernel_size": (5, 3), "filters": 6}, {"kernel_size": 1}], ids=str
)
def test_outputs_and_gradients_are_those_of_keras(settings: dict[str, Any], training: bool) -> None:
    ours, theirs = pair(**settings)
    assert_same(results(ours, clips(), training), results(theirs, clips(), training, graph=False))


@pytest.mark.parametrize("settings", [{}, {"padding": "same"}], ids=str)
def test_gradients_of_all_steps_at_once(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU."""
    monkeypatch.setattr(convlstm, "has_gpu", lambda: True)
    ours, theirs = pair(**settings)
    assert_same(results(ours, clips(), True), results(theirs, clips(), True, graph=False))


def test_eager_and_one_frame() -> None:
    ours, theirs = pair(padding="same")
    assert_same(results(ours, clips(), True, graph=False), results(theirs, clips(), True, graph=False))
    ours, theirs = FastConvLSTM2D(4, 3), of_keras(4, 3)
    for layer in (ours, theirs):
        layer.build((2, 1, 9, 8, 3))
    ours.set_weights(theirs.get_weights())
    one = clips((2, 1, 9, 8, 3))
    found, expected = results(ours, one, True), results(theirs, one, False, graph=False)
    assert not found.pop(3).any()  # the recurrent kernel was not used
    assert not expected.pop(3).any()
    assert_same(found, expected)


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("settings", [{}, {"padding": "same"}], ids=str)
def test_dropout_with_the_same_mask(settings: dict[str, Any], grouped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to compute it: convolutions in groups, and one for each gate on machines without those."""
    if grouped and not convlstm.has_grouped_gradients(tf.float32):
        pytest.skip("needs oneDNN")
    monkeypatch.setattr(convlstm, "has_grouped_gradients", lambda dtype: grouped)
    size = (9, 8) if settings else (7, 6)
    drawn = np.random.default_rng(2).uniform(size=(2, *size, 16)) < 0.7
    mask = tf.constant(drawn / 0.7, tf.float32)

    class Ours(FastConvLSTM2D):
        def recurrent_mask(self, batch: tf.Tensor, size: Any) -> tf.Tensor:
            return mask

    ours, theirs = pair(Ours, recurrent_dropout=0.3, **settings)
    theirs.cell.get_recurrent_dropout_mask = lambda state: tf.split(mask, 4, -1)
    assert_same(results(ours, clips(), True), results(theirs, clips(), True, graph=False))
    assert_same(results(ours, clips(), False), results(theirs, clips(), False, graph=False))


def test_masks_are_drawn_anew_and_keep_the_mean() -> None:
    layer = FastConvLSTM2D(4, 3, recurrent_dropout=0.2)
    layer.build(SHAPE)
    mask = layer.recurrent_mask(8, (64, 64)).numpy()
    assert mask.shape == (8, 62, 62, 16)
    assert set(np.unique(mask)) == {0, np.float32(1.25)}
    assert np.abs((mask == 0).mean(axis=(0, 1, 2)) - 0.2).max() < 0.01  # standard error 0.0023
    gates = mask.reshape(8, 62, 62, 4, 4)
    assert 0.3 < (gates[..., 0, :] != gates[..., 1, :]).mean() < 0.34  # independent: 0.32
    step = tf.function(lambda x: layer(x, training=True))
    first, second = step(clips()).numpy(), step(clips()).numpy()
    assert np.array_equal(first[:, 0], second[:, 0])  # the first step has no state to drop
    assert not np.array_equal(first[:, 1], second[:, 1])


def test_weights_start_alike_and_go_both_ways() -> None:
    ours, theirs = FastConvLSTM2D(4, 3), of_keras(4, 3)
    for layer in (ours, theirs):
        layer.build(SHAPE)
        kernel, recurrent, _ = layer.get_weights()
        columns = recurrent.reshape(-1, 16)
        assert np.allclose(columns.T @ columns, np.eye(16), atol=1e-5)
        assert 0.15 < np.abs(kernel).max() < (6 / (9 * (3 + 16))) ** 0.5
    assert np.array_equal(ours.get_weights()[2], theirs.get_weights()[2])
    theirs.set_weights([2 * weight for weight in ours.get_weights()])
    assert [weight.path.split("/")[-1] for weight in ours.weights] == ["kernel", "recurrent_kernel", "bias"]


def test_shapes() -> None:
    for settings in ({}, {"padding": "same"}, {"kernel_size": (4, 2)}):
        ours, theirs = pair(**settings)
        for batch in (None, 7):
            shape = (batch, *SHAPE[1:])
            assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
        assert ours(clips()).shape == ours.compute_output_shape(SHAPE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"padding": "causal"}, "padding='causal'"),
        ({"recurrent_dropout": 1.0}, "recurrent_dropout=1.0"),
    ],
)
def test_settings_that_are_not_supported(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FastConvLSTM2D(4, 3, **settings)


def test_length_of_clips_must_be_known() -> None:
    with pytest.raises(ValueError, match="frames, height, width and channels must be known"):
        FastConvLSTM2D(4, 3)(keras.Input((None, 9, 8, 3)))


def small_model() -> keras.Model:
    inputs = keras.Input(SHAPE[1:])
    x = FastConvLSTM2D(4, (3, 2), recurrent_dropout=0.2)(inputs)
    x = FastConvLSTM2D(3, 3, padding="same")(x)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = small_model()
    expected = model(clips()).numpy()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]
    assert np.array_equal(loaded(clips()).numpy(), expected)
    model.export(tmp_path / "saved_model", verbose=False)
    served = tf.saved_model.load(tmp_path / "saved_model")
    for count in (1, 2):
        assert np.allclose(served.serve(clips()[:count]).numpy(), expected[:count], rtol=1e-5, atol=1e-6)


def test_settings_of_earlier_versions_are_read() -> None:
    layer = FastConvLSTM2D(4, 3, padding="same")
    fixed = {"activation": "tanh", "return_sequences": True, "kernel_initializer": "glorot_uniform", "seed": None}
    assert FastConvLSTM2D.from_config({**layer.get_config(), **fixed}).get_config() == layer.get_config()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_mixed_precision(dtype: str) -> None:
    settings = {"filters": 4, "kernel_size": 3, "recurrent_dropout": 0.2}
    layer = FastConvLSTM2D(dtype=f"mixed_{dtype}", **settings)
    exact = FastConvLSTM2D(**settings)
    for each in (layer, exact):
        each.build(SHAPE)
    exact.set_weights(layer.get_weights())
    y, *gradients = results(layer, clips(), training=True)
    assert y.dtype == tf.as_dtype(dtype).as_numpy_dtype
    assert all(gradient.dtype == np.float32 and np.isfinite(gradient).all() for gradient in gradients)
    assert np.abs(layer(clips()).numpy().astype(np.float32) - exact(clips()).numpy()).max() < 0.03
