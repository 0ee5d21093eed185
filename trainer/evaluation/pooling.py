"""The folds of a cross-validation together: their predictions on one scale, and the mean of their accuracies."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from pipelines.core.errors import UserError
from pipelines.core.interval import Interval
from pipelines.core.relative import relative_to
from pipelines.reports.text import plural, some
from trainer.config import TrainConfig
from trainer.evaluation.intervals import bootstrap_over_groups
from trainer.evaluation.matching.by_video import by_video, evaluate_side, with_suffix
from trainer.evaluation.metrics import baseline_to_json
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.results import PREDICTIONS, SINGLE_FRAME_PREDICTIONS, STREAM_PREDICTIONS
from trainer.evaluation.streams.figures import stream_figures
from trainer.files import storage

_Read = TypeVar("_Read")


def summarise(
    configs: Sequence[TrainConfig], runs: Sequence[Mapping[str, Any]], folds: int
) -> tuple[dict[str, Any], Predictions]:
    """The content of crossval.json: all folds' predictions together, and the mean of the folds' accuracies.

    Clips of a group stay together in the intervals, whatever the number of seeds, which are no independent evidence.
    """
    labels = runs[0]["dataset"]["labels"]
    tested = [_read(config, PREDICTIONS, labels) for config in configs]
    predictions = _pool(_scaled(tested, runs), configs)
    pooled = evaluate_side("pooled", predictions, labels)
    of_videos, _ = by_video(predictions)
    majority = [
        part.always(labels.index(metrics["baselines"]["majority"]["label"]))
        for part, metrics in zip(tested, runs, strict=True)
    ]
    single = None
    if all(metrics["baselines"]["single_frame"] for metrics in runs):
        parts = [_read(config, SINGLE_FRAME_PREDICTIONS, labels) for config in configs]
        single = baseline_to_json(of_videos, by_video(_pool(parts, configs))[0])
    accuracies = np.array([metrics["test"]["top1"]["value"] for metrics in runs]).reshape(-1, folds).mean(axis=0)
    figures = {
        **pooled,
        "mean": mean_of_folds(accuracies).to_json(),
        "fold_top1": [float(accuracy) for accuracy in accuracies],
        "baselines": {
            "chance": runs[0]["baselines"]["chance"],
            "majority": {"label": "of each fold", **baseline_to_json(of_videos, by_video(_pool(majority, configs))[0])},
            "single_frame": single,
        },
        **stream_figures(predictions, _alone(configs, runs, labels), labels),
    }
    return summary_of(configs, runs, folds, figures), predictions


def _alone(
    configs: Sequence[TrainConfig], runs: Sequence[Mapping[str, Any]], labels: Sequence[str]
) -> dict[str, Predictions]:
    """What each stream of the folds' networks predicts alone, on the scale of `predictions`; empty without streams."""
    if not all(metrics.get("streams") for metrics in runs):
        return {}
    found = {}
    for name, file in STREAM_PREDICTIONS.items():
        parts = [_read(config, file, labels) for config in configs]
        found[name] = _pool(_scaled(parts, runs), configs)
    return found


def _scaled(parts: Sequence[Predictions], runs: Sequence[Mapping[str, Any]]) -> list[Predictions]:
    """Each fold has a temperature of its own: with it, the logits of all folds are on one scale."""
    return [
        replace(part, logits=(part.logits / metrics["calibration"]["temperature"]).astype(np.float32))
        for part, metrics in zip(parts, runs, strict=True)
    ]


def mean_of_folds(values: np.ndarray) -> Interval:
    """The mean of a figure over the folds, float [K], with the interval over folds."""
    sums = np.stack([values, np.ones(len(values))], axis=1)
    return bootstrap_over_groups(sums, lambda total: total[:, 0] / total[:, 1])


def summary_of(
    configs: Sequence[TrainConfig], runs: Sequence[Mapping[str, Any]], folds: int, figures: Mapping[str, Any]
) -> dict[str, Any]:
    """The content of crossval.json.

    Args:
        configs, runs: settings and metrics.json of each run.
        folds: number of folds.
        figures: what was found for all folds together.
    """
    epochs = [metrics["training"]["epochs"] for metrics in runs]
    # A fold's paths are relative to its own folder, which lies inside that of the summary.
    place = {"uri": relative_to(configs[0].data, os.path.dirname(configs[0].output))}
    return {
        "schema_version": 1,
        "folds": folds,
        "seeds": sorted({config.seed for config in configs}),
        "model": runs[0]["model"],
        "init": _start(runs),
        **({"appearance": appearance} if (appearance := runs[0].get("appearance")) else {}),
        "dataset": {
            **runs[0]["dataset"],
            **place,
            "protocol": f"{folds} folds of groups",
            "note": "",
            "missing_classes": {},
            "warnings": [*runs[0]["dataset"].get("warnings", ()), *said_of_folds(runs)],
        },
        **figures,
        "speed": runs[0]["speed"],
        "training": {
            "seconds": sum(metrics["training"]["seconds"] for metrics in runs),
            "epochs": {"fewest": min(epochs), "most": max(epochs)},
        },
        "configuration": {**runs[0]["configuration"], "data": place["uri"]},
        "versions": runs[0]["versions"],
    }


def said_of_folds(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What their classes say against the scores of folds, from their metrics.json, in sentences."""
    said, unseen, alone = [], [], 0
    for metrics in runs:
        tested = {scores["label"] for scores in metrics["test"]["per_class"] if scores["support"]}
        unseen.append(tested & set(metrics["dataset"].get("missing_classes", {}).get("train", ())))
        alone += len(tested) == 1 and not metrics.get("multi_label")
    if names := sorted(set().union(*unseen)):
        said.append(
            f"in {sum(map(bool, unseen))} of {plural(len(runs), 'run')}, the network was tested on classes of which "
            f"its train has no clip, and can't be right about them: {some(names)}"
        )
    if alone:
        said.append(
            f"in {alone} of {plural(len(runs), 'run')}, all test clips are of one class: the scores of these folds, "
            "and the mean of the folds, mean nothing"
        )
    return said


def _start(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The model that all folds started from, and the groups that it has learnt from and some fold tests."""
    if not (init := runs[0].get("init")):
        return None
    return {**init, "in_test": sorted({group for run in runs for group in run["init"]["in_test"]})}


def _read(config: TrainConfig, name: str, labels: Sequence[str]) -> Predictions:
    return read_predictions(config, name, lambda text: Predictions.from_jsonl(text, labels))


def read_predictions(config: TrainConfig, name: str, parse: Callable[[str], _Read]) -> _Read:
    """The predictions of a fold.

    Args:
        config: its settings.
        name: of the file in its folder.
        parse: reads the text.

    Raises:
        UserError: the file is missing or damaged.
    """
    uri = storage.join(config.output, name)
    try:
        return parse(storage.read_text(uri))
    except UserError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        remedy = f"Remove {config.output} and run the same command again, which trains this fold again"
        raise UserError(f"{uri} is damaged: {error}. {remedy}") from error


def _pool(parts: Sequence[Predictions], configs: Sequence[TrainConfig]) -> Predictions:
    """All predictions together; a clip that was tested with several seeds appears once for each."""
    named = [with_suffix(part, f" (seed {config.seed})") for part, config in zip(parts, configs, strict=True)]
    return Predictions.concatenate(named)
