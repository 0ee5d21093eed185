"""What the folders of a tree mean: official splits, classes, groups, outer folders; ambiguous ones are refused."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipelines.core.errors import UsageError
from pipelines.core.split_names import split_name
from pipelines.core.video_files import FileInfo
from pipelines.dataset.config import DEFAULT_SPLITS, PreprocessConfig
from pipelines.dataset.listing import read_catalog
from pipelines.dataset.plan import make_plan
from pipelines.dataset.split_choice import choose_splits, note_splits
from pipelines.inputs.catalog import Catalog, from_tree, select
from pipelines.inputs.folders import near_split, split_in


def tree(*paths: str, folders: tuple[str, ...] = (), level: int = 0) -> Catalog:
    return from_tree("/r", [FileInfo(path, 1, "1") for path in paths], folders, level)


def meanings(catalog: Catalog) -> list[tuple[str, str, str]]:
    return [(video.label, video.group, video.split) for video in catalog.videos]


def test_names_of_splits() -> None:
    names = {"train": "train", "Training": "train", "VAL": "val", "valid": "val", "validation": "val"}
    names |= {"testing": "test", " Test ": "test", "tests": "", "trainer": "", "": ""}
    assert {text: split_name(text) for text in names} == names
    longer = {"trainlist01": "train", "kinetics_val_256": "val", "testset": "test", "train_test": "", "hmdb_split": ""}
    assert {text: split_in(text) for text in longer} == longer
    misspelt = {"tset": "test", "Trian": "train", "vaild": "valid", "tests": "test"}
    others = dict.fromkeys(("rest", "test_b", "eval", "extra", "none"), "")
    assert {text: near_split(text) for text in (*misspelt, *others)} == misspelt | others


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["B/v_B_g02_c01.avi", "A/v_A_g01_c01.avi"], [("A", "g01", ""), ("B", "g02", "")]),
        (["U/U/B/v_B_g02_c01.avi", "U/U/A/x.avi"], [("A", "U/U/A/x", ""), ("B", "g02", "")]),
        (
            ["swing/v_swing_01/v_swing_01_01.mpg", "swing/v_swing_01/v_swing_01_02.mpg", "jump/v_jump_01/x.mpg"],
            [("jump", "v_jump_01", ""), ("swing", "v_swing_01", ""), ("swing", "v_swing_01", "")],
        ),
        (["A/s1/day2/1.mp4", "B/s1/v_g07_c1.mp4"], [("A", "s1/day2", ""), ("B", "g07", "")]),
        (
            ["train/A/1.mp4", "Valid/A/1.mp4", "TEST/B/1.mp4"],
            [("B", "TEST/B/1", "test"), ("A", "Valid/A/1", "val"), ("A", "train/A/1", "train")],
        ),
        (["d/d/test/A/1.mp4", "d/d/training/B/s/1.mp4"], [("A", "d/d/test/A/1", "test"), ("B", "s", "train")]),
        (["train/videos/A/1.mp4", "train/videos/B/1.mp4", "test/videos/A/2.mp4"],
         [("A", "test/videos/A/2", "test"), ("A", "train/videos/A/1", "train"), ("B", "train/videos/B/1", "train")]),
        (["A/test/1.mp4", "A/train/s/2.mp4", "B/val/3.mp4"],
         [("A", "A/test/1", "test"), ("A", "s", "train"), ("B", "B/val/3", "val")]),
        (["train/train/A/1.mp4", "train/train/B/1.mp4", "test/test_1/A/s/2.mp4"],
         [("A", "s", "test"), ("A", "train/train/A/1", "train"), ("B", "train/train/B/1", "train")]),
        (["pick/Pick/1.avi", "run/videos/s1/3.avi", "sit/sit/4.avi", "sit/sam/5.avi"],
         [("pick", "pick/Pick/1", ""), ("run", "s1", ""), ("sit", "sam", ""), ("sit", "sit", "")]),
        (["test/A/mp4/1.mp4", "test/B/2.mp4", "train/A/A/g/3.mp4"],
         [("A", "test/A/mp4/1", "test"), ("B", "test/B/2", "test"), ("A", "g", "train")]),
        (["car/1.mp4", "train/2.mp4"], [("car", "car/1", ""), ("train", "train/2", "")]),
        (["test/A/1.mp4", "test/B/1.mp4"], [("A", "test/A/1", "test"), ("B", "test/B/1", "test")]),
    ],
)  # fmt: skip
def test_levels_are_found(paths: list[str], expected: list[tuple[str, str, str]]) -> None:
    assert meanings(tree(*paths)) == expected


def test_class_level_decides() -> None:
    deep = tree("A/s1/test/1.mp4", "A/s1/train/1.mp4", "B/2.mp4", level=1)
    assert meanings(deep) == [("A", "s1/test", ""), ("A", "s1/train", ""), ("B", "B/2", "")]
    paths = ("in/A/1.mp4", "out/B/2.mp4")
    assert meanings(tree(*paths, level=1)) == [("in", "A", ""), ("out", "B", "")]
    assert meanings(tree(*paths, level=2)) == [("A", "in/A/1", ""), ("B", "out/B/2", "")]


def test_class_level_leaves_splits_where_they_are_or_takes_them_for_classes() -> None:
    paths = ("train/A/s/1.mp4", "test/A/t/2.mp4")
    assert meanings(tree(*paths, level=2)) == [("A", "t", "test"), ("A", "s", "train")]
    assert meanings(tree(*paths, level=3)) == [("t", "test/A/t/2", "test"), ("s", "train/A/s/1", "train")]
    assert meanings(tree("train/1.mp4", "test/2.mp4", level=1)) == [("test", "test/2", ""), ("train", "train/1", "")]
    with pytest.raises(UsageError, match="--class-level 2 makes .* but videos lie directly in test, train"):
        tree("train/1.mp4", "test/2.mp4", level=2)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["train/A/1.mp4", "test/A/1.mp4", "extra/A/1.mp4"], r"splits \(test, train\) lie beside others \(extra\)"),
        (["A/train/1.mp4", "A/test/1.mp4", "B/1.mp4"], r"splits \(test, train\) lie beside others \(videos in no such"),
        (["train/1.mp4", "test/1.mp4"], "test, train in /r: videos lie directly in a folder that is named like a"),
        (["train/1.mp4", "train/2.mp4"], "or, if train is a class, add --class-level 1"),
        (["tests/A/1.mp4", "trains/A/1.mp4"], "folders tests, trains seem to be splits"),
        (["trn/A/1.mp4", "vld/A/1.mp4", "tst/A/1.mp4"], "folders trn, tst, vld seem to be splits.*--class-level 1 for"),
        (
            ["A/s1/test/1.mp4", "A/s1/train/1.mp4", "B/2.mp4"],
            "splits .test, train. lie deeper .* as in A/s1/test. Move",
        ),
        (
            ["train/train/A/1.mp4", "train/train/B/1.mp4", "test/A/2.mp4"],
            "train/train is named like its split, and not",
        ),
        (["train/1.mp4", "test/A/1.mp4"], "train in /r: videos lie directly in a folder that is named like a split"),
        (["train_256/A/1.mp4", "val_256/A/1.mp4"], "folders train_256, val_256 seem to be splits"),
        (["g/train/A/1.mp4", "g/eval/A/1.mp4"], "folders eval, train seem to be splits.*--class-level 2 for these"),
        (["dev/A/1.mp4", "holdout/A/1.mp4"], "folders dev, holdout seem to be splits"),
        (["TrainVal/A/1.mp4", "Test/A/1.mp4"], "folders Test, TrainVal seem to be splits"),
        (["split1/train/A/1.mp4", "split1/test/A/1.mp4", "split2/train/A/1.mp4"], "folders split1, split2 seem to be"),
        (["extra/A/1.mp4", "training_set/A/1.mp4"], "the folder training_set seems to be a split, beside extra"),
        (["A/eval/s/1.mp4", "A/train/s/1.mp4", "B/train/s/2.mp4"], "eval, train seem to be .*: rename such folders$"),
        (["U/A/1.mp4", "U/2.mp4"], "the folder U contains videos as well as folders of videos"),
    ],
)
def test_what_cannot_be_told_is_refused(paths: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tree(*paths)


def test_folders_without_videos_are_told_and_no_classes() -> None:
    folders = ("A", "A/Annotation", "A/s1", "B", "B/x", "B/x/y", ".git", ".git/refs")
    catalog = tree("A/s1/1.mpg", folders=folders)
    assert catalog.labels == ("s1",)  # the lone folder A is entered
    assert catalog.notes == (
        "the classes are folders below A",
        "no videos in A/Annotation, B: these are not used as classes",
    )


def test_how_the_folders_were_taken_is_told() -> None:
    (note,) = tree("swing/v_01/1.mpg", "jump/v_01/2.mpg").notes
    assert note.startswith("videos in folders below that of their class: 2, as in jump/v_01. These folders are their")
    assert "--class-level 2" in note
    assert tree("A/1.mp4", "B/1.mp4", folders=("A", "B")).notes == ()


@pytest.mark.parametrize(
    ("paths", "level", "note"),
    [
        (["S1/run/1.mp4", "S1/walk/2.mp4", "S2/run/3.mp4"], 2, "run, walk are in several of S1, S2"),
        (["m/1/Fight/1.mp4", "m/1/No/2.mp4", "m/22/No/3.mp4"], 3, "Fight, No are in several of 1, 22"),
        (["x/test/A/1.mp4", "x/test/B/1.mp4", "y/train/A/2.mp4"], 3, "A, B are in several of x, y"),
        (["rgb/run/1.mp4", "rgb/walk/2.mp4", "Depth/run/3.mp4"], 2, "run, walk are in several of Depth, rgb"),
        (
            [
                "train/front/run/1.mp4",
                "train/front/sit/2.mp4",
                "test/side/run/3.mp4",
                "test/side/sit/3.mp4",
                "test/top/run/1.mp4",
            ],
            3,
            "run, sit are in several of front, side, top",
        ),
        (["Run-2024Z-001/Run/1.mp4", "Sit-2024Z-001/Sit/2.mp4", "Sit-2024Z-002/Sit/3.mp4"], 2, "as Run-2024Z-001/Run"),
        (["run (1)/run/1.mp4", "sit/sit/2.mp4"], 2, "each is alone in a folder called after it, as run (1)/run"),
        (["A/s1/1.mp4", "A/s2/2.mp4", "B/s1/3.mp4"], 2, ""),
        (["ann/an/1.mp4", "bob/x/2.mp4"], 2, ""),
        (["rgb/ann/1.mp4", "walk/ann/2.mp4", "walk/bob/2.mp4"], 2, ""),
        (["bow/ann/1.mp4", "bow/bob/2.mp4", "sit/ann/3.mp4"], 2, ""),
        (["run1/ann/1.mp4", "run2/bob/2.mp4"], 2, ""),
    ],
)
def test_what_is_likelier_to_be_the_classes_is_a_warning(paths: list[str], level: int, note: str) -> None:
    (found,) = (text for text in tree(*paths).notes if "in folders below that of their class" in text)
    assert f"--class-level {level} makes them the classes" in found
    assert found.startswith("WARNING") == bool(note) and found.endswith(note)


@pytest.mark.parametrize(
    ("paths", "named"),
    [
        (
            ["run/1.mp4", "walk/2.mp4", "walk/Run/3.mp4", "walk/s1/4.mp4"],
            "folders called like one class .*: walk/Run. ",
        ),
        (["a b/Real/Yes/1.mp4", "a b/Real/No/1.mp4", "Real/Yes/1.mp4", "Real/No/1.mp4"], ".* for: a b/Real. Move"),
        (["train/run/x/1.mp4", "test/walk/run/1.mp4", "test/run/2.mp4"], ".* for: test/walk/run. Move"),
        (["1/1/1.mp4", "1/2/1.mp4", "2/1/1.mp4"], ""),
        (["run/run/1.mp4", "walk/Walk/1.mp4", "walk/x/1.mp4"], ""),
        (
            ["run/1.mp4", "$RECYCLE.BIN/S-1/$R1.mp4", "run/@eaDir/1.mp4/x.mp4"],
            r"systems .*: \$RECYCLE.BIN, run/@eaDir. ",
        ),
    ],
)
def test_folders_that_are_where_they_are_by_mistake_are_a_warning(paths: list[str], named: str) -> None:
    notes = [note for note in tree(*paths).notes if note.startswith(("WARNING: folders", "WARNING: systems"))]
    assert len(notes) == bool(named) and all(re.match(f"WARNING: {named}", note) for note in notes)


def test_classes_that_are_named_like_splits_are_a_warning() -> None:
    paths = ["Part-1/Abuse/1.mp4", "Testing_Normal_Videos_Anomaly/2.mp4", "Training-Normal-Videos-Part-1/3.mp4"]
    assert (
        tree(*paths).notes[-1].startswith("WARNING: Testing_Normal_Videos_Anomaly, Training-Normal-Videos-Part-1 are")
    )
    assert not any("named like" in note for note in tree("test tube/1.mp4", "walk/2.mp4").notes)


def test_folders_above_given_classes_are_named() -> None:
    (note,) = tree("S1/A/1.mp4", "S2/A/1.mp4", level=2).notes
    assert note.startswith("folders above those of the classes, which are not used: 2 (S1, S2). Videos of one of them")
    assert tree("train/A/1.mp4", "test/A/2.mp4", level=2).notes == tree("U/A/1.mp4", level=2).notes == ()


def test_the_level_below_a_split_in_a_class_is_named() -> None:
    (note,) = tree("A/train/s1/1.mp4", "A/test/s2/1.mp4", "B/train/s1/1.mp4").notes
    assert "--class-level 3 makes them" in note


OFFICIAL = ("train/A/s1/1.mp4", "train/B/s2/1.mp4", "val/A/s3/1.mp4", "test/A/s1/2.mp4")


def test_official_splits_are_kept_and_groups_in_two_of_them_named() -> None:
    config = PreprocessConfig("/r", "/o")
    catalog, config = choose_splits(tree(*OFFICIAL), config)
    plan = make_plan(catalog, config)
    assert plan.splits == ("train", "val", "test")
    assert {shard.name.split("-")[0]: shard.num_videos for shard in plan.shards} == {"train": 2, "val": 1, "test": 1}
    assert plan.layout.configuration["splits"] == config.splits == "official"
    kept, shared = note_splits(catalog).notes[-2:]
    only = choose_splits(tree("train/A/1.mp4", "test/B/1.mp4"), PreprocessConfig("/r", "/o"))[0]
    assert [note.partition(":")[0] for note in note_splits(select(only, ("A",))).notes] == [
        "official splits kept, according to its folders",
        "no videos are in the split val",
        "no videos are in the split test",
    ]
    assert kept.startswith("official splits kept, according to its folders: train 2, val 1, test 1.")
    assert shared.startswith("WARNING: groups with videos in more than one split: 1 (s1).")


def test_splits_are_counted_as_they_are_kept() -> None:
    listed = choose_splits(tree("train/A/1.mp4", "train/A/2.mp4", "test/A/3.mp4"), PreprocessConfig("/r", "/o"))[0]
    assert (
        note_splits(select(listed, limit=2))
        .notes[0]
        .startswith("official splits kept, according to its folders: train 1, test 1. ")
    )
    only = replace(listed, videos=tuple(video for video in listed.videos if video.split == "test"))
    assert [note for note in note_splits(only).notes if "split val" in note] == []


def test_splits_are_dealt_anew_if_asked_for() -> None:
    listed = tree(*OFFICIAL)
    catalog, config = choose_splits(listed, PreprocessConfig("/r", "/o", splits=DEFAULT_SPLITS))
    assert (catalog.splits_from, {video.split for video in catalog.videos}) == ("", {""})
    assert catalog.notes[-1] == "--splits overrides the splits that its folders would give"
    plan = make_plan(catalog, config)
    assert set(plan.layout.split_of_group) == {"s1", "s2", "s3"}
    assert plan.layout.configuration["splits"] == DEFAULT_SPLITS
    catalog, config = choose_splits(listed, PreprocessConfig("/r", "/o", split_groups=("test=s2",)))
    assert {(video.group, video.split) for video in catalog.videos} == {
        ("s1", "train"),
        ("s2", "test"),
        ("s3", "train"),
    }
    assert "the splits that its folders would give are not used" in catalog.notes


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (DEFAULT_SPLITS, []),
        ("train=0.8,val=0.2", ["no videos are in the split test: a network that is trained on this"]),
        (
            "train=1",
            ["no videos are in the split val: the trainer", "no videos are in the split test: a network"],
        ),
        ("a=0.5,test=0.5", ["no videos are in the split train: a network can't be trained on this dataset"]),
    ],
)
@pytest.mark.parametrize("paths", [OFFICIAL, ("A/1.mp4",)])
def test_splits_that_lack_by_their_fractions_are_told(splits: str, said: list[str], paths: Sequence[str]) -> None:
    notes = choose_splits(tree(*paths), PreprocessConfig("/r", "/o", splits=splits))[0].notes
    lacking = [note for note in notes if note.startswith("no videos")]
    assert [note[: len(text)] for note, text in zip(lacking, said, strict=True)] == said


def test_a_seed_without_a_draw_is_told() -> None:
    said = "--split-seed is not used, as the split of each group is given"
    for config in (PreprocessConfig("/r", "/o"), PreprocessConfig("/r", "/o", split_groups=("test=s1",))):
        for seed in (0, 1):
            notes = choose_splits(tree(*OFFICIAL), replace(config, split_seed=seed))[0].notes
            assert (said in notes) == bool(seed)
    dealt = choose_splits(tree(*OFFICIAL), PreprocessConfig("/r", "/o", splits=DEFAULT_SPLITS, split_seed=1))[0]
    assert said not in dealt.notes


def test_official_splits_that_are_not_there() -> None:
    config = PreprocessConfig("/r", "/o", splits="official")
    with pytest.raises(UsageError, match="--splits official: neither folders nor a column split of /r name any"):
        choose_splits(tree("A/1.mp4"), config)
    plain = PreprocessConfig("/r", "/o")
    assert choose_splits(tree("A/1.mp4"), plain) == (tree("A/1.mp4"), plain)
    assert note_splits(tree("A/1.mp4")) == tree("A/1.mp4")


def test_settings_of_earlier_datasets_are_the_same() -> None:
    """The recorded settings of a dataset of an ordinary tree stay the same, so that it is resumed and not refused."""
    identity = PreprocessConfig("/r", "/o").identity()
    assert (identity["splits"], identity["split_groups"], identity["split_file"]) == (DEFAULT_SPLITS, [], "")
    assert "class_level" not in identity
    assert PreprocessConfig("/r", "/o", class_level=2, split_file=("s.csv",)).identity()["split_file"] == "s.csv"


def test_official_folders_from_the_field(real_data) -> None:  # type: ignore[no-untyped-def]
    catalog = read_catalog(str(real_data / "field" / "trees" / "official_folders"))
    assert catalog.labels == ("Swing", "Walk")
    assert len(catalog.videos) == 18
    assert all(video.video_id.split("/")[0] == video.split for video in catalog.videos)
