"""Some videos of an input, drawn by their names alone, and what decoding them says about all of the input."""

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines import files
from pipelines.core.failure import Failure
from pipelines.core.hashing import stable_hash
from pipelines.core.spec import ClipSpec
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.example import Example, encode
from pipelines.dataset.listing import without_duplicates
from pipelines.dataset.shard_writer import requests
from pipelines.decoding.messages import ClipResult, DecodedClip, DecodeJob, Request
from pipelines.decoding.pool import DecoderPool
from pipelines.inputs.catalog import Catalog, VideoRecord
from pipelines.process.cores import num_cores
from pipelines.reports.progress import POLL_S, videos_done, watching

NUM_DRAWN = 50
_PATIENCE_S = 120.0
"""After this time no more videos are decoded: the first ones are enough."""
_FRAMING_BYTES = 16
"""What TFRecord adds to each record."""


@dataclass(frozen=True)
class Sample:
    """The results for the drawn videos.

    Attributes:
        results: each video or part of one that was decoded, with its clip or the failure.
        num_drawn: number of videos and parts that were drawn.
        seconds_each: time per clip with all decoders busy; None if there were too few to tell.
        memory_bytes: peak memory of this process and its decoders; None if the system doesn't tell.
        workers: number of decoder processes.
        spec: how the clips were made.
    """

    results: tuple[tuple[VideoRecord, ClipResult], ...]
    num_drawn: int
    seconds_each: float | None
    memory_bytes: int | None
    workers: int
    spec: ClipSpec

    @property
    def clips(self) -> list[tuple[VideoRecord, DecodedClip]]:
        """The videos with a clip."""
        return [(video, result) for video, result in self.results if isinstance(result, DecodedClip)]

    @property
    def failures(self) -> list[tuple[VideoRecord, Failure]]:
        """The videos without a clip."""
        return [(video, result) for video, result in self.results if isinstance(result, Failure)]


def draw(videos: Sequence[VideoRecord], number: int = NUM_DRAWN) -> list[VideoRecord]:
    """A random choice of videos: the same ones each time, whatever else is added or removed."""
    return sorted(videos, key=lambda video: (stable_hash("doctor", video.video_id), video.video_id))[:number]


def with_parts(drawn: Sequence[VideoRecord], videos: Iterable[VideoRecord]) -> list[VideoRecord]:
    """All clips of the drawn videos, those of one video in the order of their times.

    Args:
        drawn: a record of each drawn video.
        videos: all records.
    """
    place = {video.uri: number for number, video in enumerate(drawn)}
    found = [video for video in videos if video.uri in place]
    return sorted(found, key=lambda video: (place[video.uri], video.is_whole, video.start_s, video.video_id))


def decode_sample(drawn: Sequence[VideoRecord], config: PreprocessConfig) -> Sample:
    """Makes the clips of some videos and parts of videos as preprocessing does, in decoder processes.

    Raises:
        WorkerError: decoder processes can't be started, or this machine is short of something.
    """
    workers = num_cores()
    job = DecodeJob(config.clip_spec, config.frame_encoding, config.min_frames, config.limits, with_source=True)
    results: list[tuple[VideoRecord, ClipResult]] = []
    pool = DecoderPool(workers, config.limits)

    wanted = list(requests(drawn))

    def look_at(asked: Sequence[tuple[list[VideoRecord], Request]], until_s: float) -> float:
        """Seconds for each of some clips."""
        start, before = time.monotonic(), len(results)
        with contextlib.closing(
            pool.map_ranges(asked, job, lambda video: files.borrowed(video.uri, config.limits.disk_mb))
        ) as found:
            for video, part in found:
                assert part.result is not None, "without dense windows, each has one result"
                results.append((video, part.result))
                if time.monotonic() > until_s:
                    break
        return (time.monotonic() - start) / max(1, len(results) - before)

    try:
        with watching("Probing", len(drawn), lambda: len(results), POLL_S, videos_done(len(drawn))):
            end_s = time.monotonic() + _PATIENCE_S
            # The time to start the decoders doesn't count, unless there are no other videos.
            each_s = look_at(wanted[:workers], end_s)
            if wanted[workers:] and time.monotonic() < end_s:
                each_s = look_at(wanted[workers:], end_s)
        memory = peak_memory()
    finally:
        pool.close()
    return Sample(tuple(results), len(drawn), each_s if results else None, memory, workers, config.clip_spec)


def record_bytes(video: VideoRecord, clip: DecodedClip) -> int:
    """Bytes that a clip takes in a shard."""
    example = Example(
        clip.frames, 0, video.label, video.video_id, video.group, clip.timestamps_s, clip.frame_indices,
        clip.num_source_frames, clip.remark,
    )  # fmt: skip
    return len(encode(example)) + _FRAMING_BYTES


def peak_memory(process: Path = Path("/proc")) -> int | None:
    """Sum of the peak memory of this process and its decoders in bytes; None without `/proc`."""
    own = os.getpid()
    total = None
    for folder in process.glob("[0-9]*"):
        fields = _status(folder / "status")
        if "VmHWM" in fields and (folder.name == str(own) or fields.get("PPid") == str(own)):
            total = (total or 0) + (int(fields["VmHWM"].split()[0]) << 10)
    return total


def _status(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:  # a process may have ended meanwhile
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def with_copies(catalog: Catalog, drawn: Sequence[VideoRecord]) -> list[tuple[VideoRecord, ...]]:
    """Videos with the same content, the original first, among the drawn ones and, on this machine, all of their sizes.

    Raises:
        OSError: a store fails.
    """
    candidates = list(drawn)
    if all(files.is_local(video.uri) for video in catalog.videos):
        sizes = [file.size_bytes for file in files.stat_files("", [video.uri for video in catalog.videos])]
        names = {video.video_id for video in drawn}
        wanted = {size for video, size in zip(catalog.videos, sizes, strict=True) if video.video_id in names}
        candidates = [video for video, size in zip(catalog.videos, sizes, strict=True) if size in wanted]
    candidates.sort(key=lambda video: video.video_id)
    return list(without_duplicates(replace(catalog, videos=tuple(candidates))).copies)
