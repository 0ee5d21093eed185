"""After training: where the clips of training are, and from which distance on a clip is unlike them."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.core.familiarity import Familiarity
from trainer.data.clips import Clips, Reading
from trainer.evaluation.familiarity import Gaussian, Moments, calibrate, flagged
from trainer.export.features import features_of
from trainer.training.run import Run

_BATCH = 24


@dataclass(frozen=True, eq=False)
class Learnt:
    """What the exported model needs to tell unfamiliar clips, and what metrics.json says of it.

    Attributes:
        gaussian: where the features of the training clips are.
        familiarity: the threshold, or why there is none.
        metrics: the same as a JSON object, with the test clips and groups beyond the threshold.
    """

    gaussian: Gaussian
    familiarity: Familiarity
    metrics: dict[str, Any]


def learn(run: Run, network: keras.Model) -> Learnt:
    """Reads all clips once, without augmentation, and measures them in this process alone.

    Args:
        run: gives the clips.
        network: as it is exported, in float32.
    """
    features = tf.function(features_of(network, run.features is not None), autograph=False)
    moments = Moments()
    for values in _measure(features, run, "train"):
        moments.add(values)
    gaussian = moments.fit()

    def distances(side: str) -> np.ndarray:
        return np.concatenate([gaussian.distances(values) for values in _measure(features, run, side)])

    familiarity = calibrate(distances("val"), run.indices["val"].groups)
    metrics = asdict(familiarity)
    if familiarity.is_known:
        metrics["test"] = flagged(distances("test"), run.indices["test"].groups, familiarity.threshold)
    return Learnt(gaussian, familiarity, metrics)


def _measure(features: Callable[..., tf.Tensor], run: Run, side: str) -> Iterator[np.ndarray]:
    """The features float32 [b, D] of each batch of a side's clips, in the order of their records."""
    beside = replace(run.features, alone=False) if run.features else None  # statistics are of frames, too
    clips = Clips(run.info, run.parts.sides[side], Reading(_BATCH), copies=run.copies, features=beside)
    for inputs, _, weights in clips.evaluation():
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        yield features(*given).numpy()[weights.numpy() > 0]
