"""One run from a dataset to a model directory: training, evaluation, baselines, report."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipelines.cli import tool
from pipelines.core.model_info import ModelInfo
from pipelines.core.relative import relative_to
from pipelines.core.versions import OF_MODEL, versions
from pipelines.reports.text import plural, some
from trainer.config import TrainConfig
from trainer.data.check import OpenDataset
from trainer.data.parts import missing_classes
from trainer.evaluation import results
from trainer.evaluation.calibration import expected_calibration_error, fit_temperature
from trainer.evaluation.metrics import baseline_to_json, evaluate, majority_baseline
from trainer.evaluation.report import render_report
from trainer.export.keras_model import export_model
from trainer.files import storage
from trainer.training.devices import Devices
from trainer.training.logs import RunLog, history_table
from trainer.training.predict import clips_per_second, film_strips, sample_clips
from trainer.training.trial import Trained, Trial

_CHECK_CLIPS = 4


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
        self._trial = Trial(config, dataset, devices)
        self._info = dataset.info

    def run(self) -> Mapping[str, Any]:
        config, devices, trial = self._config, self._devices, self._trial
        self._announce()
        checkpoints = storage.join(config.output, results.CHECKPOINTS)
        log = RunLog(config.output) if devices.is_chief else None
        main = trial.fit(checkpoints, on_epochs=log.epochs if log else None)
        single = None
        if config.baseline:
            single = trial.fit(storage.join(checkpoints, "single_frame"), single_frame=True)
        metrics = self._describe(main, single)
        if devices.num_workers > 1:
            # Every worker says it: where two of them differ, something is wrong with the cluster.
            tool.say(f"worker {devices.worker + 1} of {devices.num_workers}: weights {main.learner.fingerprint()}")
        if log:
            log.confusion(metrics["test"]["confusion"], main.state.epoch)
            self._write(main, single, metrics)
        # A worker that ends before the chief isn't there to train with, should the chief have to start again.
        devices.wait_for_all()
        return metrics

    def _announce(self) -> None:
        if not self._devices.is_chief:
            return
        config, parts = self._config, self._trial.parts
        counts = ", ".join(f"{part.num_clips} {name}" for name, part in parts.sides.items())
        tool.say(
            f"{config.model} ({config.variant}) on {config.data}: {len(self._info.labels)} classes, {counts} clips; "
            f"{self._devices.description}; global batch {self._trial.global_batch}, "
            f"learning rate {self._trial.learning_rate:g}"
        )
        if parts.leaky:
            how = "random split" if parts.protocol == "random" else "split of the dataset"
            tool.say(f"WARNING: {how}: clips of one group are on both sides. The scores will be too good to be true")
        for side, names in missing_classes(parts, self._info.labels).items():
            tool.say(f"WARNING: {side} has no clip of {plural(len(names), 'class', 'classes')}: {some(names)}")
        if parts.note:
            tool.say(f"note: {parts.note}")
        if self._trial.note:
            tool.say(f"note: {self._trial.note}")

    def _describe(self, main: Trained, single: Trained | None) -> dict[str, Any]:
        """The content of metrics.json but for what only the exported model tells."""
        config, parts, labels = self._config, self._trial.parts, self._info.labels
        temperature = fit_temperature(main.val.logits, main.val.labels)
        counts = dict(zip(labels, parts.sides["train"].class_counts, strict=True))
        majority, _ = majority_baseline(counts, main.test, labels)
        state = main.state
        return {
            "schema_version": 1,
            "model": {"name": config.model, "variant": config.variant},
            "dataset": {
                "uri": relative_to(config.data, config.output),
                "fingerprint": self._dataset.fingerprint,
                "labels": list(labels),
                "protocol": parts.protocol,
                "leaky": parts.leaky,
                "note": parts.note,
                "missing_classes": missing_classes(parts, labels),
                "num_clips": {name: part.num_clips for name, part in parts.sides.items()},
                "groups": {name: list(part.groups) for name, part in parts.sides.items()},
            },
            "test": evaluate(main.test, labels, temperature).to_json(),
            "val": evaluate(main.val, labels, temperature).to_json(),
            "baselines": {
                "chance": 1 / len(labels),
                "majority": {
                    "label": majority,
                    **baseline_to_json(main.test, main.test.always(labels.index(majority))),
                },
                "single_frame": baseline_to_json(main.test, single.test) if single else None,
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
                "precision": main.learner.precision,
                "float32_from_step": state.float32_from + 1 if state.float32_from >= 0 else None,
                "compiled": main.learner.compiled,
            },
            "configuration": {
                **asdict(config),
                "data": relative_to(config.data, config.output),
                "output": relative_to(config.output, config.output),
                "global_batch_size": self._trial.global_batch,
                "peak_learning_rate": self._trial.learning_rate,
                "devices": self._devices.description,
                "augmentations": ",".join(self._trial.augmentations) or "none",
                "loss_weights": ",".join(f"{weight:.3g}" for weight in self._trial.loss_weights),
            },
            "versions": versions(OF_MODEL),
        }

    def _write(self, main: Trained, single: Trained | None, metrics: dict[str, Any]) -> None:
        """All files of the run; metrics.json last, as the sign that it is complete."""
        config, labels = self._config, self._info.labels
        results.begin_files(config.output)
        temperature = metrics["calibration"]["temperature"]
        clips = sample_clips(self._trial.sides["test"], _CHECK_CLIPS)
        model = storage.join(config.output, results.MODEL)
        info = export_model(
            main.learner.average,
            model,
            ModelInfo(
                name=config.model,
                variant=config.variant,
                clip_spec=self._info.clip_spec,
                labels=tuple(labels),
                temperature=temperature,
                dataset={"uri": relative_to(config.data, model), "fingerprint": self._dataset.fingerprint},
                durations_s=self._info.durations_s,
                encoding=self._info.encoding,
                metrics={name: metrics["test"][name] for name in ("top1", "macro_f1", "ece")},
            ),
            clips,
        )
        folder = storage.join(model, info.saved_model)
        metrics["model"] |= {
            "parameters": info.parameters,
            "size_bytes": storage.size_of_tree(folder),
            "fingerprint": info.fingerprint,
        }
        batch = min(self._trial.global_batch, 64)
        metrics["speed"] = {"clips_per_s": clips_per_second(main.learner.average, batch), "batch_size": batch}
        history = main.state.history
        text = main.test.to_jsonl(labels, temperature)
        storage.write_text(storage.join(config.output, results.PREDICTIONS), text)
        if single:
            text = single.test.to_jsonl(labels)
            storage.write_text(storage.join(config.output, results.SINGLE_FRAME_PREDICTIONS), text)
        confused = [video for pair in metrics["test"]["confused"] for video in pair["video_ids"]]
        strips = film_strips(self._trial.sides["test"], self._trial.indices["test"], confused)
        title = f"{config.model} on {storage.base_name(config.data)}"
        storage.write_text(storage.join(config.output, results.REPORT), render_report(metrics, history, strips, title))
        # Again, after the last epoch: it may be here only because this file was damaged.
        storage.write_text(storage.join(config.output, results.HISTORY), history_table(history))
        storage.write_text(storage.join(config.output, results.METRICS), json.dumps(metrics, indent=2) + "\n")
        results.prove(config.output)
