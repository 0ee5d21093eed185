"""Split files as people and publishers of datasets write them, from their text to the split of each video."""

from pathlib import Path

import pytest

from pipelines.core.errors import UsageError
from pipelines.core.video_files import FileInfo
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.listing import read_split_files
from pipelines.dataset.split_choice import choose_splits, note_splits
from pipelines.inputs.catalog import Catalog, from_tree
from pipelines.inputs.splits.lists import choose_files, parse_split_file

UCF = [f"{c}/v_{c}_g{g:02d}_c01.avi" for c in ("Archery", "Biking") for g in (1, 8, 9)]
UCF_TRAIN = "".join(f"{path} {1 + (path > 'B')}\r\n" for path in UCF if "_g01_" not in path)
UCF_TEST = "".join(f"{path}\r\n" for path in UCF if "_g01_" in path)
NO_VAL = "no videos are in the split val: the trainer takes some groups of train instead"
HMDB = ["pick/#122_Cleaning_Up_(1).avi", "pick/RATRACE_pick_37.avi", "wave/A_wave_1.avi", "wave/show_-)_wave_2.avi"]


def listed(paths: list[str]) -> Catalog:
    return from_tree("/data/r", [FileInfo(path, 1, "1") for path in paths])


def chosen(paths: list[str], *files: tuple[str, str]) -> Catalog:
    parsed = [parse_split_file(text, name) for name, text in files]
    return note_splits(choose_splits(listed(paths), PreprocessConfig("/data/r", "/o"), parsed)[0])


def splits(catalog: Catalog) -> dict[str, str]:
    return {video.video_id.rpartition("/")[2]: video.split for video in catalog.videos}


@pytest.mark.parametrize(
    "text",
    [
        "group,split\ng01,test\n",
        "Group;Split\n# the rest is train\ng01;Test # note\n",
        "g01,test",
        "g01\ttest\n",
        "path,split\nArchery/v_Archery_g01_c01.avi,test\nBiking\\v_Biking_g01_c01.avi,testing\n",
        "Filename\tSplit\nArchery/v_Archery_g01_c01,test\n./Biking/v_Biking_g01_c01.mp4,test\n",
        "/data/r/Archery/v_Archery_g01_c01.avi,test\nr/Biking/v_Biking_g01_c01.avi,test\n",
        "v_Archery_g01_c01.avi test\nv_Biking_g01_c01.avi test\n",
        '"Archery/v_Archery_g01_c01.avi","test"\r"Biking/v_Biking_g01_c01.avi","test"\r',
        "sep=;\r\ngroup;split\r\ng01;test\r\n",
        "# official, third edition\npath,split\nv_Archery_g01_c01.avi,test\nv_Biking_g01_c01.avi,test\n",
        "video,label,split\nv_Archery_g01_c01.avi,Archery,test\nv_Biking_g01_c01.avi,Biking,test\n",
        "filename;class;Subset\nv_Archery_g01_c01.avi;Archery;TEST\nv_Biking_g01_c01.avi;Biking;testing\n",
        "group,set\ng01,test\n",
        "group,split\ng01,test\nGroup,Split\ng01,test\n",
        "label,path,note,split\nx,Archery/v_Archery_g01_c01.avi,,test\ny,Biking/v_Biking_g01_c01.avi,,test\n",
        "# all of them\n\npath,split\nArchery/v_Archery_g01_c01.avi,test\nBiking/v_Biking_g01_c01.avi,test\n",
        "path,subset\nArchery/v_Archery_g01_c01.avi,test\nBiking/v_Biking_g01_c01.avi,test\n",
        "# x\nset\tvideo\tid\ntest\tv_Archery_g01_c01.avi\t1\ntest\tBiking/v_Biking_g01_c01\t2\n",
        "path,split\nArchery/v_Archery_g01_c01.avi,test\nv_archery_g01_c01,test\nv_Biking_g01_c01.AVI,test\n",
    ],
)
def test_one_split_in_many_forms(text: str) -> None:
    catalog = chosen(UCF, ("s.csv", text))
    assert splits(catalog) == {Path(path).stem: "test" if "_g01_" in path else "train" for path in UCF}
    assert catalog.splits_from == "s.csv"
    assert "splits from s.csv: train 4, test 2" in catalog.notes
    assert any(note.startswith("videos not named by s.csv, put into train: 4 (") for note in catalog.notes)


