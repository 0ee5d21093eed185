"""The loop when training goes wrong, and steps compiled by XLA, which change weights as other steps do."""

import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.core.errors import DivergedError, OutputError, UsageError, UserError
from tests.support.damage import damages
from trainer.config import TrainConfig
from trainer.data.check import OpenDataset, open_dataset
from trainer.data.clips import Clips, Reading
from trainer.data.parts import Index, Part, cut_parts
from trainer.files.storage import join
from trainer.training import checkpoint
from trainer.training.devices import Devices, make_devices, why_no_compiler
from trainer.training.learner import Learner, Learning
from trainer.training.loop import Loop
from trainer.training.rates import Rates, multipliers
from trainer.training.schedule import Plan


def no_index(part: Part) -> Index:
    raise AssertionError(f"the stored splits need no index of {part}")


@keras.saving.register_keras_serializable(package="test")
class FailsInBfloat16(keras.layers.Layer):
    """Returns its input; when computing in bfloat16, NaN from the fifth step on."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return x
        self.steps.assign(self.steps + 1)
        fails = tf.logical_and(tf.constant(self.compute_dtype == "bfloat16"), tf.convert_to_tensor(self.steps) >= 5)
        return tf.where(fails, tf.cast(np.nan, x.dtype), x)


def network(shape: tuple[int, ...], classes: int) -> keras.Model:
    inputs = keras.Input(shape, dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Flatten()(inputs))
    x = keras.layers.Dense(8, activation="relu")(FailsInBfloat16()(x))
    return keras.Model(inputs, keras.layers.Dense(classes, dtype="float32")(x))


def make_loop(
    dataset: OpenDataset,
    folder: Path,
    weights: tuple[float, ...],
    epochs: int = 2,
    precision: str = "float32",
    ahead: int = 0,
    wrong: bool = False,
    on_epochs: Callable[..., None] | None = None,
) -> Loop:
    info, devices = dataset.info, make_devices("cpu", precision)
    sides = cut_parts(info, partial(join, dataset.uri), TrainConfig("lrcn", "", ""), no_index).sides
    clips = {name: Clips(info, part, Reading(8)) for name, part in sides.items()}

    def learner(devices: Devices) -> Learner:
        build = partial(network, info.clip_spec.shape, len(info.labels))
        return Learner(devices, build, Learning(0.05, 0.1, 1.0, 0.99, weights), 0)

    plan = Plan("test", str(folder), epochs, 1e-3, 1.0, 5, 0.0, {"epochs": epochs}, ahead)
    in_float32 = partial(learner, replace(devices, precision="float32")) if precision == "bfloat16" else None
    index = clips["val"].index()
    index = replace(index, labels=(index.labels + wrong) % len(info.labels))
    return Loop(devices, learner(devices), clips["train"], clips["val"], index, plan, on_epochs, in_float32)


def test_a_loss_that_is_no_number_leaves_the_last_good_checkpoint(dataset: Path, tmp_path: Path) -> None:
    opened = open_dataset(str(dataset))
    make_loop(opened, tmp_path, (1.0, 1.0, 1.0)).run()
    found = checkpoint.load(str(tmp_path / "last.npz"))
    assert found is not None
    arrays, state, identity = found
    state.stopped = ""
    checkpoint.save(str(tmp_path / "last.npz"), arrays, state, {**identity, "epochs": 4})
    good = (tmp_path / "last.npz").read_bytes()
    bad = make_loop(opened, tmp_path, (float("inf"), 1.0, 1.0), epochs=4)
    with pytest.raises(DivergedError, match=r"the loss became NaN in epoch 3, step .*--learning-rate"):
        bad.run()
    assert (tmp_path / "last.npz").read_bytes() == good
    assert all(np.isfinite(array).all() for array in arrays)
    assert DivergedError.exit_code == 5
    # Nor does a full disk lose it, or leave half of a file.
    names = sorted(tmp_path.iterdir())
    full = make_loop(opened, tmp_path, (1.0, 1.0, 1.0), epochs=4)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"(last|best)\.npz: .*\. Make room there or choose another place"):
            full.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "last.npz").read_bytes() == good and sorted(tmp_path.iterdir()) == names


@pytest.mark.parametrize("ahead", [0, 2])
def test_nan_in_bfloat16_goes_on(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], ahead: int) -> None:
    opened = open_dataset(str(dataset))
    done = make_loop(opened, tmp_path, (1.0, 1.0, 1.0), 3, "bfloat16", ahead)
    state = done.run()
    says = capsys.readouterr().err
    assert says.count("WARNING") == 1
    assert (
        "the loss became NaN in epoch 2, step 2, in bfloat16: training continues in float32 from the last checkpoint"
        in says
    )
    assert (state.stopped, state.global_step, state.float32_from) == ("finished", 9, 4 if not ahead else 3)
    assert {layer.compute_dtype for layer in done.learner.model.layers} == {"float32"}
    assert all(np.isfinite(row["train_loss"]) for row in state.history)
    again = make_loop(opened, tmp_path, (1.0, 1.0, 1.0), 3, "bfloat16", ahead)
    assert again.run().float32_from == state.float32_from
    assert {layer.compute_dtype for layer in again.learner.model.layers} == {"float32"}, "it stays so when it goes on"
    assert keras.config.dtype_policy().name == "float32", "what is made elsewhere isn't touched"


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    """Any bit of it, even where zip has no checksum; one of an earlier version has only zip's checksums."""
    uri = tmp_path / "last.npz"
    checkpoint.save(str(uri), [np.arange(100.0), np.ones((2, 3))], checkpoint.State(epoch=3), {"a": 1})
    found = checkpoint.load(str(uri))
    assert found is not None
    assert found[0][0].tolist() == list(range(100))
    assert (found[1].epoch, found[2]) == (3, {"a": 1})
    whole = uri.read_bytes()
    with np.load(uri) as archive:
        assert sorted(archive.files) == ["state", "v00000", "v00001"]
    for kind, content in damages(whole, 0, flips=500):
        uri.write_bytes(content)
        with pytest.raises(UserError, match=r"last\.npz is damaged .*; delete the folder "):
            raise AssertionError(f"{kind}: {checkpoint.load(str(uri))}")
    mark = len(b"crc32:") + 8
    uri.write_bytes(whole[: -mark - 2] + b"\0\0")
    assert checkpoint.load(str(uri)) is not None
    assert checkpoint.load(str(tmp_path / "none.npz")) is None


