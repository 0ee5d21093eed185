"""Reading clips for training and evaluation: order, positions, shares of workers, batches that are always full."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines.dataset.example import Example, encode
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.tfrecord import frame_record
from trainer.data.clips import Clips, Reading
from trainer.data.parts import Part


@pytest.fixture(autouse=True)
def no_global_seed() -> None:
    """As in training: with a global seed of 0, which other tests set, tf.data accepts no seed that is a tensor."""
    tf.random.set_seed(None)


@pytest.fixture(scope="module")
def info(dataset: Path) -> DatasetInfo:
    return DatasetInfo.from_json((dataset / "dataset_info.json").read_text())


LENGTHS = (5, 6, 4, 3)


@pytest.fixture(scope="module")
def part(info: DatasetInfo, tmp_path_factory: pytest.TempPathFactory) -> Part:
    """Shards of clips that all differ."""
    folder, rng = tmp_path_factory.mktemp("shards"), np.random.default_rng(0)
    names = []
    for shard, length in enumerate(LENGTHS):
        names.append(str(folder / f"{shard}.tfrecord"))
        with open(names[-1], "wb") as file:
            for number in range(length):
                frames = [rng.integers(0, 256, info.clip_spec.shape, np.uint8).tobytes()]
                record = encode(
                    Example(frames, 0, "Jump", f"{shard}/{number}", f"g{shard}", [0.0] * 4, [0, 1, 2, 3], 4)
                )
                head, foot = frame_record(record)
                file.write(head + record + foot)
    return Part(tuple(names), LENGTHS, (sum(LENGTHS), 0, 0), tuple(f"g{i}" for i in range(len(LENGTHS))))


def read(batches: object) -> tuple[list[bytes], list[float]]:
    """The pixels of each clip, and the weights, in order."""
    clips: list[bytes] = []
    weights: list[float] = []
    for frames, _, weight in batches.as_numpy_iterator():  # type: ignore[attr-defined]
        clips += [clip.tobytes() for clip in frames]
        weights += weight.tolist()
    return clips, weights


def epoch_of(clips: Clips, epoch: int, step: int = 0) -> tf.data.Dataset:
    """What is left of one epoch, cut from the endless stream."""
    replicas = clips._reading.replicas
    return clips.training(epoch, step).take((clips.training_steps(epoch) - step) * replicas)


def real(batches: object) -> list[bytes]:
    clips, weights = read(batches)
    return [clip for clip, weight in zip(clips, weights, strict=True) if weight]


def test_an_epoch_has_every_clip_once_in_an_order_of_its_own(info: DatasetInfo, part: Part) -> None:
    clips = Clips(info, part, Reading(4, shuffle_buffer=7))
    everything = sorted(real(clips.evaluation()))
    assert len(everything) == part.num_clips
    orders = [real(epoch_of(clips, epoch)) for epoch in (0, 1)]
    assert [sorted(order) for order in orders] == [everything, everything]
    assert orders[0] != orders[1]
    assert real(epoch_of(Clips(info, part, Reading(4, shuffle_buffer=7)), 1)) == orders[1]
    assert real(epoch_of(Clips(info, part, Reading(4, shuffle_buffer=7, seed=1)), 1)) != orders[1]


def test_batches_are_full_and_missing_clips_weigh_nothing(info: DatasetInfo, part: Part) -> None:
    clips = Clips(info, part, Reading(7))
    for batches, steps in (
        (epoch_of(clips, 0), clips.training_steps(0)),
        (clips.evaluation(), clips.evaluation_steps()),
    ):
        pixels, weights = read(batches)
        assert len(pixels) == 7 * steps
        assert sum(weights) == part.num_clips
        assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize(("cache", "steps"), [(False, (0, 2, 5)), (True, (1, 3, 4))])
def test_an_epoch_goes_on_at_any_step(info: DatasetInfo, part: Part, cache: bool, steps: tuple[int, ...]) -> None:
    reading = Reading(4, augmentations=("flip", "crop", "color"), shuffle_buffer=5)
    whole = read(epoch_of(Clips(info, part, reading), 3))[0]
    clips = Clips(info, part, reading, cache)
    assert clips.training_steps(3) == 5
    for step in steps:
        assert read(epoch_of(clips, 3, step))[0] == whole[4 * step :]


def test_epochs_follow_each_other_as_one_stream(info: DatasetInfo, part: Part) -> None:
    clips = Clips(info, part, Reading(4))
    steps = clips.training_steps(0)
    stream = read(clips.training(0).take(3 * steps))[0]
    assert stream == [clip for epoch in range(3) for clip in read(epoch_of(clips, epoch))[0]]
    rounds = read(clips.evaluation(2))[0]
    assert rounds == 2 * read(clips.evaluation())[0]


@pytest.mark.slow
def test_workers_share_the_clips_with_equal_numbers_of_batches(info: DatasetInfo, part: Part) -> None:
    for workers, epoch in ((2, 0), (5, 1)):
        readers = [Clips(info, part, Reading(2, worker=i, num_workers=workers)) for i in range(workers)]
        epochs = [read(epoch_of(clips, epoch)) for clips in readers]
        assert {len(pixels) for pixels, _ in epochs} == {2 * readers[0].training_steps(epoch)}
        everything = [clip for found in epochs for clip, weight in zip(*found, strict=True) if weight]
        assert len(everything) == len(set(everything)) == part.num_clips
        evaluated = [clip for clips in readers for clip in real(clips.evaluation())]
        assert sorted(evaluated) == sorted(everything)


def test_the_index_is_in_the_order_of_evaluation(dataset: Path, info: DatasetInfo, part: Part) -> None:
    clips = Clips(info, part, Reading(3, num_workers=2, worker=1))
    index = clips.index()
    assert len(index.video_ids) == len(set(index.video_ids)) == part.num_clips
    assert set(index.groups) == set(part.groups)
    numbers = [n for _, batch, weights in clips.evaluation().as_numpy_iterator() for n in batch[weights > 0]]
    assert numbers == list(range(1, part.num_clips, 2))


def test_records_that_belong_to_another_side_are_left_out(info: DatasetInfo, part: Part) -> None:
    keep = np.arange(part.num_clips) % 3 == 0
    chosen = Part(part.shards, part.lengths, part.class_counts, part.groups, keep)
    everything = real(Clips(info, part, Reading(4)).evaluation())
    for cache in (False, True):
        clips = Clips(info, chosen, Reading(4), cache)
        assert real(clips.evaluation()) == everything[::3]
        assert sorted(real(epoch_of(clips, 0))) == sorted(everything[::3])


def test_a_single_frame_is_the_middle_one_or_any_in_training(info: DatasetInfo, part: Part) -> None:
    clips = real(Clips(info, part, Reading(4)).evaluation())
    whole = [np.frombuffer(clip, np.uint8).reshape(info.clip_spec.shape) for clip in clips]
    single = real(Clips(info, part, Reading(4, single_frame=True)).evaluation())
    assert single == [clip[2].tobytes() for clip in whole]
    frames = {frame.tobytes(): number for clip in whole for number, frame in enumerate(clip)}
    drawn = [frames[clip] for clip in real(epoch_of(Clips(info, part, Reading(4, single_frame=True)), 0))]
    assert len(set(drawn)) > 1


def test_a_shard_that_is_shorter_than_the_description_says_is_noticed(info: DatasetInfo, part: Part) -> None:
    wrong = Part(part.shards, (part.lengths[0] + 1, *part.lengths[1:]), part.class_counts, part.groups)
    with pytest.raises(tf.errors.FailedPreconditionError):
        read(Clips(info, wrong, Reading(4)).evaluation())


def test_workers_get_about_as_many_clips_each_and_others_in_another_epoch(info: DatasetInfo) -> None:
    lengths = tuple(int(n) for n in np.random.default_rng(1).integers(0, 9, 40))
    many = Part(tuple(f"{i}.tfrecord" for i in range(40)), lengths, (sum(lengths), 0, 0), ("g",))
    clips = Clips(info, many, Reading(2, num_workers=7))
    shares, other = clips._shares(2), clips._shares(3)
    assert sorted(shard for share, _ in shares for shard in share) == list(range(40))
    assert [count for _, count in shares] == [sum(lengths[i] for i in share) for share, _ in shares]
    assert max(count for _, count in shares) - min(count for _, count in shares) <= 1
    assert shares == Clips(info, many, Reading(2, num_workers=7))._shares(2) != other
