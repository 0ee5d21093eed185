"""Makes a small data set of synthetic activities, for trying everything out without UCF50.

The videos are MPEG-4 AVI files in UCF50's layout, <Class>/v_<Class>_g<NN>_c<NN>.avi. Classes differ only in motion: a
model that sees a single frame does no better than guessing. The same seed gives the same bytes, however many processes
write them, and an interrupted run can be started again to make the missing videos.

With --tells scene, classes differ only in the kind of place: any frame tells them, and changes from frame to frame tell
nothing. With --tells both, two motions are seen in each of two kinds of places: either alone is right half the time.

Train on these videos without horizontal flips, which turn clockwise into counter-clockwise.

With --long, each video lasts 2 to 5 minutes, in which 6 to 20 stretches of 5 activities alternate with background;
truth.csv beside the videos says from when to when.
"""

import os
import shlex
import sys
import textwrap
import time
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields, replace
from importlib import import_module
from typing import TypeAlias

from pipelines.cli import tool
from pipelines.cli.commands import as_called
from pipelines.cli.flags import add_flags, read_given
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK, UsageError, UserError
from pipelines.process import interrupts
from pipelines.process.callable_module import make_callable
from pipelines.reports.progress import Progress
from pipelines.reports.text import plural
from pipelines.samples.long_videos import ACTIVITIES as LONG_ACTIVITIES
from pipelines.samples.long_videos import TRUTH, LongDataConfig
from pipelines.samples.making import generate, is_complete
from pipelines.samples.motion import ACTIVITIES
from pipelines.samples.videos import SampleDataConfig

_Config: TypeAlias = SampleDataConfig | LongDataConfig


class _Counts:
    """Shows how many videos there are, including those of an earlier run, and how fast this run makes more."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._start_s = progress, time.monotonic()
        self._already: int | None = None

    def __call__(self, done: int, total: int) -> None:
        self._already = done if self._already is None else self._already
        rate = (done - self._already) / max(time.monotonic() - self._start_s, 1e-9)
        self._progress.update(done, f"{done} of {total} videos, {rate:.1f}/s")


def make_parser() -> Parser:
    """The parser."""
    scene, both = (SampleDataConfig("videos", tells=tells).classes for tells in ("scene", "both"))
    kinds = {"": ACTIVITIES, " with --tells scene": scene, " with --tells both": both, " with --long": LONG_ACTIVITIES}
    classes = (
        f"classes{when}:\n" + textwrap.indent(chr(10).join(textwrap.wrap(", ".join(names), 98)), "  ")
        for when, names in kinds.items()
    )
    parser = Parser("pipelines.sample_data", __doc__, "\n".join(classes))
    add_flags(parser, SampleDataConfig)
    parser.add_argument("--long", action="store_true", help="make long videos, in which activities begin and end")
    add_flags(parser, LongDataConfig, leave_out=[item.name for item in fields(SampleDataConfig)])
    return parser


def _read(arguments: Sequence[str]) -> _Config:
    """The configuration that a command line asks for.

    Raises:
        UsageError: a flag is wrong, or doesn't go with the others.
    """
    given = read_given(make_parser(), arguments, SampleDataConfig)
    if not given.others.get("long"):
        if "videos" in given.others:
            raise UsageError("--videos only goes with --long: give --groups and --clips-per-group")
        return given.build(SampleDataConfig)
    if "clips_per_group" in given.values:
        raise UsageError("--clips-per-group doesn't go with --long: give --videos, the number of all videos")
    if "tells" in given.values:
        raise UsageError("--tells doesn't go with --long: in long videos, motion alone tells the classes")
    values = dict(given.values)
    if "videos" in given.others:
        values["videos"] = given.others["videos"]
        values.setdefault("groups", max(1, min(LongDataConfig.groups, values["videos"])))
    return replace(given, values=values).build(LongDataConfig)


def _summary(config: _Config, verb: str) -> str:
    paths = [os.path.join(config.output, video.path) for video in config.list_videos()]
    size_mb = sum(map(os.path.getsize, paths)) / 1e6
    folder = config.output.rstrip(os.sep) or os.sep
    is_long = isinstance(config, LongDataConfig)
    source = os.path.join(folder, TRUTH) if is_long else folder
    classes = LONG_ACTIVITIES if isinstance(config, LongDataConfig) else config.classes
    windows = " --clip-s 2 --stride-s 1 --background-label Background" if is_long else ""
    output = f"{shlex.quote(folder)}_dataset{windows}"
    return as_called(
        f"{config.output}: {plural(len(paths), 'video')} {verb}, {len(classes)} classes, "
        f"{plural(config.groups, 'group')}, {size_mb:.0f} MB. Next:\n"
        f"  python -m pipelines.preprocess --input {shlex.quote(source)} --output {output}"
    )


def make_videos(config: _Config) -> bool:
    """Makes the videos that don't exist yet; returns whether there were any to make.

    Raises:
        UsageError: the output folder holds something else.
        UserError: the videos can't be written.
    """
    try:
        if is_complete(config):
            return False
        with interrupts.tidying_up(), Progress("Making videos", len(config.list_videos()), every_s=5.0) as progress:
            generate(config, _Counts(progress))
    except (OSError, BrokenProcessPool) as error:
        reason = str(error).rstrip(".")
        raise UserError(f"cannot make the videos: {reason}; run the same command again to resume") from error
    return True


def run(arguments: Sequence[str]) -> int:
    """Makes the videos that a command line asks for and returns the exit code.

    Raises:
        UsageError: the output folder holds something else.
        UserError: the videos can't be written.
    """
    config = _read(arguments)
    start_s = time.monotonic()
    made = make_videos(config)
    print(_summary(config, f"made in {time.monotonic() - start_s:.0f} s" if made else "already there"))
    return EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the command line."""
    return tool.run_tool(run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
make_callable(__name__, lambda: import_module("pipelines.interface").sample_data)  # `pipelines.sample_data(...)`
