"""Splits: no group is in two splits, fractions are met, and the result is stable."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.inputs.catalog import VideoRecord
from pipelines.inputs.splits.assign import assign_by_fractions, parse_fractions, parse_groups

FRACTIONS = {"train": 0.8, "val": 0.1, "test": 0.1}


def videos(sizes: dict[tuple[str, str], int]) -> list[VideoRecord]:
    return [
        VideoRecord(f"{label}/{group}/{i}", "", label, group, "")
        for (group, label), count in sizes.items()
        for i in range(count)
    ]


UCF50 = videos({(f"g{g:02d}", f"class{c}"): 4 + (g + c) % 4 for g in range(1, 26) for c in range(50)})
collections = st.dictionaries(
    st.tuples(st.sampled_from([f"g{i}" for i in range(30)]), st.sampled_from("ABC")), st.integers(1, 9), min_size=1
).map(videos)


def test_ucf50_has_its_fractions_and_every_class_everywhere() -> None:
    result = assign_by_fractions(UCF50, FRACTIONS)
    assert len(result) == 25
    for split, fraction in FRACTIONS.items():
        mine = [video for video in UCF50 if result[video.group] == split]
        assert len(mine) / len(UCF50) == pytest.approx(fraction, abs=0.03)
        assert {video.label for video in mine} == {f"class{c}" for c in range(50)}


@given(collections, st.integers(0, 5), st.randoms())
def test_every_group_has_one_split_whatever_the_order(collection: list[VideoRecord], seed: int, random: object) -> None:
    result = assign_by_fractions(collection, FRACTIONS, seed)
    assert result.keys() == {video.group for video in collection}
    assert set(result.values()) <= FRACTIONS.keys()
    random.shuffle(collection)  # type: ignore[attr-defined]
    assert assign_by_fractions(collection, FRACTIONS, seed) == result


@given(collections, st.sampled_from([FRACTIONS, {"train": 0.5, "test": 0.5}, {"all": 1.0}]))
def test_no_split_stays_empty(collection: list[VideoRecord], fractions: dict[str, float]) -> None:
    result = assign_by_fractions(collection, fractions)
    assert len(set(result.values())) == min(len(fractions), len(result))


@settings(max_examples=50)
@given(st.integers(20, 200), st.integers(0, 3))
def test_fractions_are_met_with_many_equal_groups(num_groups: int, seed: int) -> None:
    collection = videos({(f"g{i}", "AB"[i % 2]): 3 for i in range(num_groups)})
    result = assign_by_fractions(collection, FRACTIONS, seed)
    for split, fraction in FRACTIONS.items():
        assert list(result.values()).count(split) / num_groups == pytest.approx(fraction, abs=1.5 / num_groups + 0.02)


def test_groups_of_one_class_each_reach_all_splits() -> None:
    collection = videos({(f"g{i}", "AB"[i % 2]): 2 for i in range(20)})
    result = assign_by_fractions(collection, FRACTIONS)
    for split in FRACTIONS:
        assert {video.label for video in collection if result[video.group] == split} == {"A", "B"}


@given(collections, collections)
def test_groups_keep_their_split_when_others_come(old: list[VideoRecord], new: list[VideoRecord]) -> None:
    before = assign_by_fractions(old, FRACTIONS)
    after = assign_by_fractions([*old, *new], FRACTIONS, assigned=before)
    assert before.items() <= after.items()


def test_splits_stay_as_they_were() -> None:
    """Datasets made earlier can be resumed: the groups of a collection go into the same splits as ever."""
    collection = videos({(f"g{i}", "ABC"[i % 3]): 1 + i % 4 for i in range(10)} | {("g0", "B"): 2, ("g7", "A"): 5})
    assigned = {"g1": "test", "g2": "gone"}
    found = assign_by_fractions(collection, FRACTIONS, 0, assigned)
    expected = {"train": ["g0", "g2", "g3", "g4", "g5", "g6", "g7"], "test": ["g1"], "val": ["g8", "g9"]}
    assert {split: sorted(group for group in found if found[group] == split) for split in expected} == expected
    assert len(found) == 10


def test_another_seed_is_another_draw() -> None:
    assert len({tuple(sorted(assign_by_fractions(UCF50, FRACTIONS, seed).items())) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train=0.8,test=0.3", "must add up to 1"),
        ("train=0.8;test=0.2", "must look like"),
        ("train=1.2,test=-0.2", "above 0"),
        ("train", "must look like"),
        ("my split=1", "not a valid name for a split"),
        ("train=0.8,Valid=0.2", "the split 'Valid' must be called val"),
        ("TRAIN=0.8,test=0.2", "the split 'TRAIN' must be called train"),
    ],
)
def test_wrong_fractions(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fractions(text)


def test_parsing() -> None:
    assert parse_fractions("train=0.7, test=0.3") == {"train": 0.7, "test": 0.3}
    assert parse_groups(["test=g01,g02", "val=g03"]) == {"g01": "test", "g02": "test", "g03": "val"}
    for wrong in (["test=g01", "val=g01"], ["g01"], ["test="]):
        with pytest.raises(ValueError, match="named for both|must look like"):
            parse_groups(wrong)
    with pytest.raises(ValueError, match="unknown split 'tset' .* did you mean test"):
        parse_groups(["tset=g01"])
    with pytest.raises(ValueError, match="the split 'testing' must be called test"):
        parse_groups(["testing=g01"])
