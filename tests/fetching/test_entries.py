"""Which entries of an archive are refused, which are extracted, and to where: tables, without any archive."""

import pytest

from pipelines.core.errors import UsageError
from pipelines.fetching.entries import FOLDER, Entry, is_nested, plan, refuse_unsafe

GOOD = [
    Entry("./", FOLDER),
    Entry("UCF50", FOLDER),
    Entry("./UCF50/Swing/", FOLDER),
    Entry("UCF50/Swing/v_Swing_g01_c01.avi", size_bytes=5),
    Entry("UCF50/a..b/[x] #1.avi"),
]


def test_what_stays_in_its_folder_is_taken() -> None:
    refuse_unsafe(GOOD, "x.rar")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry("../x.avi"), "'../x.avi' has a part that is '..'"),
        (Entry("UCF50/../../x.avi"), "has a part that is '..'"),
        (Entry("UCF50/.."), "has a part that is '..'"),
        (Entry("..", FOLDER), "'..' is '..'"),
        (Entry("/etc/x.avi"), "'/etc/x.avi' begins with a slash"),
        (Entry("/", FOLDER), None),  # the folder itself
        (Entry("C:/x.avi"), "begins with a drive letter"),
        (Entry("UCF50\\..\\x.avi"), "contains a backslash"),
        (Entry("UCF50//x.avi"), "has a part that is ''"),
        (Entry("UCF50/./x.avi"), "has a part that is '.'"),
        (Entry("UCF50/x\0.avi"), "contains a null byte"),
        (Entry("UCF50/x", "a symbolic link"), "'UCF50/x' is a symbolic link"),
        (Entry("UCF50/x.avi", "a hard link"), "is a hard link"),
        (Entry("UCF50/x.avi", "a device or another special file"), "is a device"),
        (Entry("UCF50/x.avi", "encrypted"), "is encrypted"),
    ],
)
def test_what_is_refused(entry: Entry, said: str | None) -> None:
    if said is None:
        refuse_unsafe([*GOOD, entry], "x.rar")
        return
    with pytest.raises(UsageError) as caught:
        refuse_unsafe([*GOOD, entry], "x.rar")
    assert said in str(caught.value) and "x.rar is refused, and nothing was extracted: 1 entry" in str(caught.value)


def targets(names: list[str], *classes: str, label: str = "", lists: bool = False) -> list[str | None]:
    return list(plan([Entry(name) for name in names], "x.zip", classes, label, lists).targets)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["UCF50/A/a.avi", "UCF50/B/b.avi"], ["A/a.avi", "B/b.avi"]),
        (["./deep/UCF50/A/a.avi", "deep/UCF50/B/b.avi", "README.txt"], ["A/a.avi", "B/b.avi", "README.txt"]),
        (["A/a.avi", "B/b.avi"], ["A/a.avi", "B/b.avi"]),
        (["A/a.avi"], ["A/a.avi"]),  # an archive of one class
        (["x/train/A/a.avi", "x/test/A/b.avi"], ["train/A/a.avi", "test/A/b.avi"]),
        (["x/A/a.avi", "x/B/b.avi", "__MACOSX/x/._a.avi", "x/.DS_Store"], ["A/a.avi", "B/b.avi", None, None]),
        (["x/A/a.avi", "x/B/b.avi", "x/A/notes.txt", "x/list.csv"], ["A/a.avi", "B/b.avi", "A/notes.txt", "list.csv"]),
        (["a.avi", "b.avi"], ["a.avi", "b.avi"]),
    ],
)
def test_where_files_go(names: list[str], expected: list[str | None]) -> None:
    assert targets(names) == expected


def test_some_classes_only() -> None:
    names = ["x/A/a.avi", "x/B/b.avi", "x/train/A/c.avi", "x/A/notes.txt", "x/README.txt"]
    assert targets(names, "A") == ["A/a.avi", None, "train/A/c.avi", "A/notes.txt", None]
    with pytest.raises(UsageError, match="x.zip holds nothing of the class 'Swng'; did you mean Swing"):
        targets(["Swing/a.avi", "B/b.avi"], "Swng")
    with pytest.raises(UsageError, match="nothing of the class 'a'. It has Swing, Wave"):
        targets(["Swing/a.avi", "Wave/b.avi"], "a")


def test_archives_of_one_class_and_of_lists() -> None:
    assert targets(["kick/a.avi", "kick/b.avi"], label="kick") == ["kick/a.avi", "kick/b.avi"]
    assert targets(["a.avi"], label="kick") == ["kick/a.avi"]
    assert targets(["x/a.txt", "x/b.txt", "x/run.m"], lists=True) == ["a.txt", "b.txt", "run.m"]


@pytest.mark.parametrize(
    ("names", "lists", "said"),
    [
        (["x/a.avi", "x/a.avi"], False, "holds 'x/a.avi' more than once"),
        (["x/a.avi", "./x/a.avi"], False, "holds 'x/a.avi' more than once"),
        (["x/a.avi", "x/a.avi/b.avi"], False, "holds 'x/a.avi' as a file and a folder"),
        (["x/notes.txt", "x/.a.avi"], False, "holds no videos: 2 files, x/notes.txt, x/.a.avi"),
        (["x/a.avi"], True, "holds no lists: 1 file, x/a.avi"),
        ([], False, "holds no videos: 0 files"),
    ],
)
def test_what_can_not_be_planned(names: list[str], lists: bool, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        targets(names, lists=lists)


def test_archives_in_an_archive() -> None:
    assert is_nested([Entry("kick.rar"), Entry("wave.rar")])
    for names in (["kick.rar", "a/a.avi"], ["README.txt"], [".kick.rar"]):
        assert not is_nested([Entry(name) for name in names])
