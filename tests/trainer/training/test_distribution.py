"""Several devices lose as one does; several workers wait, stop, and sum up together. How they train: test_manifests."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import run_tool
from tests.support.workers import free_addresses, start_worker

pytestmark = [pytest.mark.process, pytest.mark.training]

LOSSES = """
import json
import sys
from functools import partial
from pipelines.process.tensorflow_start import start_tensorflow
start_tensorflow()
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from trainer.config import TrainConfig
from trainer.data.clips import Clips, Reading
from trainer.data.check import open_dataset
from trainer.training.learner import Learner, Learning
from trainer.networks.build import build_model
from trainer.data.parts import cut_parts
from trainer.files.storage import join
from trainer.training.devices import make_devices
dataset, STEPS = open_dataset(sys.argv[1]), 8
info = dataset.info
part = cut_parts(info, partial(join, dataset.uri), TrainConfig("lrcn", "", ""), None).sides["train"]

def build():
    model = build_model("lrcn", "default", info.clip_spec.shape, len(info.labels))
    for layer in model.layers:
        if hasattr(layer, "rate"):
            layer.rate = 0.0  # two devices would leave out others than one
    return model

def train(names):
    devices = make_devices("cpu", "float32", names)
    reading = Reading(devices.replica_batch(8), devices.local_replicas, augmentations=("flip", "crop", "color"))
    clips = Clips(info, part, reading)
    learner = Learner(devices, build, Learning(0.05, 0.1, 1.0, 0.99, (1.0,) * len(info.labels)), 0)
    losses, epoch = [], 0
    while len(losses) < STEPS:
        batches = iter(devices.strategy.distribute_datasets_from_function(lambda _: clips.training(epoch)))
        for _ in range(clips.training_steps(epoch)):
            # A rate that rises, as at the start of a run: AdamW's steps are as large where a gradient is all rounding.
            result = learner.train_step(batches, 5e-4 * len(losses) / STEPS).result()
            losses.append(float(result.loss / result.clips))
        epoch += 1
    return losses[:STEPS]

print(json.dumps([train(["CPU:0"]), train(["CPU:0", "CPU:1"])]))
"""


def test_two_devices_lose_as_one_does(dataset: Path) -> None:
    """The last batch of an epoch is incomplete: it fills one device and leaves the other with only empty clips."""
    command = [sys.executable, "-c", LOSSES, str(dataset)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    one, two = np.array(json.loads(done.stdout))
    assert len(one) == 8
    assert one.std() > 1e-3, "the losses must change, or their equality would say nothing"
    np.testing.assert_allclose(two, one, atol=1e-4)


@pytest.mark.parametrize(
    ("tool", "index", "number", "code"),
    [("task", 0, signal.SIGINT, 130), ("crossval --folds 3", 1, signal.SIGTERM, 75)],
)
def test_a_worker_that_waits_for_others_can_be_stopped(
    tool: str, index: int, number: signal.Signals, code: int, dataset: Path, tmp_path: Path
) -> None:
    """TensorFlow waits in native code, where no Python runs, and handles SIGTERM itself."""
    task = {"cluster": {"worker": free_addresses(2)}, "task": {"type": "worker", "index": index}}
    command = [sys.executable, "-m", *f"trainer.{tool} --model lrcn --data {dataset} --output {tmp_path}".split()]
    worker = start_worker([*command, "--strategy", "multi_worker"], {"TF_CONFIG": json.dumps(task)})
    assert worker.stderr
    try:
        assert f"worker {index + 1} of 2: waiting for the others" in worker.stderr.readline()
        child = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()[0]
        # From here on it waits in native code: TensorFlow takes over the signal before that.
        while not int(re.findall(r"SigCgt:\s(\w+)", Path(f"/proc/{child}/status").read_text())[0], 16) & 1 << 14:
            time.sleep(0.01)
        worker.send_signal(number)
        said = worker.communicate(timeout=120)[1].splitlines()
    finally:
        if worker.poll() is None:
            worker.terminate()  # it stops its child; else both would wait for hours
    assert worker.returncode == code
    assert len(said) == 1 and "run the same command again" in said[0], said
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.timeout(600)
def test_one_of_several_workers_sums_up_a_cross_validation(dataset: Path, tmp_path: Path) -> None:
    addresses = free_addresses(2)
    command = [
        sys.executable, "-m", "trainer.crossval", "--model", "lrcn", "--variant", "reference", "--data", dataset,
        "--output", tmp_path, "--batch-size", 8, "--epochs", 1, "--folds", 2, "--no-baseline", "--precision",
        "bfloat16", "--strategy", "multi_worker",
    ]  # fmt: skip
    tasks = [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}} for index in range(2)]
    workers = [start_worker(command, {"TF_CONFIG": json.dumps(task)}) for task in tasks]
    said = [worker.communicate(timeout=500) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert ["All clips" in out for out, _ in said] == [True, False]
    assert json.loads((tmp_path / "crossval.json").read_text())["pooled"]["num_clips"] == 30
    precisions = {
        str(path.parent.name): json.loads(path.read_text())["training"]["precision"]
        for path in tmp_path.glob("fold*/metrics.json")
    }
    assert precisions == {"fold01-seed0": "bfloat16", "fold02-seed0": "bfloat16"}, "the second fold's too"
    (tmp_path / "crossval.json").unlink()
    for task, wrote in zip(reversed(tasks), (False, True), strict=True):  # everything is done: each by itself
        done = run_tool(*command[2:], env={**os.environ, "TF_CONFIG": json.dumps(task)})
        assert (done.returncode, (tmp_path / "crossval.json").exists()) == (0, wrote), done.stderr
