"""Makes the videos of the sample dataset in several processes; the command line is `pipelines.sample_data`."""

import io
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import av
import cv2
from av.codec.context import Flags

from pipelines.core.errors import UsageError
from pipelines.core.settings.fields import Name, SettingError, check_settings, setting
from pipelines.files import local
from pipelines.process.cores import num_cores
from pipelines.samples.motion import ACTIVITIES, HEIGHT_PX, WIDTH_PX, Pixels, render_clip

VERSION = 1  # of the videos: raise it whenever the same configuration gives different bytes
MARKER = "sample_data.json"  # written last: the dataset is complete
STARTED = ".sample_data.started.json"  # written first: the settings of the videos of an interrupted run
FRAMES_PER_SECOND = 25
BITS_PER_SECOND = 380_000  # constant, so that a file's size does not reveal how much moves in it

OnProgress = Callable[[int, int], None]  # (videos done, total number of videos)


class FolderInUseError(UsageError):
    """The output folder holds something other than this configuration's videos."""


@dataclass(frozen=True)
class SampleDataConfig:
    """What to make and where. The number of workers never changes what is written.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    output: str = setting(metavar="FOLDER", help="folder to write the videos to, created if it does not exist")
    groups: int = setting(
        25, metavar="N", low=1, high=99,
        help="number of groups of each class; each group has its own actor, background and camera",
    )  # fmt: skip
    clips_per_group: int = setting(3, metavar="N", low=1, high=99, help="number of clips of each class in each group")
    seed: int = setting(0, metavar="N", help="random seed; another seed gives different videos")
    workers: int = setting(0, metavar="N", low=0, automatic="one per core", help="number of processes")

    def __post_init__(self) -> None:
        check_settings(self)
        if not self.output or "://" in self.output:
            raise SettingError("{} must be a local folder, not {!r}", Name("output"), self.output)

    def marker(self) -> dict[str, Any]:
        """What determines the bytes of the dataset, as it is written beside the videos."""
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
        """The path of the file, relative to the output folder."""
        return os.path.join(self.activity, f"v_{self.activity}_g{self.group:02d}_c{self.clip:02d}.avi")


def list_videos(config: SampleDataConfig) -> list[Video]:
    """Every video of the dataset; neighbours share their group, so that a process draws its scene once."""
    return [
        Video(config.seed, activity, group, clip)
        for group in range(1, config.groups + 1)
        for clip in range(1, config.clips_per_group + 1)
        for activity in ACTIVITIES
    ]


def generate(config: SampleDataConfig, on_progress: OnProgress = lambda done, total: None) -> int:
    """Makes the missing videos of the dataset and returns the number of all its videos.

    Raises:
        FolderInUseError: the folder holds anything else.
        OSError: the folder cannot be written.
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
    """Whether the folder holds this dataset, complete.

    Raises:
        FolderInUseError: the folder holds anything else.
    """
    return not _missing(config, list_videos(config)) and os.path.exists(os.path.join(config.output, MARKER))


def _missing(config: SampleDataConfig, videos: list[Video]) -> list[Video]:
    """The videos to be made: all of them where no marker tells which settings the videos in the folder have."""
    for name in (MARKER, STARTED):
        with suppress(FileNotFoundError), open(os.path.join(config.output, name), "rb") as file:
            _check_marker(config, file.read())
            return [video for video in videos if not os.path.exists(os.path.join(config.output, video.path))]
    ours = {video.path for video in videos}
    for parent, _, names in os.walk(config.output):
        for path in (os.path.relpath(os.path.join(parent, name), config.output) for name in names):
            if path not in ours and not os.path.basename(path).startswith("."):
                raise FolderInUseError(
                    f"{config.output} holds {path}, which is not one of the videos to be made and would be mixed up "
                    "with them: choose another --output, or delete the folder"
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
    """Makes the videos and yields each once it is written, in any order."""
    workers = min(config.workers or num_cores(), len(videos))
    if workers <= 1:
        for video in videos:
            _make(config.output, video)
            yield video
        return
    # Spawned, not forked: the caller may have threads (TensorFlow, gRPC), whose locks might stay locked after a fork.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)
    try:
        with _ctrl_c_later():  # the processes start here and inherit the mask: only this one handles Ctrl-C
            futures = {pool.submit(_make, config.output, video): video for video in videos}
        for future in as_completed(futures):
            future.result()
            yield futures[future]
    finally:
        with _ctrl_c_later():  # a second Ctrl-C would leave processes running
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    cv2.setNumThreads(1)  # each process already takes a core
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process with its parent; otherwise it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _make(output: str, video: Video) -> None:
    frames = render_clip(video.seed, video.activity, video.group, video.clip)
    # As in UCF50, some groups have B-frames and others do not.
    _write(os.path.join(output, video.path), encode_avi(frames, b_frames=2 if video.group % 2 == 0 else 0))


def encode_avi(frames: Iterable[Pixels], b_frames: int) -> bytes:
    """Frames as `render_clip` yields them in an MPEG-4 AVI file, without date or version: equal frames, equal bytes."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FRAMES_PER_SECOND)
        codec = stream.codec_context
        codec.width, codec.height, codec.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        codec.codec_tag = "XVID"
        codec.bit_rate = BITS_PER_SECOND
        codec.gop_size = 2 * FRAMES_PER_SECOND
        codec.max_b_frames = b_frames
        codec.thread_count = 1  # each thread would encode its own slice, so their number would change the bytes
        codec.flags |= Flags.bitexact
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _write(path: str, content: bytes) -> None:
    """Writes a file atomically; its temporary name is hidden and does not have the suffix of a video."""
    folder, name = os.path.split(path)
    with local.write(path, os.path.join(folder, f".{name}.partial")) as file:
        file.write(content)
