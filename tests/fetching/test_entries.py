"""Tables, without any archive or site: which entries are refused or extracted, and to where; what headers mean."""

from datetime import UTC, datetime
from email.message import Message

import pytest

from pipelines.core.errors import UsageError
from pipelines.fetching.answers import Range, Version, parse_range, retry_after_s, version_of
from pipelines.fetching.entries import FOLDER, Entry, is_nested, plan, refuse_unsafe
from pipelines.fetching.kinds import kind_of, why_no_archive

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


def test_content_range() -> None:
    ranges = {"bytes 5-9/10": Range(5, 10, 10), "bytes 0-0/*": Range(0, 1, 0), "bytes */77": Range(-1, -1, 77)}
    others = dict.fromkeys(("bytes 5-9", "items 5-9/10", ""))
    assert {value: parse_range(value) for value in (*ranges, *others)} == {**ranges, **others}


def test_retry_after() -> None:
    now = datetime(2011, 1, 1, tzinfo=UTC)
    assert (retry_after_s("120", now), retry_after_s("Sat, 01 Jan 2011 00:01:00 GMT", now)) == (120, 60)
    for value in ("Fri, 31 Dec 2010 00:00:00 GMT", "soon", "", "-5"):
        assert retry_after_s(value, now) == 0


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"content-length": "12", "etag": '"a"'}, 200, Version(12, '"a"')),
        ({"Content-Length": "4", "Content-Range": "bytes 8-11/12"}, 206, Version(12)),
        ({"Content-Length": "4"}, 206, Version()),
        ({"Content-Length": "many", "Last-Modified": "then"}, 200, Version(0, "", "then")),
    ],
)
def test_version(headers: dict[str, str], status: int, expected: Version) -> None:
    message = Message()
    for name, value in headers.items():
        message[name] = value
    assert version_of(message, status) == expected


def test_condition_of_a_version() -> None:
    assert Version(1, '"a"', "then").condition == '"a"'
    assert Version(1, 'W/"a"', "then").condition == "then"  # a weak one must not be used in If-Range
    assert Version(1, 'W/"a"').condition == ""


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Version(5, '"a"', "then"), ""),
        (Version(), ""),
        (Version(6, '"a"', "then"), "size bytes 6 instead of 5"),
        (Version(5, '"b"', "then"), 'etag "b" instead of "a"'),
        (Version(5, "", "now"), "last modified now instead of then"),
    ],
)
def test_another_version(other: Version, said: str) -> None:
    assert Version(5, '"a"', "then").differs(other) == said


def test_kind_of_archive() -> None:
    kinds = {b"Rar!\x1a\x07\x00....": "rar", b"Rar!\x1a\x07\x01\x00": "rar", b"PK\x03\x04": "zip"}
    kinds |= {b"\x1f\x8b\x08": "tar", b"BZh9": "tar", b"\xfd7zXZ\x00": "tar", b"a" * 257 + b"ustar\x0000": "tar"}
    kinds |= {b"<!DOCTYPE html>": "", b"": ""}
    assert {start: kind_of(start) for start in kinds} == kinds


def test_what_is_no_archive() -> None:
    assert why_no_archive(b"\n <!doctype HTML>") == "a web page"
    assert why_no_archive(b"Please log in", "text/html; charset=utf-8") == "a web page"
    assert why_no_archive(b"") == "an empty file"
    assert "b'RIFF'" in why_no_archive(b"RIFF")