def test_ucf101_as_published() -> None:
    catalog = chosen(UCF, ("ucf/trainlist01.txt", UCF_TRAIN), ("ucf/testlist01.txt", UCF_TEST))
    assert splits(catalog) == {Path(path).stem: "test" if "_g01_" in path else "train" for path in UCF}
    assert catalog.notes == ("splits from trainlist01.txt, testlist01.txt: train 4, test 2", NO_VAL)
    alone = chosen(UCF, ("testlist01.txt", UCF_TEST))
    assert splits(alone) == splits(catalog)
    assert alone.notes[0].startswith("videos not named by testlist01.txt, put into train: 4 (Archery/v_Archery_g08_c01")
    with pytest.raises(
        UsageError, match="all videos would be in train, and 2 are not named. Give the list of the test"
    ):
        chosen(UCF, ("trainlist01.txt", UCF_TRAIN))


@pytest.mark.parametrize(
    ("head", "form"),
    [
        ("filename,label\n", "{0},{1}\n"),
        ("clip_name,clip_path,label\n", "{2},/test/{0},{1}\n"),
        ("", "{0},0\n"),
        ("", "{0},{1}\n"),
        ("", '"{0}";"{1}"\n'),
        ("", "{2};{1} something\n"),
        ("", "{0},{1} something/else,3,0\n"),
        ("", "{3}/{2} 120 7\n"),
        ("", "{2}.avi  {1}  165  240  -1  -1  \n"),
        ("", "{3}\\{2}\\\n"),
        ("", "./{0} 7\n"),
        ("", "/data/.cache/../r/{0} 7\n"),
    ],
)
def test_lists_with_labels(head: str, form: str) -> None:
    text = head + "".join(form.format(p, p.split("/")[0], Path(p).stem, Path(p).parent) for p in UCF if "_g01_" in p)
    catalog = chosen(UCF, ("test.csv", text))
    assert splits(catalog) == {Path(path).stem: "test" if "_g01_" in path else "train" for path in UCF}


def test_names_may_end_with_what_looks_like_a_class() -> None:
    paths = ["A/clip 1.mp4", "A/clip 2.mp4", "A/clip.mp4", "B/x, y.mp4", "B/x.mp4", "C/line\u2028break.avi"]
    text = "A/clip 1\nA/clip 7\nB/x, y\nC/line\u2028break.avi\n"
    found = splits(chosen(paths, ("testlist01.txt", text), ("trainlist01.txt", "A/clip 2 1\nB/x\n")))
    assert found == dict.fromkeys(("clip 1", "clip", "x, y", "line\u2028break"), "test") | {
        "clip 2": "train",
        "x": "train",
    }


def test_the_names_of_classes_among_given_files_are_passed_over(tmp_path: Path) -> None:
    for name, text in (("classInd.txt", "1 Archery\n"), ("testlist01.txt", UCF_TEST)):
        (tmp_path / name).write_text(text)
    (file,) = read_split_files([str(tmp_path / "classInd.txt"), str(tmp_path / "testlist01.txt")])
    assert file.name.endswith("testlist01.txt")


def test_hmdb51_as_published() -> None:
    files = [
        ("pick_test_split1.txt", "#122_Cleaning_Up_(1).avi 1 \nRATRACE_pick_37.avi 0 \n"),
        ("wave_test_split1.txt", "A_wave_1.avi 1\nshow_-)_wave_2.avi 2\n"),
    ]
    catalog = chosen(HMDB, *files)
    assert splits(catalog) == {"#122_Cleaning_Up_(1)": "train", "A_wave_1": "train", "show_-)_wave_2": "test"}
    assert catalog.notes[0] == "videos without a split in pick_test_split1.txt, wave_test_split1.txt, left out: 1"


def test_names_that_begin_like_a_comment() -> None:
    text = "# pick, test\n#122_Cleaning_Up_(1).avi,test\n#gone.avi,test\n# gone.avi,val\nwave/A_wave_1,train\n"
    catalog = chosen(HMDB, ("s.csv", text))
    assert splits(catalog) == {"#122_Cleaning_Up_(1)": "test", "A_wave_1": "train"}
    assert catalog.notes == (
        "lines of s.csv that begin with # and name nothing in the input, so count as comments: 3 (# pick, #gone.avi, "
        "# gone.avi)",
        "videos not named by s.csv, left out: 2 (pick/RATRACE_pick_37, wave/show_-)_wave_2)",
        "splits from s.csv: train 1, test 1",
        NO_VAL,
    )


