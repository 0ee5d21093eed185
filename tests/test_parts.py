"""Which clips are trained on and tested on: stored splits, folds of groups, the random split, class weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import UsageError
from trainer.config import TrainConfig
from trainer.parts import Index, Part, class_weights, cut_fold, cut_randomly, make_part


def make_index(groups: int, clips: int, classes: int = 2) -> Index:
    rows = [(f"g{g:02d}/c{c}", f"g{g:02d}", (g + c) % classes) for g in range(groups) for c in range(clips)]
    ids, names, labels = zip(*rows, strict=True)
    return Index(tuple(ids), tuple(names), np.array(labels, np.int64))


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 12), st.integers(1, 4), st.integers(2, 6), st.integers(0, 3))
def test_folds_test_every_clip_once_and_never_share_a_group(groups: int, clips: int, folds: int, seed: int) -> None:
    index = make_index(groups, clips)
    if groups < folds:
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
    ("change", "message"),
    [
        ({"fold": "0/3"}, "fold must look like 2/5"),
        ({"fold": "4/3"}, "fold must look like 2/5"),
        ({"fold": "1/3", "split": "random"}, "can't go together"),
        ({"augment": "flip,zoom"}, "augment must be"),
        ({"epochs": -1}, "epochs must be from 0"),
        ({"epochs": 2.5}, "epochs must be a whole number, not 2.5"),
        ({"variant": "best"}, "variant must be one of default, reference"),
        ({"cache": "yes"}, "cache must be true or false"),
        ({"learning_rate": 0.0}, "learning_rate must be from"),
    ],
)
def test_wrong_settings_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig("lrcn", "data", "runs", **change)  # type: ignore[arg-type]
