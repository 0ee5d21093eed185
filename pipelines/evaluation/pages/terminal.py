"""The table of an evaluation on a terminal, or in a log."""

from typing import IO

from rich.table import Table

from pipelines.core.interval import Interval
from pipelines.evaluation.measuring import AT_HALF, AVERAGE, OF_SEGMENTATIONS
from pipelines.evaluation.pages.report import over, subtitle
from pipelines.evaluation.results import Evaluation
from pipelines.reports.console import name_cell, open_console, print_facts
from pipelines.reports.text import visible

_MAX_CLASSES, _MAX_PROBLEMS = 40, 20
_SHOWN = (AT_HALF, "mAP@0.75", "mAP@0.95", AVERAGE, "precision@0.5", "recall@0.5", *OF_SEGMENTATIONS)


def print_evaluation(result: Evaluation, file: IO[str] | None = None) -> None:
    """Prints the measures, the classes and what a person should know; to standard output if `file` is None."""
    console = open_console(file)
    print_facts(console, [("measured", visible(subtitle(result)), "")])
    measures = Table("measure", "value", f"95% interval over {over(result)}")
    for name in _SHOWN:
        found = result.measures[name]
        measures.add_row(name, _value(found), found.limits if found else "not defined")
    console.print(measures)
    classes = Table("class", "AP@0.5", "AP@0.5:0.95", "precision", "recall", "events", "detections")
    for each in result.classes[:_MAX_CLASSES]:
        shares = (_percent(share) for share in (each.precision, each.recall))
        counts = (f"{each.truth:,}", f"{each.found:,}")
        classes.add_row(name_cell(each.label, console), _value(each.ap_at_half), _value(each.ap), *shares, *counts)
    console.print(classes)
    if len(result.classes) > _MAX_CLASSES:
        print_facts(console, [("", f"and {len(result.classes) - _MAX_CLASSES:,} more classes", "")])
    loud = [("WARNING", visible(note), "bold red") for note in result.notes[: result.num_loud]]
    print_facts(console, [*loud, *(("note", visible(note), "") for note in result.notes[result.num_loud :])])
    print_facts(console, [("problem", visible(problem), "") for problem in result.problems[:_MAX_PROBLEMS]])
    if (rest := result.counts["problems"] - _MAX_PROBLEMS) > 0:
        print_facts(console, [("problem", f"and {rest:,} more events", "")])


def _value(found: Interval | None) -> str:
    return _percent(found.value if found else None)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
