"""Which clips of a video with several ones an epoch trains on, and that clips of one video stay on one side."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines.core.clip_ids import video_of
from pipelines.dataset.example import Example, encode
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.tfrecord import frame_record
from trainer.data.clips import Clips, Reading
from trainer.data.parts import SIDES, Index, Part, cut_randomly
from trainer.data.windows import are_dense, choose_windows, of_epoch, share_videos, units_of


def index_of(*ids: str, labels: tuple[int, ...] = ()) -> Index:
    return Index(ids, tuple(map(video_of, ids)), np.array(labels or [0] * len(ids), np.int64))


def part_of(index: Index, keep: np.ndarray | None = None) -> Part:
    total = len(index.video_ids) if keep is None else len(keep)
    counts = np.bincount(index.labels, minlength=2)
    return Part(("a", "b"), (2, total - 2), tuple(map(int, counts)), ("g",), keep)


MIXED = index_of("v@0-2", "v@1-3", "v@2-4", "v@3-5", "w", "u@0-2", "u@2-4", labels=(0, 0, 0, 1, 1, 1, 1))


def test_clips_of_one_video_and_class_are_a_unit() -> None:
    assert units_of(MIXED).tolist() == [0, 0, 0, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("ids", "dense"),
    [
        (("v@0-2", "v@1-3", "v@2-4"), True),
        (("v@2-4", "v@0-2"), True),  # they follow each other; the order in the index doesn't matter
        (("v@0-2.001", "v@2.002-4"), True),
        (("v@0-2", "v@3-5", "v@60-70"), False),
        (("v@0-10", "v@1-2", "v@5-6", "v@8-9"), True),  # inside the first, though apart from each other
        (("v@0-2", "v@5-7", "v@6-8"), True),  # half of them
        (("v@0-2", "w@1-3"), False),
        (("v", "v@3-4"), True),  # the whole video, and a part of it
    ],
)
def test_windows_that_overlap_or_follow_each_other_are_dense(ids: tuple[str, ...], dense: bool) -> None:
    index = index_of(*ids)
    assert are_dense(index, units_of(index)) is dense


def test_the_choice_and_what_is_said() -> None:
    apart = index_of("v@0-2", "v@5-7", "w")
    found = choose_windows("auto", part_of(MIXED), MIXED)
    assert (found.choice, found.class_counts, found.clips_per_epoch) == ("one", (1, 3), 4)
    assert found.note == (
        "an epoch takes one clip of each video and class, another one each epoch: 4 of 7, as most of them overlap or "
        "follow each other (--windows all takes all)"
    )
    everything = choose_windows("all", part_of(MIXED), MIXED)
    assert (everything.choice, everything.class_counts, everything.part.units) == ("all", (3, 4), None)
    assert everything.note == "an epoch takes all 7 clips, also several of a video and class"
    left = choose_windows("auto", part_of(apart), apart)
    assert (left.choice, left.clips_per_epoch) == ("all", 3) and "--windows one" in left.note
    assert choose_windows("one", part_of(apart), apart).clips_per_epoch == 2
    whole = index_of("v", "w@0-2", "u")
    for choice, index in (("one", whole), ("auto", whole), ("one", None)):
        part = part_of(whole)
        plain = choose_windows(choice, part, index)
        assert (plain.part, plain.choice, plain.note) == (part, "all", "") and plain.part is part


def test_an_epoch_draws_one_of_each_unit_by_seed_and_epoch() -> None:
    keep = np.array([True, True, False, True, True, True, True, True])  # the third record belongs to another side
    part = choose_windows("one", part_of(MIXED, keep), MIXED).part
    assert part.units is not None and part.units.tolist() == [0, 0, -1, 0, 1, 2, 3, 3]
    drawn = [of_epoch(part, 0, epoch) for epoch in range(400)]
    masks = np.array([found.keep for found in drawn])
    assert not masks[:, 2].any() and (masks.sum(axis=1) == 4).all()
    assert masks[:, [0, 1, 3]].sum(axis=1).tolist() == [1] * 400
    assert (np.abs(masks[:, [0, 1, 3]].mean(axis=0) - 1 / 3) < 0.08).all()  # each is equally likely
    assert drawn[0].counts == tuple(int(count) for count in (masks[0, :2].sum(), masks[0, 2:].sum()))
    assert (of_epoch(part, 0, 7).keep == masks[7]).all()
    assert not all((of_epoch(part, 1, epoch).keep == masks[epoch]).all() for epoch in range(20))
    plain = part_of(MIXED)
    assert of_epoch(plain, 0, 0) is plain


def test_the_random_cut_keeps_videos_whole() -> None:
    ids = [f"v{video:02}@{start}-{start + 2}" for video in range(40) for start in range(1 + video % 4)]
    sides = cut_randomly(index_of(*ids), 3)
    by_video: dict[str, set[str]] = {}
    for name, side in zip(ids, sides, strict=True):
        by_video.setdefault(video_of(name), set()).add(side)
    assert all(len(found) == 1 for found in by_video.values())
    shares = [sides.count(side) / len(sides) for side in SIDES]
    assert np.abs(np.subtract(shares, (0.8, 0.1, 0.1))).max() < 0.05


def test_videos_on_several_sides_are_found() -> None:
    assert share_videos([index_of("v@0-2", "w"), index_of("v@2-4")])
    assert share_videos([index_of("v"), index_of("v@2-4")])
    assert not share_videos([index_of("v@0-2", "v@2-4", "w"), index_of("u@0-2"), index_of("x")])


LENGTHS = (5, 6, 4, 3)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> tuple[DatasetInfo, Part]:
    """Shards of windows of six videos, three of each video side by side, each of one grey of its own."""
    tf.random.set_seed(None)
    info = DatasetInfo.from_json((dataset / "dataset_info.json").read_text())
    folder = tmp_path_factory.mktemp("windows")
    ids: list[str] = []
    names = []
    for shard, length in enumerate(LENGTHS):
        names.append(str(folder / f"{shard}.tfrecord"))
        with open(names[-1], "wb") as file:
            for number in range(length):
                ids.append(f"v{shard}{number // 3}@{number}-{number + 2}")
                frames = [np.full(info.clip_spec.shape, len(ids), np.uint8).tobytes()]
                record = encode(Example(frames, 0, "Jump", ids[-1], f"g{shard}", [0.0] * 4, [0, 1, 2, 3], 4))
                head, foot = frame_record(record)
                file.write(head + record + foot)
    part = Part(tuple(names), LENGTHS, (sum(LENGTHS), 0, 0), ())
    return info, choose_windows("auto", part, index_of(*ids)).part


def drawn(clips: Clips, epoch: int, step: int = 0) -> list[int]:
    """The greys of the clips of an epoch, in order."""
    batches = clips.training(epoch, step).take(clips.training_steps(epoch) - step)
    return [int(clip.max()) for frames, _, weights in batches.as_numpy_iterator() for clip in frames[weights > 0]]


@pytest.mark.parametrize("cache", [False, True])
def test_an_epoch_reads_what_it_draws_and_resumes_at_any_step(windows: tuple[DatasetInfo, Part], cache: bool) -> None:
    info, part = windows
    clips = Clips(info, part, Reading(2, shuffle_buffer=4, seed=5), cache)
    epochs = [drawn(clips, epoch) for epoch in range(3)]
    for epoch, found in enumerate(epochs):
        keep = of_epoch(part, 5, epoch).keep
        assert keep is not None and sorted(found) == (np.flatnonzero(keep) + 1).tolist() and len(found) == 7
        assert drawn(Clips(info, part, Reading(2, shuffle_buffer=4, seed=5), cache), epoch, 2) == found[4:]
    assert len({frozenset(found) for found in epochs}) > 1
    assert sum(weights.sum() for *_, weights in clips.evaluation().as_numpy_iterator()) == sum(LENGTHS)


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_share_what_an_epoch_draws(windows: tuple[DatasetInfo, Part], workers: int) -> None:
    info, part = windows
    readers = [Clips(info, part, Reading(2, worker=i, num_workers=workers)) for i in range(workers)]
    assert len({clips.training_steps(1) for clips in readers}) == 1
    found = [number for clips in readers for number in drawn(clips, 1)]
    keep = of_epoch(part, 0, 1).keep
    assert keep is not None and sorted(found) == (np.flatnonzero(keep) + 1).tolist()
