"""How good predictions of several labels are: average precision and F1 of each class, with intervals over groups."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from pipelines.core.interval import NUM_RESAMPLES, Interval, draws, interval_of
from pipelines.core.stored.typed_json import build
from trainer.evaluation.intervals import bootstrap_over_groups
from trainer.evaluation.multilabel.predictions import LabelPredictions
from trainer.evaluation.multilabel.ranking import average_precisions, mean_over_classes
from trainer.evaluation.multilabel.scales import binary_cross_entropy, calibration_error, decide
from trainer.evaluation.predictions import check_names


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Scores of one class.

    Attributes:
        label: its name.
        support: number of clips that have the label.
        ap: average precision; None where no clip has the label.
        precision, recall, f1: at the threshold; a share of no clips is 0, so look at `support` first.
        threshold: from which probability on a clip gets the label; None where clips come from several models.
    """

    label: str
    support: int
    ap: Interval | None
    precision: float
    recall: float
    f1: float
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class LabelEvaluation:
    """What `evaluate_labels` finds.

    Attributes:
        num_clips, num_groups: what was measured.
        mean_ap: mAP, the mean average precision of the classes that occur; the thresholds make no difference to it.
        macro_f1: mean F1 of the classes that occur, at their thresholds.
        micro_f1: F1 of all decisions together, at the thresholds.
        exact_match: share of clips that get exactly their labels.
        ece, cross_entropy: calibration, over all decisions, at the temperature asked for.
        per_class: in the order of the label ids.
    """

    num_clips: int
    num_groups: int
    mean_ap: Interval
    macro_f1: Interval
    micro_f1: Interval
    exact_match: Interval
    ece: float
    cross_entropy: float
    per_class: tuple[LabelScores, ...]

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


def evaluate_labels(
    predictions: LabelPredictions,
    label_names: Sequence[str],
    thresholds: np.ndarray,
    temperature: float = 1.0,
    num_resamples: int = NUM_RESAMPLES,
) -> LabelEvaluation:
    """All figures about predictions; the order of the clips makes no difference.

    Args:
        predictions: of one split.
        label_names: a name for each class.
        thresholds: [C], for calibrated probabilities; [N, C] where clips come from several models.
        temperature: what logits are divided by.
        num_resamples: of the intervals.

    Raises:
        ValueError: there are no clips or none has a label, there isn't a name for each class, or the temperature isn't
            above 0.
    """
    check_names(label_names, predictions.num_classes)
    targets = predictions.targets
    if not targets.any():
        raise ValueError("no average precision without clips that have labels")
    named = decide(predictions.probabilities(temperature), thresholds)
    groups, num_groups = _group_ids(predictions), len(set(predictions.groups))
    mean_ap, aps = _precisions(predictions, groups, num_groups, num_resamples)
    parts = _parts(predictions, named)
    exact = (named == targets).all(axis=1, keepdims=True)
    clips = np.stack([_by_group(groups, values, num_groups)[:, 0] for values in (exact, np.ones_like(exact))], axis=1)
    right, support, said = parts.sum(axis=0)

    def scores(c: int) -> LabelScores:
        return LabelScores(
            label=label_names[c],
            support=int(support[c]),
            ap=aps[c],
            precision=float(right[c] / max(said[c], 1)),
            recall=float(right[c] / max(support[c], 1)),
            f1=float(2 * right[c] / max(support[c] + said[c], 1)),
            threshold=float(thresholds[c]) if np.ndim(thresholds) == 1 else None,
        )

    return LabelEvaluation(
        num_clips=len(targets),
        num_groups=num_groups,
        mean_ap=mean_ap,
        macro_f1=bootstrap_over_groups(parts, _macro_f1, num_resamples),
        micro_f1=bootstrap_over_groups(parts, _micro_f1, num_resamples),
        exact_match=bootstrap_over_groups(clips, lambda sums: sums[:, 0] / sums[:, 1], num_resamples),
        ece=calibration_error(predictions.logits, targets, temperature),
        cross_entropy=binary_cross_entropy(predictions.logits, targets, temperature),
        per_class=tuple(map(scores, range(predictions.num_classes))),
    )


def _precisions(
    predictions: LabelPredictions, groups: np.ndarray, num_groups: int, num_resamples: int
) -> tuple[Interval, list[Interval | None]]:
    """mAP and the average precision of each class, from the same drawn groups."""
    scores, targets = predictions.logits, predictions.targets
    values = average_precisions(scores, targets, np.ones((1, len(scores))))
    drawn = np.concatenate(
        [average_precisions(scores, targets, times[:, groups]) for times in draws(num_groups, num_resamples)]
    )
    mean = interval_of(float(mean_over_classes(values)[0]), mean_over_classes(drawn), num_groups)
    return mean, [
        interval_of(float(value), drawn[:, c], num_groups) if np.isfinite(value) else None
        for c, value in enumerate(values[0])
    ]


