"""`ReadClips`: from addresses of videos to clips, for use in any pipeline."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError, UserError
from pipelines.core.failure import Failure
from pipelines.core.settings.fields import check_whole
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.decoding.lent_file import Opened
from pipelines.decoding.messages import DecodedClip, DecodeJob, DecodeLimits
from pipelines.process.cores import num_cores
from pipelines.transforms.worker import shared_pool
from pipelines.video.images import decode_frames

FAILURES = "failures"
"""The tag of a second output, here and in `LabelVideos`."""
_BATCH = 64


@dataclass(frozen=True)
class VideoClip:
    """The clip of a video.

    Attributes:
        uri: address of the video.
        frames: uint8 [T, H, W, 3], RGB, upright.
        frame_indices: T indices of the source's frames in display order, repeated if the source is short.
        timestamps_s: T times of the frames in seconds from the source's first frame.
        num_source_frames: number of frames of the source.
        duration_s: length of the source in seconds.
        damaged: whether frames are missing or broken; the clip shows what could be decoded.
        remark: what a person should know about the video, mostly empty.
    """

    uri: str
    frames: np.ndarray
    frame_indices: tuple[int, ...]
    timestamps_s: tuple[float, ...]
    num_source_frames: int
    duration_s: float
    damaged: bool
    remark: str


class ClipsAndFailures(NamedTuple):
    """The output of `ReadClips(...).with_failures()`.

    Attributes:
        clips: PCollection[VideoClip].
        failures: PCollection[Failure].
    """

    clips: beam.PCollection
    failures: beam.PCollection


@dataclass
class ReadClips(beam.PTransform):
    """PCollection[str], local paths or addresses in stores -> PCollection[VideoClip].

    Videos are decoded in separate processes, as by `pipelines.preprocess`: a video that hangs or crashes the decoder
    only costs its own clip.

    Attributes:
        clip_spec: how the pixels of a clip are made.
        workers: number of decoder processes of each worker process of the engine; 0 for one per core.
        time_limit_s: seconds that decoding one video may take.
        memory_limit_mb: megabytes of memory that decoding may take.
        disk_limit_mb: megabytes of temporary disk space of each worker process for parts of videos in stores.

    Raises:
        UsageError: `clip_spec` is something else, or a number is out of range; raised when the transform is applied.
        UserError: a video has no clip; raised in the running job. `with_failures()` gives these as a second output
            instead.

    Example:
        >>> clips = p | beam.Create(uris) | pipelines.ReadClips(pipelines.ClipSpec())
        >>> clips, failures = p | beam.Create(uris) | pipelines.ReadClips(pipelines.ClipSpec()).with_failures()
    """

    clip_spec: ClipSpec
    workers: int = 0
    time_limit_s: float = DecodeLimits.time_s
    memory_limit_mb: int = DecodeLimits.memory_mb
    disk_limit_mb: int = DecodeLimits.disk_mb
    _apart: bool = False

    def with_failures(self) -> "ReadClips":
        """The same with the output `ClipsAndFailures`: failures don't end the job."""
        return replace(self, _apart=True)

    def expand(self, uris: beam.PCollection) -> Any:
        if not isinstance(self.clip_spec, ClipSpec):
            raise UsageError(f"ReadClips takes a ClipSpec, not {type(self.clip_spec).__name__}")
        check_whole("workers", self.workers, 0)
        limits = DecodeLimits(self.time_limit_s, self.memory_limit_mb, self.disk_limit_mb)
        job = DecodeJob(self.clip_spec, FrameEncoding(), 1, limits)
        read = beam.ParDo(_ReadFn(job, self.workers, self._apart)).with_outputs(FAILURES, main="clips")
        found = uris | beam.BatchElements(min_batch_size=1, max_batch_size=_BATCH) | "Decode" >> read
        return ClipsAndFailures(found.clips, found[FAILURES]) if self._apart else found.clips


class _ReadFn(beam.DoFn):
    def __init__(self, job: DecodeJob, workers: int, apart: bool) -> None:
        self._job = job
        self._workers = workers
        self._apart = apart

    def setup(self) -> None:
        self._pool = shared_pool(self._workers or num_cores(), self._job.limits)

    def process(self, uris: list[str]) -> Iterable[Any]:
        for uri, result in self._pool.map(uris, self._job, self._borrowed):
            if isinstance(result, DecodedClip):
                yield self._clip(uri, result)
                continue
            assert isinstance(result, Failure), "nothing is filtered: every video has a frame"
            if not self._apart:
                what = f"{uri}: {result.message} ({result.type})"
                raise UserError(f"{what}. ReadClips(...).with_failures() gives failures as a second output instead")
            yield beam.pvalue.TaggedOutput(FAILURES, replace(result, video_id=uri, uri=uri))

    def _borrowed(self, uri: str) -> Opened:
        return files.borrowed(uri, self._job.limits.disk_mb)

    def _clip(self, uri: str, clip: DecodedClip) -> VideoClip:
        return VideoClip(
            uri,
            decode_frames(clip.frames, self._job.spec, self._job.encoding),
            tuple(clip.frame_indices),
            tuple(clip.timestamps_s),
            clip.num_source_frames,
            clip.duration_s,
            clip.damaged,
            clip.remark,
        )
