"""A network of two streams that learns: what is kept of it, that it resumes exactly. Two devices: test_two_devices."""

import numpy as np
import pytest

from pipelines.process.tensorflow_start import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402

from tests.support.stream_learners import CLIPS, learner, train  # noqa: E402
from trainer.training.devices import make_devices  # noqa: E402


def clips() -> tuple[object, int, int]:
    data = tf.data.Dataset.from_tensor_slices((CLIPS, np.arange(16), np.ones(16, np.float32))).batch(8)
    return make_devices("cpu", "float32").batches(lambda: data), 2, 16


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_resumes_as_if_it_had_not_stopped(precision: str) -> None:
    """The draws of the streams that are left out are part of what is resumed."""
    whole, first, second = (learner(precision=precision) for _ in range(3))
    expected = train(whole, count=6)[3:]
    train(first, count=3)
    for mine, its in zip(second.variables(), first.variables(), strict=True):
        mine.assign(its)
    assert train(second, count=3, first=3) == expected
    assert second.fingerprint() == whole.fingerprint()


def test_a_frozen_eye_is_in_no_checkpoint_and_stays() -> None:
    one = learner()
    before = one.model.get_layer("eye").get_weights()
    kept = {id(variable) for variable in one.variables()}
    for network in (one.model, one.average):
        assert not kept & {id(variable) for variable in network.get_layer("eye").variables}
    train(one, count=3)
    for network in (one.model, one.average):
        for mine, its in zip(network.get_layer("eye").get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, its)


def test_a_trained_eye_moves_a_tenth_as_far() -> None:
    one = learner(trained=True)
    before = [variable.numpy() for variable in one.model.trainable_variables]
    train(one, count=1)
    moved = {
        variable.path.split("/")[0]: float(np.abs(variable.numpy() - value).max())
        for variable, value in zip(one.model.trainable_variables, before, strict=True)
        if len(variable.shape) > 1
    }
    # A first step of Adam is as large as the learning rate, whatever the gradient; weight decay adds little.
    assert moved["look"] == pytest.approx(1e-3, rel=0.1) and moved["logits"] == pytest.approx(1e-2, rel=0.1)


def test_each_stream_alone() -> None:
    one = learner()
    train(one, count=2)
    both = one.logits(*clips())
    together, motion, appearance = np.moveaxis(one.logits_alone(*clips()), 1, 0)
    np.testing.assert_allclose(together, both, atol=1e-6)
    np.testing.assert_allclose(motion + appearance - one.average.get_layer("logits").bias.numpy(), both, atol=1e-5)
    assert one.has_both and np.abs(motion - appearance).max() > 1e-3
