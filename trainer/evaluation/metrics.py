"""How good predictions are: accuracy, macro F1 and confusions with intervals over groups, a baseline, a comparison."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from pipelines.core.interval import NUM_RESAMPLES, Interval
from pipelines.core.stored.typed_json import build
from trainer.evaluation.calibration import cross_entropy, expected_calibration_error
from trainer.evaluation.intervals import bootstrap_over_groups
from trainer.evaluation.predictions import Predictions, check_names

MAX_CONFUSED_PAIRS = 20
MAX_VIDEO_IDS = 6


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of one class. `support` is its number of clips; a share of no clips is 0, so look at `support` first."""

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
        per_class: in the order of the label ids.
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
        """As a dictionary of JSON's types: lists, not tuples."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` returned.

        Raises:
            ValueError: the value is something else; the message gives the place.
        """
        return build(cls, value)


def evaluate(
    predictions: Predictions, label_names: Sequence[str], temperature: float = 1.0, num_resamples: int = NUM_RESAMPLES
) -> Evaluation:
    """All figures about predictions; the order of the clips makes no difference.

    Args:
        predictions: of one split.
        label_names: a name for each class.
        temperature: for `ece`, `cross_entropy` and the confidence of errors; the other figures don't depend on it.
        num_resamples: of the intervals.

    Raises:
        ValueError: there are no clips, there isn't a name for each class, or the temperature isn't above 0.
    """
    check_names(label_names, predictions.num_classes)
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
        return bootstrap_over_groups(_sums_by_group(groups, hits), _ratio, num_resamples)

    confusion = _count_pairs(labels, predicted, num_classes, num_classes)
    return Evaluation(
        num_clips=len(labels),
        num_groups=num_groups,
        top1=share(correct),
        top5=share(predictions.in_top(5)) if num_classes > 5 else None,
        macro_f1=bootstrap_over_groups(np.stack(parts, axis=1), _macro_f1, num_resamples),
        ece=expected_calibration_error(predictions.logits, labels, temperature),
        cross_entropy=cross_entropy(predictions.logits, labels, temperature),
        per_class=_class_scores(confusion, label_names),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        confused=_confused_pairs(predictions, label_names, temperature),
    )


def majority_baseline(
    train_counts_by_label: Mapping[str, int], predictions: Predictions, label_names: Sequence[str]
) -> tuple[str, Interval]:
    """The result of always predicting the training split's most frequent class (the first of equally frequent ones).

    Args:
        train_counts_by_label: clips of each class; a class that isn't in it has none.
        predictions: of the split to be measured; only its true classes and groups matter.
        label_names: a name for each class.

    Returns:
        that class, and its accuracy.

    Raises:
        ValueError: there are no clips in either split, or the names don't fit.
    """
    check_names(label_names, predictions.num_classes)
    if unknown := sorted(set(train_counts_by_label) - set(label_names)):
        raise ValueError(f"not classes of the model: {', '.join(unknown)}")
    counts = [train_counts_by_label.get(name, 0) for name in label_names]
    if not any(counts):
        raise ValueError("there is no most frequent class without training clips")
    most = counts.index(max(counts))
    return label_names[most], _accuracy(predictions, predictions.labels == most)


def paired_difference(a: Predictions, b: Predictions) -> Interval:
    """Accuracy of a minus that of b on the same clips, which may come in any order.

    Both are measured on the same drawn groups. What makes a group hard for both cancels out, so this interval tells
    models apart where those of their accuracies overlap. Where it doesn't contain 0, one model is better.

    Raises:
        ValueError: the clips, their classes or their groups differ, or there are none.
    """
    if different := set(a.video_ids) ^ set(b.video_ids):
        raise ValueError(f"{len(different)} clips are in only one of the predictions, such as {min(different)}")
    position = {video_id: i for i, video_id in enumerate(b.video_ids)}
    order = np.array([position[video_id] for video_id in a.video_ids], np.int64)
    for i, j in enumerate(order):
        if (a.labels[i], a.groups[i]) != (b.labels[j], b.groups[j]):
            raise ValueError(f"class or group of {a.video_ids[i]} differs between the predictions")
    sums = _sums_by_group(_group_ids(a), a.correct.astype(np.int64) - b.correct[order])
    return bootstrap_over_groups(sums, _ratio, bounds=(-1.0, 1.0))


def baseline_to_json(model: Predictions, baseline: Predictions) -> dict[str, Any]:
    """A baseline's accuracy, and by how much it is worse than the model on the same clips."""
    return {
        "top1": _accuracy(baseline, baseline.correct).to_json(),
        "worse_by": paired_difference(model, baseline).to_json(),
    }


def _accuracy(predictions: Predictions, hits: np.ndarray) -> Interval:
    return bootstrap_over_groups(_sums_by_group(_group_ids(predictions), hits), _ratio)


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
