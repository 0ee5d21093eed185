"""The report of a training run: how good the model is, whether that can be trusted, and what it confuses.

The page is one self-contained file without scripts. Every name in it comes from outside and is escaped by `text`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.familiarity import USUAL_SHARE
from pipelines.reports.charts import MAX_MATRIX, heat_table, interval_table, line_chart
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import Measure, Share, folded, notes, strip_image, table, text, tile
from pipelines.reports.text import human_bytes, human_seconds, plural, short_count, some
from trainer.evaluation.intervals import Interval, is_clearly_worse, worse_by
from trainer.evaluation.metrics import Evaluation
from trainer.evaluation.results import only_class, said_of_unfamiliar

MIN_GROUPS = 5
"""With fewer groups in test, an interval over groups says little."""
_MAX_ROWS = 1000
_SPLIT_BY = {"groups": "split by whole groups", "random": "random split"}


def render_report(
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, float]],
    strips: Mapping[str, str],
    title: str,
) -> str:
    """The page for a run.

    Args:
        metrics: what metrics.json holds.
        history: the rows of history.csv; what wasn't measured is missing or NaN.
        strips: video id to its film strip, a JPEG in base64. Videos without one are named anyway.
        title: what the run is called.
    """
    test = Evaluation.from_json(metrics["test"])
    labels = [scores.label for scores in test.per_class]
    sections = {
        "Scores": _scores(metrics, test),
        "Curves": _curves(history, metrics["training"]["best_epoch"]),
        "Confusion": heat_table("Test clips by class and prediction", labels, test.confusion),
        "Classes": _classes(test),
        "Confused pairs": _confused(test, strips),
        "Settings": _settings(metrics),
    }
    top = f'<dl class="tiles">{_tiles(metrics, test)}</dl>{_notes(metrics, test)}'
    made_from, style = "Made from metrics.json and history.csv.", asset("training.css")
    return render_page(title, _subtitle(metrics, test), top, sections, made_from, style=style)


def _subtitle(metrics: Mapping[str, Any], test: Evaluation) -> str:
    model, data, training = (metrics[key] for key in ("model", "dataset", "training"))
    stopped = "stopped early" if training["stopped"] == "early" else "finished"
    split = _SPLIT_BY.get(data["protocol"], data["protocol"])
    if data["leaky"] and data["protocol"] == "groups":
        split = "the dataset's own splits"
    return (
        f"{model['name']} ({model['variant']}) on {data['uri']}, {split}: "
        f"{plural(test.num_clips, 'test clip')} of {plural(len(data['labels']), 'class', 'classes')} in "
        f"{plural(test.num_groups, 'group')}. {plural(training['epochs'], 'epoch')} in "
        f"{human_seconds(training['seconds'])}, {stopped}, best epoch {training['best_epoch']}."
    )


def _tiles(metrics: Mapping[str, Any], test: Evaluation) -> str:
    majority, single = _baselines(metrics)
    model, calibration = metrics["model"], metrics.get("calibration")
    before = f"{calibration['ece_before']:.1%} before scaling" if calibration else "calibration error"
    only = only_class(metrics["test"]["per_class"])
    tiles = [tile("Test top-1", f"{test.top1.value:.1%}", f"of {only} alone" if only else test.top1.limits)]
    if test.top5:
        tiles.append(tile("Test top-5", f"{test.top5.value:.1%}", test.top5.limits))
    tiles += [
        tile("Macro-F1", f"{test.macro_f1.value:.1%}", test.macro_f1.limits),
        tile("ECE", f"{test.ece:.1%}", before),
        tile("Single frame", f"{single.value:.1%}", single.limits)
        if single
        else tile("Single frame", "\u2013", "not measured"),
        tile("Majority", f"{majority.value:.1%}", f"always {_majority_label(metrics)}"),
        tile("Chance", f"{metrics['baselines']['chance']:.1%}", f"one of {len(test.per_class):,}"),
        tile("Parameters", short_count(model["parameters"]), human_bytes(model["size_bytes"])),
    ]
    return "".join(tiles)


def _baselines(metrics: Mapping[str, Any]) -> tuple[Interval, Interval | None]:
    """The accuracy of always predicting the most frequent class, and that of a single frame, where it was measured."""
    single = metrics["baselines"]["single_frame"]
    majority = Interval.from_json(metrics["baselines"]["majority"]["top1"])
    return majority, Interval.from_json(single["top1"]) if single else None


def _majority_label(metrics: Mapping[str, Any]) -> str:
    return metrics["baselines"]["majority"]["label"]


def _notes(metrics: Mapping[str, Any], test: Evaluation) -> str:
    """Whether the scores can be trusted."""
    majority, single = _baselines(metrics)
    majority_by, single_by = (worse_by(metrics["baselines"][name]) for name in ("majority", "single_frame"))
    loud, others = [], []
    if metrics["dataset"]["leaky"]:
        how = "Random split" if metrics["dataset"]["protocol"] == "random" else "Leaky split"
        loud.append(
            f"{how}: clips of one group are on both sides; these numbers are too good. "
            "Split by groups to learn how the model does on new people and places."
        )
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
    if test.num_groups < MIN_GROUPS:
        others.append(
            f"Test has only {plural(test.num_groups, 'group')}: the intervals, which are over groups, are rough. "
            "Cross-validation tests on every group."
        )
    missing = metrics["dataset"].get("missing_classes", {})
    for side, names in ((side, missing[side]) for side in ("train", "val") if missing.get(side)):
        said = f"{side.capitalize()} has no clip of {plural(len(names), 'class', 'classes')}: {some(names)}."
        (loud if side == "train" else others).append(said)
    if note := metrics["dataset"].get("note"):
        others.append(f"{note[:1].upper()}{note[1:]}.")
    if untested := [scores.label for scores in test.per_class if not scores.support]:
        others.append(f"Test has no clip of {plural(len(untested), 'class', 'classes')}: {some(untested)}.")
    far = metrics.get("unfamiliar") or {}
    if said := said_of_unfamiliar(far, test.num_clips, test.num_groups):
        usual = "test" in far and far["test"]["share_of_clips"] <= USUAL_SHARE
        others += [] if usual else [f"Clips unlike those of training: {said}."]
    if not single:
        others.append("No single-frame baseline: whether the model needs more than the background is not known.")
    return notes(others, "No group is in both train and test, and a single frame does clearly worse.", loud)


def _scores(metrics: Mapping[str, Any], test: Evaluation) -> str:
    """The model beside the baselines, and test beside val."""
    val = Evaluation.from_json(metrics["val"]) if metrics.get("val") else None
    (majority, single), chance = _baselines(metrics), metrics["baselines"]["chance"]
    bars = [("Model, test", test.top1, "s0")]
    bars += [("Model, val", val.top1, "s1")] if val else []
    bars += [("Single frame", single, "s3")] if single else []
    bars += [(f"Always {_majority_label(metrics)}", majority, "s5")]
    bars += [("Chance", Interval(chance, chance, chance), "s5")]
    columns = {"Test": test, **({"Val": val} if val else {})}
    rows = {
        "Top-1": [str(e.top1) for e in columns.values()],
        "Top-5": [str(e.top5) for e in columns.values() if e.top5],
        "Macro-F1": [str(e.macro_f1) for e in columns.values()],
        "Calibration error (ECE)": [f"{e.ece:.1%}" for e in columns.values()],
        "Cross-entropy": [f"{e.cross_entropy:.3f}" for e in columns.values()],
        "Clips": [f"{e.num_clips:,}" for e in columns.values()],
        "Groups": [f"{e.num_groups:,}" for e in columns.values()],
    }
    if tested := (metrics.get("unfamiliar") or {}).get("test"):
        rows["Clips unlike those of training"] = [f"{tested['share_of_clips']:.1%}", *["\u2013"] * (len(columns) - 1)]
    cells = [(name, *map(Measure, values)) for name, values in rows.items() if values]
    drawn = interval_table("Top-1 accuracy with 95% intervals over groups", bars)
    return f'<div class="halves">{drawn}{table("All scores", ("Score", *columns), cells)}</div>'


def _curves(history: Sequence[Mapping[str, float]], best_epoch: float) -> str:
    def points(column: str) -> list[tuple[float, float]]:
        return [(row["epoch"], row[column]) for row in history if column in row]

    def general(value: float) -> str:
        return f"{value:.3g}"

    loss = {"train": points("train_loss"), "val": points("val_loss")}
    accuracy = {"train": points("train_accuracy"), "val": points("val_accuracy")}
    charts = (
        line_chart("Loss", loss, general, best_epoch),
        line_chart("Accuracy", accuracy, "{:.0%}".format, best_epoch, top=1.0),
        line_chart("Learning rate", {"learning rate": points("learning_rate")}, general, best_epoch),
    )
    return f'<div class="charts">{"".join(charts)}</div>'


def _confused(test: Evaluation, strips: Mapping[str, str]) -> str:
    """A card for each pair of classes that is mistaken for one another, most frequent first."""
    support = {scores.label: scores.support for scores in test.per_class}
    cards = []
    for pair in test.confused:
        figures = "".join(_figure(video_id, strips.get(video_id)) for video_id in pair.video_ids)
        share = f"{pair.count / support[pair.truth]:.1%}"
        cards.append(
            f'<article class="class panel"><header><h3>{text(pair.truth)} \u2192 {text(pair.predicted)}</h3>'
            f'<span class="soft">{plural(pair.count, "clip")}, {share} of {text(pair.truth)}</span></header>'
            f'<div class="strips">{figures}</div></article>'
        )
    intro = '<p class="soft">Truth \u2192 prediction, with the errors that the model was most sure of.</p>'
    if cards:
        return f'{intro}<div class="pairs">{"".join(cards)}</div>'
    but = ", but all are of one class" if sum(scores.support > 0 for scores in test.per_class) == 1 else ""
    return f'<p class="soft">None: every test clip is classified correctly{but}.</p>'


def _figure(video_id: str, strip: str | None) -> str:
    missing = '<div class="missing">no film strip</div>'
    picture = missing if strip is None else strip_image(strip, video_id)
    return f"<figure>{picture}<figcaption><b>{text(video_id)}</b></figcaption></figure>"


def _classes(test: Evaluation) -> str:
    """Recall, precision and F1 of each class, the worst first; classes without test clips, which have none, last."""
    ordered = sorted(test.per_class, key=lambda scores: (not scores.support, scores.f1, scores.label))
    rows = []
    for scores in ordered:
        shares = (scores.recall, scores.precision, scores.f1)
        rows.append((scores.label, *(Share(s) if scores.support else "\u2013" for s in shares), scores.support))
    headers, caption = ("Class", "Recall", "Precision", "F1", "Test clips"), "Classes, lowest F1 first"
    if len(rows) <= MAX_MATRIX:
        return table(caption, headers, rows)
    return folded(plural(len(rows), "class", "classes"), caption, headers, rows, _MAX_ROWS)


def _settings(metrics: Mapping[str, Any]) -> str:
    data = metrics["dataset"]
    dataset = {key: data[key] for key in ("uri", "fingerprint", "protocol")}
    dataset |= {f"{split} clips": count for split, count in data["num_clips"].items()}
    dataset |= {f"{split} groups": some(list(groups), 30) for split, groups in data["groups"].items()}
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
