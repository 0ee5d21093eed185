"""Files of annotations: their kinds are told from their content, and what is wrong is told with its place."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.annotations.reading import ACCEPTED, KINDS, read_annotations, read_kind
from pipelines.core.errors import UsageError
from pipelines.labelling.rows import FORMATS, rows, write_rows
from tests import ROOT
from tests.support.corrected_videos import CLIP

DATA = ROOT / "tests/data/annotations"
HEAD = "path,label,start,end\n"
META = "<annotations><meta><task><name>a.mp4</name><size>9</size></task></meta>"
TASK: dict[str, Any] = {"id": 7, "data": {"video": "a.mp4", "fps": 25}}


def found(path: Path, pattern: str = "", fps: float = 0.0) -> list[tuple[Any, ...]]:
    items = read_annotations(str(path), pattern, fps)
    return [(item.video, item.start_s, item.end_s, "|".join(item.labels), item.split, item.place) for item in items]


def of_text(folder: Path, text: str | bytes, pattern: str = "", fps: float = 0.0) -> list[tuple[Any, ...]]:
    path = folder / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return found(path, pattern, fps)


def region(start: int, end: int, *labels: str) -> dict[str, Any]:
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": list(labels)}
    return {"type": "timelinelabels", "value": value}


def task(*annotations: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {**TASK, "annotations": [{"id": i, "result": result} for i, result in enumerate(annotations)], **more}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "a.mp4,Swing|Walk,1:05,1:06.5\n", [("a.mp4", 65, 66.5, "Swing|Walk", "", "line 2")]),
        (HEAD + "a.mp4,Run,,\nb.mp4,,,\n",
         [("a.mp4", None, None, "Run", "", "line 2"), ("b.mp4", None, None, "", "", "line 3")]),
        ("path,label\na.mp4,Run\n", [("a.mp4", None, None, "Run", "", "line 2")]),
        ("\ufeffVideo\tStart\tEnd\tLabel\tSplit\n\na.mp4\t0\t1\tRun\tValidation\n",
         [("a.mp4", 0, 1, "Run", "val", "line 3")]),
        ("sep=;\npath;label;start_s;end_s\na.mp4;Run;0,1;2\n", "'0,1' is not a time"),
        ("path;label;start_s;end_s\na.mp4;Run;0.1;2\n", [("a.mp4", 0.1, 2, "Run", "", "line 2")]),
        (HEAD + "a.mp4,Run,3,2\n", [("a.mp4", 3, 2, "Run", "", "line 2")]),  # which of them is wrong isn't known here
        (HEAD + "a.mp4,Run,1:75,2\n", "file, line 2: '1:75' is not a time"),
        (HEAD + "a.mp4,Run,1,\n", "file, line 2: there is no end"),
        (HEAD + "a.mp4,Run,,1\n", "file, line 2: there is no start"),
        ("path,label,start_frame,end_frame\na.mp4,Run,1,2\n", "Call times of a part, in seconds, start and end"),
        (HEAD + "a.mp4,Run|,0,1\n", "file, line 2: 'Run|' has an empty label"),
        (HEAD + ",Run,0,1\n", "file, line 2: no path"),
        ("path,label,start\na.mp4,Run,1\n", "the columns path,label,start are not those of annotations"),
        ("path,label,start,end,split\na.mp4,Run,1,2,dev\n", "file, line 2: unknown split 'dev'"),
        ("path,label,start,end,score\na.mp4,Run,1,2,87\n", "file, line 2: the score '87' is not a number from 0 to 1"),
        ("path,label,start,end,fps\na.mp4,Run,1,2,25\n", "column fps: not supported"),
    ],
)  # fmt: skip
def test_tables(text: str, expected: list[Any] | str, tmp_path: Path) -> None:
    if isinstance(expected, str):
        with pytest.raises(UsageError) as caught:
            of_text(tmp_path, text)
        assert expected in str(caught.value)
    else:
        assert of_text(tmp_path, text) == expected


def test_kinetics() -> None:
    file = DATA / "kinetics.csv"
    assert found(file) == [
        ("--07WQ2iBlw", 1, 11, "shaking hands, both", "val", "line 2"),
        ("-3B32lodo2M", 59, 69, "abseiling", "train", "line 3"),
    ]
    assert found(file, "clips/{youtube_id}.mp4")[0][:3] == ("clips/--07WQ2iBlw.mp4", 1, 11)
    # A file whose name has the times is cut out already.
    cut = found(file, "{split}/{youtube_id}_{time_start:06d}_{time_end:06d}.mp4")
    assert cut[1][:3] == ("train/-3B32lodo2M_000059_000069.mp4", None, None)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{id}.mp4", "kinetics.csv, line 2 has no field id; it has youtube_id, label, split, time_start, time_end"),
        ("{youtube_id:d}.mp4", "line 2: Unknown format code 'd'"),
        ("{youtube_id.mp4", "expected '}'"),
        ("{}.mp4", "{} is not the name of a field"),
        ("{label.__class__}.mp4", "{label.__class__} is not the name of a field"),
        ("{label:{x}}.mp4", "line 2: 'x'"),
    ],
)
def test_patterns_that_do_not_fit(pattern: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        found(DATA / "kinetics.csv", pattern)
    assert said in str(caught.value) and pattern in str(caught.value)


def test_activitynet(tmp_path: Path) -> None:
    assert found(DATA / "activitynet.json", "v_{id}.mp4") == [
        ("v_sJFgo9H6zNo.mp4", 0.01, 119.235, "Surfing", "train", "database.sJFgo9H6zNo.annotations[0]"),
        ("v_sJFgo9H6zNo.mp4", 119.5, 135, "Paddling", "train", "database.sJFgo9H6zNo.annotations[1]"),
        ("v_fGwPZpgVZ6w.mp4", None, None, "", "val", "database.fGwPZpgVZ6w"),
    ]  # those of the test videos are withheld
    results = {"results": {"a": [{"segment": [1, "0:02"], "label": "Run", "score": 0.5}], "b": []}}
    (first, second) = read_annotations(str(write(tmp_path, results)))
    assert (first.score, first.end_s, second.labels, second.start_s) == (0.5, 2, (), None)


def write(folder: Path, value: Any) -> Path:
    path = folder / "file.json"
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"database": []}, "database: expected an object"),
        ({"database": {"a": 1}}, "database.a: expected an object"),
        ({"database": {"a": {"annotations": {}}}}, "database.a.annotations: expected a list"),
        ({"database": {"a": {"annotations": [{"segment": [1], "label": "x"}]}}}, "database.a.annotations[0]: expected"),
        ({"database": {"a": {"annotations": [{"segment": [1, 2]}]}}}, "database.a.annotations[0]: expected"),
        ({"database": {"a": {"annotations": [{"segment": [-1, 2], "label": "x"}]}}}, "[0]: -1 is not a time"),
        ({"database": {"a": {"subset": "dev", "annotations": []}}}, "database.a: unknown split 'dev'"),
        ({"results": {"a": [{"segment": [1, 2], "label": "x", "score": 2}]}}, "results.a[0]: the score 2 is not"),
        ({"images": [], "categories": []}, "unknown kind of JSON, with images, categories"),
        ([], "unknown kind of JSON, with nothing"),
        ([1], "unknown kind of JSON, with nothing"),
        ([{"video": "a.mp4", "annotator": 1}], "JSON_MIN or CSV. Export as JSON"),
        ([task([{"type": "videorectangle", "value": {"sequence": []}}])],
         "task 7, annotation 0, result 1: a result of the type 'videorectangle' is not a label of a stretch"),
        ([task([{"type": "timelinelabels"}])], "task 7, annotation 0, result 1: it has no value"),
        ([task([{"type": "timelinelabels", "value": {"ranges": [{"start": 1}], "timelinelabels": ["x"]}}])],
         "{'start': 1} is not a range"),
        ([{**task([region(1, 2, "x")]), "data": {"video": "a.mp4"}}], "Give --fps"),
        ([{**task([region(1, 2, "x")]), "data": {"video": "a.mp4", "fps": "fast"}}], "fps is 'fast', not a number"),
        ([{**task([region(1, 2, "x")]), "data": {"text": "hello", "fps": 1}}], "task 7, annotation 0: no video"),
        ([task([region(1, 2, "x")], [region(1, 2, "y")])], "task 7: 2 annotations that differ"),
    ],
)  # fmt: skip
def test_json_that_cannot_be_used(value: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        list(read_annotations(str(write(tmp_path, value))))
    assert said in str(caught.value) and str(caught.value).startswith(str(tmp_path))


def test_what_label_studio_exports(tmp_path: Path) -> None:
    """The file is an export of Label Studio 1.23.2 as it came, but for where the videos are."""
    items = list(read_annotations(str(DATA / "label-studio.json")))
    assert {item.video for item in items} == {"/srv/videos/gym/clip 07.mp4"}
    assert [(item.start_s, item.end_s, *item.labels, item.score) for item in items] == [
        (0, 1.48, "Run", None), (2, 2.8, "Jump, high", None), (3, 4, "Swim", None), (1.56, 1.8, "Swim", None)
    ]  # fmt: skip
    assert items[3].place == "task 1, annotation 1, result 4"

    value = [
        task([region(1, 25, "Run", "Jump"), {"type": "choices", "value": {"choices": ["Gym"]}},
              {"type": "textarea", "value": {"text": ["hm"]}}]),
        task([{"type": "labels", "value": {"start": 0.5, "end": 1.25, "channel": 0, "labels": ["Talk"]}}]),
        task([]), task(),
        task([region(5, 5, "Run")], [region(5, 5, "Run")], data={"url": "http://x/b.mp4?t=1", "fps": 5}),
        {**TASK, "annotations": [{"result": [region(1, 2, "x")], "was_cancelled": True}]},
        {**TASK, "annotations": [{"result": []}, {"result": [region(1, 25, "Star")], "ground_truth": True}]},
        task([region(1, 25, "Up")], data={"video": "/data/upload/3/0a1b2c3d-my%20clip.mp4", "fps": 25}),
        task([region(1, 25, "There")], data={"video": "/data/local-files/?d=a%20b/c.mp4", "fps": 25}),
    ]  # fmt: skip
    assert [item[:4] for item in found(write(tmp_path, value))] == [
        ("a.mp4", 0, 1, "Run|Jump"), ("a.mp4", None, None, "Gym"), ("a.mp4", 0.5, 1.25, "Talk"),
        ("a.mp4", None, None, ""), ("http://x/b.mp4?t=1", 0.8, 1, "Run"), ("a.mp4", 0, 1, "Star"),
        ("my clip.mp4", 0, 1, "Up"), ("a b/c.mp4", 0, 1, "There"),
    ]  # fmt: skip


def test_cvat_for_video_and_for_images(tmp_path: Path) -> None:
    video = "gym/clip 07.mp4"
    expected = [
        (video, 0, 1.48, "Run", "", "track 0"), (video, 2, 2.8, "Jump, high", "", "track 1"),
        (video, 1.56, 1.8, "Swim", "", "track 2"), (video, 3, 4, "Swim", "", "track 2"),
    ]  # fmt: skip
    assert found(DATA / "cvat-video.xml") == expected
    for name in ("cvat-video.xml", "label-studio.json"):
        assert {round(item.frame_s, 3) for item in read_annotations(str(DATA / name)) if item.end_s} == {0.04}
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        archive.write(DATA / "cvat-video.xml", "annotations.xml")
    assert found(tmp_path / "task.zip") == expected
    images = [
        ("clip 08.mp4", 1, 1.4, "Run", "", "frame 10"), ("clip 08.mp4", 1.2, 1.4, "Wave", "", "frame 12"),
        ("clip 08.mp4", 1.6, 1.8, "Run", "", "frame 16"),
    ]  # fmt: skip
    assert found(DATA / "cvat-images.xml", fps=10) == images
    with pytest.raises(UsageError, match="meta.task: times are numbers of frames"):
        found(DATA / "cvat-images.xml")
    assert of_text(tmp_path, META + "</annotations>") == [("a.mp4", None, None, "", "", "meta.task")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<svg/>", "XML that isn't CVAT's"),
        ("<html/>", "is a web page, as a server sends it that asks to sign in or to confirm. Download the file"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "is a pointer of Git LFS"),
        (META, "it isn't whole XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>" + META + "</annotations>", "with a document type"),
        ("<annotations><meta><project/></meta></annotations>", "Export each task by itself"),
        ("<annotations><meta/></annotations>", "meta has no task"),
        ("<annotations><track/></annotations>", "no meta before the first track"),
        ("<annotations></annotations>", "it has no meta"),
        (META + '<track id="4"><box frame="1"/></track></annotations>', "track 4: it has no label"),
        (META + '<track id="4" label="x"><box frame="one"/></track></annotations>', "track 4: a frame is not a number"),
        (META.replace("9", "many") + "</annotations>", "size or stop_frame is not a number"),
        (META + '<image name="cat.jpg"><tag label="x"/></image></annotations>', "image 'cat.jpg': it isn't a frame"),
        (META + "".join(f'<track label="x"><box frame="1"><attribute name="fps">{fps}</attribute></box></track>'
                        for fps in (25, 30)) + "</annotations>", "two values of the attribute fps, 25 and 30"),
        (META + '<track label="x"><box frame="1"><attribute name="fps">-1</attribute></box></track></annotations>',
         "fps is '-1', not a number"),
        (b"PK\x03\x04 no archive", "it isn't a whole ZIP file"),
        ("", "is empty"), (" \n", "is empty"), ("{", "it isn't whole JSON"),
        ("WEBVTT\n\n00:00.000 --> 00:01.000\nRun\n", "subtitles are not read"),
        ("hello\n", "unknown kind of file; its first line is 'hello'"),
        (b"caf\xe9,label\n", "is not UTF-8"),
        (b"RIFF\xf0e\0\0AVI LIST\xec", "isn't a text but a binary file"),
        ('{"video_id": "a", "logits": [1]}\n{"video_id": "b"}\n', "unknown kind of JSON Lines, with video_id, logits"),
    ],
)  # fmt: skip
def test_what_is_not_a_file_of_annotations(text: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        of_text(tmp_path, text)
    assert said in str(caught.value) and str(tmp_path / "file") in str(caught.value)


def test_an_archive_of_something_else_and_places_without_a_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("labels.txt", "x")
    with pytest.raises(UsageError, match=r"a ZIP file without annotations.xml"):
        found(tmp_path / "a.zip")
    with pytest.raises(UsageError, match=rf"no such file: \S+b.zip; did you mean {tmp_path}/a.zip\?"):
        found(tmp_path / "b.zip")
    with pytest.raises(UsageError, match="is a folder without summary.json") as caught:
        found(tmp_path)
    assert ACCEPTED in str(caught.value)


@pytest.mark.parametrize("format", FORMATS)
def test_labels_of_the_job(format: str, tmp_path: Path) -> None:
    name = f"labels-00000-of-00001.{format}"
    with open(tmp_path / name, "wb") as file:
        write_rows(file, rows(CLIP, "00ff"), format)
    (tmp_path / "summary.json").write_text(json.dumps({"files": {"labels": [name]}}))
    expected = [(0, 1.48, "Run"), (1.48, 2, ""), (2, 3, "Jump, high"), (3, 4, "Run")]
    for path, first in ((tmp_path, f"{name}, "), (tmp_path / name, "")):
        items = found(path, "{uri}")
        assert [item[1:4] for item in items] == expected
        assert items[0][5] == first + {"jsonl": "line 1", "csv": "line 2", "parquet": "row 1"}[format]
    assert [item.score for item in read_annotations(str(tmp_path))] == [0.875, 0.875, 0.5, 0.875]


@pytest.mark.parametrize(
    ("summary", "rows", "said"),
    [
        ("{}", "", "it isn't a summary of labels"),
        ('{"files": {"labels": ["../a.jsonl"]}}', "", "../a.jsonl is not a file of labels"),
        ('{"files": {"labels": ["b.jsonl"]}}', "", "b.jsonl is missing"),
        (
            '{"files": {"labels": ["a.jsonl"]}, "segments_by_label": {"x": 2}}',
            "",
            "counts 2 segments, but",
        ),
        ('{"files": {"labels": ["a.jsonl"]}}', "{\n", "a.jsonl, after row 0: it is damaged"),
        ('{"files": {"labels": ["a.jsonl"]}}', "{}\n", "a.jsonl, line 1: it isn't a row of labels"),
    ],
)
def test_labels_that_are_damaged(summary: str, rows: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(summary)
    (tmp_path / "a.jsonl").write_text(rows)
    with pytest.raises(UsageError) as caught:
        found(tmp_path)
    assert said in str(caught.value)


def test_kinds_are_told_from_the_content(tmp_path: Path) -> None:
    names = ("kinetics.csv", "activitynet.json", "label-studio.json", "cvat-video.xml")
    kinds = [read_kind(str(DATA / name))[0] for name in names]
    assert kinds == ["kinetics", "activitynet", "label-studio", "cvat"]
    (tmp_path / "x.json").write_text(HEAD + "a.mp4,Run,0,1\n")
    assert read_kind(str(tmp_path / "x.json"))[0] == "csv"
    assert {*kinds, "csv", "labels"} == KINDS.keys()
