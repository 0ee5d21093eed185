"""Which clips are unlike those of training: their features, measured on a dataset and exported."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.core.model_info import ModelInfo
from pipelines.dataset.example import decode
from pipelines.dataset.tfrecord import read_records
from pipelines.process.tensorflow_start import start_tensorflow
from pipelines.video.images import decode_frames

start_tensorflow()

import tensorflow as tf  # noqa: E402

from pipelines.models.scorer import Scorer  # noqa: E402
from pipelines.models.scores import Scored  # noqa: E402
from trainer.config import TrainConfig  # noqa: E402
from trainer.data.check import open_dataset  # noqa: E402
from trainer.evaluation import familiarity  # noqa: E402
from trainer.evaluation.familiarity import Moments  # noqa: E402
from trainer.export.features import Unfamiliar, clip_features, features_of, tapped  # noqa: E402
from trainer.export.keras_model import export_model  # noqa: E402
from trainer.networks.build import BUILDERS, build_model  # noqa: E402
from trainer.training.devices import make_devices  # noqa: E402
from trainer.training.familiarity import learn  # noqa: E402
from trainer.training.run import Run  # noqa: E402


def test_the_exported_model_tells_what_was_learnt(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(TrainConfig("lrcn", str(dataset), "out"), open_dataset(str(dataset)), make_devices("cpu", "float32"))
    network = build_model("lrcn", "default", run.info.clip_spec.shape, len(run.info.labels))
    few = learn(run, network)
    assert (
        few.metrics["reason"].startswith("the model was validated on 6 clips of 1 group; ")
        and "test" not in few.metrics
    )

    monkeypatch.setattr(familiarity, "MIN_CLIPS", 6)
    monkeypatch.setattr(familiarity, "MIN_GROUPS", 1)
    learnt = learn(run, network)
    info = ModelInfo("lrcn", "default", run.info.clip_spec, run.info.labels, unfamiliar=learnt.familiarity)
    clips = {side: read(dataset, run, side) for side in ("val", "test")}
    info = export_model(network, str(tmp_path), info, clips["val"][:2], learnt.gaussian)
    scorer = Scorer(str(tmp_path), info)

    def told(frames: np.ndarray) -> list[float]:
        scored = scorer.score([clip.tobytes() for clip in frames])
        return [item.unfamiliar for item in scored if isinstance(item, Scored) and item.unfamiliar is not None]

    # Of six clips the farthest gives the threshold.
    assert max(told(clips["val"])) == pytest.approx(1, abs=1e-3) and len(told(clips["val"])) == 6
    assert learnt.metrics["test"]["clips"] == sum(far > 1 for far in told(clips["test"]))
    noise = np.random.default_rng(0).integers(0, 256, (2, *info.clip_spec.shape), np.uint8)
    assert min(told(noise)) > 2
    # The ledger of labels tells models apart by their fingerprint: one that can't tell is another model.
    plain = export_model(
        network, str(tmp_path), ModelInfo("lrcn", "default", run.info.clip_spec, run.info.labels), noise
    )
    assert plain.fingerprint != info.fingerprint


def read(dataset: Path, run: Run, side: str) -> np.ndarray:
    found = []
    for shard in run.info.splits[side].shards:
        with open(dataset / shard.name, "rb") as file:
            examples = [decode(record) for record in read_records(file)]
        found += [decode_frames(e.frames, run.info.clip_spec, run.info.encoding) for e in examples]
    return np.stack(found)


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
        logits, embedding, *taps = network(frames, training=False)
        np.testing.assert_allclose(logits, model(frames, training=False), atol=1e-6)
        assert len(taps) == 2
        last = model.get_layer("logits")
        if embedding.shape[1] == last.input.shape[1]:
            np.testing.assert_allclose(last(embedding), logits, atol=1e-5)
        else:  # maps of all frames, of which it is the mean
            mean = tf.reduce_mean(tf.reshape(embedding, (2, -1, taps[1].shape[-1])), 1)
            np.testing.assert_allclose(mean, tf.reduce_mean(taps[1], (1, 2, 3)), atol=1e-5)
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
