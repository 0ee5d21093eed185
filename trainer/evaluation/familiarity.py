"""Which clips are unlike those of training: the Mahalanobis distance of a clip's features from those of the training
clips, and the distance beyond which it is unfamiliar, calibrated on the validation clips.

After K. Lee, K. Lee, H. Lee, J. Shin, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
Adversarial Attacks", NeurIPS 2018, https://arxiv.org/abs/1807.03888, whose features come from several depths of the
network; with one mean for all classes, which R. Kamoi, K. Kobayashi, "Why is the Mahalanobis Distance Effective for
Anomaly Detection?", 2020, https://arxiv.org/abs/2003.00402, found to do as well. The last layer alone tells little: a
network maps clips of another world to where the clips of some class are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.core.familiarity import Familiarity
from pipelines.reports.text import plural

METHOD = "Mahalanobis distance of frame statistics and features of the first and the last layer"
FLAGGED = 0.05
"""Largest share of familiar clips, and of familiar groups, that may be called unfamiliar."""
MIN_CLIPS, MIN_GROUPS = 20, 3
"""Validation clips and groups that a threshold needs: of fewer than 20 clips, 5 % is less than one."""
_SHRINKAGE = 0.2
"""How far correlations are shrunk towards none: few clips stand against many features."""
_SMALLEST_SPREAD = 0.01
"""Smallest standard deviation of a feature, in units of the quadratic mean of all: one that never changes in training,
such as a filter that never responds, must not alone decide."""
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Where the features of training clips are.

    Attributes:
        mean: float32 [D].
        whiten: float32 [D, D]; (features - mean) @ whiten has a mean square of about 1 for training clips.
    """

    mean: np.ndarray
    whiten: np.ndarray

    def distances(self, features: np.ndarray) -> np.ndarray:
        """How far clips are away, float64 [N], of features [N, D]: the root of the mean square over dimensions."""
        whitened = (features.astype(np.float64) - self.mean) @ self.whiten.astype(np.float64)
        return np.sqrt(np.square(whitened).mean(axis=1))


class Moments:
    """Sums over training clips, in which nothing grows with their number."""

    def __init__(self) -> None:
        self._count = 0
        self._origin = self._sum = self._products = np.zeros(0)

    def add(self, features: np.ndarray) -> None:
        """Takes the features [N, D] of some clips."""
        if not self._count:
            # About the first clip, so that large means leave small variances their digits.
            self._origin = features[0].astype(np.float64)
            self._sum, self._products = np.zeros(features.shape[1]), np.zeros((features.shape[1],) * 2)
        centred = features.astype(np.float64) - self._origin
        self._count += len(centred)
        self._sum += centred.sum(axis=0)
        self._products += centred.T @ centred

    def fit(self) -> Gaussian:
        """The mean, and the covariance with shrunk correlations.

        Raises:
            ValueError: there were no clips.
        """
        if not self._count:
            raise ValueError("there are no clips to measure")
        mean = self._sum / self._count
        covariance = self._products / self._count - np.outer(mean, mean)
        spread = np.sqrt(np.maximum(np.diag(covariance), 0))
        spread = np.maximum(spread, _SMALLEST_SPREAD * math.sqrt(np.square(spread).mean()) or 1.0)
        correlation = (1 - _SHRINKAGE) * covariance / np.outer(spread, spread)
        np.fill_diagonal(correlation, 1)
        # x' C^-1 x = |L^-1 x|^2 with C = L L'.
        whiten = np.linalg.inv(np.linalg.cholesky(correlation)).T / spread[:, None]
        return Gaussian((self._origin + mean).astype(np.float32), whiten.astype(np.float32))


def calibrate(distances: np.ndarray, groups: Sequence[str]) -> Familiarity:
    """The threshold of a model, from the distances of its validation clips.

    Clips of a group are alike, so each group has a say of its own: the distance that no more than 5 % of its clips
    exceed, by the rank that holds for a further clip, too (J. Lei et al., "Distribution-Free Predictive Inference for
    Regression", 2018, https://arxiv.org/abs/1604.04173); the farthest clip where the group has fewer than 19. By the
    same rank over groups, the threshold suffices for all but 5 % of them; it is that of the farthest group where there
    are fewer than 19.

    Args:
        distances: float [N], of the validation clips.
        groups: the group of each.
    """
    names = np.array(groups, object)
    found = sorted(set(groups))
    if len(distances) < MIN_CLIPS or len(found) < MIN_GROUPS:
        return Familiarity(
            num_clips=len(distances),
            num_groups=len(found),
            reason=f"the model was validated on {plural(len(distances), 'clip')} of {plural(len(found), 'group')}; to "
            f"tell which distances are usual takes at least {MIN_CLIPS} clips of {MIN_GROUPS} groups",
        )
    threshold = _almost_all([_almost_all(distances[names == name]) for name in found])
    return Familiarity(
        method=METHOD,
        threshold=threshold,
        quantiles={f"{share:g}": float(np.quantile(distances, share)) for share in _QUANTILES},
        num_clips=len(distances),
        num_groups=len(found),
        reason="",
    )


def _almost_all(values: Sequence[float] | np.ndarray) -> float:
    """The value that a further one exceeds with a probability of at most 5 %, or the largest if these are too few."""
    rank = math.ceil((1 - FLAGGED) * (len(values) + 1) - 1e-9)
    return float(np.sort(values)[min(rank, len(values)) - 1])


def flagged(distances: np.ndarray, groups: Sequence[str], threshold: float) -> dict[str, Any]:
    """How many clips are farther than the threshold, and of how many groups more than half of the clips are.

    Args:
        distances: float [N].
        groups: the group of each clip.
        threshold: the model's.
    """
    far, names = distances > threshold, np.array(groups, object)
    found = sorted(set(groups))
    num_groups = sum(bool(far[names == name].mean() > 0.5) for name in found)
    return {
        "clips": int(far.sum()),
        "groups": num_groups,
        "share_of_clips": float(far.mean()) if len(far) else 0.0,
        "share_of_groups": num_groups / max(len(found), 1),
    }
