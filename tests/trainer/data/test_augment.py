"""Augmentation: one draw per clip, the same for all frames, a function of the seed alone."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.data.augment import augment, choose
from trainer.setting_texts import AUGMENTATIONS


def clip(frames: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 200, (frames, 16, 24, 3)).astype(np.uint8)


def run(frames: np.ndarray, seed: int, names: tuple[str, ...]) -> np.ndarray:
    return augment(tf.constant(frames), tf.constant([seed, 1], tf.int64), names).numpy()


@pytest.mark.parametrize("names", [(name,) for name in AUGMENTATIONS] + [AUGMENTATIONS])
def test_same_seed_same_pixels_and_all_frames_alike(names: tuple[str, ...]) -> None:
    still = np.repeat(clip(1), 6, axis=0)
    results = set()
    for seed in range(12):
        changed = run(still, seed, names)
        assert changed.shape == still.shape
        assert changed.dtype == np.uint8
        assert (changed == changed[:1]).all(), "frames of a clip must be changed alike"
        assert np.array_equal(changed, run(still, seed, names))
        results.add(changed.tobytes())
    assert len(results) > 1


def test_eager_and_inside_tf_data_agree() -> None:
    frames = clip()
    data = tf.data.Dataset.from_tensors(frames).map(lambda x: augment(x, tf.constant([3, 1], tf.int64), AUGMENTATIONS))
    assert np.array_equal(next(data.as_numpy_iterator()), run(frames, 3, AUGMENTATIONS))


def test_a_flip_mirrors_about_half_of_the_clips() -> None:
    frames = clip()
    flipped = [np.array_equal(run(frames, seed, ("flip",)), frames[:, :, ::-1]) for seed in range(60)]
    kept = [np.array_equal(run(frames, seed, ("flip",)), frames) for seed in range(60)]
    assert all(a != b for a, b in zip(flipped, kept, strict=True))
    assert 15 < sum(flipped) < 45


def test_nothing_is_changed_where_nothing_is_asked_for() -> None:
    assert np.array_equal(run(clip(), 0, ()), clip())


@pytest.mark.parametrize(
    ("setting", "labels", "expected"),
    [
        ("auto", ("Jump", "Run"), AUGMENTATIONS),
        ("auto", ("ArmCircleClockwise", "Run"), ("crop", "color")),
        ("auto", ("swipe_left", "Run"), ("crop", "color")),
        ("auto", ("TurnRight", "Run"), ("crop", "color")),
        ("auto", ("Bright", "Cleft"), AUGMENTATIONS),
        ("flip", ("TurnLeft",), ("flip",)),
        ("none", ("Run",), ()),
    ],
)
def test_auto_flips_no_directed_classes(setting: str, labels: tuple[str, ...], expected: tuple[str, ...]) -> None:
    names, note = choose(setting, labels)
    assert names == expected
    assert bool(note) == (setting == "auto" and "flip" not in expected)
