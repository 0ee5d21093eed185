"""Makes a manifest of what people corrected: `python -m pipelines.corrections`, see `--help`."""

import argparse
import sys
from collections.abc import Sequence

from pipelines import files
from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK, UsageError

_DESCRIPTION = """\
Makes a manifest of what people corrected in another program.

  python -m pipelines.corrections --from label-studio export.json --labels labels/ --output corrections.csv

With the old manifest, the corrections become part of the next one: rows of corrected videos replace the old rows of the
same time, and a corrected video keeps its group and its split. With the dataset that was made from the old manifest,
each group stays in the split in which it was, and videos of new groups are for training.

  python -m pipelines.corrections --from cvat a.xml b.xml --labels labels/ --manifest old.csv --dataset data/old \\
      --output next.csv"""
_EPILOG = """\
exit codes: 0 the manifest is written; 1 unexpected error; 2 wrong usage, or a file that can't be used; 4 the manifest
can't be written."""


def make_parser() -> Parser:
    """The parser."""
    from pipelines.labelling.corrections import FORMS

    parser = Parser("pipelines.corrections", _DESCRIPTION, _EPILOG)
    parser.add_argument("--from", dest="form", required=True, choices=FORMS, help="form of the files")
    parser.add_argument("files", metavar="FILE", nargs="+", help="file that the other program exported")
    parser.add_argument("--output", metavar="FILE", required=True, help="manifest to write, a CSV file")
    parser.add_argument(
        "--manifest", metavar="FILE", default="", help="old manifest, to which the corrections are added"
    )
    parser.add_argument("--dataset", metavar="FOLDER", default="", help="dataset whose groups stay in their splits")
    parser.add_argument(
        "--labels", metavar="FOLDER", default="",
        help="labels that were exported: tells where the videos are, and what people changed",
    )  # fmt: skip
    parser.add_argument(
        "--selection", metavar="FILE", default="",
        help="table that pipelines.select wrote, if people were shown only its segments: what else the old manifest "
        "knows of their videos stays",
    )  # fmt: skip
    parser.add_argument(
        "--fps", metavar="N", type=_rate, default=0.0,
        help="frames per second of the videos, if the files count frames and don't tell",
    )  # fmt: skip
    return parser


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return value


def run(arguments: Sequence[str]) -> int:
    """Makes the manifest that a command line asks for and returns the exit code.

    Raises:
        UserError: a file can't be read or used, or the manifest can't be written.
    """
    from pipelines.labelling.corrections.making import Corrections, make_manifest
    from pipelines.reports.text import plural, visible

    given = make_parser().parse_own(arguments)
    sources = tuple(files.normalise(name, "FILE") for name in given["files"])
    flags = ("manifest", "dataset", "labels", "selection")
    named = {flag: files.normalise(given[flag], f"--{flag}") for flag in flags if given[flag]}
    output = files.normalise(given["output"], "--output")
    if output in sources:
        raise UsageError(f"--output {output} is one of the files to read. Choose another name")
    files.check_stores(*sources, *named.values(), output)
    made = make_manifest(Corrections(given["form"], sources, output, fps=given["fps"], **named))

    counts = f"{made.changes} (against {made.compared_with})"
    if not made.compared_with:
        counts = f"{plural(made.num_segments, 'segment')}; give --labels to count what people changed"
    print(f"{plural(made.num_videos, 'corrected video')}: {counts}")
    if made.num_open:
        print(f"{plural(made.num_open, 'task')} without annotations: left out")
    if made.num_new:
        print(f"{plural(made.num_new, 'video')} of which no split is known: {made.new_split}")
    kept = ""
    if "manifest" in named:
        kept = f": {made.rows.num_kept:,} of {visible(named['manifest'])} kept, {made.rows.num_replaced:,} replaced"
    print(f"{plural(len(made.rows.rows), 'row')} in {visible(output)}{kept}")
    return EXIT_OK


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
