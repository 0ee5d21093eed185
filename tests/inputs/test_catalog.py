"""Catalogues of trees and manifests: what counts as a video, its label and group, and what is refused."""

import os
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.core.errors import UsageError
from pipelines.core.text_decoding import decode
from pipelines.core.video_files import FileInfo
from pipelines.dataset.duplicates import drop_duplicates
from pipelines.dataset.listing import read_catalog
from pipelines.inputs.catalog import Catalog, VideoRecord, from_tree, select
from pipelines.inputs.class_notes import note_classes
from pipelines.inputs.manifest import parse_manifest


def files(*paths: str) -> list[FileInfo]:
    return [FileInfo(path, 1, "1-1") for path in paths]


def test_group_is_read_from_the_file_name() -> None:
    groups = {"Biking/v_Biking_g07_c02": "g07", "Billiards/v_Billards_g01_c01": "g01", "a/x_g3": "g3"}
    groups |= {name: name for name in ("a/clip_gone", "a_g05_/clip")}
    catalog = from_tree("/data", files(*(f"{name}.avi" for name in groups)))
    assert {video.video_id: video.group for video in catalog.videos} == groups


def test_tree_in_the_layout_of_ucf50() -> None:
    catalog = from_tree("/ucf", files("B/v_B_g02_c01.avi", "A/v_A_g01_c01.avi", "A/readme.txt", ".DS_Store", "A/x.mp4"))
    assert [(v.video_id, v.label, v.group, v.uri) for v in catalog.videos] == [
        ("A/v_A_g01_c01", "A", "g01", "/ucf/A/v_A_g01_c01.avi"),
        ("A/x", "A", "A/x", "/ucf/A/x.mp4"),
        ("B/v_B_g02_c01", "B", "g02", "/ucf/B/v_B_g02_c01.avi"),
    ]
    assert (catalog.num_ignored, catalog.num_ungrouped, catalog.labels) == (2, 1, ("A", "B"))


