"""What a clip looks like to a network: statistics of its frames, and the same features in NumPy and in TensorFlow."""

import numpy as np
import pytest

from pipelines.process.tensorflow_start import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402

from trainer.evaluation.familiarity import Moments  # noqa: E402
from trainer.export.features import Unfamiliar, clip_features, features_of, tapped  # noqa: E402
from trainer.networks.build import BUILDERS, build_model  # noqa: E402

STATISTICS = 15


def clips(number: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, *shape, 3), np.uint8)


@pytest.mark.parametrize("num_frames", [1, 2, 9, 20])
def test_frame_statistics(num_frames: int) -> None:
    frames = clips(3, (num_frames, 6, 8))
    found = clip_features(tf.constant(frames), []).numpy()
    first = list(range(0, num_frames - 1, 4)) or [0]
    some = frames[:, first] / 127.5 - 1
    across = (1, 2, 3)
    expected = [some.mean(across), some.std(across)]
    expected += [np.abs(np.diff(some, axis=axis)).mean(across) for axis in (3, 2)]
    if num_frames > 1:
        expected.append(np.abs(frames[:, [i + 1 for i in first]] / 127.5 - 1 - some).mean(across))
    np.testing.assert_allclose(found, np.concatenate(expected, 1), atol=1e-5)
    assert clip_features(tf.constant(frames[:, :, :1, :1]), []).shape[1] == (9 if num_frames > 1 else 6)


@pytest.mark.parametrize(("name", "variant"), sorted(BUILDERS))
def test_every_network_has_a_first_and_a_last_layer(name: str, variant: str) -> None:
    """Their number of features doesn't depend on the size of clips, and the logits stay the network's."""
    sizes = set()
    for shape in ((4, 64, 64, 3), (4, 64, 96, 3)):
        model = build_model(name, variant, shape, 5)
        network = tapped(model)
        frames = clips(2, shape[:3])
        logits, *taps = network(frames, training=False)
        np.testing.assert_allclose(logits, model(frames, training=False), atol=1e-6)
        assert len(taps) == 2
        sizes.add(features_of(model)(frames).shape[1])
    (size,) = sizes
    assert size == STATISTICS + sum(tap.shape[-1] for tap in taps) <= 256


def test_distances_in_tensorflow_are_those_in_numpy() -> None:
    features = np.random.default_rng(1).normal(3, 2, (50, 7)).astype(np.float32)
    moments = Moments()
    moments.add(features)
    gaussian = moments.fit()
    found = Unfamiliar(gaussian, 0.5)(tf.constant(features))
    np.testing.assert_allclose(found, gaussian.distances(features) / 0.5, rtol=1e-4)
