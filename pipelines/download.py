"""Downloads a dataset of videos: `python -m pipelines.download --output DIR`, see `--help`."""

import shlex
import sys
from collections.abc import Sequence

from pipelines import files
from pipelines.cli import tool
from pipelines.core.errors import EXIT_INVALID, EXIT_OK
from pipelines.fetching import layout
from pipelines.fetching.flags import Request, parse
from pipelines.fetching.flags import make_parser as make_parser
from pipelines.fetching.job import Obtained, obtain
from pipelines.files.lock import exclusive
from pipelines.reports.text import human_bytes, plural

_SHOWN = 20


def run(arguments: Sequence[str]) -> int:
    """Downloads, extracts and checks a dataset, prints a summary and the next command, and returns the exit code.

    Raises:
        UserError: the request can't be carried out, or not completely.
    """
    request = parse(arguments)
    dataset = request.dataset
    with exclusive(request.output):
        videos = obtain(request, dataset.videos)
        lists = obtain(request, dataset.lists, lists=True) if dataset.lists else None
    found = layout.look_at(file.path for file in files.list_tree(videos.folder)[0])
    different = layout.differences(found, dataset, request.classes)
    for difference in different[:_SHOWN]:
        tool.say(f"differs from {dataset.title}: {difference}")
    if len(different) > _SHOWN:
        tool.say(f"... and {len(different) - _SHOWN} more differences")
    print(_summary(request, videos, lists, found))
    wanted = set(request.classes or dataset.classes)
    return EXIT_OK if wanted <= found.videos.keys() else EXIT_INVALID


def _summary(request: Request, videos: Obtained, lists: Obtained | None, found: layout.Layout) -> str:
    size = human_bytes(sum(videos.record.files.values()))
    groups = len({group for of_class in found.groups.values() for group in of_class})
    verb = "already there, and all files have their sizes" if videos.was_there else "ready"
    counts = ", ".join((
        plural(sum(found.videos.values()), "video"), plural(len(found.videos), "class", "classes"),
        *([f"{plural(groups, 'group')} in a class"] if groups else []), size,
    ))  # fmt: skip
    lines = [f"{videos.folder} {verb}: {counts}"]
    for what in (videos, lists):
        if what and what.archive:
            kept = " (it may be removed)" if not request.archive else ""
            lines.append(f"{what.archive}{kept}: SHA-256 {what.record.sha256}")
    folder = shlex.quote(videos.folder)
    command = f"python -m pipelines.preprocess --input {folder} --output {shlex.quote(videos.folder + '_dataset')}"
    if lists:
        command += f" --split-file {shlex.quote(files.join(lists.folder, request.dataset.lists_pattern))}"
    return "\n".join([*lines, f"Next:\n  {command}"])


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
