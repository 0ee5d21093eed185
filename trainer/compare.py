"""Finished runs side by side: `python -m trainer.compare RUN [RUN...]`, see `--help`."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK, OutputError, UsageError, UserError
from pipelines.reports.charts import interval_table
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import Best, Measure, table, text
from pipelines.reports.text import human_seconds, plural, short_count, visible
from trainer.evaluation.finished_runs import Run, find_flags, paired_differences, read_runs
from trainer.evaluation.intervals import Interval, is_clearly_worse
from trainer.evaluation.markdown import is_comparison, render_markdown
from trainer.files import storage

_DESCRIPTION = """\
Shows finished training runs side by side: accuracy on test with its interval, baselines, size, speed and time.

  python -m trainer.compare runs/convlstm runs/lrcn
  python -m trainer.compare runs/* --html compare.html
  python -m trainer.compare runs/logo --markdown -        # a table to paste into a Markdown page

A run is the folder that a training run or a cross-validation has written. The best value of a column is marked with *.
Scores of runs that were tested on different clips can't be compared; such runs are flagged and can't be best. Two
runs with the same test clips are also compared clip by clip, which can tell models apart even if their intervals
overlap."""
_EPILOG = "exit codes: 0 done; 2 a run is missing, unfinished or damaged, or a file can't be written."
_FLAGS = {
    "leaky": "clips of one group are in training and in test, so the scores are too good",
    "other dataset": "trained on a different dataset from {first}",
    "other test clips": "the same dataset as {first}, but different clips in test",
}
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class _Column:
    """A column: how a run's cell is written, and the figure that decides which is best (`sign` -1: the smallest)."""

    name: str
    write: Callable[[Run], str]
    rank: Callable[[Run], float | None] = lambda run: None
    sign: int = 1
    is_score: bool = False


_COLUMNS = (
    _Column("Model", lambda run: run.model),
    _Column("Top-1", lambda run: str(run.test.top1), lambda run: run.test.top1.value, is_score=True),
    _Column("Macro-F1", lambda run: f"{run.test.macro_f1.value:.1%}", lambda r: r.test.macro_f1.value, is_score=True),
    _Column("ECE", lambda run: f"{run.test.ece:.1%}", lambda run: run.test.ece, -1, is_score=True),
    _Column("Single frame", lambda run: f"{run.single_frame.value:.1%}" if run.single_frame else "-"),
    _Column("Majority", lambda run: f"{run.majority.value:.1%}"),
    _Column("Parameters", lambda run: short_count(run.parameters), lambda run: run.parameters, -1),
    _Column("Clips/s", lambda run: f"{run.clips_per_s:,.0f}" if run.clips_per_s else "-", lambda run: run.clips_per_s),
    _Column("Size", lambda run: f"{run.size_bytes / _MEGABYTE:,.1f} MB", lambda run: run.size_bytes, -1),
    _Column("Training", lambda run: human_seconds(run.seconds), lambda run: run.seconds, -1),
)


def best_of(column: _Column, runs: Sequence[Run], flags: Sequence[str]) -> set[int]:
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


def print_comparison(runs: Sequence[Run], flags: Sequence[str], sentences: Sequence[str]) -> None:
    """Prints the table with one run per row, or one per column where only that fits the terminal."""
    console = Console(highlight=False)
    noted = any(flags)
    rows = [["Run", *(column.name for column in _COLUMNS), *(["Flag"] if noted else [])]]
    best = [best_of(column, runs, flags) for column in _COLUMNS]
    for i, run in enumerate(runs):
        cells = [column.write(run) + (" *" if i in b else "") for column, b in zip(_COLUMNS, best, strict=True)]
        rows.append([run.name, *cells, *([flags[i]] if noted else [])])
    unlimited = console.options.update(width=sys.maxsize)
    wide, tall = (
        (grid, console.measure(grid, options=unlimited).maximum)
        for grid in (_grid(rows, 2), _grid(list(zip(*rows, strict=True)), 1))
    )
    use_tall = console.is_terminal and tall[1] <= console.width < wide[1]
    grid, width = tall if use_tall else wide
    console.width = max(console.width, width)  # a table that fits in neither way is wrapped by the terminal, not cut
    console.print(grid)
    for sentence in sentences:
        console.print(Text(visible(sentence)), soft_wrap=True)


def _grid(rows: Sequence[Sequence[str]], num_left: int) -> Table:
    grid = Table(header_style="bold")
    for i, header in enumerate(rows[0]):
        grid.add_column(Text(visible(header)), justify="left" if i < num_left else "right", no_wrap=True)
    for row in rows[1:]:
        grid.add_row(*(Text(visible(cell), "bold green" if cell.endswith(" *") else "") for cell in row))
    return grid


def render_comparison(
    runs: Sequence[Run], flags: Sequence[str], notes: Sequence[str], differences: Sequence[tuple[Run, Run, Interval]]
) -> str:
    """The comparison as a self-contained page."""
    best = [best_of(column, runs, flags) for column in _COLUMNS]
    rows = [
        (
            run.name,
            flags[i] or "\u2013",
            run.model,
            *(
                (Best if i in marked else Measure)(column.write(run))
                for column, marked in zip(_COLUMNS[1:], best[1:], strict=True)
            ),
        )
        for i, run in enumerate(runs)
    ]
    headers = ("Run", "Flag", *(column.name for column in _COLUMNS))
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


def make_parser() -> Parser:
    """The parser."""
    parser = Parser("trainer.compare", _DESCRIPTION, _EPILOG)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folder of a finished run or of a cross-validation")
    parser.add_argument("--html", metavar="FILE", help="also write the comparison to this HTML page (default: none)")
    parser.add_argument("--markdown", metavar="FILE|-", help="also write what was trained how, and its accuracy, as a "
                        "Markdown table to this file; - prints that table alone (default: none)")  # fmt: skip
    return parser


def run(arguments: Sequence[str]) -> int:
    """Compares runs, prints what was found and returns the exit code.

    Raises:
        UsageError: a run is missing, unfinished or damaged, or a file can't be written.
    """
    options = make_parser().parse_own(arguments)
    page, markdown = options.get("html", ""), options.get("markdown", "")
    alone = markdown == "-"
    if markdown and not alone:
        _check_replaceable(markdown)
    runs = read_runs(options["runs"])
    flags = find_flags(runs)
    notes, differences = find_notes(runs, flags), paired_differences(runs)
    sentences = [*notes, *(describe_difference(*difference) for difference in differences)]
    if page:
        _write("--html", page, render_comparison(runs, flags, notes, differences))
    if markdown and not alone:
        _write("--markdown", markdown, render_markdown(runs, sentences))
    if alone:
        print(render_markdown(runs, sentences), end="")
    else:
        print_comparison(runs, flags, sentences)
    for name, file in (("Page", page), ("Markdown", "" if alone else markdown)):
        if file:  # beside the table alone nothing else goes to stdout: it is perhaps redirected to a file
            print(f"{name}: {visible(file)}", file=sys.stderr if alone else sys.stdout)
    return EXIT_OK


def _check_replaceable(file: str) -> None:
    """Refuses to replace a page that somebody wrote, into which the table is perhaps meant to be pasted."""
    path = os.path.abspath(file)
    if not os.path.isfile(path):
        return
    try:
        data = storage.read_bytes(path)
    except UserError as error:
        raise UsageError(f"--markdown: {error}") from error
    if data and not is_comparison(data.decode("utf-8", "replace")):
        raise UsageError(
            f"--markdown {file} exists and isn't a table that this command wrote. Choose another file, or - to print "
            "the table and paste it there"
        )


def _write(flag: str, file: str, content: str) -> None:
    try:
        storage.write_text(os.path.abspath(file), content)
    except OutputError as error:
        raise UsageError(f"{error}, with another {flag}") from error


def main() -> int:
    """Entry point of the command line."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for names that the encoding of the output lacks
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
