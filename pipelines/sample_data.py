"""Makes a small data set of synthetic activities, for trying everything out without UCF50.

The videos are MPEG-4 AVI files in UCF50's layout, <Class>/v_<Class>_g<NN>_c<NN>.avi. Classes differ in motion alone: a
model that looks at one frame is right as often as one that guesses. The same seed gives the same bytes, however many
processes write them, and a run that was interrupted can be started again to make what is missing.

Train on these videos without horizontal flips, which turn clockwise into counter-clockwise.
"""

import argparse
import io
import json
import multiprocessing
import os
import shlex
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import av
import cv2
from av.codec.context import Flags
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.core.motion import ACTIVITIES, HEIGHT_PX, WIDTH_PX, Pixels, render_clip

VERSION = 1  # of the videos: raise it whenever the same configuration gives other bytes than before
MARKER = "sample_data.json"  # written last: the data set is complete
STARTED = ".sample_data.started.json"  # written first: whose the videos of an interrupted run are
FRAMES_PER_SECOND = 25
BITS_PER_SECOND = 380_000  # a fixed rate, so that a file's size does not tell how much moves in it

OnProgress = Callable[[int, int], None]  # (videos done, videos in all)


class FolderInUseError(Exception):
    """The output folder holds something else than this configuration's videos."""


@dataclass(frozen=True)
class SampleDataConfig:
    """What to make, and where. `workers` None means one process a core; it never changes what is written."""

    output: str
    groups: int = 25
    clips_per_group: int = 3
    seed: int = 0
    workers: int | None = None

    def __post_init__(self) -> None:
        if not self.output or "://" in self.output:
            raise ValueError(f"output must be a local folder, not {self.output!r}")
        for name in ("groups", "clips_per_group"):
            if not 1 <= getattr(self, name) <= 99:
                raise ValueError(f"{name} must be from 1 to 99, as names have two digits, not {getattr(self, name)}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers}")

    def marker(self) -> dict[str, Any]:
        """What decides the bytes of the data set, as it is written beside the videos."""
        return {
            "generator": "pipelines.sample_data",
            "version": VERSION,
            "seed": self.seed,
            "groups": self.groups,
            "clips_per_group": self.clips_per_group,
            "videos": len(ACTIVITIES) * self.groups * self.clips_per_group,
        }


@dataclass(frozen=True)
class Video:
    """One video to make; group and clip count from 1."""

    seed: int
    activity: str
    group: int
    clip: int

    @property
    def path(self) -> str:
        """Relative to the output folder."""
        return os.path.join(self.activity, f"v_{self.activity}_g{self.group:02d}_c{self.clip:02d}.avi")


def list_videos(config: SampleDataConfig) -> list[Video]:
    """Every video of the data set; neighbours share their group, whose scene a process then draws once."""
    return [
        Video(config.seed, activity, group, clip)
        for group in range(1, config.groups + 1)
        for clip in range(1, config.clips_per_group + 1)
        for activity in ACTIVITIES
    ]


def generate(config: SampleDataConfig, on_progress: OnProgress = lambda done, total: None) -> int:
    """Makes what is missing of the data set and returns the number of its videos.

    Raises FolderInUseError where the folder holds anything else, and OSError where it cannot be written.
    """
    videos = list_videos(config)
    if is_complete(config):
        return len(videos)
    missing = _missing(config, videos)
    for activity in ACTIVITIES:
        os.makedirs(os.path.join(config.output, activity), exist_ok=True)
    marker = json.dumps(config.marker(), indent=2).encode() + b"\n"
    _write(os.path.join(config.output, STARTED), marker)
    done = len(videos) - len(missing)
    on_progress(done, len(videos))
    for _ in _make_all(config, missing):
        done += 1
        on_progress(done, len(videos))
    _write(os.path.join(config.output, MARKER), marker)
    os.remove(os.path.join(config.output, STARTED))
    return len(videos)


def is_complete(config: SampleDataConfig) -> bool:
    """Whether the folder holds this data set, whole; raises FolderInUseError where it holds anything else."""
    return not _missing(config, list_videos(config)) and os.path.exists(os.path.join(config.output, MARKER))


