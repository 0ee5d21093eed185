"""The parts that the reports of a training run and of a cross-validation share.

`metrics` is the content of metrics.json, or what is like it in that of crossval.json: `model`, `dataset`, `test`,
`baselines`, `configuration`, `training` and `versions`, and perhaps `val`, `calibration` and `speed`.
"""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.core.familiarity import USUAL_SHARE
from pipelines.core.interval import Interval
from pipelines.reports.intervals import interval_table
from pipelines.reports.matrix import MAX_MATRIX, heat_table
from pipelines.reports.parts import Explained, Measure, Share, folded, soft, table, tile
from pipelines.reports.parts import notes as list_of_notes
from pipelines.reports.text import human_bytes, plural, short_count, some
from trainer.evaluation import meanings
from trainer.evaluation.intervals import is_clearly_worse, worse_by
from trainer.evaluation.matching.by_video import tested_of, unit_of
from trainer.evaluation.metrics import Evaluation
from trainer.evaluation.multilabel.metrics import LabelEvaluation
from trainer.evaluation.summary.terminal import by_clip, only_class, said_of_init, said_of_rates, said_of_unfamiliar

MIN_GROUPS = 5
"""With fewer groups in test, an interval over groups says little."""
NO_BASELINE = "No single-frame baseline: whether the model needs more than the background is not known."
_NO_BREAK = "\u00a0"
_MAX_ROWS = 1000


def tiles(metrics: Mapping[str, Any], test: Evaluation) -> str:
    """The main figures, each with a line that says what it means."""
    majority, single = _baselines(metrics)
    model, calibration = metrics["model"], metrics.get("calibration")
    before = f"{calibration['ece_before']:.1%} before scaling" if calibration else "calibration error"
    only = only_class(metrics["test"]["per_class"])
    tiles = [
        tile("Test top-1", f"{test.top1.value:.1%}", f"of {only} alone" if only else test.top1.limits, meanings.TOP1)
    ]
    if test.top5:
        tiles.append(tile("Test top-5", f"{test.top5.value:.1%}", test.top5.limits, meanings.TOP5))
    tiles += [
        tile("Macro-F1", f"{test.macro_f1.value:.1%}", test.macro_f1.limits, meanings.MACRO_F1),
        tile("ECE", f"{test.ece:.1%}", before, meanings.ECE),
        tile("Single frame", f"{single.value:.1%}", single.limits, meanings.SINGLE_FRAME)
        if single
        else tile("Single frame", "\u2013", "not measured", meanings.SINGLE_FRAME),
        tile("Majority", f"{majority.value:.1%}", f"always {_majority_label(metrics)}", meanings.MAJORITY),
        tile("Chance", f"{metrics['baselines']['chance']:.1%}", f"one of {len(test.per_class):,}", meanings.CHANCE),
        tile("Parameters", short_count(model["parameters"]), human_bytes(model["size_bytes"]), meanings.PARAMETERS),
    ]
    return "".join(tiles)


def notes(metrics: Mapping[str, Any], test: Evaluation) -> str:
    """Whether the scores can be trusted."""
    loud, others = doubts(metrics, test)
    return list_of_notes(others, "No group is in both train and test, and a single frame does clearly worse.", loud)


def doubts(metrics: Mapping[str, Any], test: Evaluation) -> tuple[list[str], list[str]]:
    """What speaks against the scores, and what else a reader should know, in sentences."""
    majority, single = _baselines(metrics)
    majority_by, single_by = (worse_by(metrics["baselines"][name]) for name in ("majority", "single_frame"))
    loud = said_of_leaks(metrics)
    if single and not is_clearly_worse(single, test.top1, single_by):
        verb = "is" if single.value >= test.top1.value else "may be"
        loud.append(
            f"A single frame {verb} as good: the labels may be readable from the background. "
            f"One frame alone scores {single}, the model {test.top1}."
        )
    if only := only_class(metrics["test"]["per_class"]):
        loud.append(
            f"All test clips are of one class, {only}: {test.top1.value:.1%} of them right says nothing about "
            "telling classes apart. Test on clips of every class."
        )
    elif not is_clearly_worse(majority, test.top1, majority_by):
        loud.append(
            f"The model, {test.top1}, is not clearly better than always predicting {_majority_label(metrics)}, "
            f"{majority}."
        )
    more, others = said_of_clips(metrics, test)
    loud += more
    if not single:
        others.append(NO_BASELINE)
    return loud, others


