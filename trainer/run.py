"""One run from a dataset to a model directory: training, evaluation, baselines, report."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from pipelines.core.metadata import DatasetInfo
from pipelines.core.model_info import ModelInfo
from trainer import results, storage
from trainer.augment import choose
from trainer.calibration import expected_calibration_error, fit_temperature
from trainer.config import TrainConfig
from trainer.data import Clips, Reading
from trainer.dataset import OpenDataset
from trainer.evaluate import clips_per_second, film_strips, predict, sample_clips
from trainer.export import export_model
from trainer.learner import Learner, Learning
from trainer.logs import RunLog
from trainer.loop import Loop, Plan
from trainer.metrics import evaluate, majority_baseline
from trainer.models import build_model
from trainer.parts import Index, Part, Parts, class_weights, cut_parts
from trainer.predictions import Predictions
from trainer.report import render_report
from trainer.schedule import choose_length
from trainer.strategy import Devices

_CHECK_CLIPS = 4
_PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow-io")


@dataclass(frozen=True)
class _Trained:
    """A trained network and what it says about the clips it wasn't trained on."""

    learner: Learner
    state: Any
    val: Predictions
    test: Predictions


def train(config: TrainConfig, dataset: OpenDataset, devices: Devices) -> Mapping[str, Any]:
    """Trains, evaluates and exports; what is done already, by an earlier start of the same run, isn't done again.

    Returns:
        the content of metrics.json.

    Raises:
        UserError: see `Loop.run` and `export_model`.
    """
    return _Run(config, dataset, devices).run()


