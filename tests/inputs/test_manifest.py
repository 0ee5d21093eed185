"""Manifests as people and their spreadsheets write them: what is read, what is refused, and with which message."""

import re
from pathlib import Path

import pytest

from pipelines.annotations.columns import changes_meaning
from pipelines.annotations.tables import read_table
from pipelines.core.errors import UsageError
from pipelines.core.video_files import FileInfo
from pipelines.dataset.listing import read_catalog
from pipelines.inputs.manifest import parse_manifest
from pipelines.inputs.manifest_catalog import from_manifest
from tests.support.listings import touch

PLAIN = [("v/1.mp4", "Swing", ""), ("v/2.mp4", "Walk", "")]


def parsed(text: str) -> list[tuple[str, str, str]]:
    return [(row.path, row.label, row.group) for row in parse_manifest(text, "m.csv").rows]


@pytest.mark.parametrize(
    "text",
    [
        "path,label\nv/1.mp4,Swing\nv/2.mp4,Walk\n",
        "path;label\nv/1.mp4;Swing\nv/2.mp4;Walk",
        "path\tlabel\r\nv/1.mp4\tSwing\r\nv/2.mp4\tWalk\r\n",
        '"path","label"\r"v/1.mp4","Swing"\r"v/2.mp4","Walk"\r',
        "\ufeff\n PATH , Label,\nv/1.mp4,Swing,\n,,\n\nv/2.mp4,Walk,\n",
        ",path,label\n0,v/1.mp4,Swing\n1,v/2.mp4,Walk\n",
        "sep=;\nlabel;path\nSwing;v/1.mp4\nWalk;v/2.mp4\n",
        "path,label,group\nv/1.mp4,Swing\nv/2.mp4,Walk,\n",
        '\ufeffPath, Label ,GROUP\r\nv/2.mp4,Walk,\r\n"v/1.mp4", Swing,\r\n',
        "path,label\nv\\1.mp4,Swing\nv\\2.mp4,Walk\n",
        "path,label\nv/1.mp4,Swing\nv/2.mp4,Walk\nv/1.mp4,Swing\n./v//1.mp4,Swing\n",
        '"sep=;"\r\npath;label\r\nv/1.mp4;Swing\r\nv/2.mp4;Walk\r\n',
        '\n# made by hand, "finished" in May\n#path,label\nv/1.mp4,Swing\n# no label\n## a, b, c\nv/2.mp4,Walk\n#\n',
        "\u200bpath,\uff4cabel\u200b\nv/1.mp4,Swing\nv/2.mp4,Walk\n",
        f"path,label,transcript\nv/1.mp4,Swing,{'a ' * 200_000}\nv/2.mp4,Walk,\n",
    ],
)
def test_the_same_videos_however_they_are_written(text: str) -> None:
    assert [(path.removeprefix("./").replace("//", "/"), *rest) for path, *rest in parsed(text)] == PLAIN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\nmy clip, part 2.mp4,Swing\n", "m.csv, line 2: 3 fields ('my clip', 'part 2.mp4', 'Swing'), but"),
        ("path,label,\nmy clip, part 2.mp4,Swing\n", "m.csv, line 2: 3 fields"),
        ("path;label\n\na;b.mp4;x\n", "m.csv, line 3: 3 fields ('a', 'b.mp4', 'x'), but the first line names 2"),
        ("path,label,group\n", "m.csv: no videos in this manifest"),
        ("path,label\n,A\n", "m.csv, line 2: no path"),
        ("path,label\na.avi\n", "m.csv, line 2: no label"),
        ("path,label\na.mp4,x\nb.mp4, \n", "m.csv, line 3: no label. Each line needs path,label[,group][,split]"),
        ("path,label\nhttps://a.b/c.mp4,x\n", "m.csv, line 2: https://a.b/c.mp4: videos are not fetched from the web."),
        ("path,label\na,x\nhdfs://a/b.mp4,x\n", "m.csv, line 3: hdfs://a/b.mp4: unknown kind of store. Use gs://,"),
        ("path,label\nRTSP://a.b/c,x\n", "m.csv, line 2: RTSP://a.b/c: videos are not fetched from the web"),
        ("path,label\na.mp4,x\nb.mp4,y\n./a.mp4,y\n", "m.csv, lines 2 and 4: two labels for the video "),
        ("path,label,group\na.mp4,x,1\na.mp4,x,2\n", "m.csv, lines 2 and 3: two groups for the video a.mp4: 1 and 2."),
        ("path,label,split\na.mp4,x,val\na.mp4,x,test\n", "m.csv, lines 2 and 3: two splits for the video a.mp4: val"),
        ("path,label\nv\\1.mp4,x\nv/1.mp4,y\n", "m.csv, lines 2 and 3: two labels for the video v/1.mp4: x and y."),
        ("path,label,split\na.mp4,x,tset\n", "m.csv, line 2: unknown split 'tset'. Splits are called train, val (or"),
        ("path,label,split\na.mp4,x,train\nb.mp4,x,\n", "m.csv, line 3: no split, but line 2 has one. Give every line"),
        ("path,label,split\na.mp4,x,\nb.mp4,x,test\n", "m.csv, line 2: no split, but line 3 has one. Give every line"),
        ("path,label,from,To\na.mp4,x,0,1\n", "m.csv: columns from, To: not supported. Each line means the whole"),
        ("path,label,start\na.mp4,x,0\n", "m.csv: a column start, but no column end. A part of a video needs both"),
        ("path,label,End\na.mp4,x,0\n", "m.csv: a column end, but no column start"),
        ("path,label,Label\na.mp4,x,y\n", "m.csv: the first line names the column label twice"),
        ("v/1.mp4,Swing\nv/2.mp4,Walk\n", "m.csv: the first line must name the columns path,label and optionally"),
        ("label,youtube_id,time_start,time_end,split\na,b,1,2,train\n", "m.csv: the first line must name the columns"),
        ('path,label\n"a.mp4,x\nb.mp4,y\n', "m.csv, line 2: a quotation mark opens a value and is never closed"),
        ("path,label\na.mp4,x\nb\0.mp4,y\n", "m.csv, line 3: a zero byte"),
        ("path|label\na.mp4|x\n", "m.csv: the first line must name the columns path,label"),
        ("\n  \r\n", "m.csv is empty. Its first line must name the columns path,label, which the others fill"),
        ("sep=|\npath|label\n", "m.csv, line 1: columns separated by '|'. Use commas, semicolons or tabs"),
        ("p\0a\0t\0h\0\n", "m.csv, line 1: a zero byte"),
        (
            "path,label\na.mp4;x\n",
            "m.csv, line 2: no label: this line has semicolons between values, the first one commas",
        ),
        ("path\tlabel\na.mp4,x\n", "m.csv, line 2: no label: this line has commas between values, the first one tabs."),
        ('path,label\n"a.mp4,x"\n', "m.csv, line 2: no label: the line as a whole is in quotation marks. Remove them"),
        ('path,label\na.mp4,"x" y\n', "m.csv, line 2: text follows a closing quotation mark. Put the whole value"),
        ('path,label\na.mp4,"x\ny"\n', "m.csv, line 3: the label 'x\\ny' contains a line break or control character."),
        (
            "path,label\na.mp4,\"['x', 'y']\"\n",
            "m.csv, line 2: the label \"['x', 'y']\" is a list as",
        ),
        (
            'path,label\na.mp4,"[""x""]"\n',
            "m.csv, line 2: the label '[\"x\"]' is a list as programs write it. Write the",
        ),
        ("path,label\na.mp4,\"{'x',}\"\n", "m.csv, line 2: the label \"{'x',}\" is a list as programs write it."),
        ("path,label\na.mp4,[0 1]\n", "m.csv, line 2: the label '[0 1]' is a list as programs write it."),
        (f"path,label\na.mp4,{'x' * 501}\n", "m.csv, line 2: a label of 501 characters ('xxx"),
        (f"path,label\n{'a' * 5000},x\n", "m.csv, line 2: a path of 5,000 characters ('aaa"),
        (
            "path,label\na.mp4,x\nlabel,path\ny,b.mp4\n",
            "m.csv, line 3: this line names columns, 'label,path', which are",
        ),
        (
            "path,label\na.mp4,x\npath,label,group\n",
            "m.csv, line 3: this line names columns, 'path,label,group', which",
        ),
        (
            "path,label,group\na.mp4,x,1\npath,label\n",
            "m.csv, line 3: this line names columns, 'path,label', which are",
        ),
        ("path,label\nhttps:\\\\a.b\\c,x\n", "m.csv, line 2: https://a.b/c: videos are not fetched from the web"),
        (
            "path,label,group\na, b.mp4,x\n",
            "m.csv, line 2: the label 'b.mp4' is the name of a video, and the path 'a' isn't.",
        ),
        (
            "path,label\nx,a.mp4\n",
            "m.csv, line 2: the label 'a.mp4' is the name of a video, and the path 'x' isn't. If",
        ),
        ("path,label\ns3:/b/a.mp4,x\n", "m.csv, line 2: s3:/b/a.mp4 lacks a slash; did you mean s3://b/a.mp4?"),
        ("path,label\nHTTP:/b/a.mp4,x\n", "m.csv, line 2: HTTP:/b/a.mp4: videos are not fetched from the web"),
        (
            "path,label\nfile:///v/a.mp4,x\nfile://localhost/v/a.mp4,y\n",
            "m.csv, lines 2 and 3: two labels for the video",
        ),
        ("path,label\na.mp4,x\na.mp4/,y\n", "m.csv, lines 2 and 3: two labels for the video a.mp4/: x and y."),
    ],
)
def test_what_cannot_be_meant_is_refused_with_line_and_way_out(text: str, message: str) -> None:
    with pytest.raises(UsageError, match="^" + re.escape(message)):
        parse_manifest(text, "m.csv")


