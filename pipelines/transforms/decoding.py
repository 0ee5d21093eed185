"""Decoding the windows of videos in a Beam job. Pixels go straight to the model, in the same worker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam

from pipelines import files
from pipelines.core.failure import Failure
from pipelines.decoding.lent_file import Opened
from pipelines.decoding.messages import CutVideo, DecodedWindow, WindowJob, WindowResult
from pipelines.labelling.plan import LabelTask
from pipelines.transforms.counting import count
from pipelines.transforms.elements import RangeTask, Scorable, VideoRange
from pipelines.transforms.worker import shared_pool

RANGES = "ranges"
_HOLD_BYTES = 64 * 1024 * 1024
_MAX_HOLD = 64


@dataclass
class DecodeVideos(beam.PTransform):
    """PCollection[LabelTask] -> `None`: PCollection[Scorable], `RANGES`: PCollection[RangeTask].

    Attributes:
        job: how to decode.
        workers: number of decoder processes of each Beam worker process.
    """

    job: WindowJob
    workers: int

    def expand(self, tasks: beam.PCollection) -> Any:
        return tasks | beam.ParDo(_DecodeVideosFn(self.job, self.workers)).with_outputs(RANGES, main="windows")


@dataclass
class DecodeRanges(beam.PTransform):
    """PCollection[RangeTask] -> PCollection[Scorable], after spreading the tasks over the workers."""

    job: WindowJob
    workers: int

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        return tasks | "Spread" >> beam.Reshuffle() | beam.ParDo(_DecodeRangesFn(self.job, self.workers))


class _DecodeFn(beam.DoFn):
    def __init__(self, job: WindowJob, workers: int) -> None:
        self._job = job
        self._workers = workers

    def setup(self) -> None:
        self._pool = shared_pool(self._workers, self._job.limits)

    def _stream(self, ranges: Iterable[VideoRange]) -> Iterator[tuple[VideoRange, WindowResult | None, bool]]:
        hold = max(2, min(_MAX_HOLD, _HOLD_BYTES // self._job.spec.num_bytes))
        return self._pool.stream(ranges, self._job, self._borrowed, lambda item: item.range, hold)

    def _borrowed(self, item: VideoRange) -> Opened:
        """The video; for a range of it, only the version that was listed and surveyed."""
        video = item.task.video
        return files.borrowed(video.uri, self._job.limits.disk_mb, video.version if item.range else "")

    def _decode(self, ranges: Iterable[VideoRange]) -> Iterator[Scorable | tuple[VideoRange, CutVideo]]:
        """Each window once, as a clip or as a failure, in the order in which they arrive."""
        delivered: dict[VideoRange, Scorable] = {}
        counts: dict[VideoRange, int] = {}
        for item, result, last in self._stream(ranges):
            if isinstance(result, CutVideo):
                yield item, result
            elif isinstance(result, DecodedWindow):
                counts[item] = counts.get(item, 0) + 1
                delivered[item] = scorable = _to_scorable(item, result)
                yield scorable
            elif isinstance(result, Failure):
                rest = _rest(item, delivered.get(item), counts.get(item, 0), result)
                if rest.covers:
                    yield rest
            if last:
                delivered.pop(item, None)
                counts.pop(item, None)


class _DecodeVideosFn(_DecodeFn):
    def process(self, task: LabelTask) -> Iterable[Any]:
        videos = [VideoRange(task.shard, video) for video in task.videos]
        count("videos_read", len(videos), "label")
        for result in self._decode(videos):
            if isinstance(result, Scorable):
                yield result
            else:
                video, cut = result
                for ranges in _share_out(_missing(video, cut), self._workers):
                    yield beam.pvalue.TaggedOutput(RANGES, RangeTask(ranges))


class _DecodeRangesFn(_DecodeFn):
    def process(self, task: RangeTask) -> Iterable[Scorable]:
        count("ranges_read", len(task.ranges), "label")
        for result in self._decode(task.ranges):
            if not isinstance(result, Scorable):
                raise TypeError("a range was cut once more")
            yield result


def _missing(video: VideoRange, cut: CutVideo) -> list[VideoRange]:
    """The ranges of a video that an earlier run didn't finish."""
    names = tuple(part.name for part in cut.ranges)
    done = video.task.done if video.task.parts == names else ()
    return [VideoRange(video.shard, video.task, names, part) for part in cut.ranges if part.name not in done]


def _share_out(ranges: list[VideoRange], workers: int) -> Iterator[tuple[VideoRange, ...]]:
    """Tasks with as many ranges as a worker has decoders."""
    for first in range(0, len(ranges), workers):
        yield tuple(ranges[first : first + workers])


def _to_scorable(item: VideoRange, result: DecodedWindow) -> Scorable:
    r, failure = result, result.failure and _named(result.failure, item)
    return Scorable(item, r.window, r.num_windows, 1, r.duration_s, r.damaged, r.remark, r.frames, failure)


def _rest(item: VideoRange, before: Scorable | None, delivered: int, failure: Failure) -> Scorable:
    """An element that stands for all windows of a range that won't arrive any more."""
    num_windows, duration_s = 1, 0.0
    if item.range is not None:
        num_windows, duration_s = item.range.num_windows, item.range.duration_s
        start_s, end_s = item.range.span_from(delivered)
        failure = replace(failure, start_s=start_s, end_s=end_s)
    elif before is not None and before.window is not None:
        num_windows, duration_s = before.num_windows, before.duration_s
        failure = replace(failure, start_s=before.window.end_s, end_s=duration_s)
    failure = _named(failure, item)
    return Scorable(item, None, num_windows, num_windows - delivered, duration_s, False, "", b"", failure)


def _named(failure: Failure, item: VideoRange) -> Failure:
    return replace(failure, video_id=item.task.video.video_id, uri=item.task.video.uri)
