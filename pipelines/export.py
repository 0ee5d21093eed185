"""Writes finished labels in a form that another program reads: `python -m pipelines.export`, see `--help`."""

import sys
from collections.abc import Sequence

from pipelines import files
from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK, UsageError
from pipelines.core.wording import some
from pipelines.files.addresses import check_outside

_DESCRIPTION = """\
Writes finished labels in a form that another program reads.

  python -m pipelines.export --labels labels/ --format label-studio --output tasks/

label-studio: tasks with the labels as pre-annotations, and the configuration of a project for them.
cvat: for each video an XML file in the form CVAT for video 1.1, and the labels of a project for them.
activitynet: one JSON file with the segments of each video, as for ActivityNet's challenges.
csv: one table with the columns of a manifest, path,label,start,end, and the scores.
webvtt: for each video a subtitle track.
video-intelligence: for each video a JSON file in the form of the responses of Google's Video Intelligence API, with
labels of segments; docs/how-to/from-video-intelligence.md describes it.
docs/how-to/annotations.md tells how people correct labels in these programs, and how the corrections come back."""
_EPILOG = """\
exit codes: 0 the export is complete; 1 unexpected error; 2 wrong usage, or labels that are incomplete or damaged;
4 incomplete (full disk, lost permission): run the same command again; 130 interrupted, likewise."""


def make_parser() -> Parser:
    """The parser."""
    from pipelines.labelling.exports.writing import EXPORTS

    parser = Parser("pipelines.export", _DESCRIPTION, _EPILOG)
    parser.add_argument("--labels", metavar="FOLDER", required=True, help="labels: a folder that pipelines.label wrote")
    parser.add_argument("--format", required=True, choices=tuple(EXPORTS), help="form to write")
    parser.add_argument(
        "--output", metavar="FOLDER", required=True, help="folder to write to; it must be empty or not exist"
    )
    parser.add_argument(
        "--videos", metavar="FOLDER", default="",
        help="where the labelled videos are now, if they were moved since",
    )  # fmt: skip
    parser.add_argument(
        "--video-url", metavar="URL", default="",
        help="for label-studio: folder on a web server where browsers find the videos; by default, Label Studio serves "
        "them as local files",
    )  # fmt: skip
    return parser


def run(arguments: Sequence[str]) -> int:
    """Exports what a command line asks for and returns the exit code.

    Raises:
        UserError: the labels can't be read, or the export can't be written.
    """
    from pipelines.labelling.exports.media import find_videos
    from pipelines.labelling.exports.reading import count_unfamiliar
    from pipelines.labelling.exports.writing import WITHOUT_PLACES, WITHOUT_UNFAMILIAR, write_export
    from pipelines.reports.text import plural, visible

    given = make_parser().parse_own(arguments)
    labels, output = (files.normalise(given[name], f"--{name}") for name in ("labels", "output"))
    files.check_stores(labels, output)
    check_outside(output, labels=labels)
    moved = files.normalise(given["videos"], "--videos") if given["videos"] else ""
    form = given["format"]
    if given["video_url"] and form != "label-studio":
        raise UsageError(f"--video-url is for --format label-studio; {form} has no addresses of a web server")
    if moved and form in WITHOUT_PLACES:
        tool.say(f"note: --videos changes nothing: {form} doesn't say where the videos are")
    places = find_videos(labels, moved, given["video_url"])
    videos, failed, written = write_export(labels, form, output, places)
    told = f"{plural(videos, 'video')}, {failed} with failures" if failed else plural(videos, "video")
    if form in WITHOUT_UNFAMILIAR and (unfamiliar := count_unfamiliar(labels)):
        verb = "is" if unfamiliar == 1 else "are"
        tool.say(
            f"note: {unfamiliar:,} of these videos {verb} unlike what the model has seen: don't trust their labels. "
            f"{form} has no field for that: see is_unfamiliar in {visible(labels)}"
        )
    if places.uneven:
        tool.say(
            f"note: the frame rate of {some(places.uneven)} varies: numbers of frames may be off there. Encode such "
            "videos with a constant frame rate before people correct them, or use --format csv, which has seconds"
        )
    print(f"{told}: {plural(written, 'file')} in {visible(output)}")
    return EXIT_OK


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