class _Run:
    def __init__(self, config: TrainConfig, dataset: OpenDataset, devices: Devices) -> None:
        self._config, self._dataset, self._devices = config, dataset, devices
        self._info: DatasetInfo = dataset.info
        self._augmentations, self._note = choose(config.augment, self._info.labels)
        self._parts: Parts = cut_parts(
            self._info,
            partial(storage.join, dataset.uri),
            config,
            lambda part: Clips(self._info, part, Reading(1)).index(),
        )
        self._weights = class_weights(self._parts.sides["train"].class_counts, config.class_weights)
        self._sides = {name: self._clips(name, single_frame=False) for name in ("val", "test")}
        self._indices = {name: clips.index() for name, clips in self._sides.items()}
        self._log = RunLog(config.output)

    def run(self) -> Mapping[str, Any]:
        config = self._config
        self._announce()
        main = self._train(storage.join(config.output, results.CHECKPOINTS), single_frame=False)
        single = None
        if config.baseline:
            single = self._train(storage.join(config.output, results.CHECKPOINTS, "single_frame"), single_frame=True)
        metrics = self._describe(main, single)
        if self._devices.num_workers > 1:
            # Every worker says it: where two of them differ, something is wrong with the cluster.
            worker = self._devices.worker + 1
            _say(f"worker {worker} of {self._devices.num_workers}: weights {main.learner.fingerprint()}")
        if self._devices.is_chief:
            self._write(main, single, metrics)
        return metrics

    def _read_index(self, part: Part) -> Index:
        return Clips(self._info, part, Reading(1)).index()

    def _clips(self, side: str, single_frame: bool) -> Clips:
        config, devices = self._config, self._devices
        reading = Reading(
            batch_size=devices.replica_batch(config.batch_size),
            replicas=devices.local_replicas,
            worker=devices.worker,
            num_workers=devices.num_workers,
            augmentations=self._augmentations if side == "train" else (),
            single_frame=single_frame,
            shuffle_buffer=config.shuffle_buffer,
            seed=config.seed,
        )
        return Clips(self._info, self._parts.sides[side], reading, config.cache)

    def _train(self, folder: str, single_frame: bool) -> _Trained:
        config, devices = self._config, self._devices
        frames, height, width, channels = self._info.clip_spec.shape
        shape = (1 if single_frame else frames, height, width, channels)
        build = partial(build_model, config.model, config.variant, shape, len(self._info.labels))
        learning = Learning(config.weight_decay, config.label_smoothing, config.clip_norm, config.ema, self._weights)
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
            identity={**config.identity(), **self._identity(), "single_frame": single_frame},
        )
        sides = {name: self._clips(name, single_frame) for name in ("val", "test")} if single_frame else self._sides
        on_epoch = None if single_frame else self._log.epoch
        labels = self._indices["val"].labels
        loop = Loop(devices, learner, train, sides["val"], labels, plan, on_epoch)
        state = loop.run()
        predictions = {name: predict(devices, learner, clips, self._indices[name]) for name, clips in sides.items()}
        return _Trained(learner, state, predictions["val"], predictions["test"])

    def _identity(self) -> Mapping[str, Any]:
        devices = self._devices
        return {
            "dataset": self._dataset.fingerprint,
            "global_batch_size": self._global_batch,
            "workers": devices.num_workers,
            "precision": devices.precision,
        }

    @property
    def _global_batch(self) -> int:
        return self._devices.replica_batch(self._config.batch_size) * self._devices.num_replicas

    def _announce(self) -> None:
        if not self._devices.is_chief:
            return
        config, parts = self._config, self._parts
        counts = ", ".join(f"{part.num_clips} {name}" for name, part in parts.sides.items())
        _say(
            f"{config.model} ({config.variant}) on {config.data}: {len(self._info.labels)} classes, {counts} clips; "
            f"{self._devices.description}; global batch {self._global_batch}, learning rate {config.learning_rate:g}"
        )
        if parts.leaky:
            _say("WARNING: random split: clips of one group are on both sides. The scores will be too good to be true")
        if self._note:
            _say(f"note: {self._note}")

    def _describe(self, main: _Trained, single: _Trained | None) -> dict[str, Any]:
        """The content of metrics.json but for what only the exported model tells."""
        config, parts, labels = self._config, self._parts, self._info.labels
        temperature = fit_temperature(main.val.logits, main.val.labels)
        counts = dict(zip(labels, parts.sides["train"].class_counts, strict=True))
        majority, majority_top1 = majority_baseline(counts, main.test, labels)
        state = main.state
        return {
            "schema_version": 1,
            "model": {"name": config.model, "variant": config.variant},
            "dataset": {
                "uri": config.data,
                "fingerprint": self._dataset.fingerprint,
                "labels": list(labels),
                "protocol": parts.protocol,
                "leaky": parts.leaky,
                "num_clips": {name: part.num_clips for name, part in parts.sides.items()},
                "groups": {name: list(part.groups) for name, part in parts.sides.items()},
            },
            "test": evaluate(main.test, labels, temperature).to_json(),
            "val": evaluate(main.val, labels, temperature).to_json(),
            "baselines": {
                "chance": 1 / len(labels),
                "majority": {"label": majority, "top1": majority_top1.to_json()},
                "single_frame": {"top1": evaluate(single.test, labels).top1.to_json()} if single else None,
            },
            "calibration": {
                "temperature": temperature,
                "ece_before": expected_calibration_error(main.test.logits, main.test.labels),
                "ece_after": expected_calibration_error(main.test.logits, main.test.labels, temperature),
            },
            "training": {
                "epochs": state.epoch,
                "best_epoch": state.best_epoch + 1,
                "steps": state.global_step,
                "seconds": state.seconds,
                "clips_per_s": sum(row["clips_per_s"] for row in state.history) / len(state.history),
                "stopped": state.stopped,
            },
            "configuration": {
                **asdict(config),
                "global_batch_size": self._global_batch,
                "devices": self._devices.description,
                "augmentations": ",".join(self._augmentations) or "none",
                "loss_weights": ",".join(f"{weight:.3g}" for weight in self._weights),
            },
            "versions": {name: version(name) for name in _PACKAGES},
        }

    def _write(self, main: _Trained, single: _Trained | None, metrics: dict[str, Any]) -> None:
        """All files of the run; metrics.json last, as the sign that it is complete."""
        config, labels = self._config, self._info.labels
        temperature = metrics["calibration"]["temperature"]
        clips = sample_clips(self._sides["test"], _CHECK_CLIPS)
        info = export_model(
            main.learner.average,
            storage.join(config.output, results.MODEL),
            ModelInfo(
                name=config.model,
                variant=config.variant,
                clip_spec=self._info.clip_spec,
                labels=tuple(labels),
                temperature=temperature,
                dataset={"uri": config.data, "fingerprint": self._dataset.fingerprint},
                durations_s=self._info.durations_s,
                metrics={name: metrics["test"][name] for name in ("top1", "macro_f1", "ece")},
            ),
            clips,
        )
        folder = storage.join(config.output, results.MODEL, info.saved_model)
        metrics["model"] |= {
            "parameters": info.parameters,
            "size_bytes": storage.size_of_tree(folder),
            "fingerprint": info.fingerprint,
        }
        batch = min(config.batch_size, 64)
        metrics["speed"] = {"clips_per_s": clips_per_second(main.learner.average, batch), "batch_size": batch}
        history = main.state.history
        self._log.confusion(metrics["test"]["confusion"], len(history))
        text = main.test.to_jsonl(labels, temperature)
        storage.write_text(storage.join(config.output, results.PREDICTIONS), text)
        if single:
            text = single.test.to_jsonl(labels)
            storage.write_text(storage.join(config.output, results.SINGLE_FRAME_PREDICTIONS), text)
        confused = [video for pair in metrics["test"]["confused"] for video in pair["video_ids"]]
        strips = film_strips(self._sides["test"], self._indices["test"], confused)
        title = f"{config.model} on {storage.base_name(config.data)}"
        storage.write_text(storage.join(config.output, results.REPORT), render_report(metrics, history, strips, title))
        storage.write_text(storage.join(config.output, results.METRICS), json.dumps(metrics, indent=2) + "\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
