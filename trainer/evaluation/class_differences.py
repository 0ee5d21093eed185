"""Two runs with the same test clips, class by class."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.interval import Interval
from trainer.evaluation.metrics import paired_difference
from trainer.evaluation.predictions import Predictions


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """The recall of a class by two models.

    Attributes:
        label: the class.
        support: its number of clips.
        first, second: share of these that each model recognises.
        difference: the first minus the second, with its interval over groups.
    """

    label: str
    support: int
    first: float
    second: float
    difference: Interval


def class_differences(a: Predictions, b: Predictions, label_names: Sequence[str]) -> list[ClassDifference]:
    """The difference of the recall of each class that has clips, by class id.

    Args:
        a, b: predictions for the same clips, which may come in any order.
        label_names: a name for each class.

    Raises:
        ValueError: the clips, their classes or their groups differ.
    """
    found = []
    for number, label in enumerate(label_names):
        own, others = (_of_class(predictions, number) for predictions in (a, b))
        if len(own.labels):
            recalls = float(own.correct.mean()), float(others.correct.mean())
            found.append(ClassDifference(label, len(own.labels), *recalls, paired_difference(own, others)))
    return found


def _of_class(predictions: Predictions, number: int) -> Predictions:
    chosen = np.flatnonzero(predictions.labels == number)
    return replace(
        predictions,
        logits=predictions.logits[chosen],
        labels=predictions.labels[chosen],
        groups=tuple(predictions.groups[i] for i in chosen),
        video_ids=tuple(predictions.video_ids[i] for i in chosen),
    )
