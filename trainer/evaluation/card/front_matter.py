"""The front matter of a model card: YAML that hubs of models read, with the results on the test split."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from pipelines.core.model_info import ModelInfo
from trainer.evaluation.card.origin import dataset_name

_FIGURES = {
    "top1": ("accuracy", "Top-1 accuracy"),
    "mean_ap": ("mAP", "Mean average precision"),
    "macro_f1": ("f1", "Macro F1"),
    "micro_f1": ("f1", "Micro F1"),
    "ece": ("ece", "Expected calibration error"),
}
"""By their names in metrics.json: type and name of the figures on a hub."""


def front_matter(info: ModelInfo, metrics: Mapping[str, Any] | None) -> str:
    """The block between two lines of dashes.

    Args:
        info: what model_info.json holds.
        metrics: what metrics.json holds; None if nothing was measured: there are no results then.
    """
    value: dict[str, Any] = {
        "library_name": "keras",
        "pipeline_tag": "video-classification",
        "tags": ["human-activity-recognition", "video", "tensorflow", *([info.name] if metrics else ["imported"])],
    }
    if metrics:
        figures = {name: shown for name, shown in _FIGURES.items() if name in metrics["test"]}
        value["metrics"] = list(dict.fromkeys(kind for kind, _ in figures.values()))
        result = {
            "task": {"type": "video-classification", "name": "Human activity recognition"},
            "dataset": {
                "type": dataset_name(info), "name": dataset_name(info), "split": "test",
                "revision": metrics["dataset"]["fingerprint"],
            },
            "metrics": [
                {"type": kind, "value": _value(metrics["test"][name]), "name": shown + _caveat(metrics)}
                for name, (kind, shown) in figures.items()
            ],
        }  # fmt: skip
        value["model-index"] = [{"name": f"{info.name}-{info.variant}", "results": [result]}]
    # PyYAML writes these as they are, and reads them as the end of a line.
    has_breaks = any(mark in json.dumps(value, ensure_ascii=False) for mark in "\x85\u2028\u2029")
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=not has_breaks, width=120)
    return f"---\n{text}---\n"


def _value(figure: Any) -> float:
    return round(float(figure["value"] if isinstance(figure, Mapping) else figure), 4)


def _caveat(metrics: Mapping[str, Any]) -> str:
    """What must not be lost where a figure stands alone."""
    if metrics["dataset"]["leaky"]:
        return " (groups on both sides of the split: too good)"
    if (metrics.get("init") or {}).get("in_test"):
        return " (started from a model that has learnt from groups of test: too good)"
    return ""
