"""Gathers the results of windows into entries, one for a video or a range of it, once all its windows are done."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.ml.inference.base import PredictionResult

from pipelines.core.failure import Failure
from pipelines.labelling.ledger import Entry
from pipelines.models.scores import Scored, ScoreError
from pipelines.transforms.elements import Scorable, VideoRange
from pipelines.video.windows import Window


@dataclass
class _Open:
    """The results of a video or range so far."""

    covered: int = 0
    damaged: bool = False
    remark: str = ""
    scored: list[tuple[Window, Scored]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


class CollectFn(beam.DoFn):
    """Makes an entry of each video or range, whose windows all arrive in the same bundle.

    Args:
        key: key of the model and of the settings that determine the scores.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def start_bundle(self) -> None:
        self._open: dict[tuple[str, str], _Open] = {}

    def process(self, result: PredictionResult) -> Iterable[Any]:
        item, values = result.example, result.inference
        source = item.source
        place = (source.task.video.video_id, source.part)
        found = self._open.setdefault(place, _Open())
        self._add(found, item, values)
        if found.covered < item.num_windows:
            return
        del self._open[place]
        yield from self.collected(source, self._entry(source, item, found))

    def finish_bundle(self) -> Any:
        if self._open:
            raise RuntimeError(f"{len(self._open)} videos are incomplete, for example {next(iter(self._open))[0]}")

    def collected(self, source: VideoRange, entry: Entry) -> Iterable[Any]:
        """The elements to emit for an entry."""
        raise NotImplementedError

    def scored(self, item: Scorable, score: float) -> None:
        """Called for each window that was scored, with the probability of its best class."""

    def _add(self, found: _Open, item: Scorable, values: Scored | ScoreError | None) -> None:
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
        self.scored(item, float(values.probabilities.max()))

    def _entry(self, source: VideoRange, item: Scorable, found: _Open) -> Entry:
        found.scored.sort(key=lambda pair: pair[0].index)  # they arrive in the order in which batches are filled
        found.failures.sort(key=lambda failure: failure.start_s or 0.0)
        rows = [scored.probabilities for _, scored in found.scored]
        distances = [scored.unfamiliar for _, scored in found.scored if scored.unfamiliar is not None]
        vectors = [scored.embedding for _, scored in found.scored if scored.embedding is not None]
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
            unfamiliar=np.array(distances, np.float32) if distances else None,
            embeddings=np.stack(vectors) if vectors else None,
        )
