"""Downloads a dataset of videos: `python -m pipelines.download --output DIR`, see `--help`."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from pipelines import files
from pipelines.cli import tool
from pipelines.core.errors import EXIT_INVALID, EXIT_OK
from pipelines.core.video_files import is_video
from pipelines.fetching import layout
from pipelines.fetching.flags import Request, parse
from pipelines.fetching.flags import make_parser as make_parser
from pipelines.fetching.job import Obtained, obtain
from pipelines.files.lock import exclusive
from pipelines.process.callable_module import make_callable
from pipelines.reports.text import human_bytes, plural

_SHOWN = 20


@dataclass(frozen=True)
class Got:
    """What a request led to.

    Attributes:
        videos: the folder of videos.
        lists: the folder of official split lists, if the dataset has any.
        names: the paths of all videos, relative to their folder.
        found: the layout of that folder.
        missing: classes that were wanted but have no video.
    """

    videos: Obtained
    lists: Obtained | None
    names: tuple[str, ...]
    found: layout.Layout
    missing: tuple[str, ...]


def run(arguments: Sequence[str]) -> int:
    """Downloads, extracts and checks a dataset, prints a summary and the next command, and returns the exit code.

    Raises:
        UserError: the request can't be carried out, or not completely.
    """
    request = parse(arguments)
    got = get(request)
    print(_summary(request, got))
    return EXIT_INVALID if got.missing else EXIT_OK


def get(request: Request) -> Got:
    """Downloads, extracts and checks a dataset, and says how it differs from what it should be.

    Raises:
        UserError: the request can't be carried out, or not completely.
    """
    dataset = request.dataset
    with exclusive(request.output):
        videos = obtain(request, dataset.videos)
        lists = obtain(request, dataset.lists, lists=True) if dataset.lists else None
    names = tuple(file.path for file in files.list_tree(videos.folder)[0] if is_video(file.path))
    found = layout.look_at(names)
    different = layout.differences(found, dataset, request.classes)
    for difference in different[:_SHOWN]:
        tool.say(f"differs from {dataset.title}: {difference}")
    if len(different) > _SHOWN:
        tool.say(f"... and {len(different) - _SHOWN} more differences")
    missing = tuple(sorted(set(request.classes or dataset.classes) - found.videos.keys()))
    return Got(videos, lists, names, found, missing)


def _summary(request: Request, got: Got) -> str:
    videos, lists, found = got.videos, got.lists, got.found
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
make_callable(__name__, lambda: import_module("pipelines.interface").download)  # `pipelines.download(...)`
