"""The report of a cross-validation whose clips may have several labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.interval import Interval
from pipelines.reports.intervals import interval_table
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import STACKED, Link, Measure, folded, soft
from pipelines.reports.text import plural, some
from trainer.evaluation.crossval_report import EVERY_FOLD, Fold, subtitle
from trainer.evaluation.multilabel.metrics import LabelEvaluation
from trainer.evaluation.multilabel.parts import classes, notes, scores, tiles
from trainer.evaluation.report_parts import settings

_MAX_GROUPS = 6
_MAX_ROWS = 1000


def render_multilabel_crossval(summary: Mapping[str, Any], folds: Sequence[Fold], title: str) -> str:
    """The page for a cross-validation.

    Args:
        summary: what crossval.json holds.
        folds: the runs, in order.
        title: what it is called.
    """
    test = LabelEvaluation.from_json(summary["pooled"])
    # The first fold's sides say nothing about all folds.
    dataset = {key: value for key, value in summary["dataset"].items() if key not in ("num_clips", "groups")}
    metrics = {**summary, "test": summary["pooled"], "dataset": dataset}
    sections = {
        "Scores": scores(metrics, test),
        "Folds": _folds(summary, test, folds),
        "Classes": classes(test),
        "Settings": settings(metrics),
    }
    top = f'<dl class="tiles">{tiles(metrics, test)}</dl>{notes(metrics, test)}'
    made_from = "Made from crossval.json and metrics.json of each fold."
    return render_page(title, subtitle(summary, test), top, sections, made_from, styles=(asset("training.css"),))


def _folds(summary: Mapping[str, Any], test: LabelEvaluation, folds: Sequence[Fold]) -> str:
    """The mAP of each fold beside that of all clips together, and what each fold tested."""
    mean = Interval.from_json(summary["mean"])
    bars = [("All clips together", test.mean_ap, "s0", ""), ("Mean of the folds", mean, "s2", "")]
    rows = []
    for fold in folds:
        found = LabelEvaluation.from_json(fold.metrics["test"])
        training, groups = fold.metrics["training"], list(fold.metrics["dataset"]["groups"]["test"])
        mean_ap = found.mean_ap if found.num_groups > 1 else Interval(*(found.mean_ap.value,) * 3)
        bars.append((fold.name, mean_ap, "s5", fold.link))
        cells = (f"{mean_ap.value:.1%}", f"{found.macro_f1.value:.1%}", f"{found.exact_match.value:.1%}")
        name, clips = Link(fold.name, fold.link), found.num_clips
        rows.append((name, some(groups, _MAX_GROUPS), clips, *map(Measure, cells), training["best_epoch"]))
    intro = (
        f"{EVERY_FOLD} All clips together are ranked by the probabilities of all folds, each at its own temperature; "
        "labels are decided by the thresholds of each fold. A fold's mAP is over the classes that its clips have."
    )
    drawn = interval_table("mAP of each fold", [bar[:3] for bar in bars], [link for *_, link in bars])
    headers = ("Fold", "Groups in test", "Clips", "mAP", "Macro-F1", "Exact match", "Kept epoch")
    listed = folded(plural(len(rows), "run"), "What each fold tested", headers, rows, _MAX_ROWS, kind=STACKED)
    return f"{soft(intro)}{drawn}{listed}"
