"""How good predictions are: accuracy, macro F1 and confusions with intervals over groups, a baseline, a comparison."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from trainer.calibration import (
    NUM_RESAMPLES,
    Interval,
    bootstrap_over_groups,
    cross_entropy,
    expected_calibration_error,
    log_softmax,
)

MAX_CONFUSED_PAIRS = 20
MAX_VIDEO_IDS = 6


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says about the clips of a split.

    Attributes:
        logits: float32 [N, C], all finite.
        labels: int64 [N], the true classes, from 0 to C - 1.
        groups: the group of each clip.
        video_ids: the id of each clip, each once: a clip that was counted twice would distort every figure.

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
            raise ValueError(f"label {self.labels[i]} of {self.video_ids[i]} is no class: {shapes}")
        for video_id, count in Counter(self.video_ids).most_common(1):
            if count > 1:
                raise ValueError(f"video id {video_id} occurs {count} times: {shapes}")

    @property
    def num_classes(self) -> int:
        """C, the number of classes of the model."""
        return self.logits.shape[1]

    @property
    def predicted(self) -> np.ndarray:
        """The class with the largest logit, int64 [N]; of equal ones the first."""
        return self.logits.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether the predicted class is the true one, bool [N]."""
        return self.predicted == self.labels

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
        """A JSON object a line for each clip; `score` is the probability of the predicted class at this temperature.

        Raises:
            ValueError: there isn't a name for each class, or the temperature isn't above 0.
        """
        _check_names(label_names, self.num_classes)
        scores = self.probabilities(temperature).max(axis=1)
        lines = [
            json.dumps(
                {
                    "video_id": self.video_ids[i],
                    "group": self.groups[i],
                    "label": label_names[self.labels[i]],
                    "predicted": label_names[predicted],
                    "score": float(scores[i]),
                    # With all digits of a float64: shorter ones might not come back as the same float32.
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
            ValueError: a line isn't of this form, or of other classes; the message gives its number.
        """
        ids = {name: i for i, name in enumerate(label_names)}
        rows = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                item = json.loads(line)
                logits = [float(logit) for logit in item["logits"]]
                _check_names(label_names, len(logits))
                rows.append((logits, ids[item["label"]], str(item["group"]), str(item["video_id"])))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"line {number} is no prediction for these classes: {error!r}") from error
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


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How one class fares. `support` is its number of clips; a share of nothing is 0, so look at `support` first."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Clips of one class that were taken for another; of `video_ids` at most 6, the most confident errors first."""

    truth: str
    predicted: str
    count: int
    video_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate` finds.

    Attributes:
        num_clips, num_groups: what was measured.
        top1: share of clips whose predicted class is right.
        top5: share of clips whose class is among the five with the largest logits; None with 5 classes or fewer.
        macro_f1: mean F1 over the classes that occur in truth. A class without clips is left out, because its F1 is 0
            or undefined whatever the model does; clips taken for it still count against their own classes. Likewise in
            each drawn set of groups for the interval.
        ece, cross_entropy: calibration, at the temperature asked for.
        per_class: in order of the ids.
        confusion: clips by true class (rows) and predicted class (columns).
        confused: the most frequent confusions first, at most 20.
    """

    num_clips: int
    num_groups: int
    top1: Interval
    top5: Interval | None
    macro_f1: Interval
    ece: float
    cross_entropy: float
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused: tuple[ConfusedPair, ...]

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of what JSON knows: lists, no tuples."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        top5 = value["top5"]
        read = {
            "top1": Interval.from_json(value["top1"]),
            "top5": None if top5 is None else Interval.from_json(top5),
            "macro_f1": Interval.from_json(value["macro_f1"]),
            "per_class": tuple(ClassScores(**item) for item in value["per_class"]),
            "confusion": tuple(tuple(row) for row in value["confusion"]),
            "confused": tuple(
                ConfusedPair(**{**item, "video_ids": tuple(item["video_ids"])}) for item in value["confused"]
            ),
        }
        return cls(**{**value, **read})


def evaluate(
    predictions: Predictions,
    label_names: Sequence[str],
    temperature: float = 1.0,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Evaluation:
    """All figures about predictions; the order of the clips makes no difference.

    Args:
        predictions: of one split.
        label_names: a name for each class.
        temperature: for `ece`, `cross_entropy` and the confidence of errors; the other figures don't depend on it.
        seed: of the intervals.
        num_resamples: of the intervals.

    Raises:
        ValueError: there are no clips, not a name for each class, or the temperature isn't above 0.
    """
    _check_names(label_names, predictions.num_classes)
    labels, predicted, correct = predictions.labels, predictions.predicted, predictions.correct
    num_classes = predictions.num_classes
    groups = _group_ids(predictions)
    num_groups = len(set(predictions.groups))
    # Of each class in each group: right predictions, clips, predictions.
    parts = [
        _count_pairs(groups[correct], labels[correct], num_groups, num_classes),
        _count_pairs(groups, labels, num_groups, num_classes),
        _count_pairs(groups, predicted, num_groups, num_classes),
    ]

    def share(hits: np.ndarray) -> Interval:
        return bootstrap_over_groups(_sums_by_group(groups, hits), _ratio, seed, num_resamples)

    confusion = _count_pairs(labels, predicted, num_classes, num_classes)
    return Evaluation(
        num_clips=len(labels),
        num_groups=num_groups,
        top1=share(correct),
        top5=share(predictions.in_top(5)) if num_classes > 5 else None,
        macro_f1=bootstrap_over_groups(np.stack(parts, axis=1), _macro_f1, seed, num_resamples),
        ece=expected_calibration_error(predictions.logits, labels, temperature),
        cross_entropy=cross_entropy(predictions.logits, labels, temperature),
        per_class=_class_scores(confusion, label_names),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        confused=_confused_pairs(predictions, label_names, temperature),
    )


def majority_baseline(
    train_counts_by_label: Mapping[str, int],
    predictions: Predictions,
    label_names: Sequence[str],
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> tuple[str, Interval]:
    """What comes of always saying the most frequent class of the training split (of equally frequent ones the first).

    Args:
        train_counts_by_label: clips of each class; a class that isn't in it has none.
        predictions: of the split to be measured; only its true classes and groups matter.
        label_names: a name for each class.
        seed, num_resamples: of the interval.

    Returns:
        that class, and its accuracy.

    Raises:
        ValueError: there are no clips in either split, or the names don't fit.
    """
    _check_names(label_names, predictions.num_classes)
    if unknown := sorted(set(train_counts_by_label) - set(label_names)):
        raise ValueError(f"no classes of the model: {', '.join(unknown)}")
    counts = [train_counts_by_label.get(name, 0) for name in label_names]
    if not any(counts):
        raise ValueError("no most frequent class without training clips")
    most = counts.index(max(counts))
    sums = _sums_by_group(_group_ids(predictions), predictions.labels == most)
    return label_names[most], bootstrap_over_groups(sums, _ratio, seed, num_resamples)


def paired_difference(a: Predictions, b: Predictions, seed: int = 0, num_resamples: int = NUM_RESAMPLES) -> Interval:
    """Accuracy of a minus that of b on the same clips, which may come in any order.

    Both are measured on the same drawn groups. What makes a group hard for both cancels out, so this interval tells
    models apart where those of their accuracies overlap. Where it doesn't hold 0, one model is better.

    Raises:
        ValueError: the clips, their classes or their groups differ, or there are none.
    """
    if different := set(a.video_ids) ^ set(b.video_ids):
        raise ValueError(f"{len(different)} clips are in one of the predictions only, as {min(different)}")
    position = {video_id: i for i, video_id in enumerate(b.video_ids)}
    order = np.array([position[video_id] for video_id in a.video_ids], np.int64)
    for i, j in enumerate(order):
        if (a.labels[i], a.groups[i]) != (b.labels[j], b.groups[j]):
            raise ValueError(f"class or group of {a.video_ids[i]} differ between the predictions")
    sums = _sums_by_group(_group_ids(a), a.correct.astype(np.int64) - b.correct[order])
    return bootstrap_over_groups(sums, _ratio, seed, num_resamples, bounds=(-1.0, 1.0))


def _check_names(label_names: Sequence[str], num_classes: int) -> None:
    if len(label_names) != num_classes or len(set(label_names)) != num_classes:
        raise ValueError(f"{num_classes} logits need as many different class names, not {list(label_names)}")


def _group_ids(predictions: Predictions) -> np.ndarray:
    """The position of each clip's group among the sorted groups, int64 [N]: the same in whatever order clips come."""
    ids = {group: i for i, group in enumerate(sorted(set(predictions.groups)))}
    return np.array([ids[group] for group in predictions.groups], np.int64)


def _count_pairs(rows: np.ndarray, columns: np.ndarray, num_rows: int, num_columns: int) -> np.ndarray:
    """How often each pair occurs, int64 [num_rows, num_columns]."""
    flat = np.bincount(rows * num_columns + columns, minlength=num_rows * num_columns)
    return flat.reshape(num_rows, num_columns)


def _sums_by_group(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each group the sum of the values of its clips and their number, float64 [G, 2]."""
    return np.stack([np.bincount(groups, weights=values), np.bincount(groups)], axis=1)


def _ratio(sums: np.ndarray) -> np.ndarray:
    """Sum over number, [R] of [R, 2]."""
    return sums[:, 0] / sums[:, 1]


def _macro_f1(sums: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes with clips, [R] of [R, 3, C]: right predictions, clips, predictions of each class."""
    right, clips, predictions = sums[:, 0], sums[:, 1], sums[:, 2]
    f1 = 2 * right / np.maximum(clips + predictions, 1)  # 0 for a class without clips
    return f1.sum(axis=1) / (clips > 0).sum(axis=1)


def _class_scores(confusion: np.ndarray, label_names: Sequence[str]) -> tuple[ClassScores, ...]:
    right, support, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        ClassScores(
            label=name,
            precision=float(right[i] / max(predicted[i], 1)),
            recall=float(right[i] / max(support[i], 1)),
            f1=float(2 * right[i] / max(support[i] + predicted[i], 1)),
            support=int(support[i]),
        )
        for i, name in enumerate(label_names)
    )


def _confused_pairs(
    predictions: Predictions, label_names: Sequence[str], temperature: float
) -> tuple[ConfusedPair, ...]:
    scores = predictions.probabilities(temperature).max(axis=1)
    errors: dict[tuple[int, int], list[tuple[float, str]]] = {}
    all_predicted = predictions.predicted
    for i in np.flatnonzero(all_predicted != predictions.labels):
        pair = int(predictions.labels[i]), int(all_predicted[i])
        errors.setdefault(pair, []).append((-float(scores[i]), predictions.video_ids[i]))
    most_frequent = sorted(errors, key=lambda pair: (-len(errors[pair]), pair))[:MAX_CONFUSED_PAIRS]
    return tuple(
        ConfusedPair(
            truth=label_names[truth],
            predicted=label_names[predicted],
            count=len(errors[truth, predicted]),
            video_ids=tuple(video_id for _, video_id in sorted(errors[truth, predicted])[:MAX_VIDEO_IDS]),
        )
        for truth, predicted in most_frequent
    )
