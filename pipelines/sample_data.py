"""Makes a small data set of synthetic activities, for trying everything out without UCF50.

The videos are MPEG-4 AVI files in UCF50's layout, <Class>/v_<Class>_g<NN>_c<NN>.avi. Classes differ in motion alone: a
model that looks at one frame is right as often as one that guesses. The same seed gives the same bytes, however many
processes write them, and a run that was interrupted can be started again to make what is missing.

Train on these videos without horizontal flips, which turn clockwise into counter-clockwise.
"""

import os
import shlex
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.cli.flags import add_flags, read_given
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_INTERRUPTED, EXIT_USAGE, UsageError
from pipelines.process import interrupts
from pipelines.samples.motion import ACTIVITIES
from pipelines.samples.videos import FolderInUseError, OnProgress, SampleDataConfig, generate, is_complete, list_videos


@contextmanager
def _progress(interval_s: float = 5.0) -> Iterator[OnProgress]:
    """Shows progress on stderr: a bar on a terminal, else a line every few seconds."""
    if sys.stderr.isatty():
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
        with Progress("Making videos", *columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=None, rate="")
            yield lambda done, total: bar.update(
                task, completed=done, total=total, rate=f"{bar.tasks[0].speed or 0:.1f}/s"
            )
    else:
        yield _LineProgress(interval_s)


class _LineProgress:
    """Prints a line to stderr, but not more often than once in `interval_s`."""

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s, self._clock = interval_s, clock
        self._start_s = self._shown_s = clock()
        self._already: int | None = None  # made by an earlier run, so no measure of this one's speed

    def __call__(self, done: int, total: int) -> None:
        now_s = self._clock()
        self._already = done if self._already is None else self._already
        if done > self._already and (now_s - self._shown_s >= self._interval_s or done == total):
            self._shown_s = now_s
            per_s = (done - self._already) / max(now_s - self._start_s, 1e-9)
            left_s = (total - done) / per_s
            print(f"{done}/{total} videos, {per_s:.1f}/s, {left_s:.0f} s left", file=sys.stderr, flush=True)


def make_parser() -> Parser:
    """The parser."""
    names = chr(10).join(textwrap.wrap(", ".join(ACTIVITIES), 100, subsequent_indent="  "))
    parser = Parser("pipelines.sample_data", __doc__, f"classes:\n  {names}")
    add_flags(parser, SampleDataConfig)
    return parser


def _summary(config: SampleDataConfig, verb: str) -> str:
    paths = [os.path.join(config.output, video.path) for video in list_videos(config)]
    size_mb = sum(map(os.path.getsize, paths)) / 1e6
    folder = shlex.quote(config.output.rstrip(os.sep) or os.sep)
    return (
        f"{config.output}: {len(paths)} videos {verb}, {len(ACTIVITIES)} classes, {config.groups} groups, "
        f"{size_mb:.0f} MB. Next:\n  python -m pipelines.preprocess --input {folder} --output {folder}_dataset"
    )


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 1 where the videos cannot be written, 2 where the folder holds something else."""
    try:
        config = read_given(make_parser(), sys.argv[1:] if argv is None else argv, SampleDataConfig).build(
            SampleDataConfig
        )
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    start_s = time.monotonic()
    try:
        if is_complete(config):
            print(_summary(config, "already there"))
            return 0
        with interrupts.tidying_up(), _progress() as show:
            generate(config, show)
        print(_summary(config, f"made in {time.monotonic() - start_s:.0f} s"))
    except FolderInUseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, BrokenProcessPool) as error:
        reason = str(error).rstrip(".")
        print(f"error: cannot make the videos: {reason}; the same command continues where it ended", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        interrupts.end()
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
