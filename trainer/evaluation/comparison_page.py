"""The comparison of runs as a page: scores, curves on top of each other, differences class by class."""

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from pipelines.core.errors import UsageError, UserError
from pipelines.core.interval import Interval
from pipelines.core.relative import relative_to
from pipelines.reports.charts import MAX_CURVES, line_chart
from pipelines.reports.intervals import difference_table, interval_table
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import STACKED, Best, Link, Measure, soft, table, text
from pipelines.reports.text import plural, some
from trainer.evaluation import meanings
from trainer.evaluation.class_differences import ClassDifference, class_differences
from trainer.evaluation.comparison import COLUMNS, best_of, describe_difference
from trainer.evaluation.finished_runs import Run
from trainer.evaluation.matching.runs import common_clips
from trainer.evaluation.results import HISTORY, REPORT
from trainer.files import storage

MAX_ROWS = 200
"""Most classes in a table of differences, those that differ most."""
_CURVES = {
    "val_accuracy": ("Accuracy on val", "{:.0%}", 1.0),
    "val_loss": ("Loss on val", "{:.3g}", 0.0),
    "train_accuracy": ("Accuracy on train", "{:.0%}", 1.0),
    "train_loss": ("Loss on train", "{:.3g}", 0.0),
}

History = Sequence[Mapping[str, float]]


def render_comparison(
    runs: Sequence[Run],
    flags: Sequence[str],
    notes: Sequence[str],
    differences: Sequence[tuple[Run, Run, Interval]],
    file: str,
) -> str:
    """The comparison as a self-contained page.

    Args:
        runs: the runs.
        flags: for each, why its scores can't be compared with the others; empty if they can.
        notes: what a reader should know.
        differences: the better of two runs with test clips in common, the other one, and the difference of their
            accuracies.
        file: where the page will be: an absolute path, for links to the runs.

    Raises:
        UsageError: the history of a run is damaged.
    """
    links = [_report_of(run, file) for run in runs]
    best = [best_of(column, runs, flags) for column in COLUMNS]
    rows = [
        (
            Link(run.name, links[i]),
            flags[i] or "\u2013",
            run.model,
            *(
                (Best if i in marked else Measure)(column.write(run))
                for column, marked in zip(COLUMNS[1:], best[1:], strict=True)
            ),
        )
        for i, run in enumerate(runs)
    ]
    headers = ("Run", "Flag", *(column.name for column in COLUMNS))
    bars = [(run.name, run.test.top1, "s5" if flag else "s0") for run, flag in zip(runs, flags, strict=True)]
    accuracy = interval_table("Top-1 on test with 95% intervals over groups; grey: not comparable", bars, links)
    sections = {
        "Accuracy": soft(f"A name leads to the report of the run. {meanings.RANGES}") + accuracy,
        "All figures": table("The best of each column is marked", headers, rows, kind=STACKED),
        "Curves": _curves(runs),
    }
    if differences:
        sections["Clip by clip"] = "".join(f"<p>{text(describe_difference(*found))}.</p>" for found in differences)
        sections["Class by class"] = "".join(_classes(best, other) for best, other, _ in differences)
    items = "".join(f"<li>{text(note)}.</li>" for note in notes)
    top = f'<ul class="notes">{items}</ul>' if items else ""
    made_from = "Made from metrics.json, history.csv and predictions.jsonl of each run."
    return render_page(
        "Comparison of runs", plural(len(runs), "run"), top, sections, made_from, styles=(asset("training.css"),)
    )


def _report_of(run: Run, file: str) -> str:
    """The address of a run's report, or else of its folder; empty for one in a store, which browsers can't open."""
    if not storage.is_local(run.folder):
        return ""
    report = storage.join(run.folder, REPORT)
    place = relative_to(os.path.abspath(report if storage.exists(report) else run.folder), os.path.dirname(file))
    return quote(os.fsencode(place))


def _curves(runs: Sequence[Run]) -> str:
    """The courses of all runs on top of each other."""
    alone = {run.name: run for run in runs if not run.folds}
    shown = {name: read_history(run.folder) for name, run in list(alone.items())[:MAX_CURVES]}
    said = ["One curve for each run, by epoch."]
    if folded := [run.name for run in runs if run.folds]:
        said.append(f"A cross-validation has a curve for each fold, in the reports of its folds: {some(folded)}.")
    if len(alone) > MAX_CURVES:
        said.append(f"The first {MAX_CURVES} runs are shown, more couldn't be told apart.")
    if missing := [name for name, history in shown.items() if not history]:
        said.append(f"Without a {HISTORY}: {some(missing)}.")
    said.append("The loss on train may be with label smoothing, and is then not comparable with that on val.")
    if not any(shown.values()):
        return soft(" ".join(said[1:-1]) or "Not recorded.")
    charts = "".join(
        line_chart(title, {name: _points(history, column) for name, history in shown.items()}, write.format, top=top)
        for column, (title, write, top) in _CURVES.items()
    )
    return f'{soft(" ".join(said))}<div class="charts two">{charts}</div>'


def _points(history: History, column: str) -> list[tuple[float, float]]:
    return [(row["epoch"], row[column]) for row in history if column in row]


def read_history(folder: str) -> History:
    """The rows of a run's history; empty without one.

    Raises:
        UsageError: it is damaged or can't be read.
    """
    file = storage.join(folder, HISTORY)
    if not storage.exists(file):
        return ()
    try:
        rows = list(csv.DictReader(io.StringIO(storage.read_text(file))))
        history = [{name: float(value) for name, value in row.items() if value} for row in rows]
        if not all(math.isfinite(row["epoch"]) for row in history):
            raise ValueError("an epoch is not a number")
    except UserError as error:
        raise UsageError(str(error)) from error
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise UsageError(f"{file} is damaged: {error!r}. Remove it to compare without its curves") from error
    return history


def _classes(best: Run, other: Run) -> str:
    """The differences between two runs, class by class, the greatest in favour of the first run first."""
    common = common_clips(best, other)
    assert common
    found = class_differences(common.first, common.second, common.labels)
    found.sort(key=lambda item: (-item.difference.value, item.label))
    clear = sum(item.difference.low > 0 or item.difference.high < 0 for item in found)
    by_chance = round(len(found) * 0.05)
    expected = f" (by chance alone, about {by_chance:,} would)" if by_chance else ""
    intro = (
        f"Recall of {best.name} minus that of {other.name}, in points, with 95% intervals over groups: right of the "
        f"line at 0, {best.name} is better. {clear:,} of {plural(len(found), 'class', 'classes')} differ clearly, in "
        f"colour{expected}. Those of a single group have no useful interval."
    )
    left_out = ""
    if len(found) > MAX_ROWS:
        half = MAX_ROWS // 2
        left_out = f'<p class="more">{len(found) - MAX_ROWS:,} classes that differ less are not shown here.</p>'
        found = [*found[:half], *found[-half:]]
    rows = [(item.label, item.difference, _color(item)) for item in found]
    beside = [f"{item.first:.0%} and {item.second:.0%} of {plural(item.support, *best.unit)}" for item in found]
    drawn = difference_table(f"{best.name} minus {other.name}", "Class", rows, beside)
    return f"{soft(intro)}{drawn}{left_out}"


def _color(item: ClassDifference) -> str:
    return "s0" if item.difference.low > 0 else "s4" if item.difference.high < 0 else "s5"