@pytest.mark.parametrize(
    ("first", "remedy"),
    [
        ("v/1.mp4,Swing", "Put a line path,label before it"),
        ('"path,label"', "Remove these quotation marks; only straight double ones"),
        ("'path','label'", "Remove these quotation marks"),
        ("\u201cpath\u201d;\u201clabel\u201d", "Remove these quotation marks"),
        ("path,label\u2028v/1.mp4,x", "Its lines don't end as usual: save the file with line feeds"),
        ("path,label\x85v/1.mp4,x", "Its lines don't end as usual"),
        ("path   label", "Put commas between the columns"),
        ("video,class", "Rename the columns that hold the path and the label"),
        ("file_name,activity,group", "Rename the columns that hold the path and the label"),
        ("Path,Class", "Rename the column that holds the label"),
        ("путь,label", "Rename the column that holds the path"),
        ("clip_id,label", "Rename the column that holds the path"),
        ("a" * 1_000_000, "not '" + "a" * 157 + "...'. Put commas"),
    ],
)
def test_another_first_line_is_named_with_the_remedy(first: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=re.escape(remedy)) as caught:
        parse_manifest(f"{first}\n", "m.csv")
    assert str(caught.value).startswith("m.csv: the first line must name the columns path,label")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            "start end time_start time_end start_s end_s begin stop t_start StartTime startFrame END_FRAME first_frame",
            True,
        ),
        ("tstart end_time from to t0 t1 duration duration_s fps FPS frame_rate framerate frames frame weights", True),
        ("sample_weight class_weight onset begin_sec segment trim clip_start clip_end start(s) timestamp bbox", True),
        (
            "START time-start t.start Start[ms] startFrameIdx start_idx endtimestamp in_point cutOut \uff53tart dur",
            True,
        ),
        ("d\u00e9but fin debut_s Anfang_s dauer dure\u0301e inicio", True),
        ("length video_length len_s t2 seconds time_s window time_range temporal-end from_frame toFrame seek", True),
        (
            "x y x1 y2 xmin y_max left bottom w h crop_x BBoxX bounding-box roi mirrored is_flipped vflip rot rotated",
            True,
        ),
        ("speed playback_rate PlayRate sampling_rate slowmo reverse stride frameStep frameskip target_fps zoom", True),
        (
            "Weighting importance lossWeight repeat oversample ignore Ignored exclude? toSkip skip_it dropped is_valid",
            True,
        ),
        ("isValid use used do_not_use dontUse include keep rejected deleted blacklist bad unusable", True),
        (
            "num_frames frame_count nframes frame_width weekend gender attendance camera notes id video_id recorded",
            False,
        ),
        ("defined final fine endemic end\u00e9mique caf\u00e9 debutant", False),
        ("label2 person height_cm tender vendor token subset storage heart_rate bitrate user house time_of_day", False),
        (
            "created_at datetime timezone author topic size resolution codec quality score confidence md5 width url",
            False,
        ),
    ],
)
def test_columns_that_change_what_is_meant(columns: str, expected: bool) -> None:
    assert {column: changes_meaning(column) for column in columns.split()} == dict.fromkeys(columns.split(), expected)


