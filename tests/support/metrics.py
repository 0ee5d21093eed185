"""Made-up metrics of a run."""

from typing import Any

import numpy as np

from pipelines.core.interval import Interval
from trainer.evaluation.metrics import evaluate
from trainer.evaluation.predictions import Predictions

LABELS = ("Jump", "Run", "Wave", "Walk", "Sit", "Clap")


def predictions(labels: tuple[str, ...], num_groups: int = 6, per_group: int = 12, every: int = 8) -> Predictions:
    """Predictions in which every `every`-th clip is taken for the next class (none if 1); classes alternate."""
    number = num_groups * per_group
    truth = np.arange(number) % len(labels)
    said = np.where(np.arange(number) % every == 1, (truth + 1) % len(labels), truth)
    logits = np.zeros((number, len(labels)), np.float32)
    logits[np.arange(number), said] = 4 + np.arange(number) / number
    groups = tuple(f"g{i // per_group:02}" for i in range(number))
    return Predictions(
        logits, truth.astype(np.int64), groups, tuple(f"{labels[t]}/c{i:03}" for i, t in enumerate(truth))
    )


def interval(value: float, reach: float = 0.02) -> dict[str, float]:
    return Interval(value, max(0.0, value - reach), min(1.0, value + reach)).to_json()


def make_metrics(labels: tuple[str, ...] = LABELS, **of_predictions: int) -> dict[str, Any]:
    """The content of metrics.json of a run in which nothing is wrong."""
    evaluation = evaluate(predictions(labels, **of_predictions), labels, num_resamples=100).to_json()
    return {
        "schema_version": 1,
        "model": {"name": "lrcn", "variant": "wide", "parameters": 67234, "size_bytes": 1 << 20, "fingerprint": "m0"},
        "dataset": {
            "uri": "data/ucf", "fingerprint": "d0", "labels": list(labels), "protocol": "groups", "leaky": False,
            "num_clips": {"train": 100, "val": 20, "test": 72},
            "groups": {"train": ["g10", "g11"], "val": ["g20"], "test": [f"g{i:02}" for i in range(6)]},
        },
        "test": evaluation,
        "val": evaluation,
        "baselines": {
            "chance": 1 / len(labels),
            "majority": {"label": labels[0], "top1": interval(0.17)},
            "single_frame": {"top1": interval(0.5)},
        },
        "calibration": {"temperature": 1.3, "ece_before": 0.123, "ece_after": 0.03},
        "training": {"epochs": 4, "best_epoch": 3, "steps": 40, "seconds": 75.0, "clips_per_s": 88.0,
                     "stopped": "early"},
        "speed": {"clips_per_s": 650.0, "batch_size": 16},
        "configuration": {"batch_size": 16, "augment": True, "name": "x"},
        "versions": {"tensorflow": "2.16.2"},
    }  # fmt: skip


HISTORY = [
    {"epoch": e, "step": 10 * e, "learning_rate": 1e-3 / e, "train_loss": 2.0 / e, "train_accuracy": 0.2 * e,
     "val_loss": 2.5 / e, "val_accuracy": 0.18 * e, "seconds": 3.0, "clips_per_s": 80.0}
    for e in (1, 2, 3, 4)
]  # fmt: skip
