"""The folds of a cross-validation together, where clips may have several labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trainer.config import TrainConfig
from trainer.evaluation.multilabel.metrics import baselines_to_json, evaluate_labels
from trainer.evaluation.multilabel.predictions import LabelPredictions
from trainer.evaluation.pooling import mean_of_folds, read_predictions, summary_of
from trainer.evaluation.results import PREDICTIONS, SINGLE_FRAME_PREDICTIONS, STREAM_PREDICTIONS
from trainer.evaluation.streams.figures import label_stream_figures


def summarise_labels(
    configs: Sequence[TrainConfig], runs: Sequence[Mapping[str, Any]], folds: int
) -> tuple[dict[str, Any], str]:
    """The content of crossval.json, and of the file with all folds' predictions.

    Each fold has its own temperature, which puts the logits of all folds on one scale, and its own thresholds, which
    decide about its clips.
    """
    labels = runs[0]["dataset"]["labels"]
    scales = [metrics["calibration"]["temperature"] for metrics in runs]
    tested = _read(configs, PREDICTIONS, labels, scales)
    thresholds = np.concatenate(
        [
            np.tile([metrics["calibration"]["thresholds"][label] for label in labels], (len(part.logits), 1))
            for part, metrics in zip(tested, runs, strict=True)
        ]
    )
    predictions = LabelPredictions.concatenate(tested)
    single = None
    if all(metrics["baselines"]["single_frame"] for metrics in runs):
        single = LabelPredictions.concatenate(_read(configs, SINGLE_FRAME_PREDICTIONS, labels, [1.0] * len(runs)))
    alone = {}
    if all(metrics.get("streams") for metrics in runs):
        for name, file in STREAM_PREDICTIONS.items():
            alone[name] = LabelPredictions.concatenate(_read(configs, file, labels, scales))
    values = np.array([metrics["test"]["mean_ap"]["value"] for metrics in runs]).reshape(-1, folds).mean(axis=0)
    figures = {
        "multi_label": True,
        "pooled": evaluate_labels(predictions, labels, thresholds).to_json(),
        "mean": mean_of_folds(values).to_json(),
        "fold_mean_ap": values.tolist(),
        "baselines": baselines_to_json(predictions, single),
        **label_stream_figures(predictions, alone, labels, thresholds),
    }
    return summary_of(configs, runs, folds, figures), predictions.to_jsonl(labels, thresholds)


def _read(
    configs: Sequence[TrainConfig], name: str, labels: Sequence[str], temperatures: Sequence[float]
) -> list[LabelPredictions]:
    """The predictions of each run, over its temperature; a clip tested with several seeds is there once for each."""
    found = []
    for config, temperature in zip(configs, temperatures, strict=True):
        part = read_predictions(config, name, lambda text: LabelPredictions.from_jsonl(text, labels))
        names = tuple(f"{video_id} (seed {config.seed})" for video_id in part.video_ids)
        found.append(replace(part, logits=(part.logits / temperature).astype(np.float32), video_ids=names))
    return found
