"""Features read for training: of the same clips, in the same order, and refused where they don't fit."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines.appearance.eyes import build_eye
from pipelines.core.errors import UsageError, UserError
from pipelines.dataset.tfrecord import frame_record, read_records
from pipelines.featurizing.info import FEATURES_INFO, FeaturesInfo
from pipelines.featurizing.records import decode_features
from pipelines.files import join
from trainer.config import TrainConfig
from trainer.data.check import open_dataset
from trainer.data.clips import Clips, Reading
from trainer.data.features import Features, check_features, of_other_clip, open_features
from trainer.data.index import index_of, read_index
from trainer.data.parts import Index, Part, cut_parts

pytestmark = pytest.mark.process
EYE = "efficientnet-lite0"


def config_of(dataset: Path, features: Path, **settings: str) -> TrainConfig:
    given = {"model": "lrcn", "appearance": EYE, **settings}
    return TrainConfig(data=str(dataset), output="", features=str(features), **given)  # type: ignore[arg-type]


def clips_of(
    dataset: Path, features: Path | None, reading: Reading, alone: bool = False, fold: str = "", cache: bool = False
) -> Clips:
    uri = str(dataset)
    info = open_dataset(uri).info

    def index(part: Part) -> Index:
        found = index_of(part, partial(read_index, uri, info))
        assert found is not None
        return found

    parts = cut_parts(info, partial(join, uri), TrainConfig("lrcn", "", "", fold=fold), index)
    opened = Features(str(features), FeaturesInfo.read(str(features)), alone) if features else None
    return Clips(info, parts.sides["train"], reading, cache, None, opened)


def stored(features: Path) -> dict[bytes, np.ndarray]:
    """The features of each clip, by the bytes of its features."""
    info, found = FeaturesInfo.read(str(features)), {}
    for split in info.splits.values():
        for shard in split.shards:
            with open(features / shard.name, "rb") as file:
                for record in read_records(file):
                    clip, values = decode_features(record, info.clip_spec.num_frames, info.size)
                    found[clip.video_id.encode()] = values.astype(np.float32)
    return found


@pytest.mark.parametrize(
    ("reading", "fold", "cache"),
    [
        (Reading(3, seed=5), "2/5", False),
        (Reading(2, single_frame=True, shuffle_buffer=4), "", False),
        (Reading(3, num_workers=2, worker=1), "", True),
    ],
)
def test_features_are_of_the_clips_beside_them(
    dataset: Path, features: Path, reading: Reading, fold: str, cache: bool
) -> None:
    plain = clips_of(dataset, None, reading, fold=fold, cache=cache)
    beside = clips_of(dataset, features, reading, fold=fold, cache=cache)
    alone = clips_of(dataset, features, reading, alone=True, fold=fold, cache=cache)
    steps = plain.training_steps(0) + 2  # into the next epoch
    known = {values.tobytes() for values in stored(features).values()}
    rows = {row.tobytes() for values in stored(features).values() for row in values}
    for (frames, labels, weights), (both, *rest), (seen, *others) in zip(
        *(clips.training(0).take(steps).as_numpy_iterator() for clips in (plain, beside, alone)), strict=True
    ):
        np.testing.assert_array_equal(frames, both[0])
        np.testing.assert_array_equal(both[1], seen)
        for expected, one, two in zip((labels, weights), rest, others, strict=True):
            np.testing.assert_array_equal(expected, one)
            np.testing.assert_array_equal(expected, two)
        for clip, weight in zip(seen, weights, strict=True):
            if weight:
                assert clip[0].tobytes() in rows if reading.single_frame else clip.tobytes() in known
    for (frames, *numbers), (both, *rest) in zip(
        *(clips.evaluation().as_numpy_iterator() for clips in (plain, beside)), strict=True
    ):
        np.testing.assert_array_equal(frames, both[0])
        for expected, one in zip(numbers, rest, strict=True):
            np.testing.assert_array_equal(expected, one)


def test_each_clip_of_an_evaluation_has_the_features_of_its_id(dataset: Path, features: Path) -> None:
    clips, known = clips_of(dataset, features, Reading(4), alone=True), stored(features)
    ids = clips.index().video_ids
    for seen, numbers, weights in clips.evaluation().as_numpy_iterator():
        for values, number, weight in zip(seen, numbers, weights, strict=True):
            if weight:
                np.testing.assert_array_equal(values, known[ids[number].encode()])


def test_reading_resumes_at_any_step(dataset: Path, features: Path) -> None:
    def batches(first: int, count: int) -> list[bytes]:
        clips = clips_of(dataset, features, Reading(3, augmentations=("crop",)))
        flat = (tf.nest.flatten(batch) for batch in clips.training(0, first).take(count).as_numpy_iterator())
        return [b"".join(np.asarray(part).tobytes() for part in batch) for batch in flat]

    assert batches(0, 9)[2:] == batches(2, 7)


def test_features_of_another_clip_are_an_error_that_names_both(dataset: Path, features: Path, tmp_path: Path) -> None:
    swapped = Path(shutil.copytree(features, tmp_path / "features"))
    name = next(s.name for s in FeaturesInfo.read(str(features)).splits["train"].shards if s.num_examples > 1)
    with open(features / name, "rb") as file:
        first, second, *others = read_records(file)
    framed = ((frame_record(record), record) for record in (second, first, *others))
    (swapped / name).write_bytes(b"".join(header + record + footer for (header, footer), record in framed))
    info = FeaturesInfo.read(str(features))
    ids = [decode_features(record, 4, info.size)[0].video_id for record in (first, second)]
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(clips_of(dataset, swapped, Reading(3)).evaluation())
    said = of_other_clip(str(caught.value))
    assert f"where the dataset has the clip {ids[0]}, the features are of {ids[1]}" in said, said
    assert not of_other_clip("out of memory")
    with pytest.raises(UserError, match=rf"1 of 8 shards of .* not match {FEATURES_INFO}:\n  {name}: damaged"):  # noqa: SIM117
        with open_features(config_of(dataset, swapped), open_dataset(str(dataset))):
            pass


def test_features_that_do_not_fit_are_refused(dataset: Path, features: Path, tmp_path: Path) -> None:
    opened = open_dataset(str(dataset))
    assert check_features(config_of(dataset, features), opened) == FeaturesInfo.read(str(features))
    assert check_features(replace(config_of(dataset, features), features=""), opened) is None
    with pytest.raises(UsageError, match=f"holds what {EYE} sees, not mobilenetv3-small"):
        check_features(config_of(dataset, features, appearance="mobilenetv3-small"), opened)
    with pytest.raises(UsageError, match="made from another dataset, or before .* changed"):
        check_features(config_of(dataset, features), replace(opened, fingerprint="0" * 16))
    with pytest.raises(UsageError, match=f"no features in {tmp_path}: there is no {FEATURES_INFO}"):
        check_features(config_of(dataset, tmp_path), opened)
    near = f"{features}s"
    with pytest.raises(UsageError, match=rf"no features in {near}: there is no such folder; did you mean {features}\?"):
        check_features(config_of(dataset, Path(near)), opened)
    with pytest.raises(UsageError, match=f"{dataset} is a dataset, not one of features"):
        check_features(config_of(dataset, dataset), opened)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"appearance": "none"}, "features .* needs appearance, which is none"),
        ({"train_appearance": "last"}, "features need train_appearance none, not last"),
        ({"model": "appearance", "augment": "flip"}, "augment flip can't change features: give none"),
    ],
)
def test_settings_that_features_exclude(settings: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        config_of(Path("data"), Path("features"), **settings)


def test_features_of_other_weights_are_refused(features: Path) -> None:
    info, eye = FeaturesInfo.read(str(features)), build_eye(EYE, 32, 32)
    opened = Features(str(features), info, alone=True)
    opened.check_eye(eye)
    kernel = eye.get_layer("head").kernel
    kernel.assign(kernel + 1e-3)
    with pytest.raises(UsageError, match=rf"other weights of {EYE} \(fingerprint {info.weights}, not "):
        opened.check_eye(eye)
