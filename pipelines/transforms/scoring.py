"""Scoring clips with `RunInference`: a handler for the model directories that the trainer writes.

Beam's own handler for TensorFlow would call the model eagerly, needs another package for loading, and fails a whole
batch because of one bad clip.
"""

import resource
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference import base
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference

from pipelines.core.model_info import ModelInfo
from pipelines.models import scorer
from pipelines.models.scorer import Scorer
from pipelines.transforms.elements import Scorable

if base.resource is None:
    # Beam 2.72 drops this module if an optional part of Beam is missing, and then warns about it in every bundle.
    base.resource = resource


class SavedModelHandler(ModelHandler[Scorable, PredictionResult, Scorer]):
    """Scores clips with the SavedModel of a model directory. Elements that failed before pass through.

    The inference of a result is `Scored`, a `ScoreError`, or None if there was nothing to score.
    """

    def __init__(self, folder: str, info: ModelInfo, threads: int, trust: bool, embeddings: bool) -> None:
        self._folder = folder
        self._info = info
        self._threads = threads
        self._trust = trust
        self._embeddings = embeddings

    def load_model(self) -> Scorer:
        """The model; one for each process."""
        return scorer.shared_scorer(self._folder, self._info, self._threads, self._trust, self._embeddings)

    def run_inference(
        self, batch: Sequence[Scorable], model: Scorer, inference_args: Mapping[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """A result for each element, in order."""
        results = iter(model.score([item.frames for item in batch if item.failure is None]))
        return [PredictionResult(item, next(results) if item.failure is None else None) for item in batch]

    def get_num_bytes(self, batch: Sequence[Scorable]) -> int:
        """Bytes of the batch's pixels; Beam's own method would pickle the batch."""
        return sum(len(item.frames) for item in batch)

    def batch_elements_kwargs(self) -> Mapping[str, Any]:
        """Batches of the one size that the model is compiled for."""
        size = scorer.batch_size(self._info)
        return {"min_batch_size": size, "max_batch_size": size}

    def get_metrics_namespace(self) -> str:
        """The namespace of Beam's counters of batches and their times."""
        return "label"


@dataclass
class ScoreClips(beam.PTransform):
    """PCollection[Scorable] -> PCollection[PredictionResult].

    Attributes:
        folder: the model directory.
        info: its description.
        threads: number of TensorFlow's threads in each worker process.
        trust: whether the model may do more than calculate.
        embeddings: whether to give the features before the last layer, too.
    """

    folder: str
    info: ModelInfo
    threads: int
    trust: bool = False
    embeddings: bool = False

    def expand(self, clips: beam.PCollection) -> beam.PCollection:
        handler = SavedModelHandler(self.folder, self.info, self.threads, self.trust, self.embeddings)
        return clips | RunInference(handler, model_identifier=self.info.fingerprint)
