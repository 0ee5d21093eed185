"""Decoding the windows of videos in a Beam job. Pixels go straight to the model, in the same worker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines import files
from pipelines.decoding.messages import CutVideo, DecodedWindow, DecodeFailure, WindowFailure, WindowJob, WindowResult
from pipelines.labelling.plan import LabelTask, VideoTask
from pipelines.labelling.types import LabelFailure
from pipelines.transforms.counting import count
from pipelines.transforms.elements import RangeTask, Scorable, VideoRange
from pipelines.transforms.worker import shared_pool
from pipelines.video.compact import windows_from_json

RANGES = "ranges"
_HOLD_BYTES = 64 * 1024 * 1024
_MAX_HOLD = 64


@dataclass
class DecodeVideos(beam.PTransform):
    """PCollection[LabelTask] -> `None`: PCollection[Scorable], `RANGES`: PCollection[RangeTask].

    Attributes:
        job: how to decode.
        workers: decoders of each Beam worker process.
    """

    job: WindowJob
    workers: int

    def expand(self, tasks: beam.PCollection) -> Any:
        return tasks | beam.ParDo(_DecodeVideosFn(self.job, self.workers)).with_outputs(RANGES, main="windows")


@dataclass
class DecodeRanges(beam.PTransform):
    """PCollection[RangeTask] -> PCollection[Scorable], spread over the workers first."""

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
        return self._pool.stream(
            ranges, self._job, lambda item: files.local_copy(item.task.video.uri), lambda item: item.request, hold
        )

    def _decode(self, ranges: Iterable[VideoRange]) -> Iterator[Scorable | tuple[VideoRange, CutVideo]]:
        """Each window once, as a clip or as a failure, in the order in which they come."""
        delivered: dict[VideoRange, Scorable] = {}
        counts: dict[VideoRange, int] = {}
        for item, result, last in self._stream(ranges):
            if isinstance(result, CutVideo):
                yield item, result
            elif isinstance(result, DecodedWindow | WindowFailure):
                scorable = _to_scorable(item, result)
                counts[item] = counts.get(item, 0) + 1
                delivered[item] = scorable
                yield scorable
            elif isinstance(result, DecodeFailure):
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
    windows = [[item.window for item in windows_from_json(request["windows"])] for request in cut.ranges]
    names = tuple(f"{part[0].index}:{part[-1].index + 1}" for part in windows)
    done = video.task.done if video.task.parts == names else ()
    return [
        VideoRange(video.shard, video.task, name, names, request["num_windows"], request)
        for name, request in zip(names, cut.ranges, strict=True)
        if name not in done
    ]


def _share_out(ranges: list[VideoRange], workers: int) -> Iterator[tuple[VideoRange, ...]]:
    """As many ranges in one task as a worker has decoders."""
    for first in range(0, len(ranges), workers):
        yield tuple(ranges[first : first + workers])


def _to_scorable(item: VideoRange, result: DecodedWindow | WindowFailure) -> Scorable:
    failure, frames, damaged, remark = None, b"", False, ""
    if isinstance(result, DecodedWindow):
        frames, damaged, remark = result.frames, result.damaged, result.remark
    else:
        failure = _failure(item.task, result.window.start_s, result.window.end_s, result.type, result.message)
    return Scorable(item, result.window, result.num_windows, 1, result.duration_s, damaged, remark, frames, failure)


def _failure(task: VideoTask, start_s: float | None, end_s: float | None, kind: str, message: str) -> LabelFailure:
    return LabelFailure(task.video.video_id, task.video.uri, start_s, end_s, "decode", kind, message)


def _rest(item: VideoRange, before: Scorable | None, delivered: int, error: DecodeFailure) -> Scorable:
    """What stands for all windows of a range which won't come any more."""
    video = item.task.video
    start_s = end_s = None
    num_windows, duration_s = item.num_windows or 1, 0.0
    if before is not None and before.window is not None:
        num_windows, duration_s = before.num_windows, before.duration_s
        start_s, end_s = before.window.end_s, duration_s
    if item.request is not None:
        windows, duration_s = windows_from_json(item.request["windows"]), item.request["duration_s"]
        start_s, end_s = windows[min(delivered, len(windows) - 1)].window.start_s, windows[-1].window.end_s
        if missing := item.request["missing"]:
            end_s = max(end_s, missing["end_s"])
    failure = LabelFailure(
        video.video_id, video.uri, start_s, end_s, error.stage, error.type, error.message, error.transient
    )
    return Scorable(item, None, num_windows, num_windows - delivered, duration_s, False, "", b"", failure)
