"""`LabelVideos`: from addresses of videos to rows of labels, for use in any pipeline."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import apache_beam as beam

from pipelines import files
from pipelines.core.errors import UsageError, UserError
from pipelines.core.model_info import ModelInfo
from pipelines.core.settings.build import build
from pipelines.decoding.messages import WindowJob
from pipelines.labelling.assembly import assemble
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.ledger import Entry
from pipelines.labelling.plan import LabelTask, ListedVideo, VideoTask
from pipelines.labelling.rows import rows
from pipelines.labelling.segments import SegmentSpec
from pipelines.models.scorer import read_model_info
from pipelines.process.cores import num_cores
from pipelines.transforms.collecting import CollectFn
from pipelines.transforms.decoding import RANGES, DecodeRanges, DecodeVideos
from pipelines.transforms.elements import VideoRange
from pipelines.transforms.read_clips import FAILURES
from pipelines.transforms.scoring import ScoreClips
from pipelines.video.windows import default_windows

_BATCH = 16
_KEY = "in memory"
"""There is no ledger, so all entries can have the same key."""


class RowsAndFailures(NamedTuple):
    """The output of `LabelVideos(...).with_failures()`.

    Attributes:
        rows: PCollection[dict], as written by `pipelines.label`.
        failures: PCollection[Failure], of whole videos and of windows.
    """

    rows: beam.PCollection
    failures: beam.PCollection


@dataclass
class LabelVideos(beam.PTransform):
    """PCollection[str], local paths or addresses in stores -> PCollection[dict], a row for each segment.

    Rows have the keys `video`, `uri`, `start_s`, `end_s`, `label`, `score`, `top_k`, `model`, `remark`, `unfamiliar`
    and `is_unfamiliar`. They equal the rows of `pipelines.label` for the same videos, except for `video`, which is the
    address here. An address that occurs several times is labelled once. Only for bounded collections.

    Attributes:
        model: folder of a model, local or in a store, which the workers can reach.
        window_s: length of a window in seconds; 0 for that of the training windows, or the median of the training
            videos.
        stride_s: seconds from one window to the next; 0 for half a window.
        range_s: seconds; longer videos are cut at key frames, so that workers can share them.
        min_score: segments with a lower score are `unknown`.
        smooth: number of windows over which scores are averaged, an odd number; 1 for no smoothing.
        min_duration_s: shorter segments are joined to a neighbour.
        top_k: number of classes that are listed with their scores.
        workers: number of decoder processes of each worker process of the engine; 0 for one per core.
        time_limit_s: seconds that decoding one window may take.
        memory_limit_mb: megabytes of memory that decoding may take.
        disk_limit_mb: megabytes of temporary disk space of each worker process for parts of videos in stores.
        trust_model: use the model even if its operations could read and write files or run programs as you.

    Raises:
        UsageError: there is no model, or a value is out of range; raised when the transform is applied.
        UserError: a video or a window has no label; raised in the running job. `with_failures()` gives these as a
            second output instead.

    Example:
        >>> rows = p | beam.Create(uris) | pipelines.LabelVideos("runs/lrcn/model")
        >>> rows, failures = p | beam.Create(uris) | pipelines.LabelVideos("runs/lrcn/model").with_failures()
    """

    model: str
    window_s: float = LabelConfig.window_s
    stride_s: float = LabelConfig.stride_s
    range_s: float = LabelConfig.range_s
    min_score: float = LabelConfig.min_score
    smooth: int = LabelConfig.smooth
    min_duration_s: float = LabelConfig.min_duration_s
    top_k: int = LabelConfig.top_k
    workers: int = LabelConfig.workers
    time_limit_s: float = LabelConfig.time_limit_s
    memory_limit_mb: int = LabelConfig.memory_limit_mb
    disk_limit_mb: int = LabelConfig.disk_limit_mb
    trust_model: bool = LabelConfig.trust_model
    _apart: bool = False

    def with_failures(self) -> "LabelVideos":
        """The same with the output `RowsAndFailures`: failures don't end the job."""
        return replace(self, _apart=True)

    def expand(self, uris: beam.PCollection) -> Any:
        model = files.normalise(self.model, "the model")
        names = {item.name for item in fields(LabelConfig)} - {"model"}
        given = {name: value for name, value in vars(self).items() if name in names}
        config = build(LabelConfig, {"input": "", "output": "", "model": model, **given})
        info = read_model_info(model)
        try:
            windows = default_windows(info.durations_s, config.window_s, config.stride_s, config.range_s)
        except ValueError as error:
            raise UsageError(str(error)) from error
        job, workers = WindowJob(info.clip_spec, windows, config.limits), config.workers or num_cores()
        videos = (
            uris
            | beam.Distinct()
            | beam.BatchElements(min_batch_size=1, max_batch_size=_BATCH)
            | "Tasks" >> beam.Map(_task)
            | "DecodeVideos" >> DecodeVideos(job, workers)
        )
        of_videos = videos.windows | "ScoreVideos" >> ScoreClips(model, info, 0, config.trust_model)
        ranges = videos[RANGES] | "DecodeRanges" >> DecodeRanges(job, workers)
        of_ranges = ranges | "ScoreRanges" >> ScoreClips(model, info, 0, config.trust_model)
        entries = (
            of_videos | "CollectVideos" >> beam.ParDo(_EntriesFn(_KEY)),
            of_ranges | "CollectRanges" >> beam.ParDo(_EntriesFn(_KEY)),
        )
        assembled = beam.ParDo(_AssembleFn(info, config.segments, self._apart)).with_outputs(FAILURES, main="rows")
        found = entries | beam.Flatten() | beam.GroupByKey() | "Assemble" >> assembled
        return RowsAndFailures(found.rows, found[FAILURES]) if self._apart else found.rows


def _task(uris: list[str]) -> LabelTask:
    return LabelTask(0, tuple(VideoTask(ListedVideo(uri, uri, ""), (), ()) for uri in uris))


class _EntriesFn(CollectFn):
    def collected(self, source: VideoRange, entry: Entry) -> Iterable[tuple[str, Entry]]:
        yield entry.video, entry


class _AssembleFn(beam.DoFn):
    def __init__(self, info: ModelInfo, segments: SegmentSpec, apart: bool) -> None:
        self._info = info
        self._segments = segments
        self._apart = apart

    def process(self, element: tuple[str, Iterable[Entry]]) -> Iterable[Any]:
        uri, entries = element
        listed, info = [ListedVideo(uri, uri, "")], self._info
        found = assemble(listed, entries, _KEY, info.labels, self._segments, info.thresholds)
        for failure in found.failures:
            if not self._apart:
                what = f"{uri}: {failure.message} ({failure.type})"
                raise UserError(f"{what}. LabelVideos(...).with_failures() gives failures as a second output instead")
            yield beam.pvalue.TaggedOutput(FAILURES, failure)
        for video in found.videos:
            yield from rows(video, self._info.fingerprint)