def test_other_columns_are_told() -> None:
    table = read_table("id,path,Camera,label,notes,\n1,a.mp4,c,x,n,\n", "m.csv", ("path",))
    assert (table.unused, list(table.rows)) == (("id", "Camera", "notes"), [(2, ["a.mp4"])])


def test_split_column_in_any_spelling() -> None:
    text = "path,label,Split\na.mp4,x,Train\nb.mp4,x,valid\nc.mp4,x,validation\nd.mp4,x,TEST\n"
    assert [row.split for row in parse_manifest(text, "m.csv").rows] == ["train", "val", "val", "test"]


def test_folders_that_seem_to_be_splits_are_a_warning() -> None:
    def notes(text: str) -> tuple[str, ...]:
        manifest = parse_manifest(text, "m.csv")
        found = [FileInfo(row.path, 1, "1") for row in manifest.rows]
        return from_manifest("m.csv", manifest, found, [row.path for row in manifest.rows]).notes

    text = "path,label\nd/test/a.mp4,A\nd/train/b.mp4,B\n"
    assert notes(text)[0].startswith(
        "WARNING: the folders test, train seem to be splits, but those of a manifest are in"
    )
    assert (
        notes(text.replace("train", "test")) == notes(text.replace("test", "x")) == notes("path,label\na.mp4,A\n") == ()
    )
    assert notes("path,label,split\ntest/a.mp4,A,test\ntrain/b.mp4,B,test\n") == ()


