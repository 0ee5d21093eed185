"""Distances from the clips of training, and the threshold that validation groups give."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.evaluation.familiarity import MIN_CLIPS, MIN_GROUPS, Moments, calibrate, flagged


def drawn(number: int, dimensions: int = 6, seed: int = 0) -> np.ndarray:
    """Features float32 [number, dimensions] with very different means and spreads, and correlated ones."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(number, dimensions)) * 10.0 ** np.arange(dimensions) + 1e5
    values[:, 1] += values[:, 0] * 9
    return values.astype(np.float32)


def test_distances_are_those_of_the_shrunk_covariance() -> None:
    training, clips = drawn(300), drawn(40, seed=1)
    moments = Moments()
    for start in range(0, 300, 70):
        moments.add(training[start : start + 70])
    mean, spread = training.mean(axis=0, dtype=np.float64), training.std(axis=0, dtype=np.float64)
    spread = np.maximum(spread, 0.01 * np.sqrt((spread**2).mean()))
    standard, scaled = (training - mean) / spread, (clips - mean) / spread
    correlation = 0.8 * standard.T @ standard / 300
    np.fill_diagonal(correlation, 1)
    expected = np.sqrt(np.einsum("nd,nd->n", scaled @ np.linalg.inv(correlation), scaled) / 6)
    np.testing.assert_allclose(moments.fit().distances(clips), expected, rtol=1e-4)


def test_a_feature_that_never_changes_in_training_does_not_alone_decide() -> None:
    training = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    training[:, 2] = 7
    moments = Moments()
    moments.add(training)
    gaussian = moments.fit()
    at_mean = np.array([[0, 0, 7], [0, 0, 7.02], [0, 0, 9]], np.float32)
    near, little, far = gaussian.distances(at_mean)
    assert near < 0.2 and little < 2 < 100 < far
    with pytest.raises(ValueError, match="there are no clips"):
        Moments().fit()


def test_a_threshold_by_hand() -> None:
    """Three groups of ten clips: of each the farthest, and of these the farthest. Of twenty groups the last but one."""
    distances = np.concatenate([np.linspace(0.1, 1, 10), np.linspace(0.2, 2, 10), np.linspace(0.3, 3, 10)])
    groups = [name for name in "abc" for _ in range(10)]
    found = calibrate(distances, groups)
    assert (found.threshold, found.num_clips, found.num_groups, found.reason) == (3, 30, 3, "")
    assert found.quantiles["0.5"] == pytest.approx(np.median(distances)) and found.quantiles["1"] == 3
    assert calibrate(np.arange(1.0, 41), [str(i) for i in range(40)]).threshold == 39
    # One group of a hundred clips: no more than five of them are farther.
    many = [*np.arange(100.0), *np.ones(10)]
    assert calibrate(np.array(many), [*["a"] * 100, *"bcdefghijk"]).threshold == 95


@pytest.mark.parametrize(("clips", "groups"), [(MIN_CLIPS - 1, MIN_GROUPS), (MIN_CLIPS, MIN_GROUPS - 1), (4, 1)])
def test_too_few_clips_give_a_reason_and_no_threshold(clips: int, groups: int) -> None:
    found = calibrate(np.arange(1.0, clips + 1), [str(i % groups) for i in range(clips)])
    assert not found.is_known and found.threshold == 0 and (found.num_clips, found.num_groups) == (clips, groups)
    assert found.reason.endswith("takes at least 20 clips of 3 groups") and f"{clips} clips of" in found.reason


@pytest.mark.parametrize("num_groups", [3, 25])
def test_at_most_a_twentieth_of_held_out_groups_is_flagged(num_groups: int) -> None:
    """Groups that differ as much as clips of a group do; a hundred models, each with a hundred groups held out."""
    rng, shares = np.random.default_rng(num_groups), []
    for _ in range(100):
        distances = np.exp(rng.normal(0, 0.2, (num_groups + 100, 1)) + rng.normal(0, 0.2, (num_groups + 100, 24)))
        names = np.repeat(np.arange(num_groups + 100), 24).astype(str)
        own = num_groups * 24
        found = calibrate(distances.ravel()[:own], list(names[:own]))
        far = distances[num_groups:] > found.threshold
        shares.append([(far.mean(axis=1) > 0.5).mean(), far.mean()])
    of_groups, of_clips = np.mean(shares, axis=0)
    assert of_groups <= 0.05 and of_clips <= 0.05 and of_clips > 0


def test_a_group_is_flagged_if_more_than_half_of_its_clips_are() -> None:
    found = flagged(np.array([2.0, 2, 0, 2, 0, 0.5]), list("aaabbb"), 1.0)
    assert found == {"clips": 3, "groups": 1, "share_of_clips": 0.5, "share_of_groups": 0.5}
    assert flagged(np.array([2.0, 0]), list("aa"), 1.0)["groups"] == 0


def test_a_model_without_a_threshold_has_a_reason() -> None:
    known = calibrate(np.arange(1.0, 31), [str(i) for i in range(30)])
    with pytest.raises(ValueError, match="threshold must be above 0"):
        replace(known, threshold=0.0)