def _missing(config: SampleDataConfig, videos: list[Video]) -> list[Video]:
    """The videos to be made: all where no marker says whose the videos in the folder are."""
    for name in (MARKER, STARTED):
        with suppress(FileNotFoundError), open(os.path.join(config.output, name), "rb") as file:
            _check_marker(config, file.read())
            return [video for video in videos if not os.path.exists(os.path.join(config.output, video.path))]
    ours = {video.path for video in videos}
    for parent, _, names in os.walk(config.output):
        for path in (os.path.relpath(os.path.join(parent, name), config.output) for name in names):
            if path not in ours and not os.path.basename(path).startswith("."):
                raise FolderInUseError(
                    f"{config.output} holds {path}, which is none of the videos to be made and would be mixed up with "
                    "them: choose another --output, or delete the folder"
                )
    return videos


def _check_marker(config: SampleDataConfig, content: bytes) -> None:
    wanted = config.marker()
    try:
        found = dict(json.loads(content))
    except (TypeError, ValueError):
        found = {}
    differing = [f"{key} {found.get(key)} instead of {wanted[key]}" for key in wanted if found.get(key) != wanted[key]]
    if differing:
        raise FolderInUseError(
            f"{config.output} holds sample data made with other settings ({', '.join(differing)}): choose another "
            "--output, or delete the folder"
        )


# --- Making the videos -----------------------------------------------------------------------------------------------


def _make_all(config: SampleDataConfig, videos: list[Video]) -> Iterator[Video]:
    """Makes the videos and yields each when it is written, in any order."""
    workers = min(config.workers or _cores(), len(videos))
    if workers <= 1:
        for video in videos:
            _make(config.output, video)
            yield video
        return
    # Spawned, not forked: the caller may have threads (TensorFlow, gRPC), whose locks a fork could leave held for ever.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)
    try:
        with _ctrl_c_later():  # the processes start here and inherit it: Ctrl-C is for this process alone
            futures = {pool.submit(_make, config.output, video): video for video in videos}
        for future in as_completed(futures):
            future.result()
            yield futures[future]
    finally:
        with _ctrl_c_later():  # a second Ctrl-C would leave processes behind that nobody ends
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    cv2.setNumThreads(1)  # the processes already take a core each
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make(output: str, video: Video) -> None:
    frames = render_clip(video.seed, video.activity, video.group, video.clip)
    # As in UCF50, some groups have B-frames and others do not.
    _write(os.path.join(output, video.path), encode_avi(frames, b_frames=2 if video.group % 2 == 0 else 0))


def encode_avi(frames: Iterable[Pixels], b_frames: int) -> bytes:
    """An MPEG-4 AVI file of frames as `render_clip` yields them. Equal frames give equal bytes: no date, no version."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FRAMES_PER_SECOND)
        codec = stream.codec_context
        codec.width, codec.height, codec.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        codec.codec_tag = "XVID"
        codec.bit_rate = BITS_PER_SECOND
        codec.gop_size = 2 * FRAMES_PER_SECOND
        codec.max_b_frames = b_frames
        codec.thread_count = 1  # each thread would encode a slice of its own, and their number would change the bytes
        codec.flags |= Flags.bitexact
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _write(path: str, content: bytes) -> None:
    """Writes a file whole or not at all; its temporary name is hidden and does not end like a video's."""
    folder, name = os.path.split(path)
    partial = os.path.join(folder, f".{name}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            os.remove(partial)
        raise


# --- Command line ----------------------------------------------------------------------------------------------------


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


def _parse(argv: list[str] | None) -> SampleDataConfig:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.sample_data",
        description=__doc__,
        epilog=f"classes:\n  {chr(10).join(textwrap.wrap(', '.join(ACTIVITIES), 100, subsequent_indent='  '))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, default = parser.add_argument, SampleDataConfig
    add("--output", required=True, metavar="DIR", help="folder for the videos, made where it does not exist")
    groups_help = "groups of each class: scenes with an actor, a background and a camera of their own"
    add("--groups", type=int, default=default.groups, metavar="N", help=f"{groups_help} (default %(default)s)")
    clips_help = "clips of each class in each group (default %(default)s)"
    add("--clips-per-group", type=int, default=default.clips_per_group, metavar="N", help=clips_help)
    seed_help = "any integer; another one gives other videos (default %(default)s)"
    add("--seed", type=int, default=default.seed, metavar="N", help=seed_help)
    add("--workers", type=int, metavar="N", help="processes to run at a time (default: one a core)")
    try:
        return SampleDataConfig(**vars(parser.parse_args(argv)))
    except ValueError as error:
        parser.error(str(error))


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
    config = _parse(argv)
    start_s = time.monotonic()
    try:
        if is_complete(config):
            print(_summary(config, "already there"))
            return 0
        with _progress() as show:
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
        print("interrupted; the same command continues where it ended", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
