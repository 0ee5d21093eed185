"""A configuration on a dataset: who is on which side, and the training of its network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipelines.core.metadata import DatasetInfo
from trainer import storage
from trainer.augment import choose
from trainer.checkpoint import State
from trainer.config import TrainConfig
from trainer.data import Clips, Reading
from trainer.dataset import OpenDataset
from trainer.evaluate import predict
from trainer.learner import Learner, Learning
from trainer.loop import Loop, Plan
from trainer.models import build_model
from trainer.parts import Index, Part, Parts, class_weights, cut_parts
from trainer.predictions import Predictions
from trainer.schedule import choose_length
from trainer.strategy import Devices


@dataclass(frozen=True)
class Trained:
    """A trained network and what it says about the clips that it wasn't trained on."""

    learner: Learner
    state: State
    val: Predictions
    test: Predictions


class Trial:
    """All that follows from a configuration before anything is trained.

    Args:
        config: the settings; where results go doesn't matter here.
        dataset: what to train on.
        devices: where to train.
        options: of the network's builder, for ablations.

    Attributes:
        info: the dataset's description.
        parts: the sides.
        augmentations: what is done to training clips; `note` says why something is left out.
        loss_weights: of the classes.
        global_batch: clips in a step, over all devices.
        sides: the clips of `val` and `test`.
        indices: ids, groups and labels of those.
    """

    def __init__(
        self, config: TrainConfig, dataset: OpenDataset, devices: Devices, options: Mapping[str, Any] | None = None
    ) -> None:
        self._config, self._devices, self._options = config, devices, dict(options or {})
        self.info: DatasetInfo = dataset.info
        self.augmentations, self.note = choose(config.augment, self.info.labels)
        self.parts: Parts = cut_parts(self.info, partial(storage.join, dataset.uri), config, self._read_index)
        self.loss_weights = class_weights(self.parts.sides["train"].class_counts, config.class_weights)
        self.global_batch = devices.replica_batch(config.batch_size) * devices.num_replicas
        self.sides = {name: self._clips(name, single_frame=False) for name in ("val", "test")}
        self.indices = {name: clips.index() for name, clips in self.sides.items()}
        self._identity = {
            **config.identity(),
            **self._options,
            "dataset": dataset.fingerprint,
            "global_batch_size": self.global_batch,
            "workers": devices.num_workers,
            "precision": devices.precision,
        }

    def fit(
        self,
        folder: str,
        single_frame: bool = False,
        on_epoch: Callable[[Sequence[Mapping[str, float]]], None] | None = None,
    ) -> Trained:
        """Trains the network, or goes on with it, and lets it predict. Every worker has to take part.

        Args:
            folder: of the checkpoints.
            single_frame: train and test on single frames, the baseline.
            on_epoch: see `Loop`.

        Raises:
            UserError: see `Loop.run`.
        """
        config, devices = self._config, self._devices
        frames, height, width, channels = self.info.clip_spec.shape
        shape = (1 if single_frame else frames, height, width, channels)
        build = partial(build_model, config.model, config.variant, shape, len(self.info.labels), **self._options)
        learning = Learning(
            config.weight_decay, config.label_smoothing, config.clip_norm, config.ema, self.loss_weights
        )
        learner = Learner(devices, build, learning, config.seed)
        train = self._clips("train", single_frame)
        epochs, patience = choose_length(config.epochs, config.patience, train.training_steps(0))
        plan = Plan(
            title="single-frame baseline" if single_frame else config.model,
            folder=folder,
            epochs=epochs,
            learning_rate=config.learning_rate,
            warmup_epochs=config.warmup_epochs,
            patience=patience,
            checkpoint_every_s=config.checkpoint_every_s,
            identity={**self._identity, "single_frame": single_frame},
        )
        sides = {name: self._clips(name, single_frame) for name in self.sides} if single_frame else self.sides
        state = Loop(devices, learner, train, sides["val"], self.indices["val"].labels, plan, on_epoch).run()
        said = {name: predict(devices, learner, clips, self.indices[name]) for name, clips in sides.items()}
        return Trained(learner, state, said["val"], said["test"])

    def _read_index(self, part: Part) -> Index:
        return Clips(self.info, part, Reading(1)).index()

    def _clips(self, side: str, single_frame: bool) -> Clips:
        config, devices = self._config, self._devices
        reading = Reading(
            batch_size=devices.replica_batch(config.batch_size),
            replicas=devices.local_replicas,
            worker=devices.worker,
            num_workers=devices.num_workers,
            augmentations=self.augmentations if side == "train" else (),
            single_frame=single_frame,
            shuffle_buffer=config.shuffle_buffer,
            seed=config.seed,
        )
        return Clips(self.info, self.parts.sides[side], reading, config.cache)
