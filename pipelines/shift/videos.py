"""Decodes a window of each of some videos, as labelling does, to measure its pixels."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from pipelines import files
from pipelines.core.failure import Failure
from pipelines.core.hashing import stable_hash
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.decoding.lent_file import Opened
from pipelines.decoding.messages import (
    CutVideo,
    DecodedClip,
    DecodedWindow,
    DecodeJob,
    DecodeLimits,
    WindowJob,
)
from pipelines.decoding.pool import DecoderPool
from pipelines.process.cores import num_cores
from pipelines.reports.progress import Progress
from pipelines.shift.pixels import brightness_and_motion
from pipelines.video.images import as_stored
from pipelines.video.pieces import Range
from pipelines.video.windows import WindowSpec

_FIRST_FRAME = ClipSpec(num_frames=1, height=8, width=8)
"""All that is wanted of a video of which only the size of its frames is to be known."""


_LIMITS = DecodeLimits()


@dataclass(frozen=True)
class Readable:
    """A video to measure: its id, its address, and once it is known where to start, the range to decode."""

    video: str
    uri: str
    range: Range | None = None


@dataclass(frozen=True)
class Pixels:
    """What was measured of a video; see `Measured`."""

    brightness: float
    motion: float | None
    resolution: float


@contextmanager
def decoders() -> Iterator[DecoderPool]:
    """Decoder processes, which start when they are needed and end with the block."""
    pool = DecoderPool(num_cores(), _LIMITS)
    try:
        yield pool
    finally:
        pool.close()


def measure_videos(
    pool: DecoderPool,
    videos: Sequence[Readable],
    spec: ClipSpec,
    encoding: FrameEncoding,
    windows: WindowSpec,
    seed: int,
) -> tuple[Mapping[str, Pixels], list[str]]:
    """Decodes a short video whole, and a window of a longer one, drawn at random, in decoder processes.

    Args:
        pool: the decoders.
        videos: the videos.
        spec: how to make the clips.
        encoding: how they would be stored.
        windows: length of a window; `range_s` must be as long, so that each is decoded apart.
        seed: chooses the windows.

    Returns:
        What was measured by id, and for each video that couldn't be read the reason, with its id.

    Raises:
        WorkerError: decoder processes can't be started, or this machine is short of something.
    """
    opening = DecodeJob(_FIRST_FRAME, FrameEncoding(), 1, _LIMITS, with_source=True)
    pixels: dict[str, Pixels] = {}
    sizes: dict[str, float] = {}
    # Decoder processes would find that out, too, but take a moment to start.
    gone = {video.video for video in videos if files.is_local(video.uri) and not files.exists(video.uri)}
    failed = {video.video: f"{video.video}: no file {video.uri}" for video in videos if video.video in gone}
    there = [video for video in videos if video.video not in gone]
    with Progress("Looking at videos", 2 * len(videos), every_s=10.0) as progress:
        for item, result in pool.map(there, opening, _open):
            if isinstance(result, DecodedClip) and result.source:
                sizes[item.video] = float(np.sqrt(result.source.width * result.source.height))
            elif isinstance(result, Failure):
                failed[item.video] = f"{item.video}: {result.message}"
            progress.update(len(sizes) + len(failed), f"{len(sizes)} of {len(videos)} videos opened")
        left = [video for video in videos if video.video in sizes]
        for item, found in _windows_of(pool, left, WindowJob(spec, windows, _LIMITS), seed):
            if isinstance(found, Failure):
                failed[item.video] = f"{item.video}: {found.message}"
            else:
                frames = np.frombuffer(as_stored(found, spec, encoding), np.uint8).reshape(spec.shape)
                pixels[item.video] = Pixels(*brightness_and_motion(frames), sizes[item.video])
            progress.update(len(videos) + len(pixels), f"{len(pixels)} of {len(left)} videos measured")
    return pixels, [failed[video.video] for video in videos if video.video in failed]


def _open(item: Readable) -> Opened:
    return files.borrowed(item.uri, _LIMITS.disk_mb)


def _windows_of(
    pool: DecoderPool, videos: Sequence[Readable], job: WindowJob, seed: int
) -> Iterator[tuple[Readable, bytes | Failure]]:
    """The pixels of the chosen window of each video, raw uint8, or why there are none."""
    cut = []
    for item, found in _stream(pool, videos, job, seed):
        if isinstance(found, CutVideo):
            cut.append(replace(item, range=found.ranges[_number(item, seed, "range") % len(found.ranges)]))
        else:
            yield item, found
    for item, found in _stream(pool, cut, job, seed):
        if isinstance(found, CutVideo):
            raise TypeError("a range was cut once more")
        yield item, found


def _stream(
    pool: DecoderPool, videos: Sequence[Readable], job: WindowJob, seed: int
) -> Iterator[tuple[Readable, bytes | Failure | CutVideo]]:
    """The same, before videos that can be decoded from several places are told where to start."""
    nearest: dict[str, bytes | Failure] = {}
    for item, result, is_last in pool.stream(videos, job, _open, lambda item: item.range):
        if isinstance(result, DecodedWindow):
            # A video that can't be cut, and a range that is long for want of key frames, come with all windows. Where
            # the drawn one failed, as the missing end of a video does, the nearest that didn't is taken.
            number = result.window.index - (item.range.first if item.range else 0)
            is_before = number <= _number(item, seed, "window") % result.num_windows
            if result.failure is None and (is_before or not isinstance(nearest.get(item.video), bytes)):
                nearest[item.video] = result.frames
            elif result.failure is not None:
                nearest.setdefault(item.video, result.failure)
        if is_last:
            found = nearest.pop(item.video, None)
            chosen = found if isinstance(found, bytes) or result is None else result
            assert chosen is not None and not isinstance(chosen, DecodedWindow), "videos end with another result"
            yield item, chosen


def _number(item: Readable, seed: int, what: str) -> int:
    return stable_hash("drift", str(seed), what, item.video)
