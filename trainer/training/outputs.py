"""The files of a finished run: metrics, the exported model, predictions, history, report."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from pipelines.core.model_info import ModelInfo
from pipelines.core.relative import relative_to
from pipelines.core.versions import OF_MODEL, versions
from pipelines.process.tensorflow_start import exact_float32
from trainer.data.parts import missing_classes
from trainer.evaluation import results
from trainer.evaluation.calibration import expected_calibration_error, fit_temperature
from trainer.evaluation.card.model_card import render_card
from trainer.evaluation.matching.by_video import by_video, evaluate_side
from trainer.evaluation.metrics import baseline_to_json, majority_baseline
from trainer.evaluation.multilabel.figures import label_figures
from trainer.evaluation.multilabel.predictions import LabelPredictions
from trainer.evaluation.multilabel.report import render_multilabel_report
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.report import render_report
from trainer.evaluation.streams.figures import label_stream_figures, stream_figures
from trainer.export.appearance import appearance_to_json
from trainer.export.keras_model import export_model, portable_copy
from trainer.files import storage
from trainer.training.agreement import agreement
from trainer.training.familiarity import learn
from trainer.training.logs import history_table
from trainer.training.predict import Trained, clips_per_second, film_strips, sample_clips
from trainer.training.run import Run

_CHECK_CLIPS = 4
_TOLD = ("top1", "mean_ap", "macro_f1", "micro_f1", "ece")
"""Figures that a model's description has, as far as they are measured."""


def describe(run: Run, main: Trained, single: Trained | None) -> dict[str, Any]:
    """The content of metrics.json, without what is known only of the exported model.

    Args:
        run: what was trained, and how.
        main: the network.
        single: the network trained on single frames, if the baseline was asked for.
    """
    config, parts, labels = run.config, run.parts, run.info.labels
    state = main.state
    return {
        "schema_version": 1,
        "model": {
            "name": config.model,
            "variant": config.variant,
            **({"appearance": config.appearance} if run.appearance else {}),
        },
        **({"appearance": appearance_to_json(main.learner.average, run.appearance)} if run.appearance else {}),
        "init": _describe_start(run),
        "dataset": {
            "uri": relative_to(config.data, config.output),
            "fingerprint": run.dataset.fingerprint,
            "labels": list(labels),
            "protocol": parts.protocol,
            "leaky": parts.leaky,
            "note": parts.note,
            "warnings": run.warnings,
            "missing_classes": missing_classes(parts, labels),
            "num_clips": {name: part.num_clips for name, part in parts.sides.items()},
            "groups": {name: list(part.groups) for name, part in parts.sides.items()},
        },
        **(_several_figures if run.info.multi_label else _figures)(run, main, single),
        "training": {
            "epochs": state.epoch,
            "best_epoch": state.kept_epoch + 1,
            "kept": results.LAST_KEPT if state.last_kept else results.LOWEST_KEPT,
            "steps": state.global_step,
            "seconds": state.seconds,
            "clips_per_s": sum(row["clips_per_s"] for row in state.history) / len(state.history),
            "stopped": state.stopped,
            "windows": run.windows.choice,
            "clips_per_epoch": run.windows.clips_per_epoch,
            "precision": main.learner.precision,
            "float32_from_step": state.float32_from + 1 if state.float32_from >= 0 else None,
            "compiled": main.learner.compiled,
        },
        "configuration": configuration_of(run),
        "versions": versions(OF_MODEL),
    }


def configuration_of(run: Run) -> dict[str, Any]:
    """The settings of a run, with what was chosen where they leave the choice."""
    config = run.config
    return {
        **asdict(config),
        "init": relative_to(config.init, config.output) if config.init else "",
        "features": relative_to(config.features, config.output) if config.features else "",
        "data": relative_to(config.data, config.output),
        "output": relative_to(config.output, config.output),
        "global_batch_size": run.global_batch,
        "peak_learning_rate": run.learning_rate,
        "devices": run.devices.description,
        "augmentations": ",".join(run.augmentations) or "none",
        "loss_weights": ",".join(f"{weight:.3g}" for weight in run.loss_weights),
    }


def _figures(run: Run, main: Trained, single: Trained | None) -> dict[str, Any]:
    """The figures of a run whose clips have one label each."""
    labels, (val, test) = run.info.labels, main.one
    temperature = fit_temperature(val.logits, val.labels)
    counts = dict(zip(labels, run.windows.class_counts, strict=True))
    majority, _ = majority_baseline(counts, test, labels)
    tested, before = (by_video(test, value)[0] for value in (temperature, 1.0))
    frame = by_video(single.one[1])[0] if single else None
    ece = expected_calibration_error
    after = ece(tested.logits, tested.labels, temperature if tested is test else 1.0)
    return {
        **evaluate_side("test", test, labels, temperature),
        **evaluate_side("val", val, labels, temperature),
        "baselines": {
            "chance": 1 / len(labels),
            "majority": {"label": majority, **baseline_to_json(tested, tested.always(labels.index(majority)))},
            "single_frame": baseline_to_json(tested, frame) if frame else None,
        },
        "calibration": {
            "temperature": temperature,
            "ece_before": ece(before.logits, before.labels),
            "ece_after": after,
        },
        **stream_figures(test, main.one_alone, labels, temperature),
    }


