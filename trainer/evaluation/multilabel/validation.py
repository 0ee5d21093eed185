"""What is measured on the validation clips after each epoch, whether clips have one label or several."""

from typing import NamedTuple

import numpy as np

from trainer.evaluation import calibration
from trainer.evaluation.multilabel import scales


class Validated(NamedTuple):
    """Loss, the loss at the temperature that makes it least, and the share of clips that get all of their labels."""

    loss: float
    calibrated: float
    accuracy: float


def validate(logits: np.ndarray, truth: np.ndarray) -> Validated:
    """The measures of one epoch.

    Args:
        logits: float [N, C].
        truth: int64 [N], the label of each clip; or bool [N, C], which labels it has. Several labels are decided at a
            probability of 0.5: better thresholds are only fitted to the best epoch.
    """
    if truth.ndim == 1:
        temperature = calibration.fit_temperature(logits, truth)
        loss, calibrated = (calibration.cross_entropy(logits, truth, value) for value in (1.0, temperature))
        return Validated(loss, calibrated, float((logits.argmax(axis=1) == truth).mean()))
    temperature = scales.fit_temperature(logits, truth)
    loss, calibrated = (scales.binary_cross_entropy(logits, truth, value) for value in (1.0, temperature))
    return Validated(loss, calibrated, float(((logits >= 0) == truth).all(axis=1).mean()))