@pytest.mark.parametrize("column", ["subset", "Set", "is_train", "testing", "fold", "split1", "trainVal", "train/test"])
def test_splits_under_another_name_are_refused(column: str) -> None:
    """Official test videos must not be dealt into train because a column is called otherwise."""
    text = f"path,label,{column}\na.mp4,x,train\nb.mp4,x,test\n"
    with pytest.raises(UsageError, match=f"^m.csv: column {column}: seems to say which .* Call it split"):
        parse_manifest(text, "m.csv")
    both = f"path,label,{column},split\na.mp4,x,1,train\nb.mp4,x,2,test\n"
    assert parse_manifest(both, "m.csv").unused == (column,)
    assert read_table(text, "m.csv", ("path",)).unused == (column,)  # a list of videos to be labelled


@pytest.mark.parametrize(
    "values", [("train", "TEST"), ("Training", ""), ("test", "Validation"), ("train", "test", "unused")]
)
def test_a_column_of_splits_is_known_by_its_values(values: tuple[str, ...]) -> None:
    text = "usage,path,label\n" + "".join(f"{value},{n}.mp4,x\n" for n, value in enumerate(values))
    with pytest.raises(UsageError, match="^m.csv: column usage: seems to say which .* Call it split"):
        parse_manifest(text, "m.csv")
    other = "usage,path,label\ntrain,a.mp4,x\nbus,b.mp4,y\n"
    assert parse_manifest(other, "m.csv").unused == ("usage",)


def test_repeated_lines_count_once_and_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "m.csv").write_text("path,label,camera\na.mp4,x,1\na.mp4,x,2\n")
    catalog = read_catalog(str(tmp_path / "m.csv"))
    assert len(catalog.videos) == 1
    assert catalog.notes == (
        "columns of the manifest that are not used: camera (path, label, group, split, start and end are)",
        "repeated lines of the manifest that count once: 1",
    )


def test_backslashes_of_windows(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "1.mp4").write_bytes(b"x")
    (tmp_path / "v\\2.mp4").write_bytes(b"x")
    (tmp_path / "m.csv").write_text("path,label\nv\\1.mp4,x\nv\\2.mp4,x\nv\\3.mp4,x\n")
    videos = read_catalog(str(tmp_path / "m.csv")).videos
    assert [(v.video_id, v.version != "missing") for v in videos] == [("v/1", True), ("v/3", False), ("v\\2", True)]
    (tmp_path / "m.csv").write_text("path,label\nC:\\videos\\1.mp4,x\n")
    with pytest.raises(UsageError, match=re.escape("m.csv, line 2: C:\\videos\\1.mp4 is a path on a Windows machine")):
        read_catalog(str(tmp_path / "m.csv"))


def test_a_local_address_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "1.mp4").write_bytes(b"x")
    (tmp_path / "m.tsv").write_text(f"path\tlabel\nfile://{tmp_path}/1.mp4\tx\n")
    (video,) = read_catalog(str(tmp_path / "m.tsv")).videos
    assert (video.uri, video.version != "missing") == (str(tmp_path / "1.mp4"), True)
    with pytest.raises(UsageError, match="--class-level is for folders"):
        read_catalog(str(tmp_path / "m.tsv"), class_level=1)