def test_what_is_named_and_not_there_is_told_unless_nothing_is() -> None:
    catalog = chosen(UCF, ("testlist.txt", UCF_TEST + "Archery/gone.avi\n"))
    assert "WARNING: videos named by testlist.txt but not in the input: 1 (Archery/gone.avi)" in catalog.notes
    with pytest.raises(UsageError, match="s.csv: the only video that it names is not in the input, for example x.avi"):
        chosen(UCF, ("s.csv", "path,split\nx.avi,test\n"))
    with pytest.raises(UsageError, match="s.csv: no videos are in group g77. The groups are: g01, g08, g09"):
        chosen(UCF, ("s.csv", "group,split\ng77,test\n"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("s.csv", "")], "s.csv: an empty file"),
        ([("s.csv", "group,split\ng01,test\ng02\n")], "s.csv, line 3: expected group,split, not 'g02'"),
        ([("s.csv", "id,split\n1,test\n")], "s.csv, line 1: the columns must be group,split or path,split, not "),
        ([("s.csv", "path,partition\na.avi,1\n")], "s.csv, line 2: unknown split '1'. Splits are called train"),
        ([("s.txt", "x" * 1_000_000)], "s.txt, line 1: expected group,split. A list of paths without splits must be"),
        ([("s.csv", "g01,tset\n")], "s.csv, line 1: unknown split 'tset'; did you mean test?"),
        ([("s.csv", "path,split\na.avi,tset\n")], "s.csv, line 2: unknown split 'tset'"),
        ([("s.csv", "id,path,split\n1,a.avi,tset\n")], "s.csv, line 2: unknown split 'tset'"),
        ([("list.txt", UCF_TEST)], "list.txt, line 1: expected group,split. A list of paths without splits must be"),
        ([("s.csv", "g01,test\ng01,val\n")], "'g01' is named for both test and val (s.csv, line 1, and s.csv, line 2)"),
        (
            [("s.csv", "path,split\nArchery/v_Archery_g01_c01.avi,train\nv_Archery_g01_c01,test\n")],
            "v_Archery_g01_c01 and Archery/v_Archery_g01_c01.avi are the same video, named for both test and train (s",
        ),
        (
            [("trainlist01.txt", UCF_TRAIN), ("t.csv", "V_ARCHERY_G09_C01.AVI,test\n")],
            "V_ARCHERY_G09_C01.AVI and Archery/v_Archery_g09_c01.avi are the same video, named for both test and train",
        ),
        ([("s.csv", "g01,train\nG01,test\n")], "g01 and G01 are the same group, named for both train and test (s"),
        ([("test.mp4", "\0\0\0 ftypisom\n")], "test.mp4: binary data, not a text. Each line needs group,split or"),
        ([("train.json", '[{"id": 1}]')], "train.json: JSON is not read as a split file"),
        ([("train.csv", "label,youtube_id,time_start,split\n")], "train.csv: a list of addresses, like those of Kin"),
        ([("s.csv", "# x\nid,split\n1,test\n")], "s.csv, line 2: the columns must be group,split or path,split, not "),
        ([("trainlist01.txt", UCF_TRAIN), ("testlist02.txt", UCF[1])], "'Archery/v_Archery_g08_c01.avi' is named for"),
        ([("s.csv", "group,split\ng01,none\ng08,none\ng09,none\n"), ("train.txt", UCF[0])], None),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(files: list[tuple[str, str]], message: str | None) -> None:
    if message is None:  # lines with unusual split names are taken as groups
        assert set(splits(chosen(UCF, *files)).values()) == {"none", "train"}
        return
    with pytest.raises(UsageError) as error:
        chosen(UCF, *files)
    assert message in str(error.value)


def test_a_name_that_fits_two_videos() -> None:
    with pytest.raises(UsageError, match="s.csv, line 2: two videos match 1.mp4, /data/r/A/1.mp4 and /data/r/B/1.mp4."):
        chosen(["A/1.mp4", "B/1.mp4"], ("s.csv", "path,split\n1.mp4,test\n"))
    both = chosen(["A/a.x.mp4", "A/a.mp4", "B/1.mp4"], ("s.csv", "path,split\nA/a.x,test\nA/a.mp4,val\n"))
    assert {video.uri[6:]: video.split for video in both.videos} == {
        "r/A/a.x.mp4": "test", "r/A/a.mp4": "val", "r/B/1.mp4": "train",
    }  # fmt: skip


