"""Measures labels against what really happens: `python -m pipelines.evaluate`, see `--help`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_INVALID, EXIT_OK, OutputError, UsageError
from pipelines.files.addresses import check_may_be_folder, check_outside, is_within
from pipelines.process.callable_module import make_callable

if TYPE_CHECKING:
    from pipelines.evaluation.results import Evaluation

_DESCRIPTION = """\
Measures labels against a truth: which events were found, and when.

  python -m pipelines.evaluate --labels labels/ --truth truth.csv --output evaluation/

The truth is a table with the columns path,label,start,end and perhaps group, ActivityNet's JSON, or another file of
annotations; docs/how-to/evaluate.md describes it, and the measures."""
_EPILOG = """\
exit codes: 0 measured; 1 mAP is below --min-map, or an unexpected error; 2 wrong usage, or labels or a truth that can't
be read; 4 the output can't be written (full disk, lost permission): run the same command again; 130 interrupted."""


def make_parser() -> Parser:
    """The parser."""
    parser = Parser("pipelines.evaluate", _DESCRIPTION, _EPILOG)
    parser.add_argument("--labels", metavar="FOLDER", required=True, help="labels: a folder that pipelines.label wrote")
    parser.add_argument("--truth", metavar="FILE", required=True, help="what really happens: a file of annotations")
    parser.add_argument("--output", metavar="FOLDER", help="folder to write evaluation.json and evaluation.html to")
    parser.add_argument(
        "--background", metavar="NAME", nargs="+", action="extend",
        help="labels that mean that nothing happens, in the truth or among the labels, as `unknown` always does",
    )  # fmt: skip
    parser.add_argument(
        "--video-pattern", metavar="PATTERN",
        help="path of each video of the truth, with fields of its entry in braces, such as `v_{id}.mp4`",
    )  # fmt: skip
    parser.add_argument(
        "--fps", metavar="N", type=_rate, help="frames per second of the videos, where the truth counts frames"
    )
    parser.add_argument(
        "--min-map", metavar="SHARE", type=_share, help="end with exit code 1 if mAP@0.5 is below this share"
    )
    parser.add_argument("--json", action="store_true", help="print evaluation.json instead of tables")
    return parser


def _rate(text: str) -> float:
    value = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
    if not value:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return value


def _share(text: str) -> float:
    value = float(text) if text.replace(".", "", 1).isdecimal() else -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, not {text!r}")
    return value


def write_evaluation(result: "Evaluation", output: str) -> None:
    """Writes the page and the result to a folder, each atomically.

    Raises:
        OutputError: a file can't be written, or temporary ones can't be removed.
    """
    from pipelines.evaluation.pages.report import render_evaluation
    from pipelines.evaluation.results import PAGE, RESULT

    temporary = files.join(output, ".tmp")
    files.write_text(files.join(output, PAGE), render_evaluation(result), temporary)
    files.write_text(files.join(output, RESULT), result.to_json(), temporary)
    try:
        files.delete_folder(temporary)
    except OSError as error:
        raise OutputError(f"the evaluation is complete, but {files.reason(error)}; remove {temporary}") from error


def run(arguments: Sequence[str]) -> int:
    """Measures what a command line asks for and returns the exit code.

    Raises:
        UsageError: labels or truth can't be read.
        OutputError: the output can't be written.
    """
    given = make_parser().parse_own(arguments)
    labels, truth = (files.normalise(given[name], f"--{name}") for name in ("labels", "truth"))
    output = files.normalise(given["output"], "--output") if "output" in given else ""
    files.check_stores(labels, truth, *([output] if output else []))
    if output:
        check_outside(output, labels=labels)
        check_may_be_folder(output)
    if is_within(truth, labels):
        raise UsageError(
            f"--truth {truth} is of --labels {labels} itself, which is always right about itself. Give what people say"
        )
    from pipelines.evaluation.evaluating import evaluate_labels
    from pipelines.evaluation.measuring import AT_HALF
    from pipelines.evaluation.pages.terminal import print_evaluation
    from pipelines.evaluation.results import PAGE
    from pipelines.reports.text import visible

    settings = {name: given[name] for name in ("background", "video_pattern", "fps") if name in given}
    result = evaluate_labels(labels, truth, **settings)
    if output:
        write_evaluation(result, output)
    if "json" in given:
        sys.stdout.writelines(result.to_json())
    else:
        print_evaluation(result)
        if output:
            print(f"page      {visible(files.join(output, PAGE))}")
    found = result.measures[AT_HALF]
    if "min_map" in given and (found is None or found.value < given["min_map"]):
        value = "not defined" if found is None else f"{found.value:.1%}"
        tool.say(f"{AT_HALF} is {value}, below --min-map {given['min_map']:g}")
        return EXIT_INVALID
    return EXIT_OK


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
make_callable(__name__, lambda: import_module("pipelines.interface").evaluate)  # `pipelines.evaluate(...)`
