"""The report of a training run whose clips may have several labels: one self-contained page without scripts."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.reports.page import asset, render_page
from trainer.evaluation.multilabel.metrics import LabelEvaluation
from trainer.evaluation.multilabel.parts import classes, notes, scores, tiles
from trainer.evaluation.report import curves, subtitle
from trainer.evaluation.report_parts import settings


def render_multilabel_report(
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, float]],
    title: str,
) -> str:
    """The page for a run.

    Args:
        metrics: what metrics.json holds.
        history: the rows of history.csv; what wasn't measured is missing or NaN.
        title: what the run is called.
    """
    test = LabelEvaluation.from_json(metrics["test"])
    sections = {
        "Scores": scores(metrics, test),
        "Classes": classes(test),
        "Curves": curves(history, metrics),
        "Settings": settings(metrics),
    }
    top = f'<dl class="tiles">{tiles(metrics, test)}</dl>{notes(metrics, test)}'
    made_from = "Made from metrics.json and history.csv."
    return render_page(title, subtitle(metrics, test), top, sections, made_from, styles=(asset("training.css"),))
