"""The devices on which a run trains, and its precision."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from pipelines.cli import tool
from pipelines.core.reasons import first_line
from pipelines.process.tensorflow_start import without_announcements
from pipelines.reports.text import plural
from trainer.training.workers import attended
from trainer.training.workers.cluster import read_cluster


@dataclass(frozen=True)
class Devices:
    """A strategy and what follows from it.

    Attributes:
        strategy: TensorFlow's strategy, for several workers or for the devices of one.
        worker: number of this process.
        num_workers: processes that train together.
        precision: `float32`, or `bfloat16` for all but weights, sums and logits.
        description: for people.
        on_gpu: whether it runs on GPUs.
    """

    strategy: tf.distribute.Strategy
    worker: int
    num_workers: int
    precision: str
    description: str
    on_gpu: bool = False

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run's files."""
        return self.worker == 0

    @property
    def num_replicas(self) -> int:
        """Copies of the network, over all workers."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def local_replicas(self) -> int:
        """Copies of the network in this process."""
        return self.num_replicas // self.num_workers

    def batches(self, make: Callable[[], tf.data.Dataset]) -> Any:
        """Iterates over a stream of batches, each of one replica; every worker calls it with its own stream."""
        return iter(self.strategy.distribute_datasets_from_function(lambda _: make()))

    def wait_for_all(self) -> None:
        """Returns when every worker has called it; if one is lost before that, TensorFlow raises an error."""
        if self.num_workers > 1:
            ones = tf.function(lambda: self.strategy.run(lambda: tf.ones(())), autograph=False)
            self.strategy.reduce(tf.distribute.ReduceOp.SUM, ones(), axis=None)

    def replica_batch(self, batch_size: int) -> int:
        """The batch of a replica: together at least the wanted global batch."""
        return -(-batch_size // self.num_replicas)

    @contextlib.contextmanager
    def building(self) -> Iterator[None]:
        """Within its block, new layers belong to these devices and compute in their precision."""
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16" if self.precision == "bfloat16" else "float32")
        try:
            with self.strategy.scope():
                yield
        finally:
            keras.config.set_dtype_policy(policy)


def make_devices(strategy: str, precision: str, cpu_devices: Sequence[str] = ("CPU:0",)) -> Devices:
    """Chooses devices.

    To be called before anything else runs on TensorFlow: several workers can only be set up then.

    Args:
        strategy: `auto` (every visible GPU, else the CPU), `cpu`, or `multi_worker` (from TF_CONFIG).
        precision: `auto` (float32), `float32` or `bfloat16`.
        cpu_devices: the logical devices to use where there is no GPU.

    Raises:
        UsageError: `multi_worker` without a usable TF_CONFIG.
    """
    worker, num_workers = read_cluster(os.environ.get("TF_CONFIG", "")) if strategy == "multi_worker" else (0, 1)
    gpus = [] if strategy == "cpu" else tf.config.list_physical_devices("GPU")
    if strategy == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    chosen = "float32" if precision == "auto" else precision
    names = [f"GPU:{i}" for i in range(len(gpus))] or list(cpu_devices)
    if strategy == "multi_worker":
        if num_workers > 1:
            tool.say(f"worker {worker + 1} of {num_workers}: waiting for the others")
        with without_announcements():
            made: tf.distribute.Strategy = tf.distribute.MultiWorkerMirroredStrategy()
        attended.all_are_there()
    elif len(names) > 1:
        made = tf.distribute.MirroredStrategy(names)
    else:
        # With a single device there is nothing to mirror, and a whole step can be compiled.
        made = tf.distribute.OneDeviceStrategy(names[0])
    what = plural(len(gpus), "GPU") if gpus else "CPU" if len(cpu_devices) == 1 else f"{len(cpu_devices)} CPU devices"
    where = f", worker {worker + 1} of {num_workers}" if num_workers > 1 else ""
    return Devices(made, worker, num_workers, chosen, f"{what}{where}, {chosen}", bool(gpus))


def why_no_compiler() -> str:
    """Why XLA can't compile for the devices here, found out on a small function; empty where it can."""
    kernel = tf.ones((3, 3, 2, 4))
    try:
        step = tf.function(lambda x: tf.reduce_sum(tf.nn.conv2d(x, kernel, 1, "SAME")), jit_compile=True)
        with without_announcements():
            step(tf.ones((1, 8, 8, 2))).numpy()
    except tf.errors.OpError as error:
        return first_line(error)
    return ""
