"""What determines the weights of a run: settings, the dataset, and what lies in other files."""

from typing import Any

from pipelines.dataset.info import DatasetInfo
from trainer.config import TrainConfig
from trainer.data.check import OpenDataset
from trainer.data.content import content_of
from trainer.training.choices import choose_batch
from trainer.training.devices import Devices


def batch_of(config: TrainConfig, info: DatasetInfo, devices: Devices) -> int:
    """The clips of a step, as they are asked for or chosen; devices may round it up."""
    num_clips = sum(split.num_examples for split in info.splits.values())
    return choose_batch(config.batch_size, devices.on_gpu, devices.num_replicas, num_clips, info.clip_spec.num_bytes)


def identity_of(config: TrainConfig, dataset: OpenDataset, devices: Devices) -> dict[str, Any]:
    """Everything that determines the weights of a run; a resumed run must have the same."""
    batch = devices.replica_batch(batch_of(config, dataset.info, devices)) * devices.num_replicas
    content = content_of(config)
    return {
        **config.identity(),
        "dataset": dataset.fingerprint,
        "init": content.pop("init"),
        **{name: value for name, value in content.items() if value},
        "global_batch_size": batch,
        "workers": devices.num_workers,
        "precision": devices.precision,
    }
