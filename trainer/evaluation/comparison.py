"""Runs side by side: the figures of each, which of them are best, and what a reader should know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.core.interval import Interval
from pipelines.reports.text import human_seconds, plural, short_count, some
from trainer.evaluation.finished_runs import Run
from trainer.evaluation.intervals import is_clearly_worse
from trainer.evaluation.matching.runs import common_clips, same_test
from trainer.evaluation.results import PREDICTIONS

_FLAGS = {
    "leaky": "clips of one group are in training and in test, so the scores are too good",
    "other dataset": "trained on a different dataset from {first}",
    "other test clips": "the same dataset as {first}, but different clips in test",
}
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Column:
    """A column: how a run's cell is written, and the figure that decides which is best (`sign` -1: the smallest)."""

    name: str
    write: Callable[[Run], str]
    rank: Callable[[Run], float | None] = lambda run: None
    sign: int = 1
    is_score: bool = False


COLUMNS = (
    Column("Model", lambda run: run.model),
    Column("Top-1", lambda run: str(run.test.top1), lambda run: run.test.top1.value, is_score=True),
    Column("Macro-F1", lambda run: f"{run.test.macro_f1.value:.1%}", lambda r: r.test.macro_f1.value, is_score=True),
    Column("ECE", lambda run: f"{run.test.ece:.1%}", lambda run: run.test.ece, -1, is_score=True),
    Column("Single frame", lambda run: f"{run.single_frame.value:.1%}" if run.single_frame else "-"),
    Column("Majority", lambda run: f"{run.majority.value:.1%}"),
    Column("Parameters", lambda run: short_count(run.parameters), lambda run: run.parameters, -1),
    Column("Clips/s", lambda run: f"{run.clips_per_s:,.0f}" if run.clips_per_s else "-", lambda run: run.clips_per_s),
    Column("Size", lambda run: f"{run.size_bytes / _MEGABYTE:,.1f} MB", lambda run: run.size_bytes, -1),
    Column("Training", lambda run: human_seconds(run.seconds), lambda run: run.seconds, -1),
)


def best_of(column: Column, runs: Sequence[Run], flags: Sequence[str]) -> set[int]:
    """Positions of the runs that are best in a column; none where fewer than two compete or all are equal."""
    ranks = {
        i: column.sign * rank
        for i, (run, flag) in enumerate(zip(runs, flags, strict=True))
        if (rank := column.rank(run)) is not None and not (flag and column.is_score)
    }
    if len(set(ranks.values())) < 2:
        return set()
    return {i for i, rank in ranks.items() if rank == max(ranks.values())}


def find_notes(runs: Sequence[Run], flags: Sequence[str]) -> list[str]:
    """What the flags in the table mean, and what else a reader should know."""
    first = next((run.name for run, flag in zip(runs, flags, strict=True) if not flag), runs[0].name)
    notes = []
    for flag, meaning in _FLAGS.items():
        if names := [run.name for run, other in zip(runs, flags, strict=True) if other == flag]:
            notes.append(f"{flag} ({', '.join(names)}): {meaning.format(first=first)}")
    for run in runs:
        if run.started_leaky:
            notes.append(f"{run.name}: training started from a model that had learnt from groups of test")
        if run.single_frame and not is_clearly_worse(run.single_frame, run.test.top1, run.single_frame_worse_by):
            notes.append(f"{run.name}: a single frame may be as good, {run.single_frame}")
        if run.work:
            notes.append(f"{run.name}: {run.work.sentence}")
        if run.fold_mean:
            notes.append(f"{run.name}: mean top-1 of {plural(run.folds, 'fold')} {run.fold_mean}")
        if not run.predictions and len(runs) > 1:
            notes.append(f"{run.name}: its {PREDICTIONS} is missing, so that it can't be compared clip by clip")
    return notes


def describe_difference(best: Run, other: Run, difference: Interval) -> str:
    """A sentence on two runs, which says on which clips they are compared."""
    points = f"{100 * difference.value:.1f} points ({100 * difference.low:.1f} to {100 * difference.high:.1f})"
    clips = f"on {_compared_on(best, other)}"
    if difference.low > 0:
        return f"{best.name} is better than {other.name} by {points} {clips}"
    return f"{best.name} and {other.name} differ by {points} {clips}: no clear difference"


def _compared_on(a: Run, b: Run) -> str:
    common = common_clips(a, b)
    if same_test(a, b) or not common:
        return f"the same {plural(a.test.num_clips, *a.unit)}"
    of_runs = f"of {a.test.num_clips:,} of {a.name} and {b.test.num_clips:,} of {b.name}"
    said = f"the {plural(common.num_clips, *a.unit)} that both have in test ({of_runs})"
    if common.relabelled:
        said += f", without {common.relabelled:,} whose class or group differs"
    for run, other in ((a, b), (b, a)):
        if only := [label for label in run.labels if label not in other.labels]:
            said += f", where only {run.name} knows {some(only)}"
    return said