def said_of_leaks(metrics: Mapping[str, Any]) -> list[str]:
    """That scores are too good, where groups are on both sides."""
    if not metrics["dataset"]["leaky"]:
        return []
    how = "Random split" if metrics["dataset"]["protocol"] == "random" else "Leaky split"
    return [
        f"{how}: clips of one group are on both sides; these numbers are too good. "
        "Split by groups to learn how the model does on new people and places."
    ]


def said_of_clips(metrics: Mapping[str, Any], test: Evaluation | LabelEvaluation) -> tuple[list[str], list[str]]:
    """What the clips of the sides lack: what spoils the model, and what else a reader should know."""
    loud = [f"{said[:1].upper()}{said[1:]}." for said in metrics["dataset"].get("warnings", ())]
    others: list[str] = []
    if test.num_groups < MIN_GROUPS:
        few = f"Test has only {plural(test.num_groups, 'group')}: the intervals, which are over groups, are rough."
        others.append(few if "folds" in metrics else f"{few} Cross-validation tests on every group.")
    missing = metrics["dataset"].get("missing_classes", {})
    for side, names in ((side, missing[side]) for side in ("train", "val") if missing.get(side)):
        said = f"{side.capitalize()} has no clip of {plural(len(names), 'class', 'classes')}: {some(names)}."
        (loud if side == "train" else others).append(said)
    if tested := tested_of(metrics):
        clips = Evaluation.from_json(by_clip(metrics))
        others.append(f"T{tested.sentence[1:]}. By clip, top-1 is {clips.top1}.")
    if said := said_of_init(metrics):
        (loud if metrics["init"]["in_test"] else others).append(f"T{said[1:]}.")
    if said := said_of_rates(metrics):
        others.append(f"W{said[1:]}.")
    if note := metrics["dataset"].get("note"):
        others.append(f"{note[:1].upper()}{note[1:]}.")
    if untested := [scores.label for scores in test.per_class if not scores.support]:
        others.append(f"Test has no clip of {plural(len(untested), 'class', 'classes')}: {some(untested)}.")
    far = metrics.get("unfamiliar") or {}
    if said := said_of_unfamiliar(far, by_clip(metrics)["num_clips"], test.num_groups):
        usual = "test" in far and far["test"]["share_of_clips"] <= USUAL_SHARE
        others += [] if usual else [f"Clips unlike those of training: {said}."]
    return loud, others


def scores(metrics: Mapping[str, Any], test: Evaluation) -> str:
    """The model beside the baselines, and test beside val."""
    val = Evaluation.from_json(metrics["val"]) if metrics.get("val") else None
    (majority, single), chance = _baselines(metrics), metrics["baselines"]["chance"]
    bars = [("Model, test", test.top1, "s0")]
    bars += [("Model, val", val.top1, "s1")] if val else []
    bars += [("Single frame", single, "s3")] if single else []
    bars += [(f"Always {_majority_label(metrics)}", majority, "s5")]
    bars += [("Chance", Interval(chance, chance, chance), "s5")]
    columns = {"Test": test, **({"Val": val} if val else {})}
    if clips := metrics.get("test_by_clip"):
        bars.insert(1, ("Model, test, by clip", Evaluation.from_json(clips).top1, "s2"))
        columns["Test, by clip"] = Evaluation.from_json(clips)
    counted = unit_of(metrics)[1].capitalize()
    rows = {
        Explained("Top-1", meanings.TOP1): [whole(e.top1) for e in columns.values()],
        Explained("Top-5", meanings.TOP5): [whole(e.top5) for e in columns.values() if e.top5],
        Explained("Macro-F1", meanings.MACRO_F1): [whole(e.macro_f1) for e in columns.values()],
        Explained("Calibration error (ECE)", meanings.ECE): [f"{e.ece:.1%}" for e in columns.values()],
        Explained("Cross-entropy", meanings.cross_entropy(len(test.per_class))): [
            f"{e.cross_entropy:.3f}" for e in columns.values()
        ],
        Explained(counted, meanings.CLIPS): [f"{e.num_clips:,}" for e in columns.values()],
        Explained("Groups", meanings.GROUPS): [f"{e.num_groups:,}" for e in columns.values()],
    }
    if tested := (metrics.get("unfamiliar") or {}).get("test"):
        far = [f"{tested['share_of_clips']:.1%}", *["\u2013"] * (len(columns) - 1)]
        rows[Explained("Clips unlike those of training", meanings.UNFAMILIAR)] = far
    cells = [(name, *map(Measure, values)) for name, values in rows.items() if values]
    drawn = interval_table("Top-1 accuracy with 95% intervals over groups", bars)
    listed = table("All scores", ("Score", *columns), cells, kind="bars scores")
    return f'{soft(meanings.RANGES)}<div class="halves">{drawn}{listed}</div>'


