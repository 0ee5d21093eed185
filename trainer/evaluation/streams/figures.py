"""What metrics.json and crossval.json say of the streams of a network, each of them alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipelines.core.interval import Interval
from trainer.evaluation.matching.by_video import by_video
from trainer.evaluation.metrics import baseline_to_json, evaluate
from trainer.evaluation.multilabel.metrics import (
    average_precisions,
    evaluate_labels,
    mean_over_classes,
    single_to_json,
)  # fmt: skip
from trainer.evaluation.multilabel.predictions import LabelPredictions
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.streams.margins import is_clear
from trainer.evaluation.streams.work import ENOUGH, who_works


def stream_figures(
    together: Predictions, alone: Mapping[str, Predictions], labels: Sequence[str], temperature: float = 1.0
) -> dict[str, Any]:
    """`streams` of metrics.json; empty without predictions of streams.

    Args:
        together: predictions of both streams for the test clips.
        alone: those of each stream alone.
        labels: the class names.
        temperature: of the model, at which clips of one video are put together.
    """
    if not alone:
        return {}
    tested, _ = by_video(together, temperature)
    shares = np.bincount(tested.labels, minlength=len(labels)) / len(tested.labels)
    found, measures = {}, {}
    for name, predictions in alone.items():
        videos, _ = by_video(predictions, temperature)
        measures[name] = _accuracy(videos)
        found[name] = {
            **baseline_to_json(tested, videos),
            "macro_f1": evaluate(videos, labels).to_json()["macro_f1"],
        }
    top1 = evaluate(tested, labels).top1
    guess = max(1 / len(labels), float(shares.max()))
    return _to_json(top1, guess, found, _are_clear(_accuracy(tested), measures, guess, tested.groups))


def label_stream_figures(
    together: LabelPredictions,
    alone: Mapping[str, LabelPredictions],
    labels: Sequence[str],
    thresholds: np.ndarray,
    temperature: float = 1.0,
) -> dict[str, Any]:
    """The same where clips may have several labels.

    Args:
        together, alone, labels: as for `stream_figures`.
        thresholds: of the model, float [C] or, for each clip, [N, C], for F1.
        temperature: of the model.
    """
    if not alone:
        return {}
    shares = together.targets.mean(axis=0)
    found = {
        name: {
            **single_to_json(together, predictions),
            "macro_f1": evaluate_labels(predictions, labels, thresholds, temperature).to_json()["macro_f1"],
        }
        for name, predictions in alone.items()
    }
    mean_ap = evaluate_labels(together, labels, thresholds, temperature).mean_ap
    guess = float(shares[shares > 0].mean())
    measures = {name: _mean_ap(predictions) for name, predictions in alone.items()}
    return _to_json(mean_ap, guess, found, _are_clear(_mean_ap(together), measures, guess, together.groups))


_Measure = Callable[[np.ndarray], np.ndarray]
"""From weights of clips, float64 [R, N], to a figure of a model, float64 [R]."""


def _accuracy(predictions: Predictions) -> _Measure:
    return lambda weights: weights @ predictions.correct / weights.sum(axis=1)


def _mean_ap(predictions: LabelPredictions) -> _Measure:
    def measure(weights: np.ndarray) -> np.ndarray:
        return mean_over_classes(average_precisions(predictions.logits, predictions.targets, weights))

    return measure


def _are_clear(together: _Measure, alone: Mapping[str, _Measure], guess: float, groups: Sequence[str]) -> bool:
    """Whether of each stream it is clear that it is enough alone, or that it isn't. All have the same clips in the
    same order."""

    def margin(stream: _Measure) -> _Measure:
        return lambda weights: (stream(weights) - guess) - ENOUGH * (together(weights) - guess)

    return all(is_clear(margin(stream), groups) for stream in alone.values())


def _to_json(together: Interval, guess: float, alone: Mapping[str, Mapping[str, Any]], sure: bool) -> dict[str, Any]:
    worse = {name: Interval.from_json(found["worse_by"]) for name, found in alone.items()}
    work = who_works(together, guess, worse, sure)
    kept = {name: {"kept": share.to_json()} for name, share in work.kept.items()}
    return {
        "streams": {
            "work": work.by,
            "sure": work.sure,
            "guess": guess,
            **{name: {**found, **kept.get(name, {})} for name, found in alone.items()},
        }
    }
