"""Which clips are trained on and tested on: stored splits, folds of groups, the random split, class weights."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import UsageError
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.info import DatasetInfo, ShardInfo, SplitInfo
from trainer.config import TrainConfig
from trainer.data.parts import (
    SIDES,
    Index,
    Part,
    cut_fold,
    cut_parts,
    cut_randomly,
    cut_validation,
    make_part,
    min_groups,
    missing_classes,
)
from trainer.data.weights import class_weights, head_weights
from trainer.data.windows import choose_windows


def make_index(groups: int, clips: int, classes: int = 2) -> Index:
    rows = [(f"g{g:02d}/c{c}", f"g{g:02d}", (g + c) % classes) for g in range(groups) for c in range(clips)]
    ids, names, labels = zip(*rows, strict=True)
    return Index(tuple(ids), tuple(names), np.array(labels, np.int64))


@settings(max_examples=50)
@given(st.integers(3, 12), st.integers(1, 4), st.integers(2, 6), st.integers(0, 3))
def test_folds_test_every_clip_once_and_never_share_a_group(groups: int, clips: int, folds: int, seed: int) -> None:
    index = make_index(groups, clips)
    if groups < min_groups(folds):
        with pytest.raises(UsageError, match=f"{folds} folds need"):
            cut_fold(index, f"1/{folds}", seed)
        return
    tested: list[str] = []
    for number in range(1, folds + 1):
        sides = cut_fold(index, f"{number}/{folds}", seed)
        by_side: dict[str, set[str]] = {}
        for side, group in zip(sides, index.groups, strict=True):
            by_side.setdefault(side, set()).add(group)
        assert set(by_side) <= {"train", "val", "test"}
        assert sum(map(len, by_side.values())) == groups
        tested += [video for video, side in zip(index.video_ids, sides, strict=True) if side == "test"]
    assert sorted(tested) == sorted(index.video_ids)


def test_the_test_side_of_a_fold_does_not_depend_on_the_seed_but_validation_does() -> None:
    index = make_index(20, 3)
    cuts = [cut_fold(index, "2/4", seed) for seed in range(5)]
    assert len({tuple(side == "test" for side in cut) for cut in cuts}) == 1
    assert len({tuple(cut) for cut in cuts}) > 1


def test_leave_one_group_out_is_as_many_folds_as_groups() -> None:
    index = make_index(5, 3)
    tested = []
    for number in range(1, 6):
        sides = cut_fold(index, f"{number}/5", 0)
        tested.append({group for group, side in zip(index.groups, sides, strict=True) if side == "test"})
    assert all(len(groups) == 1 for groups in tested)
    assert set.union(*tested) == set(index.groups)


def test_a_fold_that_leaves_a_single_group_is_refused() -> None:
    names = ["large"] * 8 + ["a", "b", "c"]
    index = Index(tuple(f"{n}" for n in range(11)), tuple(names), np.arange(11) % 2)
    assert set(cut_fold(index, "1/2", 0)) == {"train", "val", "test"}
    with pytest.raises(UsageError, match="fold 2 of 2 leaves 1 group to train and validate on, .* up to --folds 4"):
        cut_fold(index, "2/2", 0)
    with pytest.raises(UsageError, match="2 folds need at least 4 groups; this dataset has 3"):
        cut_fold(make_index(3, 4), "1/2", 0)


def test_the_random_cut_has_its_fractions_and_depends_on_ids_and_seed_alone() -> None:
    index = make_index(10, 10)
    sides = cut_randomly(index, 0)
    assert {side: sides.count(side) for side in ("train", "val", "test")} == {"train": 80, "val": 10, "test": 10}
    order = np.random.default_rng(0).permutation(100)
    shuffled = Index(
        tuple(index.video_ids[i] for i in order), tuple(index.groups[i] for i in order), index.labels[order]
    )
    assert cut_randomly(shuffled, 0) == [sides[i] for i in order]
    assert cut_randomly(index, 1) != sides
    together = {group for group, side in zip(index.groups, sides, strict=True) if side == "test"}
    assert together & {group for group, side in zip(index.groups, sides, strict=True) if side == "train"}


def test_a_part_knows_its_clips_in_each_shard() -> None:
    everything = Part(("a", "b", "c"), (3, 2, 4), (5, 4), ("x", "y"))
    assert (everything.num_clips, everything.starts) == (9, (0, 3, 5))
    index = Index(tuple("123456789"), tuple("xxyyxyxyx"), np.array([0, 1, 0, 1, 0, 1, 0, 1, 0]))
    part = make_part(everything, index, ["test" if group == "y" else "train" for group in index.groups], "test")
    assert part.counts == (1, 1, 2)
    assert (part.num_clips, part.class_counts, part.groups) == (4, (1, 3), ("y",))


def make_info(**splits: Index) -> DatasetInfo:
    """A dataset of two classes, with a shard for each split."""
    infos = {
        name: SplitInfo(
            shards=(ShardInfo(f"{name}.tfrecord", len(index.labels), 1, "0"),),
            groups=tuple(sorted(set(index.groups))),
            num_examples_by_class={label: int((index.labels == i).sum()) for i, label in enumerate("AB")},
        )
        for name, index in splits.items()
    }
    return DatasetInfo(ClipSpec(), FrameEncoding("raw", 95), "none", ("A", "B"), infos, {}, {}, {}, {}, {})


def test_without_a_val_split_groups_of_train_validate() -> None:
    train, test = make_index(14, 4), Index(("t",), ("t01",), np.array([0]))
    info = make_info(train=train, test=test)
    cuts = []
    for seed in (0, 0, 1):
        config = TrainConfig("lrcn", "data", "runs", seed=seed)
        parts = cut_parts(info, "/d/{}".format, config, lambda part: {56: train, 1: test}[part.num_clips])
        sides = {side: parts.sides[side] for side in SIDES}
        assert sides["train"].num_clips + sides["val"].num_clips == 56
        assert not set(sides["train"].groups) & set(sides["val"].groups)
        assert (len(sides["val"].groups), parts.protocol, parts.leaky) == (2, "groups", False)
        assert sides["train"].shards == sides["val"].shards == ("/d/train.tfrecord",)
        assert sides["test"].shards == ("/d/test.tfrecord",) and sides["test"].keep is None
        assert parts.note == (
            "the dataset has no split val: 8 of the 56 clips of train, of 2 of its 14 groups, are for validation, "
            "not training"
        )
        assert missing_classes(parts, info.labels) == {"test": ["B"]}
        cuts.append(sides["val"].groups)
    assert cuts[0] == cuts[1] != cuts[2]


def test_a_val_split_that_is_there_is_kept_and_shared_groups_are_leaky() -> None:
    def never(part: Part) -> Index:
        raise AssertionError("nothing is to be read")

    config = TrainConfig("lrcn", "data", "runs")
    info = make_info(train=make_index(3, 2), val=make_index(1, 2), test=Index(("t",), ("t01",), np.array([0])))
    parts = cut_parts(info, str, config, never)
    assert ([part.num_clips for part in parts.sides.values()], parts.leaky, parts.note) == ([6, 2, 1], True, "")


@pytest.mark.parametrize("index", [make_index(1, 6), make_index(2, 1), make_index(4, 3, classes=1)])
def test_too_few_groups_to_cut_a_val_split_from(index: Index) -> None:
    with pytest.raises(UsageError, match="no split val, and its split train has . groups?, too few"):
        cut_validation(index, 0)


@pytest.mark.parametrize(
    ("counts", "choice", "expected"),
    [
        ((10, 10), "auto", (1, 1)),
        ((12, 8), "auto", (1, 1)),
        ((30, 10), "auto", (2 / 3, 2)),
        ((30, 10), "none", (1, 1)),
        ((12, 8), "balanced", (10 / 12, 10 / 8)),
        ((30, 10, 0), "balanced", (2 / 3, 2, 0)),
    ],
)
def test_class_weights(counts: tuple[int, ...], choice: str, expected: tuple[float, ...]) -> None:
    weights = class_weights(counts, choice)
    assert weights == pytest.approx(expected)
    present = [count for count in counts if count]
    assert sum(w * c for w, c in zip(weights, counts, strict=True)) == pytest.approx(sum(present))


@pytest.mark.parametrize(
    ("counts", "choice", "expected"),
    [
        ((10, 10), "auto", (1, 1)),
        ((12, 8), "auto", (1, 1)),
        ((30, 10), "auto", (0.5, 1.5)),
        ((30, 10), "none", (1, 1)),
        ((1000, 1), "auto", (2 / 11, 20 / 11)),  # ten times the weight, not a thousand times
        ((30, 10, 0), "balanced", (0.6, 1.8, 0.6)),  # a class that never occurs is learnt all the same
    ],
)
def test_weights_of_heads(counts: tuple[int, ...], choice: str, expected: tuple[float, ...]) -> None:
    weights = head_weights(counts, choice)
    assert weights == pytest.approx(expected) and sum(weights) == pytest.approx(len(counts))


def test_a_clip_counts_under_each_of_its_labels() -> None:
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]], np.bool_)
    index = Index(("a", "b", "c", "d"), ("g1", "g1", "g2", "g3"), targets.argmax(axis=1), targets)
    assert index.count(3).tolist() == [3, 1, 1] and index.truth is targets
    part = make_part(
        Part(("x",), (4,), (3, 1, 1), ("g1", "g2", "g3")), index, ["train", "test", "train", "val"], "train"
    )
    assert part.class_counts == (1, 1, 1) and part.groups == ("g1", "g2")
    windows = choose_windows("one", part, index.where(np.array([True, False, True, False])))
    assert (windows.class_counts, windows.clips_per_epoch) == ((1, 1, 1), 2) and windows.class_shares == (0.5,) * 3
    # Clips of one video are alike only if all of their labels are.
    ids = ("v@0-1", "v@1-2", "v@2-3", "w")
    alone = replace(index, video_ids=ids, targets=targets[[0, 1, 1, 3]], labels=np.zeros(4, np.int64))
    assert choose_windows("one", replace(part, keep=None), alone).clips_per_epoch == 3
    # The first labels alone would leave one class to train on.
    assert len(set(cut_validation(index, 0))) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fold": "0/3"}, "fold must look like 2/5"),
        ({"fold": "4/3"}, "fold must look like 2/5"),
        ({"fold": "1/3", "split": "random"}, "can't be combined"),
        ({"augment": "flip,zoom"}, "augment must be"),
        ({"epochs": -1}, "epochs must be a whole number from 0 to 100000, not -1"),
        ({"epochs": 2.5}, "epochs must be .*, not 2.5"),
        ({"variant": "best"}, "variant must be one of default, reference"),
        ({"cache": "yes"}, "cache must be true or false"),
        ({"learning_rate": -0.1}, "learning_rate must be a number from 0 to 10, not -0.1"),
    ],
)
def test_wrong_settings_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig("lrcn", "data", "runs", **change)  # type: ignore[arg-type]
