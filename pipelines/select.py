"""Chooses segments of finished labels for a person to look at: `python -m pipelines.select`, see `--help`."""

import posixpath
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
  python -m pipelines.select --labels labels/ --budget 50 --output to_review.csv --export label-studio

The output is a table with the columns path, label, start, end, score and reason; docs/loop.md says what to do with
it. Failed and damaged videos are counted, not chosen."""
_EPILOG = """\
exit codes: 0 the table is written; 1 unexpected error; 2 wrong usage, or labels that are incomplete or damaged;
4 incomplete (full disk, lost permission): run the same command again; 130 interrupted, likewise."""


def make_parser() -> Parser:
    """The parser."""
    from pipelines.labelling.exports.writing import EXPORTS

    parser = Parser("pipelines.select", _DESCRIPTION, _EPILOG)
    parser.add_argument("--labels", metavar="FOLDER", required=True, help="labels: a folder that pipelines.label wrote")
    parser.add_argument("--budget", metavar="N", required=True, type=int, help="number of segments to choose")
    parser.add_argument("--output", metavar="FILE", required=True, help="CSV file to write; no other may be there")
    parser.add_argument(
        "--manifest", metavar="FILE", default="",
        help="what is annotated already: segments of which it has half or more aren't chosen",
    )  # fmt: skip
    parser.add_argument(
        "--export", choices=tuple(EXPORTS), default="",
        help="also write the chosen segments in this form of pipelines.export, into a folder beside FILE: "
        "to_review-label-studio for to_review.csv",
    )  # fmt: skip
    parser.add_argument(
        "--videos", metavar="FOLDER", default="", help="where the labelled videos are now, if they were moved since"
    )
    return parser


def run(arguments: Sequence[str]) -> int:
    """Chooses what a command line asks for and returns the exit code.

    Raises:
        UserError: the labels can't be read, or the table can't be written.
    """
    given = make_parser().parse_own(arguments)
    labels, output = (files.normalise(given[name], f"--{name}") for name in ("labels", "output"))
    budget, form = given["budget"], given["export"]
    if budget < 1:
        raise UsageError(f"--budget must be at least 1, not {budget}")
    files.check_stores(labels, output)
    check_outside(output, labels=labels)
    moved, manifest = (
        files.normalise(given[name], f"--{name}") if given[name] else "" for name in ("videos", "manifest")
    )
    from pipelines.core.relative import relative_to
    from pipelines.labelling.exports.media import find_videos
    from pipelines.labelling.exports.writing import write_export
    from pipelines.reports.text import plural, visible
    from pipelines.selection.job import select
    from pipelines.selection.known import read_known
    from pipelines.selection.table import table, write_table

    places = find_videos(labels, moved)
    selection = select(labels, budget, read_known(manifest, places) if manifest else None)
    found = selection.by_video()
    addresses = {video: places.address_of(video, selection.uris[video]) for video in found}
    here = posixpath.dirname(output)
    write_table(output, table(selection, {video: relative_to(uri, here) for video, uri in addresses.items()}))
    for line in selection.remarks():
        tool.say(f"note: {line}")
    if any(files.is_local(uri) and not posixpath.isabs(uri) for uri in addresses.values()):
        tool.say(
            f"note: {visible(labels)} doesn't say where its videos are, so paths are relative to the folder that was "
            "labelled. Give it with --videos"
        )
    number = len(selection.chosen)
    if number < budget:
        are_left = number < len(selection.segments)
        why = "all others are of the same moments as these" if are_left else "there are no others"
        tool.say(f"note: only {number:,} of {budget:,} are chosen: {why}")
    classes = {segment.label for segments in found.values() for segment, _ in segments}
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in selection.by_reason.items() if count)
    print(
        f"{plural(number, 'segment')} of {plural(len(found), 'video')} and {plural(len(classes), 'class', 'classes')} "
        f"in {visible(output)}" + (f": {reasons}" if reasons else "")
    )
    if form:
        folder = f"{posixpath.splitext(output)[0]}-{form}"
        only = {video: [segment for segment, _ in segments] for video, segments in found.items()}
        written = write_export(labels, form, folder, places, only)[2]
        print(f"{plural(written, 'file')} in {visible(folder)}")
    return EXIT_OK


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