def paired_difference(a: LabelPredictions, b: LabelPredictions) -> Interval:
    """mAP of a minus that of b on the same clips, which may come in any order, on the same drawn groups.

    Raises:
        ValueError: the clips, their labels or their groups differ, or there are none.
    """
    if different := set(a.video_ids) ^ set(b.video_ids):
        raise ValueError(f"{len(different)} clips are in only one of the predictions, such as {min(different)}")
    position = {video_id: i for i, video_id in enumerate(b.video_ids)}
    order = np.array([position[video_id] for video_id in a.video_ids], np.int64)
    same = [a.groups[i] == b.groups[j] and (a.targets[i] == b.targets[j]).all() for i, j in enumerate(order)]
    if not all(same):
        raise ValueError(f"labels or group of {a.video_ids[same.index(False)]} differ between the predictions")
    groups, num_groups = _group_ids(a), len(set(a.groups))

    def difference(weights: np.ndarray) -> np.ndarray:
        found = (average_precisions(scores, a.targets, weights) for scores in (a.logits, b.logits[order]))
        first, second = map(mean_over_classes, found)
        return first - second

    value = float(difference(np.ones((1, len(a.logits))))[0])
    drawn = np.concatenate([difference(times[:, groups]) for times in draws(num_groups)])
    return interval_of(value, drawn, num_groups, (-1.0, 1.0))


def baselines_to_json(model: LabelPredictions, single: LabelPredictions | None) -> dict[str, Any]:
    """What mAP and F1 are worth: those of scores at random, of giving every clip every label, and of single frames.

    Args:
        model: predictions of the network.
        single: those of the network for single frames, for the same clips; None where it wasn't trained.
    """
    shares = model.targets.mean(axis=0)
    always = _parts(model, np.ones_like(model.targets))
    f1s = {"macro_f1": _macro_f1, "micro_f1": _micro_f1}
    return {
        "chance": {"mean_ap": float(shares[shares > 0].mean())},
        "every_label": {name: bootstrap_over_groups(always, f1).to_json() for name, f1 in f1s.items()},
        "single_frame": single_to_json(model, single) if single else None,
    }


def single_to_json(model: LabelPredictions, single: LabelPredictions) -> dict[str, Any]:
    """The mAP of a baseline, and by how much it is worse than the model on the same clips."""
    mean_ap, _ = _precisions(single, _group_ids(single), len(set(single.groups)), NUM_RESAMPLES)
    return {"mean_ap": mean_ap.to_json(), "worse_by": paired_difference(model, single).to_json()}


def _group_ids(predictions: LabelPredictions) -> np.ndarray:
    """The position of each clip's group among the sorted groups, int64 [N]."""
    ids = {group: i for i, group in enumerate(sorted(set(predictions.groups)))}
    return np.array([ids[group] for group in predictions.groups], np.int64)


def _parts(predictions: LabelPredictions, named: np.ndarray) -> np.ndarray:
    """Of each class in each group: right names, clips with the label, names; float64 [G, 3, C].

    Args:
        predictions: of the clips.
        named: bool [N, C], which labels clips get.
    """
    groups, num_groups, targets = _group_ids(predictions), len(set(predictions.groups)), predictions.targets
    return np.stack([_by_group(groups, values, num_groups) for values in (named & targets, targets, named)], axis=1)


def _by_group(groups: np.ndarray, values: np.ndarray, num_groups: int) -> np.ndarray:
    """Sums over the clips of each group, float64 [G, C] of [N, C]."""
    sums = np.zeros((num_groups, values.shape[1]))
    np.add.at(sums, groups, values)
    return sums


def _macro_f1(sums: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes with clips, [R] of [R, 3, C]: right names, clips with the label, names."""
    right, clips, named = sums[:, 0], sums[:, 1], sums[:, 2]
    f1 = np.where(clips > 0, 2 * right / np.maximum(clips + named, 1), 0.0)
    return np.asarray(f1.sum(axis=1) / np.maximum((clips > 0).sum(axis=1), 1))


def _micro_f1(sums: np.ndarray) -> np.ndarray:
    """F1 of all decisions, [R] of [R, 3, C]."""
    right, clips, named = sums.sum(axis=2).T
    return np.asarray(2 * right / np.maximum(clips + named, 1))
