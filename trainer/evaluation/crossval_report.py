"""The report of a cross-validation: all folds together, and each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.core.interval import Interval
from pipelines.reports.intervals import interval_table
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import STACKED, Link, Measure, folded, soft, table
from pipelines.reports.text import human_seconds, plural, some
from trainer.evaluation.matching.by_video import unit_of
from trainer.evaluation.metrics import Evaluation
from trainer.evaluation.multilabel.metrics import LabelEvaluation
from trainer.evaluation.report_parts import classes, confusion, notes, scores, settings, tiles
from trainer.evaluation.streams.work import named_network

EVERY_FOLD = (
    "Every fold is a network of its own, tested on groups that it wasn't trained on; a name leads to its report."
)
_MAX_GROUPS = 6
_MAX_ROWS = 1000


@dataclass(frozen=True)
class Fold:
    """One of the runs: `name` says which fold and seed, `link` leads to its report, `metrics` is its metrics.json."""

    name: str
    link: str
    metrics: Mapping[str, Any]


def render_crossval(summary: Mapping[str, Any], folds: Sequence[Fold], title: str) -> str:
    """The page for a cross-validation.

    Args:
        summary: what crossval.json holds.
        folds: the runs, in order.
        title: what it is called.
    """
    test, unit = Evaluation.from_json(summary["pooled"]), unit_of(summary)
    # The first fold's sides say nothing about all folds.
    dataset = {key: value for key, value in summary["dataset"].items() if key not in ("num_clips", "groups")}
    majority = {**summary["baselines"]["majority"], "label": "the most frequent class of each fold"}
    baselines = {**summary["baselines"], "majority": majority}
    metrics = {**summary, "test": summary["pooled"], "dataset": dataset, "baselines": baselines}
    if clips := summary.get("pooled_by_clip"):
        metrics["test_by_clip"] = clips
    sections = {
        "Scores": scores(metrics, test),
        "Folds": _folds(summary, test, folds),
        "Confusion": confusion(test, unit[1]),
        "Classes": classes(test, unit[1]),
        "Confused pairs": _confused(test, unit),
        "Settings": settings(metrics),
    }
    top = f'<dl class="tiles">{tiles(metrics, test)}</dl>{notes(metrics, test)}'
    made_from = "Made from crossval.json and metrics.json of each fold."
    return render_page(title, subtitle(summary, test), top, sections, made_from, styles=(asset("training.css"),))


def subtitle(summary: Mapping[str, Any], test: Evaluation | LabelEvaluation) -> str:
    """What was trained on what, in a line."""
    model, data, training = (summary[key] for key in ("model", "dataset", "training"))
    seeds = f", with {plural(len(summary['seeds']), 'seed')}" if len(summary["seeds"]) > 1 else ""
    return (
        f"{named_network(model)} on {data['uri']}, {plural(summary['folds'], 'fold')} of groups{seeds}: "
        f"{plural(test.num_clips, 'test')} of {unit_of(summary)[1]} of "
        f"{plural(len(data['labels']), 'class', 'classes')} in "
        f"{plural(test.num_groups, 'group')}. Training took {human_seconds(training['seconds'])} in all."
    )


def _folds(summary: Mapping[str, Any], test: Evaluation, folds: Sequence[Fold]) -> str:
    """The accuracy of each fold beside that of all clips together, and what each fold tested."""
    mean, (unit, units) = Interval.from_json(summary["mean"]), unit_of(summary)
    bars = [(f"All {units} together", test.top1, "s0", ""), ("Mean of the folds", mean, "s2", "")]
    rows = []
    for fold in folds:
        found = Evaluation.from_json(fold.metrics["test"])
        training, groups = fold.metrics["training"], list(fold.metrics["dataset"]["groups"]["test"])
        top1 = found.top1 if found.num_groups > 1 else Interval(*(found.top1.value,) * 3)
        bars.append((fold.name, top1, "s5", fold.link))
        rows.append(
            (
                Link(fold.name, fold.link), some(groups, _MAX_GROUPS), found.num_clips, Measure(f"{top1.value:.1%}"),
                Measure(f"{found.macro_f1.value:.1%}"), training["epochs"], training["best_epoch"],
            )
        )  # fmt: skip
    alone = sum(len(fold.metrics["dataset"]["groups"]["test"]) == 1 for fold in folds)
    intro = (
        f"{EVERY_FOLD} All {units} together count each {unit} alike, the mean of the folds each fold. Where folds "
        "differ much, the result depends on the people and places in test."
    )
    if alone:
        intro += f" {plural(alone, 'fold')} tested a single group: that has no interval."
    drawn = interval_table("Top-1 accuracy of each fold", [bar[:3] for bar in bars], [link for *_, link in bars])
    headers = ("Fold", "Groups in test", units.capitalize(), "Top-1", "Macro-F1", "Epochs", "Kept epoch")
    listed = folded(plural(len(rows), "run"), "What each fold tested", headers, rows, _MAX_ROWS, kind=STACKED)
    return f"{soft(intro)}{drawn}{listed}"


def _confused(test: Evaluation, unit: tuple[str, str]) -> str:
    """The pairs of classes that are mistaken for one another, most frequent first."""
    if not test.confused:
        return soft(f"None: every test {unit[0]} is classified correctly.")
    support = {item.label: item.support for item in test.per_class}
    rows = [
        (pair.truth, pair.predicted, pair.count, Measure(f"{pair.count / support[pair.truth]:.1%}"))
        for pair in test.confused
    ]
    headers = ("Truth", "Prediction", unit[1].capitalize(), "Share of the class")
    intro = soft("Film strips of the errors are in the reports of the folds.")
    return intro + table("Classes that are mistaken for one another", headers, rows, kind=STACKED)
