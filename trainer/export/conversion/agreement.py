"""How far a converted model agrees with the SavedModel that it was made from. Pure."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from pipelines.core.errors import UserError
from trainer.export.conversion.forms import INT8_POINT, Form

_SLACK = 1e-9


@dataclass(frozen=True)
class Agreement:
    """What was measured on some clips.

    Attributes:
        num_clips: how many.
        largest_difference: of a probability; NaN if one isn't a number.
        same: share of the clips that get the same label from both: the most probable one. If a clip may have several
            labels, share of the decisions, one for each clip and label, that are the same.
        accuracy, accuracy_of_model: share of the clips whose most probable label is right, or of the decisions that
            are; of the converted model, and of the SavedModel.
    """

    num_clips: int
    largest_difference: float
    same: float
    accuracy: float
    accuracy_of_model: float

    @classmethod
    def of(
        cls, converted: np.ndarray, model: np.ndarray, truth: np.ndarray, thresholds: tuple[float, ...] = ()
    ) -> Self:
        """Compares probabilities.

        Args:
            converted: float [N, C], of the converted model.
            model: float [N, C], of the SavedModel.
            truth: int [N], ids of the labels; or bool [N, C] if a clip may have several.
            thresholds: in that case, from which probability on a clip gets each label.
        """
        if truth.ndim == 1:
            theirs, ours = converted.argmax(-1), model.argmax(-1)
        else:
            theirs, ours = converted >= np.array(thresholds), model >= np.array(thresholds)
        shares = (float(np.mean(values)) for values in (theirs == ours, theirs == truth, ours == truth))
        return cls(len(truth), float(np.max(np.abs(converted - model))), *shares)

    def to_json(self) -> dict[str, Any]:
        """What model_info.json has of it."""
        return {
            "clips": self.num_clips,
            "largest_difference": float(f"{self.largest_difference:.2g}"),
            "same": self.same,
            "accuracy": self.accuracy,
            "accuracy_of_model": self.accuracy_of_model,
        }


def refuse_other(form: Form, found: Agreement) -> None:
    """Refuses a converted model that isn't the same model any more.

    Raises:
        UserError: a probability, or with int8 the accuracy, differs by more than it may.
    """
    if not found.largest_difference <= form.tolerance:
        raise UserError(
            f"{form.file} was not written: on {found.num_clips:,} clips its probabilities differ from those of the "
            f"SavedModel by up to {found.largest_difference:.2g}; {form.tolerance:g} is allowed. The conversion has "
            "changed the model: use the SavedModel, or another form"
        )
    if form.precision == "int8" and not abs(found.accuracy - found.accuracy_of_model) <= INT8_POINT + _SLACK:
        raise UserError(
            f"{form.file} was not written: on {found.num_clips:,} clips it is right for {found.accuracy:.1%}, the "
            f"SavedModel for {found.accuracy_of_model:.1%}; one point is allowed, which is "
            f"{found.num_clips * INT8_POINT:.2g} clips here. Use the form in float32, or check on more clips with "
            "--data and --clips"
        )
