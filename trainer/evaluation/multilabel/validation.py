"""What is measured on the validation clips after each epoch, whether clips have one label or several."""

from typing import NamedTuple

import numpy as np

from trainer.evaluation import calibration
from trainer.evaluation.multilabel import scales


class Validated(NamedTuple):
    """What one epoch's weights say of the validation clips.

    Attributes:
        loss: the mean loss.
        calibrated: the loss of each clip, float64 [N], at the temperature that makes their mean least.
        accuracy: the share of clips that get all of their labels.
    """

    loss: float
    calibrated: np.ndarray
    accuracy: float


def validate(logits: np.ndarray, truth: np.ndarray) -> Validated:
    """The measures of one epoch.

    Args:
        logits: float [N, C].
        truth: int64 [N], the label of each clip; or bool [N, C], which labels it has. Several labels are decided at a
            probability of 0.5: better thresholds are only fitted to the epoch that is kept.
    """
    if truth.ndim == 1:
        temperature = calibration.fit_temperature(logits, truth)
        loss = calibration.cross_entropy(logits, truth)
        calibrated = calibration.cross_entropies(logits, truth, temperature)
        return Validated(loss, calibrated, float((logits.argmax(axis=1) == truth).mean()))
    temperature = scales.fit_temperature(logits, truth)
    loss = scales.binary_cross_entropy(logits, truth)
    calibrated = scales.binary_cross_entropies(logits, truth, temperature)
    return Validated(loss, calibrated, float(((logits >= 0) == truth).all(axis=1).mean()))
