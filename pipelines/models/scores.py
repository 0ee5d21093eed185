"""What a model says of one clip, and the check that it makes sense."""

import math
from typing import NamedTuple

import numpy as np


class Scored(NamedTuple):
    """What a model says of a clip.

    Attributes:
        probabilities: float32 [C], of the classes; of each by itself where a clip may have several labels.
        unfamiliar: how far the clip is from those of training, over the largest usual distance: above 1 it is unlike
            them; None if the model can't tell.
        embedding: float16 [D], the features before the last layer, finite; None if they weren't asked for.
    """

    probabilities: np.ndarray
    unfamiliar: float | None = None
    embedding: np.ndarray | None = None


class ScoreError(Exception):
    """The model gives no probabilities for a clip. The class name is the reason that failure records show."""


def scored(
    row: np.ndarray,
    unfamiliar: np.float32 | None = None,
    embedding: np.ndarray | None = None,
    multi_label: bool = False,
) -> Scored | ScoreError:
    """The outputs of a model for a clip, or the error that they are.

    Args:
        row: float32 [C], what should be probabilities.
        unfamiliar: the distance over the threshold; None if the model can't tell.
        embedding: float32 [D], the features before the last layer; None if they weren't asked for.
        multi_label: whether a clip may have several labels, so that probabilities don't add up to 1.
    """
    if not (_are_probabilities(row) if multi_label else _is_distribution(row)):
        return ScoreError(_why_none(row))
    if unfamiliar is not None and not (math.isfinite(unfamiliar) and unfamiliar >= 0):
        return ScoreError(f"the model gives {unfamiliar:g} as the distance of this clip from those of training")
    halved = None if embedding is None else half(embedding)
    return Scored(row, None if unfamiliar is None else float(unfamiliar), halved)


def half(values: np.ndarray) -> np.ndarray:
    """Values as float16: those beyond its range become the nearest that it has, and NaN becomes 0.

    Features never decide whether a clip has a label: probabilities do, which come from them.
    """
    largest = float(np.finfo(np.float16).max)
    return np.nan_to_num(np.clip(values, -largest, largest), nan=0.0).astype(np.float16)


def _is_distribution(row: np.ndarray) -> bool:
    return bool(np.isfinite(row).all() and row.min() >= 0 and abs(float(row.sum()) - 1) < 1e-3)


def _are_probabilities(row: np.ndarray) -> bool:
    return bool(np.isfinite(row).all() and row.min() >= 0 and row.max() <= 1 + 1e-3)


def _why_none(row: np.ndarray) -> str:
    if not np.isfinite(row).all():
        return "the model gives NaN or infinite values for this clip"
    return f"the model gives values from {row.min():g} to {row.max():g} with the sum {row.sum():g}, not probabilities"
