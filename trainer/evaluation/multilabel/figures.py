"""What metrics.json says of a run whose clips may have several labels."""

from collections.abc import Sequence
from typing import Any

from trainer.evaluation.multilabel.metrics import baselines_to_json, evaluate_labels
from trainer.evaluation.multilabel.predictions import LabelPredictions
from trainer.evaluation.multilabel.scales import calibration_error, fit_temperature, fit_thresholds


def label_figures(
    val: LabelPredictions, test: LabelPredictions, single: LabelPredictions | None, labels: Sequence[str]
) -> dict[str, Any]:
    """The figures of a run, with the temperature and the thresholds that validation gives.

    Args:
        val, test: predictions of the network.
        single: those of the network for single frames, for the test clips; None where it wasn't trained.
        labels: the class names.
    """
    temperature = fit_temperature(val.logits, val.targets)
    thresholds = fit_thresholds(val.probabilities(temperature), val.targets)
    return {
        "multi_label": True,
        "test": evaluate_labels(test, labels, thresholds.values, temperature).to_json(),
        "val": evaluate_labels(val, labels, thresholds.values, temperature).to_json(),
        "baselines": baselines_to_json(test, single),
        "calibration": {
            "temperature": temperature,
            "ece_before": calibration_error(test.logits, test.targets),
            "ece_after": calibration_error(test.logits, test.targets, temperature),
            "thresholds": dict(zip(labels, thresholds.values.tolist(), strict=True)),
            "uncalibrated": [labels[c] for c in thresholds.uncalibrated],
        },
    }
