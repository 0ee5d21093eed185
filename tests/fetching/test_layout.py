"""Comparing a tree with what a dataset should contain."""

import pytest

from pipelines.fetching.catalog import DATASETS, HMDB51, UCF50, UCF101, Dataset, called, other
from pipelines.fetching.layout import differences, look_at


def whole_ucf50() -> list[str]:
    """6,681 paths: 25 groups of each class with five clips, and the rest in the first group."""
    paths = [
        f"{label}/v_{UCF50.prefixes.get(label, label)}_g{group:02}_c{clip:02}.avi"
        for label in UCF50.classes
        for group in range(1, 26)
        for clip in range(1, 6)
    ]
    return [*paths, *(f"Swing/v_Swing_g01_c{clip:03}.avi" for clip in range(100, 100 + 6681 - len(paths)))]


def test_what_is_known() -> None:
    assert [len(dataset.classes) for dataset in (UCF50, UCF101, HMDB51)] == [50, 101, 51]
    for dataset in DATASETS.values():
        assert len(set(dataset.classes)) == len(dataset.classes)
        assert called(dataset.videos.file_name.upper()) is dataset
    assert called("mine.rar") is None
    assert other("u", "my.videos.tar.gz").videos.folder == "my.videos"


def test_a_whole_tree_does_not_differ() -> None:
    assert differences(look_at([*whole_ucf50(), "README.txt", "Swing/Thumbs.db"]), UCF50) == []
    some = [path for path in whole_ucf50() if path.startswith(("Swing/", "Billiards/"))]
    assert differences(look_at(some), UCF50, ("Swing", "Billiards")) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p[:-5], ["6,676 videos instead of 6,681; its page says 6,676"]),
        (
            lambda p: [x for x in p if not x.startswith("YoYo/")],
            ["no videos of 1 class: YoYo", "6,556 videos instead of 6,681; its page says 6,676"],
        ),
        (
            lambda p: [x for x in p if "v_Diving_g07" not in x] + ["Diving/v_Diving_g26_c01.avi"],
            [
                "Diving has 25 groups instead of 25 (different: g07, g26)",
                "6,677 videos instead of 6,681; its page says 6,676",
            ],
        ),
        (
            lambda p: [x.replace("v_Billards", "v_Billiards") for x in p],
            ["Billiards has files called v_Billiards_..., not v_Billards_..."],
        ),
        (
            lambda p: [x.replace("Skijet/", "Sky/") for x in p],
            ["no videos of 1 class: Skijet", "1 class that UCF50 doesn't have: Sky"],
        ),
    ],
)
def test_what_differs(change, said: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert differences(look_at(change(whole_ucf50())), UCF50) == said


def test_classes_that_were_not_asked_for_may_be_there() -> None:
    tree = look_at([path for path in whole_ucf50() if path.startswith(("Swing/", "YoYo/"))])
    assert differences(tree, UCF50, ("Swing",)) == []
    assert differences(tree, UCF50, ("Swing", "Mixing")) == ["no videos of 1 class: Mixing"]


def test_nothing_is_known_of_others() -> None:
    assert differences(look_at(["a/x.mp4", "y.avi"]), other("", "mine.zip")) == []
    assert differences(look_at([]), Dataset("other", "mine", UCF50.videos), ("a",)) == ["no videos of 1 class: a"]
