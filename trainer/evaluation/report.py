"""The report of a training run: how good the model is, whether that can be trusted, and what it confuses.

The page is one self-contained file without scripts. Every name in it comes from outside and is escaped by `text`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.spec import STRIP_FRAMES
from pipelines.reports.charts import line_chart
from pipelines.reports.film import film, how_to_play
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import text
from pipelines.reports.text import human_seconds, plural
from trainer.evaluation import meanings
from trainer.evaluation.matching.by_video import unit_of
from trainer.evaluation.metrics import Evaluation
from trainer.evaluation.multilabel.metrics import LabelEvaluation
from trainer.evaluation.report_parts import classes, confusion, notes, scores, settings, tiles
from trainer.evaluation.results import LAST_KEPT
from trainer.evaluation.streams.report import with_streams
from trainer.evaluation.streams.work import named_network

_SPLIT_BY = {"groups": "split by whole groups", "random": "random split"}


def render_report(
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, float]],
    strips: Mapping[str, str],
    title: str,
    num_frames: int = STRIP_FRAMES,
) -> str:
    """The page for a run.

    Args:
        metrics: what metrics.json holds.
        history: the rows of history.csv; what wasn't measured is missing or NaN.
        strips: video id to its film strip, a JPEG in base64. Videos without one are named anyway.
        title: what the run is called.
        num_frames: of a clip.
    """
    test, unit = Evaluation.from_json(metrics["test"]), unit_of(metrics)
    sections = {
        "Scores": scores(metrics, test),
        "Curves": curves(history, metrics),
        "Confusion": confusion(test, unit[1]),
        "Classes": classes(test, unit[1]),
        "Confused pairs": _confused(test, strips, num_frames, unit),
        "Settings": settings(metrics),
    }
    top = f'<dl class="tiles">{tiles(metrics, test)}</dl>{notes(metrics, test)}'
    made_from, styles = "Made from metrics.json and history.csv.", (asset("training.css"),)
    sections = with_streams(sections, metrics)
    return render_page(title, subtitle(metrics, test), top, sections, made_from, styles=styles)


def subtitle(metrics: Mapping[str, Any], test: Evaluation | LabelEvaluation) -> str:
    """What was trained on what, in a line."""
    model, data, training = (metrics[key] for key in ("model", "dataset", "training"))
    stopped = "stopped early" if training["stopped"] == "early" else "finished"
    kept = "weights of the last epoch" if training.get("kept") == LAST_KEPT else f"best epoch {training['best_epoch']}"
    split = _SPLIT_BY.get(data["protocol"], data["protocol"])
    if data["leaky"] and data["protocol"] == "groups":
        split = "the dataset's own splits"
    return (
        f"{named_network(model)} on {data['uri']}, {split}: "
        f"{plural(test.num_clips, *(f'test {noun}' for noun in unit_of(metrics)))} of "
        f"{plural(len(data['labels']), 'class', 'classes')} in "
        f"{plural(test.num_groups, 'group')}. {plural(training['epochs'], 'epoch')} in "
        f"{human_seconds(training['seconds'])}, {stopped}, {kept}."
    )


def curves(history: Sequence[Mapping[str, float]], metrics: Mapping[str, Any]) -> str:
    """Loss, accuracy and learning rate over the epochs."""

    def points(column: str) -> list[tuple[float, float]]:
        return [(row["epoch"], row[column]) for row in history if column in row]

    def general(value: float) -> str:
        return f"{value:.3g}"

    configuration, training = metrics["configuration"], metrics["training"]
    mark = training["best_epoch"], "kept" if training.get("kept") == LAST_KEPT else "best"
    num_classes = len(metrics["dataset"]["labels"])
    smoothing = float(configuration.get("label_smoothing") or 0)
    loss = {"train": points("train_loss"), "val": points("val_loss")}
    several = bool(metrics.get("multi_label"))
    if smoothing and not several:
        # Weights of classes, which are 1 on average over the clips, don't change this difference.
        floor = meanings.smoothing_floor(smoothing, num_classes)
        without = [(epoch, max(value - floor, 0.0)) for epoch, value in loss["train"]]
        loss = {"train, with smoothing": loss["train"], "val": loss["val"], "train, without smoothing": without}
    accuracy = {"train": points("train_accuracy"), "val": points("val_accuracy")}
    says_of_loss = meanings.SEVERAL_LOSS if several else meanings.loss(configuration, num_classes)
    says_of_accuracy = meanings.SEVERAL_ACCURACY if several else meanings.ACCURACY
    charts = (
        line_chart("Loss", loss, general, mark, says=says_of_loss),
        line_chart("Accuracy", accuracy, "{:.0%}".format, mark, top=1.0, says=says_of_accuracy),
        line_chart(
            "Learning rate",
            {"learning rate": points("learning_rate")},
            general,
            mark,
            says=meanings.LEARNING_RATE,
        ),
    )
    return f'<div class="charts">{"".join(charts)}</div>'


def _confused(test: Evaluation, strips: Mapping[str, str], num_frames: int, unit: tuple[str, str]) -> str:
    """A card for each pair of classes that is mistaken for one another, most frequent first."""
    support = {scores.label: scores.support for scores in test.per_class}
    cards = []
    for number, pair in enumerate(test.confused):
        figures = "".join(
            _figure(video_id, strips.get(video_id, ""), f"strip-{number}-{place}", num_frames)
            for place, video_id in enumerate(pair.video_ids)
        )
        share = f"{pair.count / support[pair.truth]:.1%}"
        cards.append(
            f'<article class="class panel"><header><h3>{text(pair.truth)} \u2192 {text(pair.predicted)}</h3>'
            f'<span class="soft">{plural(pair.count, *unit)}, {share} of {text(pair.truth)}</span></header>'
            f'<div class="strips">{figures}</div></article>'
        )
    intro = (
        '<p class="soft">Truth \u2192 prediction, with the errors that the model was most sure of.</p>' + how_to_play()
    )
    if cards:
        return f'{intro}<div class="pairs">{"".join(cards)}</div>'
    but = ", but all are of one class" if sum(scores.support > 0 for scores in test.per_class) == 1 else ""
    return f'<p class="soft">None: every test {unit[0]} is classified correctly{but}.</p>'


def _figure(video_id: str, strip: str, name: str, num_frames: int) -> str:
    return f"<figure>{film(strip, video_id, name, num_frames)}<figcaption><b>{text(video_id)}</b></figcaption></figure>"
