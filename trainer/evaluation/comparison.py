"""Runs side by side: which is best, which can't be compared, and the page that shows it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from pipelines.reports.charts import interval_table
from pipelines.reports.embed import framed
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import Best, Measure, table, text
from pipelines.reports.text import human_seconds, plural, short_count
from trainer.evaluation.finished_runs import Run, find_flags, paired_differences, read_runs
from trainer.evaluation.intervals import Interval, is_clearly_worse

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
        if run.single_frame and not is_clearly_worse(run.single_frame, run.test.top1, run.single_frame_worse_by):
            notes.append(f"{run.name}: a single frame may be as good, {run.single_frame}")
        if run.fold_mean:
            notes.append(f"{run.name}: mean top-1 of {plural(run.folds, 'fold')} {run.fold_mean}")
    return notes


def describe_difference(best: Run, other: Run, difference: Interval) -> str:
    """A sentence on two runs with the same test clips."""
    points = f"{100 * difference.value:.1f} points ({100 * difference.low:.1f} to {100 * difference.high:.1f})"
    clips = f"on the same {plural(best.test.num_clips, 'clip')}"
    if difference.low > 0:
        return f"{best.name} is better than {other.name} by {points} {clips}"
    return f"{best.name} and {other.name} differ by {points} {clips}: no clear difference"


def render_comparison(
    runs: Sequence[Run], flags: Sequence[str], notes: Sequence[str], differences: Sequence[tuple[Run, Run, Interval]]
) -> str:
    """The comparison as a self-contained page."""
    best = [best_of(column, runs, flags) for column in COLUMNS]
    rows = [
        (
            run.name,
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
    sections = {
        "Accuracy": interval_table("Top-1 on test with 95% intervals over groups; grey: not comparable", bars),
        "All figures": f'<div class="runs">{table("The best of each column is marked", headers, rows)}</div>',
    }
    if differences:
        sections["Clip by clip"] = "".join(
            f"<p>{text(describe_difference(*difference))}.</p>" for difference in differences
        )
    items = "".join(f"<li>{text(note)}.</li>" for note in notes)
    top = f'<ul class="notes">{items}</ul>' if items else ""
    made_from, style = "Made from metrics.json of each run.", asset("training.css")
    return render_page("Comparison of runs", plural(len(runs), "run"), top, sections, made_from, style=style)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Finished runs side by side. A notebook shows it as a page.

    Attributes:
        runs: the runs, with their scores.
        flags: for each run, why its scores can't be compared with the others; empty if they can.
        notes: what the flags mean, and what else a reader should know.
        differences: the best run, another one with the same test clips, and the difference of their accuracies.
    """

    runs: Sequence[Run]
    flags: Sequence[str]
    notes: Sequence[str]
    differences: Sequence[tuple[Run, Run, Interval]]

    @classmethod
    def of(cls, folders: Sequence[str]) -> Self:
        """Reads and compares the runs in some folders.

        Raises:
            UsageError: a run is missing, unfinished or damaged.
        """
        runs = read_runs(folders)
        flags = find_flags(runs)
        return cls(runs, flags, find_notes(runs, flags), paired_differences(runs))

    @property
    def sentences(self) -> list[str]:
        """The notes and the differences in words."""
        return [*self.notes, *(describe_difference(*difference) for difference in self.differences)]

    def page(self) -> str:
        """The comparison as a self-contained page."""
        return render_comparison(self.runs, self.flags, self.notes, self.differences)

    def _repr_html_(self) -> str:
        return framed(self.page())
