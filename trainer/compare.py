"""Finished runs side by side: `python -m trainer.compare RUN [RUN...]`, see `--help`."""

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK, OutputError, UsageError, UserError
from pipelines.process.callable_module import make_callable
from pipelines.reports.text import visible
from trainer.evaluation.compared_runs import Comparison
from trainer.evaluation.comparison import COLUMNS, best_of
from trainer.evaluation.finished_runs import Run
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


def print_comparison(runs: Sequence[Run], flags: Sequence[str], sentences: Sequence[str]) -> None:
    """Prints the table with one run per row, or one per column where only that fits the terminal."""
    console = Console(highlight=False)
    noted = any(flags)
    rows = [["Run", *(column.name for column in COLUMNS), *(["Flag"] if noted else [])]]
    best = [best_of(column, runs, flags) for column in COLUMNS]
    for i, run in enumerate(runs):
        cells = [column.write(run) + (" *" if i in b else "") for column, b in zip(COLUMNS, best, strict=True)]
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
    found = Comparison.of(options["runs"])
    runs, flags, sentences = found.runs, found.flags, found.sentences
    if page:
        _write("--html", page, found.page(os.path.abspath(page)))
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
make_callable(__name__, lambda: import_module("trainer.interface").compare)  # `trainer.compare(...)`
