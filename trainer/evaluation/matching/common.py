"""The test clips that two runs have in common, even if their datasets or classes differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.evaluation.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Common:
    """Predictions of two models for the same clips.

    Attributes:
        first, second: the predictions, in the same order, with the same classes.
        labels: these classes: those of the first model, then those that only the second one knows.
        relabelled: number of clips of both whose class or group differs; they are left out.
    """

    first: Predictions
    second: Predictions
    labels: tuple[str, ...]
    relabelled: int

    @property
    def num_clips(self) -> int:
        """Clips that are compared."""
        return len(self.first.labels)


def in_common(
    first: Predictions, labels: Sequence[str], second: Predictions, other_labels: Sequence[str]
) -> Common | None:
    """The clips with the same id, class and group; None if there are none.

    A class that a model doesn't know is never its prediction.

    Args:
        first, labels: predictions of a model, and its classes by their ids.
        second, other_labels: those of another one.
    """
    positions = {name: i for i, name in enumerate(second.video_ids)}
    shared = [(i, positions[name]) for i, name in enumerate(first.video_ids) if name in positions]
    pairs = [
        (i, j)
        for i, j in shared
        if (labels[first.labels[i]], first.groups[i]) == (other_labels[second.labels[j]], second.groups[j])
    ]
    if not pairs:
        return None
    union = (*labels, *(label for label in other_labels if label not in labels))
    numbers = {label: number for number, label in enumerate(union)}
    here, there = zip(*pairs, strict=True)
    return Common(
        _chosen(first, here, [numbers[label] for label in labels], len(union)),
        _chosen(second, there, [numbers[label] for label in other_labels], len(union)),
        union,
        len(shared) - len(pairs),
    )


def _chosen(predictions: Predictions, clips: Sequence[int], places: Sequence[int], num_classes: int) -> Predictions:
    """Some clips, with the class number i at `places[i]` of more classes, of which the others are the least likely."""
    rows = list(clips)
    logits = np.repeat(predictions.logits[rows].min(axis=1, keepdims=True) - 1, num_classes, axis=1)
    logits[:, list(places)] = predictions.logits[rows]
    return Predictions(
        logits,
        np.array(places, np.int64)[predictions.labels[rows]],
        tuple(predictions.groups[i] for i in rows),
        tuple(predictions.video_ids[i] for i in rows),
    )
