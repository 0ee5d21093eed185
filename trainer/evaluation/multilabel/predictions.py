"""The predictions of a model for clips with several labels each, and the file that keeps them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from pipelines.core.stored.sealed import load_json
from trainer.evaluation.multilabel.scales import decide, sigmoid
from trainer.evaluation.predictions import check_names


@dataclass(frozen=True, eq=False)
class LabelPredictions:
    """The predictions of a model for the clips of a split.

    Attributes:
        logits: float32 [N, C], all finite.
        targets: bool [N, C], whether a clip has the label of a class.
        groups: the group of each clip.
        video_ids: the id of each clip, without repetition.

    Raises:
        ValueError: a shape, a dtype or a value is not as above.
    """

    logits: np.ndarray
    targets: np.ndarray
    groups: tuple[str, ...]
    video_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        shapes = (
            f"logits {self.logits.dtype} {list(self.logits.shape)}, targets {self.targets.dtype} "
            f"{list(self.targets.shape)}, {len(self.groups)} groups, {len(self.video_ids)} video ids"
        )
        if self.logits.ndim != 2 or self.logits.shape[1] == 0 or self.logits.shape != self.targets.shape:
            raise ValueError(f"logits and targets must be of the same shape [N, C]: {shapes}")
        if not len(self.logits) == len(self.groups) == len(self.video_ids):
            raise ValueError(f"the numbers of clips differ: {shapes}")
        if self.logits.dtype != np.float32 or self.targets.dtype != np.bool_:
            raise ValueError(f"logits must be float32 and targets bool: {shapes}")
        if (bad := ~np.isfinite(self.logits).all(axis=1)).any():
            raise ValueError(f"logits of {bad.sum()} clips are not finite, as of {self.video_ids[bad.argmax()]}")
        if len(set(self.video_ids)) < len(self.video_ids):
            raise ValueError(f"a video id occurs several times: {shapes}")

    @property
    def num_classes(self) -> int:
        """C, the number of classes of the model."""
        return self.logits.shape[1]

    def probabilities(self, temperature: float = 1.0) -> np.ndarray:
        """Sigmoid of logits over temperature, float64 [N, C]; each label has a probability of its own.

        Raises:
            ValueError: the temperature isn't above 0.
        """
        return sigmoid(self.logits, temperature)

    def to_jsonl(self, label_names: Sequence[str], thresholds: np.ndarray, temperature: float = 1.0) -> str:
        """One line with a JSON object per clip; `scores` are the probabilities of the predicted labels.

        Args:
            label_names: a name for each class.
            thresholds: [C], or [N, C] where clips come from several models.
            temperature: for the scores.

        Raises:
            ValueError: there isn't a name for each class, or the temperature isn't above 0.
        """
        check_names(label_names, self.num_classes)
        scores = self.probabilities(temperature)
        named = decide(scores, thresholds)

        def names(row: np.ndarray) -> list[str]:
            return [label_names[c] for c in np.flatnonzero(row)]

        lines = [
            json.dumps(
                {
                    "video_id": self.video_ids[i],
                    "group": self.groups[i],
                    "labels": names(self.targets[i]),
                    "predicted": names(named[i]),
                    "scores": scores[i][named[i]].tolist(),
                    # With all digits of a float64: fewer might not come back as the same float32.
                    "logits": self.logits[i].tolist(),
                }
            )
            for i in range(len(self.logits))
        ]
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def from_jsonl(cls, text: str, label_names: Sequence[str]) -> Self:
        """Reads what `to_jsonl` wrote; the logits come back exactly.

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
                true = [ids[name] for name in item["labels"]]
                rows.append((logits, true, str(item["group"]), str(item["video_id"])))
            except (ValueError, TypeError, KeyError, OverflowError) as error:
                raise ValueError(f"line {number} is not a prediction for these classes: {error!r}") from error
        targets = np.zeros((len(rows), len(label_names)), np.bool_)
        for i, (_, true, _, _) in enumerate(rows):
            targets[i, true] = True
        return cls(
            np.array([row[0] for row in rows], np.float32).reshape(len(rows), len(label_names)),
            targets,
            tuple(row[2] for row in rows),
            tuple(row[3] for row in rows),
        )

    @classmethod
    def concatenate(cls, parts: Sequence["LabelPredictions"]) -> Self:
        """The clips of all parts, as for cross-validation, where each fold has other clips.

        Raises:
            ValueError: there are no parts, their classes differ in number, or a clip is in two of them.
        """
        if len({part.num_classes for part in parts}) != 1:
            raise ValueError(f"parts must have the same classes: {[list(part.logits.shape) for part in parts]}")
        return cls(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.targets for part in parts]),
            tuple(group for part in parts for group in part.groups),
            tuple(video_id for part in parts for video_id in part.video_ids),
        )
