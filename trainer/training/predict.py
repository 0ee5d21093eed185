"""The predictions of a trained network for the clips of a part, and how fast it makes them."""

import base64
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from pipelines.core.clip_ids import video_of
from pipelines.video.images import film_strip
from trainer.data.clips import Clips
from trainer.data.parts import Index
from trainer.evaluation.multilabel.predictions import LabelPredictions
from trainer.evaluation.predictions import Predictions
from trainer.networks.streams import STREAMS
from trainer.training.checkpoint import State
from trainer.training.devices import Devices
from trainer.training.learner import Learner

_SPEED_ROUNDS = 8


@dataclass(frozen=True)
class Trained:
    """A trained network and its predictions for the clips that it wasn't trained on.

    Attributes:
        learner: the network.
        state: where its training ended.
        val, test: predictions for validation and test clips.
        alone: for a network with two streams, what each of them alone predicts for the test clips.
    """

    learner: Learner
    state: State
    val: Predictions | LabelPredictions
    test: Predictions | LabelPredictions
    alone: Mapping[str, Predictions | LabelPredictions] = field(default_factory=dict)

    @property
    def one(self) -> tuple[Predictions, Predictions]:
        """The predictions for validation and test clips with one label each."""
        assert isinstance(self.val, Predictions)
        assert isinstance(self.test, Predictions)
        return self.val, self.test

    @property
    def one_alone(self) -> dict[str, Predictions]:
        """Those of each stream alone, for clips with one label each."""
        return {name: found for name, found in self.alone.items() if isinstance(found, Predictions)}

    @property
    def several_alone(self) -> dict[str, LabelPredictions]:
        """Those of each stream alone, for clips that may have several labels."""
        return {name: found for name, found in self.alone.items() if isinstance(found, LabelPredictions)}

    @property
    def several(self) -> tuple[LabelPredictions, LabelPredictions]:
        """The predictions for validation and test clips that may have several labels."""
        assert isinstance(self.val, LabelPredictions)
        assert isinstance(self.test, LabelPredictions)
        return self.val, self.test


def predict(devices: Devices, learner: Learner, clips: Clips, index: Index) -> Predictions | LabelPredictions:
    """Predictions of the averaged weights for all clips of a part; every worker has to take part.

    Args:
        devices, learner: where to compute, and the network.
        clips: the part's clips.
        index: ids, groups and labels of the same part.
    """
    logits = learner.logits(devices.batches(clips.evaluation), clips.evaluation_steps(), len(index.labels))
    if index.targets is not None:
        return LabelPredictions(logits, index.targets, index.groups, index.video_ids)
    return Predictions(logits, index.labels, index.groups, index.video_ids)


def predict_alone(
    devices: Devices, learner: Learner, clips: Clips, index: Index
) -> Mapping[str, Predictions | LabelPredictions]:
    """Predictions of each stream of a network alone, with the other one switched off; empty where it hasn't both.

    Args:
        devices, learner, clips, index: as for `predict`.
    """
    if not learner.has_both:
        return {}
    logits = learner.logits_alone(devices.batches(clips.evaluation), clips.evaluation_steps(), len(index.labels))
    parts = {name: np.ascontiguousarray(logits[:, number]) for number, name in enumerate(STREAMS, 1)}
    if (targets := index.targets) is not None:
        return {name: LabelPredictions(part, targets, index.groups, index.video_ids) for name, part in parts.items()}
    return {name: Predictions(part, index.labels, index.groups, index.video_ids) for name, part in parts.items()}


def sample_clips(clips: Clips, count: int) -> np.ndarray:
    """The first clips of a part, uint8 [N, T, H, W, 3]."""
    frames = [batch[0].numpy()[batch[2].numpy() > 0] for batch in clips.evaluation().take(count)]
    return np.concatenate(frames)[:count]


def film_strips(clips: Clips, index: Index, video_ids: Iterable[str]) -> dict[str, str]:
    """Film strips (JPEG in base64) of some clips of a part, by video id; of a video with several clips, the first."""
    wanted = dict.fromkeys(video_ids, -1)
    for number, name in enumerate(index.video_ids):
        found = name if name in wanted else video_of(name)
        if wanted.get(found, 0) < 0:
            wanted[found] = number
    numbers = {number: name for name, number in wanted.items() if number >= 0}
    strips: dict[str, str] = {}
    if not numbers:
        return strips
    for frames, batch_numbers, weights in clips.evaluation().as_numpy_iterator():
        for clip, number, weight in zip(frames, batch_numbers, weights, strict=True):
            if weight and int(number) in numbers:
                strips[numbers[int(number)]] = base64.b64encode(film_strip(clip)).decode()
    return strips


def clips_per_second(model: keras.Model, batch_size: int) -> float:
    """Inference rate of a network on one device, the best of some rounds of one batch."""
    frames = tf.random.stateless_uniform((batch_size, *model.input_shape[1:]), (0, 0), 0, 256, tf.int32)
    frames = tf.cast(frames, tf.uint8)
    infer = tf.function(lambda batch: model(batch, training=False), autograph=False)
    infer(frames).numpy()
    best = float("inf")
    for _ in range(_SPEED_ROUNDS):
        start = time.perf_counter()
        infer(frames).numpy()
        best = min(best, time.perf_counter() - start)
    return batch_size / best
