"""On which devices a run trains, and in which precision."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from trainer.cluster import read_cluster


@dataclass(frozen=True)
class Devices:
    """A strategy and what it amounts to.

    Attributes:
        strategy: TensorFlow's strategy; several workers or several devices of one.
        worker: number of this process.
        num_workers: processes that train together.
        precision: `float32`, or `bfloat16` for all but weights, sums and logits.
        description: for people.
    """

    strategy: tf.distribute.Strategy
    worker: int
    num_workers: int
    precision: str
    description: str

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
        """Returns when every worker has called it; where one is lost before, an error of TensorFlow says so."""
        if self.num_workers > 1:
            ones = tf.function(lambda: self.strategy.run(lambda: tf.ones(())), autograph=False)
            self.strategy.reduce(tf.distribute.ReduceOp.SUM, ones(), axis=None)

    def replica_batch(self, batch_size: int) -> int:
        """The batch of a replica: together at least the wanted global batch."""
        return -(-batch_size // self.num_replicas)


def make_devices(strategy: str, precision: str, cpu_devices: Sequence[str] = ("CPU:0",)) -> Devices:
    """Chooses devices and sets Keras' precision for all layers that are made afterwards.

    To be called before anything else runs on TensorFlow: several workers can only be set up then.

    Args:
        strategy: `auto` (every visible GPU, else the CPU), `cpu`, or `multi_worker` (from TF_CONFIG).
        precision: `auto` (bfloat16 where every GPU is fast in it), `float32` or `bfloat16`.
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
    chosen = _choose_precision(precision, gpus)
    keras.config.set_dtype_policy("mixed_bfloat16" if chosen == "bfloat16" else "float32")
    if strategy == "multi_worker":
        made: tf.distribute.Strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        made = tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(len(gpus))] or list(cpu_devices))
    what = f"{len(gpus)} GPU(s)" if gpus else "CPU" if len(cpu_devices) == 1 else f"{len(cpu_devices)} CPU devices"
    where = f", worker {worker + 1} of {num_workers}" if num_workers > 1 else ""
    return Devices(made, worker, num_workers, chosen, f"{what}{where}, {chosen}")


def _choose_precision(precision: str, gpus: Sequence[tf.config.PhysicalDevice]) -> str:
    if precision != "auto":
        return precision
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    return "bfloat16" if capabilities and min(capabilities) >= (8, 0) else "float32"
