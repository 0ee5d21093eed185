"""Chooses segments of finished labels for a person to look at: `python -m pipelines.select`, see `--help`."""

import sys
from collections.abc import Sequence

from pipelines import files
from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK, UsageError
from pipelines.files.addresses import check_outside

_DESCRIPTION = """\
Chooses segments of finished labels for a person to look at: those that the model is least certain of, those that are
most unlike its training data, and a spread over videos and classes. Never two of one moment.

  python -m pipelines.select --labels labels/ --budget 50 --output to_review.csv

The output is a table with the columns path, label, start, end, score and reason; docs/loop.md says what to do with
it. Failed and damaged videos are counted, not chosen."""
_EPILOG = """\
exit codes: 0 the table is written; 1 unexpected error; 2 wrong usage, or labels that are incomplete or damaged;
4 incomplete (full disk, lost permission): run the same command again; 130 interrupted, likewise."""


def make_parser() -> Parser:
    """The parser."""
    parser = Parser("pipelines.select", _DESCRIPTION, _EPILOG)
    parser.add_argument("--labels", metavar="FOLDER", required=True, help="labels: a folder that pipelines.label wrote")
    parser.add_argument("--budget", metavar="N", required=True, type=int, help="number of segments to choose")
    parser.add_argument("--output", metavar="FILE", required=True, help="CSV file to write; no other may be there")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Chooses what a command line asks for and returns the exit code.

    Raises:
        UserError: the labels can't be read, or the table can't be written.
    """
    given = make_parser().parse_own(arguments)
    labels, output = (files.normalise(given[name], f"--{name}") for name in ("labels", "output"))
    budget = given["budget"]
    if budget < 1:
        raise UsageError(f"--budget must be at least 1, not {budget}")
    files.check_stores(labels, output)
    check_outside(output, labels=labels)
    from pipelines.reports.text import plural, visible
    from pipelines.selection import job

    selection = job.select(labels, budget)
    paths, are_found = job.paths_from(output, labels, selection)
    job.write_table(output, job.table(selection, paths))
    for line in job.lines_about(selection):
        tool.say(f"note: {line}")
    if not are_found:
        tool.say(
            f"note: {visible(labels)} doesn't say where its videos are, so paths are relative to the folder that was "
            "labelled"
        )
    chosen = selection.chosen
    if len(chosen) < budget:
        tool.say(f"note: there are only {len(chosen):,} moments to choose from, of {budget:,} that were asked for")
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in selection.by_reason.items() if number)
    print(
        f"{plural(len(chosen), 'segment')} of {plural(len(selection.videos), 'video')}, predicted as "
        f"{plural(len(selection.labels), 'class', 'classes')}, in {visible(output)}"
        + (f": {reasons}" if reasons else "")
    )
    return EXIT_OK


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
