"""Weights of one network for another: other classes, other clips, and files that are damaged."""

from pathlib import Path

import keras
import numpy as np
import pytest

from pipelines.core.errors import UserError
from trainer.networks.build import build_model
from trainer.networks.streams import join
from trainer.networks.transfer import layer_decay, read_weights, take_over, weights_of


def network(features: int, classes: int, start: float) -> keras.Model:
    """Two layers and logits, all weights of which are numbers from `start` on."""
    inputs = keras.Input((features,))
    x = keras.layers.Dense(3)(keras.layers.Dense(4)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(classes, name="logits")(x))
    for variable in model.trainable_variables:
        variable.assign(np.arange(variable.numpy().size, dtype=np.float32).reshape(variable.shape) + start)
    return model


def test_known_classes_keep_their_weights_new_ones_keep_the_networks_own() -> None:
    theirs, ours = network(2, 3, 0.0), network(2, 3, 100.0)
    before = weights_of(ours)
    taken = take_over(ours, weights_of(theirs), ("Clap", "Jump", "Run"), ("Jump", "Run", "Wave"))
    assert (taken.layers, taken.new_layers) == (("Dense 1", "Dense 2", "logits"), ())
    assert (taken.known_classes, taken.new_classes, taken.dropped_classes) == (("Jump", "Run"), ("Clap",), ("Wave",))
    found, given = weights_of(ours), weights_of(theirs)
    for name in ("Dense 1", "Dense 2"):
        for mine, its in zip(found[name], given[name], strict=True):
            np.testing.assert_array_equal(mine, its)
    for mine, its, own in zip(found["logits"], given["logits"], before["logits"], strict=True):
        np.testing.assert_array_equal(mine[..., 1:], its[..., :2])
        np.testing.assert_array_equal(mine[..., 0], own[..., 0])


def test_layers_that_do_not_fit_start_anew() -> None:
    ours = network(5, 2, 100.0)
    first = weights_of(ours)["Dense 1"]
    taken = take_over(ours, weights_of(network(2, 2, 0.0)), ("A", "B"), ("A", "B"))
    assert (taken.layers, taken.new_layers) == (("Dense 2", "logits"), ("Dense 1",))
    for mine, its in zip(weights_of(ours)["Dense 1"], first, strict=True):
        np.testing.assert_array_equal(mine, its)
    strangers = take_over(network(2, 2, 100.0), weights_of(network(2, 2, 0.0)), ("A", "B"), ("C", "D"))
    assert strangers.new_layers == ("logits",) and strangers.known_classes == ()
    assert (strangers.new_classes, strangers.dropped_classes) == (("A", "B"), ("C", "D"))
    with pytest.raises(UserError, match="no layer fits: this network has Dense 1, Dense 2, logits, the other one LSTM"):
        take_over(network(2, 2, 0.0), {"LSTM 1": [np.zeros((1, 1), np.float32)]}, ("A", "B"), ("A", "B"))


def test_weights_from_a_file_are_those_of_the_network(tmp_path: Path) -> None:
    shape, file = (3, 32, 32, 3), tmp_path / "model.keras"
    model = build_model("lrcn", "reference", shape, 2)
    model.save(file)
    data = file.read_bytes()
    found = read_weights(data, "lrcn", "reference", shape, 2, "a/model.keras")
    assert list(found) == ["Conv2D 1", "Conv2D 2", "Conv2D 3", "Conv2D 4", "LSTM 1", "logits"]
    for mine, its in zip(
        (array for layer in found.values() for array in layer), model.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(mine, its.numpy())
    # More frames fit; a larger picture gives the LSTM more inputs.
    longer, larger = (build_model("lrcn", "reference", (*size, 3), 2) for size in ((7, 32, 32), (3, 128, 128)))
    assert take_over(longer, found, ("A", "B"), ("A", "B")).new_layers == ()
    assert take_over(larger, found, ("A", "B"), ("A", "B")).new_layers == ("LSTM 1",)
    model.trainable_variables[0].assign(model.trainable_variables[0].numpy() * np.nan)
    model.save(file)
    with pytest.raises(UserError, match="some weights are missing or not finite"):
        read_weights(file.read_bytes(), "lrcn", "reference", shape, 2, "a/model.keras")
    for bad, name in ((data[: len(data) // 2], "lrcn"), (b"", "lrcn"), (data, "convlstm")):
        with pytest.raises(
            UserError, match=r"a/model\.keras is damaged or doesn't hold the network \w+ \(reference\): "
        ):
            read_weights(bad, name, "reference", shape, 2, "a/model.keras")


def two_streams(start: float, trained: bool = False) -> keras.Model:
    """`network(2, 2, start)` with a second stream; all of its weights are numbers from `start` on."""
    inputs = keras.Input((2,))
    eye = keras.Model(inputs, keras.layers.Dense(2, name="seen")(inputs), name="eye")
    eye.trainable = trained
    looks = keras.layers.Dense(2, name="appearance_dense")(eye(inputs))
    looks = keras.layers.Identity(name="appearance")(looks)
    motion = keras.layers.Dense(3)(keras.layers.Dense(4)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(join(motion, looks)))
    for variable in [*eye.variables, *model.trainable_variables]:
        variable.assign(np.arange(variable.numpy().size, dtype=np.float32).reshape(variable.shape) + start)
    return model


def test_a_second_stream_comes_and_goes() -> None:
    one, two = network(2, 2, 0.0), two_streams(100.0)
    pretrained = two.get_layer("eye").get_weights()
    taken = take_over(two, weights_of(one), ("A", "B"), ("A", "B"))
    assert taken.layers == ("Dense 1", "Dense 2", "logits") and taken.known_classes == ("A", "B")
    assert taken.new_layers == ("appearance_dense", "appearance_logits")
    kernel, bias = two.get_layer("logits").get_weights()
    np.testing.assert_array_equal(kernel[:3], one.get_layer("logits").get_weights()[0])
    np.testing.assert_array_equal(bias, one.get_layer("logits").get_weights()[1])
    np.testing.assert_array_equal(kernel[3:], np.arange(6, 10).reshape(2, 2) + 100)
    for mine, its in zip(two.get_layer("eye").get_weights(), pretrained, strict=True):
        np.testing.assert_array_equal(mine, its)
    back = take_over(network(2, 2, 7.0), weights_of(two_streams(100.0)), ("A", "B"), ("A", "B"))
    assert back.layers == ("Dense 1", "Dense 2", "logits") and back.new_layers == ()
    tuned = two_streams(5.0, trained=True)  # what an eye has learnt is kept where it isn't trained any more
    again = two_streams(100.0)
    assert take_over(again, weights_of(tuned), ("A", "B"), ("A", "B")).new_layers == ()
    for mine, its in zip(again.weights, tuned.weights, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_each_stream_has_its_own_fall_of_learning_rates() -> None:
    two = two_streams(0.0, trained=True)
    names = ["Dense 1", "Dense 2", "eye", "appearance_dense", "logits"]
    assert layer_decay(two, names, 0.5) == {
        "Dense 1": 0.25, "Dense 2": 0.5, "eye": 0.25, "appearance_dense": 0.5, "logits": 1.0
    }  # fmt: skip