@pytest.mark.parametrize(
    "other", ["{0}/v/1.mp4", "file://{0}/v/1.mp4", "file:{0}/v/%31.mp4", "v/../v/1.mp4", "V/1.MP4"]
)
def test_one_video_has_one_label_however_its_path_is_spelled(other: str, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "1.mp4").write_bytes(b"x")
    manifest = tmp_path / "m.csv"
    for text in ("path,label\nv/1.mp4,x\n{0},y\n", "path,label,split\nv/1.mp4,x,train\n{0},x,test\n"):
        manifest.write_text(text.format(other.format(tmp_path)))
        with pytest.raises(UsageError, match="lines 2 and 3: two (labels|splits) for the video|mean one video"):
            read_catalog(str(manifest))
    manifest.write_text(f"path,label,start,end\nv/1.mp4,x,0,1\n{other.format(tmp_path)},y,0,1\n")
    if other != "V/1.MP4":
        (failure,) = read_catalog(str(manifest)).left_out.failed
        assert "for which line 2 has the label x" in failure.message
        manifest.write_text(f"path,label\nv/1.mp4,x\n{other.format(tmp_path)},x\n")
        assert [video.video_id for video in read_catalog(str(manifest)).videos] == ["v/1"]
        multi = read_catalog(str(manifest), multi_label=True).videos
        assert [video.label for video in multi] == ["x"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("v/2.mp4", "; did you mean v/1.mp4?"),
        ("v/1", "; did you mean v/1.mp4?"),
        ("v/1.avi", "; did you mean v/1.mp4?"),
        ("\u201cv/1.mp4\u201d", "; did you mean v/1.mp4?"),
        ("v/a%20b.mp4", "; did you mean v/a b.mp4?"),
        ("v/1.mp4 7", "; did you mean v/1.mp4?"),
        ("~/v/1.mp4", ": ~, $HOME and the like mean nothing in a file; write the folder's name"),
        ("$HOME/v/1.mp4", ": ~, $HOME and the like mean nothing in a file; write the folder's name"),
        ("v/*.mp4", ": patterns mean nothing in a file; name each video"),
        ("www.youtube.com/watch?v=x", ": videos are not fetched from the web. Download it and give the file's path"),
        ("-3B32lodo2M", ", which looks like a video's id on YouTube: download it and give the file's path"),
        ("nothing/like/it.mp4", ""),
    ],
)
def test_what_is_not_there_is_said_before_the_work_starts(path: str, hint: str, tmp_path: Path) -> None:
    touch(tmp_path, "v/1.mp4", "v/a b.mp4")
    (tmp_path / "m.csv").write_text(f"path,label\n{path},x\nv/1.mp4,y\n")
    assert read_catalog(str(tmp_path / "m.csv")).notes == (
        f"WARNING: 1 video of the manifest does not exist, for example {path}{hint}",
    )
    (tmp_path / "m.csv").write_text(f"path,label\n{path},x\n")
    wanted = f"m.csv: none of its 1 video exists, for example {tmp_path}/{path}{hint}"
    with pytest.raises(UsageError, match=re.escape(wanted)):
        read_catalog(str(tmp_path / "m.csv"))


def test_comments_are_counted_and_names_that_begin_alike_are_kept(tmp_path: Path) -> None:
    touch(tmp_path, "#1.mp4")
    (tmp_path / "m.csv").write_text("path,label\n#1.mp4,x\n# a remark, of two parts\n#2.mp4\n")
    catalog = read_catalog(str(tmp_path / "m.csv"))
    assert [video.video_id for video in catalog.videos] == ["#1"]
    assert catalog.notes == ("lines of the manifest that begin with # and count as comments: 2",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("split_col", [("v/1", "train"), ("v/2", "test"), ("v/3", "val"), ("v/4", "train")]),
        *((name, [("v/1", ""), ("v/2", "")]) for name in ("backslash", "semicolon", "utf16")),
        ("start_end", [("v/1@0-1", ""), ("v/2@0.5-1.5", "")]),
        ("cp1252", "line 2: byte 0xe0"),
        ("unquoted_comma", "line 2: 3 fields"),
        ("multilabel", "lines 2 and 3: two labels for the video v/1.mp4: Swing and Walk"),
        ("url", "line 2: https://example.com/a.mp4"),
        ("kinetics", "list of addresses, like those of Kinetics"),
    ],
)
def test_manifests_from_the_field(real_data: Path, name: str, expected: str | list[tuple[str, str]]) -> None:
    source = str(real_data / "field" / "csv" / f"{name}.csv")
    if isinstance(expected, str):
        with pytest.raises(UsageError, match=expected):
            read_catalog(source)
        return
    videos = read_catalog(source).videos
    assert [(video.video_id, video.split) for video in videos] == expected
    assert all(video.version != "missing" for video in videos)
