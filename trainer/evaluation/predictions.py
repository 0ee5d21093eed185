"""The predictions of a model for clips, and the file that keeps them."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pipelines.core.stored.sealed import load_json
from trainer.evaluation.calibration import log_softmax


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of a model for the clips of a split.

    Attributes:
        logits: float32 [N, C], all finite.
        labels: int64 [N], the true classes, from 0 to C - 1.
        groups: the group of each clip.
        video_ids: the id of each clip, without repetition: a clip that was counted twice would distort every figure.

    Raises:
        ValueError: a shape, a dtype or a value is not as above.
    """

    logits: np.ndarray
    labels: np.ndarray
    groups: tuple[str, ...]
    video_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        shapes = (
            f"logits {self.logits.dtype} {list(self.logits.shape)}, labels {self.labels.dtype} "
            f"{list(self.labels.shape)}, {len(self.groups)} groups, {len(self.video_ids)} video ids"
        )
        if self.logits.ndim != 2 or self.logits.shape[1] == 0 or self.labels.ndim != 1:
            raise ValueError(f"logits must be of shape [N, C] and labels of shape [N]: {shapes}")
        if not len(self.logits) == len(self.labels) == len(self.groups) == len(self.video_ids):
            raise ValueError(f"the numbers of clips differ: {shapes}")
        if self.logits.dtype != np.float32 or self.labels.dtype != np.int64:
            raise ValueError(f"logits must be float32 and labels int64: {shapes}")
        if (bad := ~np.isfinite(self.logits).all(axis=1)).any():
            raise ValueError(
                f"logits of {bad.sum()} clips are not finite, as of {self.video_ids[bad.argmax()]}: {shapes}"
            )
        if (bad := (self.labels < 0) | (self.labels >= self.num_classes)).any():
            i = bad.argmax()
            raise ValueError(f"label {self.labels[i]} of {self.video_ids[i]} is not a class: {shapes}")
        for video_id, count in Counter(self.video_ids).most_common(1):
            if count > 1:
                raise ValueError(f"video id {video_id} occurs {count} times: {shapes}")

    @property
    def num_classes(self) -> int:
        """C, the number of classes of the model."""
        return self.logits.shape[1]

    @property
    def predicted(self) -> np.ndarray:
        """The class with the largest logit, int64 [N]; the first of equal ones."""
        return self.logits.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether the predicted class is the true one, bool [N]."""
        return self.predicted == self.labels

    def always(self, label: int) -> Self:
        """The predictions for the same clips of always naming one class."""
        logits = np.zeros_like(self.logits)
        logits[:, label] = 1
        return replace(self, logits=logits)

    def in_top(self, k: int) -> np.ndarray:
        """Whether the true class is among the k with the largest logits, bool [N]; of equal logits the first wins."""
        own = self.logits[np.arange(len(self.labels)), self.labels][:, None]
        first = np.arange(self.num_classes) < self.labels[:, None]
        return ((self.logits > own) | ((self.logits == own) & first)).sum(axis=1) < k

    def probabilities(self, temperature: float = 1.0) -> np.ndarray:
        """Softmax of logits over temperature, float64 [N, C].

        Raises:
            ValueError: the temperature isn't above 0.
        """
        return np.exp(log_softmax(self.logits, temperature))

    def to_jsonl(self, label_names: Sequence[str], temperature: float = 1.0) -> str:
        """One line with a JSON object per clip; `score` is the probability of the predicted class at this temperature.

        Raises:
            ValueError: there isn't a name for each class, or the temperature isn't above 0.
        """
        check_names(label_names, self.num_classes)
        scores = self.probabilities(temperature).max(axis=1)
        lines = [
            json.dumps(
                {
                    "video_id": self.video_ids[i],
                    "group": self.groups[i],
                    "label": label_names[self.labels[i]],
                    "predicted": label_names[predicted],
                    "score": float(scores[i]),
                    # With all digits of a float64: fewer might not come back as the same float32.
                    "logits": self.logits[i].tolist(),
                }
            )
            for i, predicted in enumerate(self.predicted)
        ]
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def from_jsonl(cls, text: str, label_names: Sequence[str]) -> Self:
        """Reads what `to_jsonl` wrote; the logits come back exactly, `predicted` and `score` follow from them.

        Raises:
            ValueError: a line isn't of this form, or is for other classes; the message gives its number.
        """
        ids = {name: i for i, name in enumerate(label_names)}
        rows = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                item = load_json(line)
                logits = [float(logit) for logit in item["logits"]]
                check_names(label_names, len(logits))
                rows.append((logits, ids[item["label"]], str(item["group"]), str(item["video_id"])))
            except (ValueError, TypeError, KeyError, OverflowError) as error:
                raise ValueError(f"line {number} is not a prediction for these classes: {error!r}") from error
        return cls(
            np.array([row[0] for row in rows], np.float32).reshape(len(rows), len(label_names)),
            np.array([row[1] for row in rows], np.int64),
            tuple(row[2] for row in rows),
            tuple(row[3] for row in rows),
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Predictions"]) -> Self:
        """The clips of all parts, as for cross-validation, where each fold has other clips.

        Raises:
            ValueError: there are no parts, their classes differ in number, or a clip is in two of them.
        """
        if len({part.num_classes for part in parts}) != 1:
            raise ValueError(f"parts must have the same classes: {[list(part.logits.shape) for part in parts]}")
        return cls(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.labels for part in parts]),
            tuple(group for part in parts for group in part.groups),
            tuple(video_id for part in parts for video_id in part.video_ids),
        )


def check_names(label_names: Sequence[str], num_classes: int) -> None:
    """Refuses class names unless there is a different one for each class.

    Raises:
        ValueError: there are too few or too many, or some are equal.
    """
    if len(label_names) != num_classes or len(set(label_names)) != num_classes:
        raise ValueError(f"{num_classes} logits need as many different class names, not {list(label_names)}")