@pytest.mark.parametrize(
    ("paths", "folders", "message"),
    [
        ([], [], "no videos in /r: found nothing"),
        (["A/readme.txt"], ["A"], "no videos in /r: found 1 other file"),
        (["v.avi", "A/w.avi"], ["A"], "v.avi in /r: the class of a video is the name of its folder.*,group\\)$"),
        (
            ["v.avi", "x/n.csv", "tags.CSV"],
            ["x"],
            r"or give a CSV manifest \(path,label,group\): --input /r/tags.CSV, if",
        ),
        (["A/v.avi", "A/v.avi"], ["A"], "two videos have the id 'A/v.avi'"),
    ],
)
def test_trees_that_are_refused(paths: list[str], folders: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_tree("/r", files(*paths), folders)


def test_a_first_line_that_is_there_again_counts_as_repeated() -> None:
    manifest = parse_manifest("path,label\na.avi,A\n Path , label\nb.avi,B\npath,label\n", "m.csv")
    assert ([row.path for row in manifest.rows], manifest.num_repeated) == (["a.avi", "b.avi"], 2)


def test_tables_that_were_put_together_or_are_spreadsheets() -> None:
    assert decode(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\r\n", "m.csv") == "a\nb\r\n"
    with pytest.raises(UsageError, match="m.csv is a spreadsheet .* Save it as CSV"):
        decode(b"PK\x03\x04\x14\0", "m.csv")


def test_manifest_file_is_relative_to_its_folder_and_keeps_missing_videos(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.avi").write_bytes(b"x")
    (tmp_path / "m.csv").write_text("path,label,group\nsub/a.avi,A,s1\n./gone.mp4,B,s2\n")
    catalog = read_catalog(str(tmp_path / "m.csv"))
    assert [(v.video_id, v.group, v.version == "missing") for v in catalog.videos] == [
        ("gone", "s2", True),
        ("sub/a", "s1", False),
    ]
    assert catalog.videos[1].uri == str(tmp_path / "sub" / "a.avi")
    (tmp_path / "m.csv").write_text("path,label\nsub/a.avi,A\nsub/../sub/a.avi,B\n")
    with pytest.raises(UsageError, match="m.csv, lines 2 and 3: two labels for the video .*a.avi: A and B"):
        read_catalog(str(tmp_path / "m.csv"))


@pytest.mark.parametrize("name", ["nothing", "nothing.csv", "file.txt"])
def test_input_that_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(UsageError, match="no such|neither a folder nor a manifest"):
        read_catalog(str(tmp_path / name))


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "v.avi").write_bytes(b"x")
    root = tmp_path / "root"
    (root / "B").mkdir(parents=True)
    (root / "B" / "w.avi").write_bytes(b"x")
    os.symlink(tmp_path / "store", root / "A")
    os.symlink(root, root / "B" / "loop")
    assert [video.video_id for video in read_catalog(str(root)).videos] == ["A/v", "B/w"]


def test_names_that_are_no_utf8_are_kept(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/A"
    os.mkdir(folder)
    with open(folder + b"/caf\xe9.avi", "wb") as file:
        file.write(b"x")
    (video,) = read_catalog(str(tmp_path)).videos
    assert os.path.exists(video.uri)


PATHS = [f"{c}/v_{c}_g{g:02d}_c01.avi" for c in ("Run", "Swing", "TaiChi") for g in range(1, 9)]
CATALOG = from_tree("/r", files(*PATHS))


def test_select_classes_and_limit() -> None:
    chosen = select(CATALOG, ("TaiChi", "Run"), 6)
    assert Counter(video.label for video in chosen.videos) == {"Run": 3, "TaiChi": 3}
    assert chosen == select(CATALOG, ("Run", "TaiChi"), 6)
    by_limit = [{video.video_id for video in select(CATALOG, (), limit).videos} for limit in range(1, 12)]
    assert [len(ids) for ids in by_limit] == [*range(1, 12)]
    assert all(fewer < more for fewer, more in pairwise(by_limit))
    assert select(CATALOG, ("Run",), 10_000) == select(CATALOG, ("Run",))
    assert select(CATALOG) == CATALOG
    listed = from_tree("/r", files("caf\u00e9/1.avi", "walk/1.avi"))
    assert select(listed, ("cafe\u0301",)).labels == ("caf\u00e9",)


def test_a_limit_is_spread_over_classes_and_official_splits() -> None:
    names = [f"{split}/{label}/{i}.avi" for split in ("train", "test") for label in ("A", "B") for i in range(5)]
    listed = from_tree("/r", files(*names, "train/C/1.avi"))
    counts = Counter((video.split, video.label) for video in select(listed, (), 9).videos)
    assert counts == {("train", "C"): 1} | {(s, c): 2 for s in ("train", "test") for c in "AB"}
    assert len({(v.split, v.label) for v in select(listed, (), 5).videos}) == 5


@pytest.mark.parametrize(
    ("name", "hint"), [("Swng", "did you mean Swing"), ("taichi", "did you mean TaiChi"), ("X", "There are 3")]
)
def test_unknown_class_suggests_the_nearest_and_lists_all(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint) as error:
        select(CATALOG, ("Run", name))
    assert "Run, Swing, TaiChi" in str(error.value)


def test_files_of_a_manifest_that_differ_in_case_or_form_alone(tmp_path: Path) -> None:
    (tmp_path / "Sub").mkdir()
    for name in ("Sub/Cafe\u0301.avi", "Sub/x.avi", "Sub/X.avi"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "m.csv").write_text("path,label\nsub/caf\u00e9.AVI,A\nsub/X.AVI,B\nSub/x.avi,B\n")
    catalog = read_catalog(str(tmp_path / "m.csv"))
    assert {
        (video.video_id, video.uri[len(str(tmp_path)) :], video.version == "missing") for video in catalog.videos
    } == {
        ("sub/caf\u00e9", "/Sub/Cafe\u0301.avi", False),
        ("sub/X", "/sub/X.AVI", True),
        ("Sub/x", "/Sub/x.avi", False),
    }
    assert catalog.notes[-1].startswith("files whose names differ from the manifest's only in case or in Unicode form")


def test_classes_that_look_alike_or_are_alone_are_warned_of() -> None:
    listed = from_tree("/r", files("Run/1.avi", "run/2.avi", "Cafe\u0301/3.avi", "Caf\u00e9 /4.avi", "Walk/5.avi"))
    (note,) = note_classes(listed).notes
    begin = "WARNING: classes whose names look alike are kept apart: "
    assert note.startswith(begin + "'Cafe\u0301' (1) and 'Caf\u00e9 ' (1); 'Run' (1)")
    (note,) = note_classes(select(listed, ["Walk"])).notes
    assert note == "WARNING: all videos are of one class (Walk): there is nothing to tell apart"
    assert note_classes(select(listed, ["Walk", "Run"])).notes == ()
    hidden = from_tree("/r", [FileInfo(path, 1, "1") for path in ("Sit\u200b/1.mp4", "Sit/2.mp4")])
    assert note_classes(hidden).notes[0].startswith(f"{begin}'Sit' (1) and 'Sit\\u200b' (1). If")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            ("01", "1", "1.0", "10", "v1.0"),
            "classes whose names look alike are kept apart: '01' (1) and '1' (1) and '1.0'",
        ),
        (("00", "0", "a0"), "classes whose names look alike are kept apart: '0' (1) and '00' (1)."),
        (("1", "2", "1.5", "10", "-1", "-2"), ""),
        (("1,0", "1"), "classes whose names look alike are kept apart: '1' (1) and '1,0'"),
        (("\u2764", "\u2764\ufe0f"), "classes whose names look alike are kept apart: '\u2764' (1) and '\u2764\ufe0f'"),
        (("#REF!", "Run", "#1!"), "programs write #REF! where a value is missing"),
        (
            ("walk", "walk (1)", "walk - Copy", "Kopie von Walk", "Walk copy 2", "(1)"),
            "classes whose names look alike are kept apart: 'Kopie von Walk' (1) and 'Walk copy 2' (1) and 'walk' (1) "
            "and 'walk (1)' (1) and 'walk - Copy' (1). If",
        ),
        (("Copy", "copy that", "walk 2", "walk", "phase (a)", "phase"), ""),
        (("unknown", "Run"), "a class is called unknown, which is what labels say where no class is certain enough"),
        (("Unknown", "Run"), ""),
        (
            ("NaN", "Run", "None"),
            "programs write NaN, None where a value is missing, and here it is a class, with 2 of",
        ),
        (("null", "none", "Nana", "na"), ""),
        (("A|B", "B"), "classes with a | in their names are one class each: A|B. With --multi-label, their clips"),
    ],
)
def test_names_of_classes_that_may_mean_something_else(labels: tuple[str, ...], said: str) -> None:
    notes = note_classes(from_tree("/r", files(*(f"{label}/{n}.avi" for n, label in enumerate(labels))))).notes
    assert [note[: len(said) + 9] for note in notes] == [f"WARNING: {said}"] * bool(said)


