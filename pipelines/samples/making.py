"""Makes the videos of a sample dataset in several processes, whatever they show.

A run that was interrupted is resumed: the videos that exist are kept.
"""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import cv2

from pipelines.core.errors import UsageError
from pipelines.files import local
from pipelines.process.cores import num_cores

MARKER = "sample_data.json"  # written last: the dataset is complete
STARTED = ".sample_data.started.json"  # written first: the settings of the videos of an interrupted run

OnProgress = Callable[[int, int], None]  # (videos done, total number of videos)


class FolderInUseError(UsageError):
    """The output folder holds something other than this configuration's videos."""


class Video(Protocol):
    """A video to make. It is sent to another process."""

    @property
    def path(self) -> str:
        """The path of the file, relative to the output folder."""

    def content(self) -> bytes:
        """The bytes of the file."""


class Collection(Protocol):
    """What to make and where."""

    @property
    def output(self) -> str:
        """The local folder to write to."""

    @property
    def workers(self) -> int:
        """Number of processes; 0 for one per core."""

    def marker(self) -> dict[str, Any]:
        """What determines the bytes of the dataset, as it is written beside the videos."""

    def list_videos(self) -> Sequence[Video]:
        """Every video, in the order in which they are made."""

    def tables(self) -> Mapping[str, bytes]:
        """The files beside the videos, content by name."""


def generate(config: Collection, on_progress: OnProgress = lambda done, total: None) -> int:
    """Makes the missing videos of the dataset and returns the number of all its videos.

    Raises:
        FolderInUseError: the folder holds anything else.
        OSError: the folder cannot be written.
    """
    videos = config.list_videos()
    if is_complete(config):
        return len(videos)
    missing = _missing(config, videos)
    for folder in sorted({os.path.dirname(video.path) for video in videos}):
        os.makedirs(os.path.join(config.output, folder), exist_ok=True)
    marker = json.dumps(config.marker(), indent=2).encode() + b"\n"
    _write(os.path.join(config.output, STARTED), marker)
    for name, content in config.tables().items():
        _write(os.path.join(config.output, name), content)
    done = len(videos) - len(missing)
    on_progress(done, len(videos))
    for _ in _make_all(config, missing):
        done += 1
        on_progress(done, len(videos))
    _write(os.path.join(config.output, MARKER), marker)
    os.remove(os.path.join(config.output, STARTED))
    return len(videos)


def is_complete(config: Collection) -> bool:
    """Whether the folder holds this dataset, complete.

    Raises:
        FolderInUseError: the folder holds anything else.
    """
    others = (os.path.join(config.output, name) for name in (MARKER, *config.tables()))
    return not _missing(config, config.list_videos()) and all(map(os.path.exists, others))


def _missing(config: Collection, videos: Sequence[Video]) -> Sequence[Video]:
    """The videos to be made: all of them where no marker tells which settings the videos in the folder have."""
    for name in (MARKER, STARTED):
        with suppress(FileNotFoundError), open(os.path.join(config.output, name), "rb") as file:
            _check_marker(config, file.read())
            return [video for video in videos if not os.path.exists(os.path.join(config.output, video.path))]
    ours = {video.path for video in videos} | {*config.tables()}
    for parent, _, names in os.walk(config.output):
        for path in (os.path.relpath(os.path.join(parent, name), config.output) for name in names):
            if path not in ours and not os.path.basename(path).startswith("."):
                raise FolderInUseError(
                    f"{config.output} holds {path}, which is not one of the videos to be made and would be mixed up "
                    "with them: choose another --output, or delete the folder"
                )
    return videos


def _check_marker(config: Collection, content: bytes) -> None:
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


def _make_all(config: Collection, videos: Sequence[Video]) -> Iterator[Video]:
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
    _write(os.path.join(output, video.path), video.content())


def _write(path: str, content: bytes) -> None:
    """Writes a file atomically; its temporary name is hidden and does not have the suffix of a video."""
    folder, name = os.path.split(path)
    with local.write(path, os.path.join(folder, f".{name}.partial")) as file:
        file.write(content)
