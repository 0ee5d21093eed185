"""Writes results to the ledger while the job runs, so that little is lost if it is killed."""

import base64
import bisect
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.labelling import folder
from pipelines.labelling.ledger import MAX_STRIPS, Entry
from pipelines.reports.progress import LOCAL_PROGRESS
from pipelines.transforms.collecting import CollectFn
from pipelines.transforms.counting import count
from pipelines.transforms.elements import Scorable, VideoRange
from pipelines.video.images import film_strip

_MIN_FLUSH, _MAX_FLUSH = 8, 512
"""Entries in a file of the ledger: few at first, then as many as there are already, so that files stay few, too."""
_FLUSH_S = 5.0


@dataclass
class RecordResults(beam.PTransform):
    """PCollection[PredictionResult] -> PCollection[tuple[int, int]], shards and how many entries each of them got.

    Attributes:
        output: folder of the labels.
        key: key of the model and of the settings that determine the scores.
        shape: [T, H, W, 3] of a clip.
    """

    output: str
    key: str
    shape: tuple[int, int, int, int]

    def expand(self, results: beam.PCollection) -> beam.PCollection:
        return results | beam.ParDo(_RecordFn(self.output, self.key, self.shape))


class _Strips:
    """Film strips of the least certain windows of a bundle so far; of equally certain ones, the first by name.

    A window that is among the least certain of all is always among them, so the report doesn't depend on how a job ran.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[float, str, int, str]] = []

    def offer(self, score: float, video: str, index: int, frames: np.ndarray) -> None:
        if len(self._kept) == MAX_STRIPS and (score, video, index) > self._kept[-1][:3]:
            return
        bisect.insort(self._kept, (score, video, index, base64.b64encode(film_strip(frames)).decode()))
        del self._kept[MAX_STRIPS:]

    def of(self, entry: Entry) -> dict[int, str]:
        own = {(entry.video, window.index) for window in entry.windows}
        return {index: strip for _, video, index, strip in self._kept if (video, index) in own}


class _RecordFn(CollectFn):
    def __init__(self, output: str, key: str, shape: tuple[int, int, int, int]) -> None:
        super().__init__(key)
        self._output = output
        self._shape = shape

    def start_bundle(self) -> None:
        super().start_bundle()
        self._waiting: dict[int, list[Entry]] = {}
        self._strips: dict[int, _Strips] = {}
        self._since = time.monotonic()
        self._written = 0

    def collected(self, source: VideoRange, entry: Entry) -> Iterable[tuple[int, int]]:
        self._waiting.setdefault(source.shard, []).append(entry)
        _count(entry)
        waiting = sum(map(len, self._waiting.values()))
        if waiting >= max(_MIN_FLUSH, min(_MAX_FLUSH, self._written)) or time.monotonic() - self._since > _FLUSH_S:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        super().finish_bundle()
        for value in self._flush():
            yield WindowedValue(value, MIN_TIMESTAMP, [GlobalWindow()])

    def scored(self, item: Scorable, score: float) -> None:
        assert item.window is not None
        frames = np.frombuffer(item.frames, np.uint8).reshape(self._shape)
        strips = self._strips.setdefault(item.source.shard, _Strips())
        strips.offer(score, item.source.task.video.video_id, item.window.index, frames)

    def _flush(self) -> Iterator[tuple[int, int]]:
        for shard, entries in sorted(self._waiting.items()):
            strips = self._strips.get(shard, _Strips())
            folder.add_to_ledger(self._output, shard, [entry.with_strips(strips.of(entry)) for entry in entries])
            self._written += len(entries)
            yield shard, len(entries)
        self._waiting.clear()
        self._since = time.monotonic()


def _count(entry: Entry) -> None:
    """Updates the counters, which every runner shows, and the progress of this process."""
    count("windows_scored", len(entry.windows), "label")
    count("failures", len(entry.failures), "label")
    share = 1 / max(1, len(entry.parts))
    LOCAL_PROGRESS.add_video(share, share * entry.duration_s)