def _several_figures(run: Run, main: Trained, single: Trained | None) -> dict[str, Any]:
    """The figures of a run whose clips may have several labels."""
    labels, (val, test) = run.info.labels, main.several
    found = label_figures(val, test, single.several[1] if single else None, labels)
    calibration = found["calibration"]
    thresholds = np.array(list(calibration["thresholds"].values()))
    streams = label_stream_figures(test, main.several_alone, labels, thresholds, calibration["temperature"])
    return {**found, **streams}


def _describe_start(run: Run) -> dict[str, Any] | None:
    """The model that training started from, the groups that it has learnt from, and those of them that are in test."""
    if not run.start:
        return None
    groups = run.start.initial.groups
    return {
        **run.start.to_json(run.config.output),
        "groups": None if groups is None else sorted(groups),
        "in_test": run.seen,
    }


def write(run: Run, main: Trained, single: Trained | None, metrics: dict[str, Any]) -> None:
    """Writes all files of a run; metrics.json last, as the sign that it is complete.

    Args:
        run, main, single: as for `describe`.
        metrics: what `describe` returned; what is known of the exported model is added to it.

    Raises:
        UserError: see `export_model`.
        OutputError: a file can't be written.
    """
    config, labels = run.config, run.info.labels
    results.begin_files(config.output)
    temperature = metrics["calibration"]["temperature"]
    clips = sample_clips(run.pictures("test"), _CHECK_CLIPS)
    if found := agreement(run, main, clips):
        metrics["features"] = found
    model = storage.join(config.output, results.MODEL)
    portable = portable_copy(main.learner.average)
    with exact_float32():
        learnt = learn(run, portable)
    metrics["unfamiliar"] = learnt.metrics
    info = export_model(
        main.learner.average,
        model,
        ModelInfo(
            name=config.model,
            variant=config.variant,
            clip_spec=run.info.clip_spec,
            labels=tuple(labels),
            temperature=temperature,
            dataset={"uri": relative_to(config.data, model), "fingerprint": run.dataset.fingerprint},
            durations_s=run.info.durations_s,
            encoding=run.info.encoding,
            metrics={name: metrics["test"][name] for name in _TOLD if name in metrics["test"]},
            unfamiliar=learnt.familiarity,
            init=run.start.to_json(model) if run.start else {},
            multi_label=run.info.multi_label,
            thresholds=tuple(metrics["calibration"].get("thresholds", {}).values()),
            appearance=metrics.get("appearance", {}),
        ),
        clips,
        learnt.gaussian,
        lambda info, size_bytes: render_card(info, metrics, size_bytes),
        portable,
    )
    folder = storage.join(model, info.saved_model)
    metrics["model"] |= {
        "parameters": info.parameters,
        "size_bytes": storage.size_of_tree(folder),
        "fingerprint": info.fingerprint,
    }
    batch = min(run.global_batch, 64)
    metrics["speed"] = {"clips_per_s": clips_per_second(main.learner.average, batch), "batch_size": batch}
    history = main.state.history
    storage.write_text(storage.join(config.output, results.PREDICTIONS), _lines(main.test, labels, info))
    for name, predictions in main.alone.items():
        text = _lines(predictions, labels, info)
        storage.write_text(storage.join(config.output, results.STREAM_PREDICTIONS[name]), text)
    if single:
        text = _lines(single.test, labels, replace(info, temperature=1.0))
        storage.write_text(storage.join(config.output, results.SINGLE_FRAME_PREDICTIONS), text)
    title = (
        f"{config.model}{f' with {config.appearance}' if run.appearance else ''} on {storage.base_name(config.data)}"
    )
    if run.info.multi_label:
        page = render_multilabel_report(metrics, history, title)
    else:
        confused = [video for pair in metrics["test"]["confused"] for video in pair["video_ids"]]
        strips = film_strips(run.pictures("test"), run.indices["test"], confused)
        page = render_report(metrics, history, strips, title, run.info.clip_spec.num_frames)
    storage.write_text(storage.join(config.output, results.REPORT), page)
    # Written again, as after the last epoch: the run may have been resumed because this file was damaged.
    storage.write_text(storage.join(config.output, results.HISTORY), history_table(history))
    storage.write_text(storage.join(config.output, results.METRICS), json.dumps(metrics, indent=2) + "\n")
    results.prove(config.output)


def _lines(predictions: Predictions | LabelPredictions, labels: Sequence[str], info: ModelInfo) -> str:
    """The file of the test predictions, with scores at the temperature of a model."""
    if isinstance(predictions, LabelPredictions):
        return predictions.to_jsonl(labels, np.array(info.thresholds), info.temperature)
    return predictions.to_jsonl(labels, info.temperature)