def test_groups_whose_names_differ_in_case_alone_are_told() -> None:
    paths = ("A/Ann/1.mp4", "A/Bob/2.mp4", "B/ann/3.mp4", "B/\u00e9va/4.mp4", "B/e\u0301va/5.mp4", "B/X.mp4", "B/x.mp4")
    (note,) = note_classes(from_tree("/r", [FileInfo(path, 1, "1") for path in paths])).notes[1:]
    pairs = "'Ann' and 'ann', 'e\\u0301va' and '\\xe9va'"
    assert note.startswith(
        f"WARNING: groups whose names differ only in case or in Unicode form are kept apart: {pairs}. If"
    )


def test_groups_that_stand_for_none_are_told() -> None:
    rows = tuple(
        VideoRecord(str(n), f"/r/{n}.avi", "AB"[n % 2], group, "1") for n, group in enumerate(("nan", "g1", "2"))
    )
    (note,) = note_classes(Catalog(rows)).notes
    assert note.startswith("WARNING: programs write nan where a value is missing, and here it is a group, whose videos")


def test_copies_that_contradict_what_stays_are_warned_of() -> None:
    listed = from_tree("/r", files("test/A/1.avi", "test/B/2.avi", "train/A/3.avi", "train/A/4.avi"))
    left = drop_duplicates(listed, lambda videos: [9] * len(videos), lambda videos: [1, 1, 1, 2])
    label, split = left.notes
    assert label.endswith("another label, which may be the wrong one: test/B/2 (B), the same as test/A/1 (A)")
    assert split.endswith("another split, which may be the wrong one: train/A/3 (train), the same as test/A/1 (test)")


def test_parts_of_one_file_are_no_copies_of_each_other_but_of_the_same_part_of_a_copy() -> None:
    parts = [
        VideoRecord(f"{name}@{start}-{start + 1}", f"/r/{name}.avi", "A", name, "1", "", start, start + 1.0)
        for name, start in (("a", 0), ("a", 1), ("b", 0), ("b", 2))
    ]
    asked: list[str] = []

    def marks(videos: Sequence[VideoRecord]) -> list[int]:
        asked.extend(video.uri for video in videos)
        return [1] * len(videos)

    left = drop_duplicates(Catalog(tuple(parts)), lambda videos: [9] * len(videos), marks)
    assert [video.video_id for video in left.videos] == ["a@0-1", "a@1-2", "b@2-3"]
    assert [video.group for video in left.videos] == ["a", "a", "a"]  # or training would see what is tested on
    assert asked == ["/r/a.avi", "/r/b.avi"]  # each file is read once
