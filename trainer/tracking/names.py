"""What curves and figures of a run are called, in TensorBoard and in trackers.

These programs put curves into groups by what stands before the slash, and sort by name: accuracy comes first, then
loss, the learning rate, the speed, and the figures on test.
"""

from collections.abc import Mapping
from typing import Any

from trainer.evaluation.summary.terminal import by_clip

CONFUSION = "test/confusion"
_CURVES = {
    "train_accuracy": "accuracy/train",
    "val_accuracy": "accuracy/val",
    "train_loss": "loss/train",
    "val_loss": "loss/val",
    "learning_rate": "optimizer/learning_rate",
    "clips_per_s": "speed/clips_per_s",
}
"""Columns of history.csv."""


def curves_of(row: Mapping[str, float]) -> dict[str, float]:
    """The points of an epoch, by the names of the curves."""
    return {name: float(row[column]) for column, name in _CURVES.items()}


def figures_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The figures on test, with the ends of their intervals, and those of the baselines.

    Args:
        metrics: what metrics.json or crossval.json holds.
    """
    found: dict[str, float] = {}
    pooled = metrics.get("pooled")
    _add(found, "test", pooled if pooled else metrics["test"])
    if pooled:
        _add(found, "folds", {"mean": metrics["mean"]})
    elif by_clip(metrics) is not metrics["test"]:
        _add(found, "test_by_clip", by_clip(metrics))
    for name, baseline in metrics["baselines"].items():
        if isinstance(baseline, Mapping):
            _add(found, f"baseline/{name}", baseline)
        elif baseline is not None:
            found[f"baseline/{name}"] = float(baseline)
    for name, value in (metrics.get("streams") or {}).items():
        if isinstance(value, Mapping):
            _add(found, f"streams/{name}", value)
    for name, place in (("parameters", "model"), ("size_bytes", "model"), ("clips_per_s", "speed")):
        if (value := (metrics.get(place) or {}).get(name)) is not None:
            found[f"{place}/{name}"] = float(value)
    return found


def _add(found: dict[str, float], where: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping) and {"value", "low", "high"} <= value.keys():
            found[f"{where}/{name}"] = float(value["value"])
            found |= {f"{where}/{name}_{end}": float(value[end]) for end in ("low", "high")}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{where}/{name}"] = float(value)