def test_a_checkpoint_of_other_settings_or_with_damaged_best_weights_is_refused_and_the_remedy_works(
    dataset: Path, tmp_path: Path
) -> None:
    opened, folder = open_dataset(str(dataset)), tmp_path / "checkpoints"
    make_loop(opened, folder, (1.0, 1.0, 1.0), epochs=1).run()
    with pytest.raises(UsageError, match="epochs was 1, now 2"):
        make_loop(opened, folder, (1.0, 1.0, 1.0), epochs=2).run()
    best = folder / "best.npz"
    whole = best.read_bytes()
    best.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=f"best.npz is damaged .*; delete the folder {folder} to train from the begin"):
        make_loop(opened, folder, (1.0, 1.0, 1.0), epochs=1).run()
    shutil.rmtree(folder)
    make_loop(opened, folder, (1.0, 1.0, 1.0), epochs=1).run()
    assert checkpoint.load(str(best)) is not None


SHAPE, CLASSES, BATCH = (3, 8, 8, 3), 3, 4


def with_lstm() -> keras.Model:
    """With an LSTM, whose cuDNN operations XLA can't compile."""
    inputs = keras.Input(SHAPE, dtype="uint8")
    x = keras.layers.Reshape((SHAPE[0], -1))(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(CLASSES)(keras.layers.LSTM(4)(x)))


def slowly(network: keras.Model) -> list[float]:
    """The LSTM learns at a tenth of the rate."""
    return multipliers(network, {"LSTM 1": 0.1})


def train(compiled: bool, rates: Rates | None) -> tuple[list[float], list[np.ndarray]]:
    devices = make_devices("cpu", "float32")
    rng = np.random.default_rng(0)
    batch = (
        rng.integers(0, 256, (BATCH, *SHAPE), np.uint8),
        np.array([0, 1, 2, 0]),
        np.array([1, 1, 1, 0], np.float32),  # the last, empty one fills the batch
    )
    batches = devices.batches(lambda: tf.data.Dataset.from_tensors(batch).repeat())
    learner = Learner(devices, with_lstm, Learning(0.05, 0.1, 1.0, 0.9, (1.0, 2.0, 1.0), rates=rates), 0, compiled)
    under_way = [learner.train_step(batches, 1e-2, stop=step == 3, save=step == 4) for step in range(5)]
    results = [step.result() for step in under_way]
    assert [result.clips for result in results] == [3.0] * 5
    assert [(result.stop, result.save) for result in results[2:]] == [(False, False), (True, False), (False, True)]
    assert all(result.finite for result in results)
    return [result.loss for result in results], [variable.numpy() for variable in learner.variables()]


@pytest.mark.training
@pytest.mark.parametrize("rates", [None, slowly])
def test_compiled_steps_change_weights_and_their_average_as_others_do(rates: Rates | None) -> None:
    assert not why_no_compiler()
    losses, weights = train(False, rates)
    assert losses[-1] < losses[0]
    compiled_losses, compiled_weights = train(True, rates)
    np.testing.assert_allclose(compiled_losses, losses, rtol=1e-4)
    for mine, its in zip(compiled_weights, weights, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("keeps_lowest", [False, True])
def test_the_weights_of_the_kept_epoch_are_those_that_remain(dataset: Path, tmp_path: Path, keeps_lowest: bool) -> None:
    """Also when the finished run is started again. A run that an earlier version began keeps the lowest loss."""
    opened = open_dataset(str(dataset))
    after: list[list[np.ndarray]] = []

    def averages(loop: Loop) -> list[np.ndarray]:
        return [variable.numpy() for variable in loop.learner.average.trainable_variables]

    # Validated against the wrong classes, a network is best when it has learnt least.
    loop = make_loop(
        opened, tmp_path, (1.0, 1.0, 1.0), 4, wrong=True, on_epochs=lambda *_: after.append(averages(loop))
    )
    loop.state.keeps_lowest = keeps_lowest
    state = loop.run()
    assert (state.best_epoch, state.stopped, state.last_kept) == (0, "finished", not keeps_lowest)
    assert state.kept_epoch == (0 if keeps_lowest else 3)
    assert all(map(np.array_equal, averages(loop), after[state.kept_epoch]))
    assert not all(map(np.array_equal, after[0], after[3]))
    again = make_loop(opened, tmp_path, (1.0, 1.0, 1.0), 4, wrong=True)
    assert again.run().kept_epoch == state.kept_epoch
    assert all(map(np.array_equal, averages(again), averages(loop)))
