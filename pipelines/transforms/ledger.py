"""Results into the ledger, while the job runs, so that a killed one has lost little."""

import base64
import bisect
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import apache_beam as beam
import numpy as np
from apache_beam.ml.inference.base import PredictionResult
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.core.failure import Failure
from pipelines.labelling import folder
from pipelines.labelling.ledger import MAX_STRIPS, Entry
from pipelines.models.scorer import ScoreError
from pipelines.reports.progress import LOCAL_PROGRESS
from pipelines.transforms.counting import count
from pipelines.transforms.elements import Scorable, VideoRange
from pipelines.video.images import film_strip
from pipelines.video.windows import Window

_MIN_FLUSH, _MAX_FLUSH = 8, 512
"""Entries of a file of the ledger: at first few, then as many as there are already, so that files stay few, too."""
_FLUSH_S = 5.0


@dataclass
class RecordResults(beam.PTransform):
    """PCollection[PredictionResult] -> PCollection[tuple[int, int]], shards and how many entries each was given.

    Attributes:
        output: folder of the labels.
        key: of the model and the settings that decide about scores.
        shape: [T, H, W, 3] of a clip.
    """

    output: str
    key: str
    shape: tuple[int, int, int, int]

    def expand(self, results: beam.PCollection) -> beam.PCollection:
        return results | beam.ParDo(_RecordFn(self.output, self.key, self.shape))


@dataclass
class _Open:
    """What has come of a video or range so far."""

    covered: int = 0
    damaged: bool = False
    remark: str = ""
    scored: list[tuple[Window, np.ndarray]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


class _Strips:
    """Film strips of the least certain windows of a bundle so far; of equally certain ones, of the first by name.

    One that is among the least certain of all is among them at any time, so the report is the same however a job went.
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


class _RecordFn(beam.DoFn):
    def __init__(self, output: str, key: str, shape: tuple[int, int, int, int]) -> None:
        self._output = output
        self._key = key
        self._shape = shape

    def start_bundle(self) -> None:
        self._open: dict[tuple[str, str], _Open] = {}
        self._waiting: dict[int, list[Entry]] = {}
        self._strips: dict[int, _Strips] = {}
        self._since = time.monotonic()
        self._written = 0

    def process(self, result: PredictionResult) -> Iterable[tuple[int, int]]:
        item, values = result.example, result.inference
        source = item.source
        place = (source.task.video.video_id, source.part)
        found = self._open.setdefault(place, _Open())
        self._add(found, item, values)
        if found.covered < item.num_windows:
            return
        del self._open[place]
        entry = self._entry(source, item, found)
        self._waiting.setdefault(source.shard, []).append(entry)
        _count(entry)
        waiting = sum(map(len, self._waiting.values()))
        if waiting >= max(_MIN_FLUSH, min(_MAX_FLUSH, self._written)) or time.monotonic() - self._since > _FLUSH_S:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._open:
            raise RuntimeError(f"{len(self._open)} videos ended in the middle, for example {next(iter(self._open))[0]}")
        for value in self._flush():
            yield WindowedValue(value, MIN_TIMESTAMP, [GlobalWindow()])

    def _add(self, found: _Open, item: Scorable, values: np.ndarray | ScoreError | None) -> None:
        found.covered += item.covers
        found.damaged |= item.damaged
        found.remark = found.remark or item.remark
        if item.failure is not None:
            found.failures.append(item.failure)
            return
        assert item.window is not None and values is not None
        window, video = item.window, item.source.task.video
        if isinstance(values, ScoreError):
            error = Failure("score", type(values).__name__, str(values), False, video.video_id, video.uri)
            found.failures.append(replace(error, start_s=window.start_s, end_s=window.end_s))
            return
        found.scored.append((window, values))
        frames = np.frombuffer(item.frames, np.uint8).reshape(self._shape)
        strips = self._strips.setdefault(item.source.shard, _Strips())
        strips.offer(float(values.max()), video.video_id, window.index, frames)

    def _entry(self, source: VideoRange, item: Scorable, found: _Open) -> Entry:
        found.scored.sort(key=lambda pair: pair[0].index)  # they come in the order in which batches are filled
        found.failures.sort(key=lambda failure: failure.start_s or 0.0)
        rows = [row for _, row in found.scored]
        return Entry(
            video=source.task.video.video_id,
            version=source.task.video.version,
            key=self._key,
            part=source.part,
            parts=source.parts,
            num_windows=item.num_windows,
            duration_s=item.duration_s,
            damaged=found.damaged,
            remark=found.remark,
            windows=tuple(window for window, _ in found.scored),
            probabilities=np.stack(rows) if rows else np.zeros((0, 0), np.float32),
            failures=tuple(found.failures),
        )

    def _flush(self) -> Iterator[tuple[int, int]]:
        for shard, entries in sorted(self._waiting.items()):
            strips = self._strips.get(shard, _Strips())
            folder.add_to_ledger(self._output, shard, [entry.with_strips(strips.of(entry)) for entry in entries])
            self._written += len(entries)
            yield shard, len(entries)
        self._waiting.clear()
        self._since = time.monotonic()


def _count(entry: Entry) -> None:
    """Counters for every runner, and the progress of this process."""
    count("windows_scored", len(entry.windows), "label")
    count("failures", len(entry.failures), "label")
    share = 1 / max(1, len(entry.parts))
    LOCAL_PROGRESS.add_video(share, share * entry.duration_s)