def whole(interval: Interval) -> str:
    """An interval whose limits stay on one line."""
    value, _, limits = str(interval).partition(" ")
    return f"{value} {limits.replace(' ', _NO_BREAK)}"


def classes(test: Evaluation, units: str = "clips") -> str:
    """Recall, precision and F1 of each class, the worst first; classes without test clips, which have none, last."""
    ordered = sorted(test.per_class, key=lambda scores: (not scores.support, scores.f1, scores.label))
    rows = []
    for scores in ordered:
        shares = (scores.recall, scores.precision, scores.f1)
        rows.append((scores.label, *(Share(s) if scores.support else "\u2013" for s in shares), scores.support))
    headers, caption = ("Class", "Recall", "Precision", "F1", f"Test {units}"), "Classes, lowest F1 first"
    intro = soft(meanings.CLASSES)
    if len(rows) <= MAX_MATRIX:
        return intro + table(caption, headers, rows, kind="bars")
    return intro + folded(plural(len(rows), "class", "classes"), caption, headers, rows, _MAX_ROWS, kind="bars")


def confusion(test: Evaluation, units: str = "clips") -> str:
    """The confusion matrix."""
    labels = [scores.label for scores in test.per_class]
    return soft(meanings.CONFUSION) + heat_table(f"Test {units} by class and prediction", labels, test.confusion)


def settings(metrics: Mapping[str, Any]) -> str:
    """Tables of everything else that is known of a run, closed at first."""
    data = metrics["dataset"]
    dataset = {key: data[key] for key in ("uri", "fingerprint", "protocol")}
    dataset |= {f"{split} clips": count for split, count in data.get("num_clips", {}).items()}
    dataset |= {f"{split} groups": some(list(groups), 30) for split, groups in data.get("groups", {}).items()}
    tables = {
        "Settings of the run": metrics["configuration"],
        "Model": metrics["model"],
        "Dataset": dataset,
        "Training": {**metrics["training"], **{f"inference, {k}": v for k, v in (metrics.get("speed") or {}).items()}},
        "Package versions": metrics["versions"],
    }
    content = "".join(
        table(
            name, (), [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in values.items()]
        )
        for name, values in tables.items()
        if values
    )
    return (
        '<details class="fold"><summary>Settings, model, dataset and versions</summary>'
        f'<div class="columns">{content}</div></details>'
    )


def _baselines(metrics: Mapping[str, Any]) -> tuple[Interval, Interval | None]:
    """The accuracy of always predicting the most frequent class, and that of a single frame, where it was measured."""
    single = metrics["baselines"]["single_frame"]
    majority = Interval.from_json(metrics["baselines"]["majority"]["top1"])
    return majority, Interval.from_json(single["top1"]) if single else None


def _majority_label(metrics: Mapping[str, Any]) -> str:
    return metrics["baselines"]["majority"]["label"]
