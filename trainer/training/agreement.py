"""Whether a network that was trained on features says the same of frames, which is what its exported model gets."""

from typing import Any

import numpy as np

from pipelines.core.errors import UserError
from pipelines.core.relative import relative_to
from pipelines.process.tensorflow_start import exact_float32
from trainer.training.predict import Trained
from trainer.training.run import Run

_TOLERANCES = {"float32": 0.01, "bfloat16": 0.1}
"""Largest differences of a probability. Features are stored as float16, with an error of up to 1 in 2,048."""


def agreement(run: Run, main: Trained, clips: np.ndarray) -> dict[str, Any]:
    """What metrics.json says of the features that a run was trained on; empty without any.

    Args:
        run: the run.
        main: the network, with its predictions from features.
        clips: frames of the first clips of test, uint8 [N, T, H, W, 3].

    Raises:
        UserError: from frames, the network says something else than from features.
    """
    if not (features := run.features):
        return {}
    with exact_float32():
        logits = np.asarray(main.learner.average(clips, training=False), np.float32)
    shares = _sigmoid if run.info.multi_label else _softmax
    difference = float(np.abs(shares(logits) - shares(main.test.logits[: len(clips)])).max())
    if not difference <= _TOLERANCES[main.learner.precision]:
        raise UserError(
            f"from the frames of {len(clips)} test clips, the network's probabilities differ by up to {difference:.3f} "
            f"from those that it gives from --features {features.uri}: run python -m pipelines.features again, with "
            "--overwrite"
        )
    return {
        "uri": relative_to(features.uri, run.config.output),
        "fingerprint": features.info.fingerprint(),
        "checked_clips": len(clips),
        "largest_difference": difference,
    }


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)))
