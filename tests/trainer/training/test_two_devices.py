"""Two devices learn as one does: whole networks, two streams, layers with rates of their own, the ConvLSTM layer.

Two devices must be made before TensorFlow starts: one process imports it, and parts into one for each of the tests.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import ROOT

pytestmark = [pytest.mark.process, pytest.mark.training]

ONE, TWO = ["CPU:0"], ["CPU:0", "CPU:1"]
STEPS = 8
START = """
import os
import sys
import keras
import tensorflow
from pipelines.process.tensorflow_start import start_tensorflow
from tests.trainer.training import test_two_devices as here
dataset, *files = sys.argv[1:]
for part, file in zip(here.PARTS, files, strict=True):
    if child := os.fork():  # reductions over devices have numbers that a process gives once
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            sys.exit(f"{part}: exit code {code}")
        continue
    start_tensorflow()
    cpu = tensorflow.config.list_physical_devices("CPU")[0]
    tensorflow.config.set_logical_device_configuration(cpu, [tensorflow.config.LogicalDeviceConfiguration()] * 2)
    here.write(part, dataset, file)
    sys.exit()
"""


def no_index(part: Any) -> Any:
    raise AssertionError(f"the stored splits need no index of {part}")


def losses(dataset: str, names: Sequence[str]) -> list[float]:
    """Of the first steps of a training of the default network."""
    from trainer.config import TrainConfig
    from trainer.data.check import open_dataset
    from trainer.data.clips import Clips, Reading
    from trainer.data.parts import cut_parts
    from trainer.files.storage import join
    from trainer.networks.build import build_model
    from trainer.training.devices import make_devices
    from trainer.training.learner import Learner, Learning

    opened = open_dataset(dataset)
    info = opened.info
    part = cut_parts(info, partial(join, opened.uri), TrainConfig("lrcn", "", ""), no_index).sides["train"]

    def build() -> Any:
        model = build_model("lrcn", "default", info.clip_spec.shape, len(info.labels))
        for layer in model.layers:
            if hasattr(layer, "rate"):
                layer.rate = 0.0  # two devices would leave out others than one
        return model

    devices = make_devices("cpu", "float32", names)
    reading = Reading(devices.replica_batch(8), devices.local_replicas, augmentations=("flip", "crop", "color"))
    clips = Clips(info, part, reading)
    learner = Learner(devices, build, Learning(0.05, 0.1, 1.0, 0.99, (1.0,) * len(info.labels)), 0)
    found: list[float] = []
    epoch = 0
    while len(found) < STEPS:
        batches = iter(devices.strategy.distribute_datasets_from_function(lambda _, epoch=epoch: clips.training(epoch)))
        for _ in range(clips.training_steps(epoch)):
            # A rate that rises, as at the start of a run: AdamW's steps are as large where a gradient is all rounding.
            result = learner.train_step(batches, 5e-4 * len(found) / STEPS).result()
            found.append(float(result.loss / result.clips))
        epoch += 1
    return found[:STEPS]


def of_streams(names: Sequence[str]) -> list[Any]:
    """Losses and weights of two streams."""
    from tests.support.stream_learners import learner, train

    one = learner(names, trained=True)
    if len(names) == 1:
        one.model.get_layer("stream_dropout").rate = 0.0
    return [train(one, 4, names=names), weights(one)]


def of_rates(names: Sequence[str]) -> list[Any]:
    """Losses and weights where layers learn at other rates."""
    from tests.support.rated_learners import learner, train

    one = learner(names=names)
    return [train(one, names), weights(one)]


def weights(learner: Any) -> list[Any]:
    return [variable.numpy().tolist() for variable in learner.model.trainable_variables]


def of_convlstm() -> list[Any]:
    """The losses of both replicas, and whether each of the layer's weights has changed."""
    import keras
    import tensorflow as tf

    from trainer.networks.convlstm_layer import FastConvLSTM2D

    strategy = tf.distribute.MirroredStrategy(TWO)
    with strategy.scope():
        layer = FastConvLSTM2D(4, 3, recurrent_dropout=0.2)
        layer.build((2, 5, 9, 8, 3))
        optimizer = keras.optimizers.SGD(0.1)
        optimizer.build(layer.trainable_variables)
    before = [weight.copy() for weight in layer.get_weights()]

    def replica(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(x, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables, strict=True)
        )
        return loss

    step = tf.function(lambda x: strategy.run(replica, args=(x,)), autograph=False)
    local = strategy.experimental_local_results(step(tf.ones((2, 5, 9, 8, 3))))
    after = layer.get_weights()
    return [[float(loss) for loss in local], [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]]


PARTS: dict[str, Callable[[str, Sequence[str]], list[Any]]] = {
    "losses": losses,
    "streams": lambda _, names: of_streams(names),
    "rates": lambda _, names: of_rates(names),
    "convlstm": lambda _, names: of_convlstm() if names == TWO else [],
}


def write(part: str, dataset: str, file: str) -> None:
    """Writes what one device gives, and what two give."""
    Path(file).write_text(json.dumps([PARTS[part](dataset, names) for names in (ONE, TWO)]))


@pytest.fixture(scope="module")
def found(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    files = {part: tmp_path_factory.mktemp("found") / f"{part}.json" for part in PARTS}
    command = [sys.executable, "-c", START, *map(str, [dataset, *files.values()])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return {part: json.loads(file.read_text()) for part, file in files.items()}


def test_two_devices_lose_as_one_does(found: dict[str, Any]) -> None:
    """The last batch of an epoch is incomplete: it fills one device and leaves the other with only empty clips."""
    one, two = np.array(found["losses"])
    assert len(one) == STEPS
    assert one.std() > 1e-3, "the losses must change, or their equality would say nothing"
    np.testing.assert_allclose(two, one, atol=1e-4)


@pytest.mark.parametrize("what", ["streams", "rates"])
def test_two_devices_change_weights_as_one_does(what: str, found: dict[str, Any]) -> None:
    (one, of_one), (two, of_two) = found[what]
    np.testing.assert_allclose(two, one, atol=1e-4)
    for mine, its in zip(of_two, of_one, strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-4)


def test_both_replicas_of_the_convlstm_layer_learn(found: dict[str, Any]) -> None:
    of_replicas, changed = found["convlstm"][1]
    assert len(of_replicas) == 2 and np.isfinite(of_replicas).all() and all(changed)