def test_folders_of_lists() -> None:
    assert choose_files("f", ["classInd.txt", "testlist01.txt", "trainlist01.txt"]) == [
        "testlist01.txt",
        "trainlist01.txt",
    ]
    assert choose_files("f", ["test.csv", "train.csv", "val.csv", "x.csv"]) == ["test.csv", "train.csv", "val.csv"]
    with pytest.raises(UsageError, match=r"f: lists of 2 official splits \(01, 02\).*--split-file 'f/\*list01.txt'"):
        choose_files("f", ["testlist01.txt", "trainlist01.txt", "testlist02.txt", "trainlist02.txt"])
    with pytest.raises(UsageError, match=r"lists of 2 official splits \(1, 2\).*--split-file 'f/\*_test_split1.txt'"):
        choose_files("f", ["a_test_split1.txt", "a_test_split2.txt", "b_test_split1.txt", "b_test_split2.txt"])
    lists = [f"ucf101_{side}_split_{number}_videos.txt" for side in ("train", "val") for number in (1, 2)]
    with pytest.raises(UsageError, match=r"splits \(1, 2\).*--split-file 'f/\*_split_1_videos.txt'"):
        choose_files("f", lists)
    assert choose_files("f", [*lists[::2], "annotations.csv"]) == lists[::2]
    with pytest.raises(UsageError, match="f: no lists of splits in this folder"):
        choose_files("f", ["classInd.txt"])


def test_files_folders_patterns_and_lists_of_files(tmp_path: Path) -> None:
    for name, text in (("trainlist01.txt", UCF_TRAIN), ("testlist01.txt", UCF_TEST), ("classInd.txt", "1 Archery\n")):
        (tmp_path / name).write_bytes(text.encode("utf-16") if name[1] == "e" else text.encode())
    both = {str(tmp_path / name) for name in ("trainlist01.txt", "testlist01.txt")}
    train, test = sorted(both, reverse=True)
    for sources in ([str(tmp_path)], [f"{tmp_path}/*01.txt"], [f"{tmp_path}/*"], [f"{train},{test}"], [train, test]):
        assert {file.name for file in read_split_files(sources)} == both
    (tmp_path / "trainlist02.txt").write_text(UCF_TRAIN)
    for source, message in (
        (str(tmp_path), "lists of 2 official splits"),
        (f"{tmp_path}/*03.txt", "no split files match"),
        (f"{tmp_path}/gone.csv", "no such split file: .*gone.csv"),
    ):
        with pytest.raises(UsageError, match=message):
            read_split_files([source])


def test_lists_from_the_field(real_data: Path) -> None:
    folder = real_data / "field" / "splits"
    ucf = [line.split()[0] for name in ("train", "test") for line in (folder / f"{name}list01.txt").open()]
    files = read_split_files([str(folder)])
    catalog = choose_splits(listed(ucf), PreprocessConfig("/data/r", "/o"), files)[0]
    assert all(video.split == ("test" if int(video.group[1:]) < 8 else "train") for video in catalog.videos)
    names = ["wave/x.avi", *((folder / "hmdb_pick_list.txt").read_text().splitlines())]
    hmdb = [name if "/" in name else f"pick/{name}" for name in names]
    hmdb.append("brush_hair/Brushing_hair_1_brush_hair_f_nm_np1_ba_goo_1.avi")
    catalog = choose_splits(
        listed(hmdb), PreprocessConfig("/data/r", "/o"), read_split_files([str(folder / "hmdb_split.csv")])
    )[0]
    assert {name for name, split in splits(catalog).items() if split == "test"} == {
        "#122_Cleaning_Up_The_Beach_In_Chiba__Japan_pick_f_nm_np1_fr_bad_1",
        "Brushing_hair_1_brush_hair_f_nm_np1_ba_goo_1",
    }


@pytest.mark.parametrize("text", ["path,split\narchery/Ca\u0301t_g01.avi,test\n", "C\u00e1t_G01.AVI test\n"])
def test_names_that_differ_in_case_or_form_alone(text: str) -> None:
    paths = ["Archery/c\u00e1t_g01.avi", "Archery/dog_g02.avi"]
    assert splits(chosen(paths, ("s.txt", text))) == {"c\u00e1t_g01": "test", "dog_g02": "train"}


def test_groups_that_differ_in_case_alone() -> None:
    assert splits(chosen(UCF, ("s.csv", "group,split\nG01,test\n"))) == splits(chosen(UCF, ("s.csv", "g01,test")))
    assert splits(chosen(UCF, ("s.csv", "G01,test\n"))) == splits(chosen(UCF, ("s.csv", "g01,test")))


def test_a_class_that_no_file_names_is_told() -> None:
    """HMDB51's files for some of the classes, beside the videos of all."""
    file = ("pick_test_split1.txt", "#122_Cleaning_Up_(1).avi 1\nRATRACE_pick_37.avi 2\n")
    assert "WARNING: pick_test_split1.txt leaves out all videos of 1 class: wave" in chosen(HMDB, file).notes
    assert not any("leaves out all" in note for note in chosen(HMDB[:2], file).notes)
