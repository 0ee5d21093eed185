"""The way of labels through other programs: exported, corrected by people there, and back into a manifest."""

import json
import re
from pathlib import Path

import pytest

from pipelines.annotations.reading import read_annotations
from pipelines.labelling.corrections.known_groups import KnownGroups
from pipelines.labelling.exports.writing import EXPORTS
from tests import ROOT
from tests.conftest import contents, run_here
from tests.support.corrected_videos import CORRECTED, COUNTED, make_labels, rows_of

DATA = ROOT / "tests/data/annotations"
FORMS = ("label-studio", "cvat", "activitynet", "csv")


def export(root: Path, form: str, *more: object, code: int = 0) -> dict[str, str]:
    """The files of an export."""
    output = root / form
    done = run_here("pipelines.export", "--labels", root / "labels", "--format", form, "--output", output, *more)
    assert done.returncode == code, done.stderr
    return {name: data.decode() for name, data in contents(output).items()}


def correct(root: Path, form: str, *arguments: object, code: int = 0) -> tuple[list[tuple[str, ...]], str]:
    """The rows of the manifest and what is said."""
    done = run_here("pipelines.corrections", "--from", form, *arguments, "--output", root / "corrections.csv")
    assert done.returncode == code, done.stderr
    assert not list(root.glob(".*"))
    return (rows_of(root / "corrections.csv"), done.stdout) if not code else ([], done.stderr)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    make_labels(tmp_path)
    return tmp_path


def people_correct(form: str, files: dict[str, str], root: Path) -> list[Path]:
    """What a program gives back after the same corrections as in the file of Label Studio."""
    if form == "label-studio":
        text = (DATA / "label-studio.json").read_text().replace("/srv/videos", str(root / "videos"))
        (root / "back.json").write_text(text)
        return [root / "back.json"]
    if form == "cvat":
        return [DATA / "cvat-video.xml"]
    if form == "activitynet":
        value = json.loads(files["activitynet.json"])
        found = value["results"]["gym/clip 07.mp4"]
        found[1]["segment"][1], found[2]["label"] = 2.8, "Swim"
        found.append({"label": "Swim", "segment": [1.56, 1.8]})
        del value["results"]["b.mp4"]
        (root / "back.json").write_text(json.dumps(value))
        return [root / "back.json"]
    head, first, second, third, *_ = files["segments.csv"].splitlines()
    added = first.replace("Run,0,1.48", "Swim,0:01.56,0:01.8")
    lines = [head, first, second.replace(",2,3,", ",2,2.8,"), third.replace("Run", "Swim"), added]
    (root / "back.csv").write_text("\n".join(lines) + "\n")
    return [root / "back.csv"]


@pytest.mark.parametrize("form", FORMS)
def test_corrections_come_back(form: str, labelled: Path) -> None:
    back = people_correct(form, export(labelled, form), labelled)
    rows, said = correct(labelled, form, *back, "--labels", labelled / "labels")
    assert rows == CORRECTED
    assert said.startswith(COUNTED)
    assert ("1 task without annotations: left out\n" in said) == (form == "label-studio")
    assert said.endswith(f"4 rows in {labelled / 'corrections.csv'}\n")


@pytest.mark.parametrize("form", ["cvat", "activitynet", "csv"])
def test_labels_that_nobody_changed_are_confirmed(form: str, labelled: Path) -> None:
    back = [labelled / form / name for name in export(labelled, form) if not name.endswith("labels.json")]
    rows, said = correct(labelled, form, *back, "--labels", labelled / "labels")
    assert said.startswith("2 corrected videos: 5 confirmed, 0 changed, 0 new, 0 removed (against predictions)")
    assert len(rows) == 5 and {row[0] for row in rows} == {"videos/gym/clip 07.mp4", "videos/b.mp4"}


def test_tasks_of_label_studio(labelled: Path) -> None:
    files = export(labelled, "label-studio")
    first, second = json.loads(files["tasks-00000.json"])
    video = labelled / "videos/gym/clip 07.mp4"
    assert first["data"] == {
        "video": f"/data/local-files/?d={str(video)[1:].replace(' ', '%20')}", "fps": 25.0, "uri": str(video),
        "video_id": "gym/clip 07.mp4", "remark": "",
    }  # fmt: skip
    (predicted,) = first["predictions"]
    assert predicted["model_version"] == "00ff" and predicted["score"] == pytest.approx(
        (2.48 * 0.875 + 0.5) / 3.48, 1e-5
    )
    regions = [
        (*r["value"]["ranges"][0].values(), *r["value"]["timelinelabels"], r["score"]) for r in predicted["result"]
    ]
    assert regions == [(1, 37, "Run", 0.875), (51, 75, "Jump, high", 0.5), (76, 100, "Run", 0.875)]
    assert [result.get("meta") for result in predicted["result"]] == [
        None, {"text": ["unlike the training data (1.7)"]}, None
    ]  # fmt: skip
    assert second["data"]["fps"] == 29.97003 and second["data"]["remark"] == "a remark"
    names = re.findall('value="(.*?)"', files["config.xml"])
    assert names == ["Jump, high", "Run", "Run &amp; &lt;go&gt;", "Swim", "$video"]

    web = ("--labels", labelled / "labels", "--format", "label-studio", "--output", labelled / "web")
    run_here("pipelines.export", *web, "--video-url", "http://host/v/", code=0)
    text = (labelled / "web/tasks-00000.json").read_text()
    assert '"video": "http://host/v/gym/clip%2007.mp4"' in text


def test_tracks_of_cvat(labelled: Path) -> None:
    files = export(labelled, "cvat")
    assert sorted(files) == ["b.mp4.xml", "gym/clip 07.mp4.xml", "labels.json"]
    known = json.loads(files["labels.json"])
    assert [label["name"] for label in known] == ["Jump, high", "Run", "Run & <go>", "Swim"]
    attributes = {item["name"]: item["default_value"] for item in known[0]["attributes"]}
    assert attributes == {"score": "", "model": "", "unfamiliar": "", "fps": ""}  # the videos have two frame rates
    text = files["gym/clip 07.mp4.xml"]
    assert text.count('source="auto"') == 3 and text.count('outside="1"') == 2  # the last one lasts to the end
    assert '<attribute name="unfamiliar">1.7</attribute>' in text and 'xbr="160.00" ybr="96.00"' in text


def test_tables_results_and_subtitles(labelled: Path) -> None:
    table = export(labelled, "csv")["segments.csv"].splitlines()
    assert table[0] == "path,label,start,end,score,model,unfamiliar,is_unfamiliar"
    assert table[2] == f'{labelled}/videos/gym/clip 07.mp4,"Jump, high",2,3,0.5,00ff,1.7,true'
    results = json.loads(export(labelled, "activitynet")["activitynet.json"])
    assert results["results"]["b.mp4"][0] == {"label": "Run & <go>", "score": 0.875, "segment": [0, 1.001]}
    assert results["external_data"] == {"used": False, "details": "model 00ff"}
    tracks = export(labelled, "webvtt")
    assert sorted(tracks) == ["b.mp4.vtt", "gym/clip 07.mp4.vtt"]
    assert "00:00:02.000 --> 00:00:03.000\nJump, high 50 %\n" in tracks["gym/clip 07.mp4.vtt"]


@pytest.mark.parametrize("form", EXPORTS)
def test_what_a_form_cannot_say_is_said(form: str, labelled: Path) -> None:
    done = run_here(
        "pipelines.export", "--labels", labelled / "labels", "--format", form, "--output", labelled / "out", code=0
    )
    has_field = form in ("label-studio", "cvat", "csv")
    assert ("unlike what the model has seen" in done.stderr) != has_field


def test_videos_that_were_moved(tmp_path: Path) -> None:
    make_labels(tmp_path, listed=False)
    arguments = ("--labels", tmp_path / "labels", "--format", "cvat", "--output", tmp_path / "out")
    done = run_here("pipelines.export", *arguments, code=2)
    assert done.stderr.startswith("error: cannot count the frames of gym/clip 07.mp4: ")
    assert done.stderr.endswith("give their folder with --videos\n")
    run_here("pipelines.export", *arguments, "--videos", tmp_path / "videos", code=0)


OLD = """path,label,group,split,start,end
videos/gym/clip 07.mp4,Walk,g1,test,0,0:01.5
videos/gym/clip 07.mp4,Hop,g1,test,5,6
videos/other.mp4,Hop,g2,train,,
"""


def test_the_next_manifest(labelled: Path) -> None:
    (labelled / "old.csv").write_text(OLD)
    back = people_correct("label-studio", {}, labelled)
    rows, said = correct(labelled, "label-studio", *back, "--manifest", labelled / "old.csv")
    assert rows == [
        *[(path, label, "g1", "test", *times) for path, label, *times in CORRECTED],
        ("videos/gym/clip 07.mp4", "Hop", "g1", "test", "5", "6"),
        ("videos/other.mp4", "Hop", "g2", "train", "", ""),
    ]
    assert said.startswith(COUNTED)
    assert said.endswith(f"6 rows in {labelled / 'corrections.csv'}: 2 of {labelled / 'old.csv'} kept, 1 replaced\n")
    # Beside another manifest, paths lead to the same videos; names of CVAT are those of the labels.
    done = run_here(
        "pipelines.corrections", "--from", "cvat", DATA / "cvat-video.xml", "--manifest", labelled / "old.csv",
        "--labels", labelled / "labels", "--output", labelled / "sub/next.csv", code=0,
    )  # fmt: skip
    assert done.stdout.startswith(COUNTED)
    assert [(row[0].removeprefix("../"), *row[1:]) for row in rows_of(labelled / "sub/next.csv")] == rows


def test_counts_need_something_to_compare_with(labelled: Path) -> None:
    _, said = correct(labelled, "cvat", DATA / "cvat-video.xml")
    assert said.startswith("1 corrected video: 4 segments; give --labels to count what people changed\n")
    (labelled / "old.csv").write_text(OLD.replace("videos/", ""))
    rows, said = correct(labelled, "cvat", DATA / "cvat-video.xml", "--manifest", labelled / "old.csv")
    assert said.startswith("1 corrected video: 0 confirmed, 1 changed, 3 new, 1 removed (against the old manifest)\n")
    assert [row[3] for row in rows] == ["test"] * 5 + ["train"]


def test_new_videos_of_a_manifest_with_splits_are_for_training(labelled: Path) -> None:
    (labelled / "old.csv").write_text("path,label,split\nvideos/other.mp4,Hop,test\n")
    rows, said = correct(
        labelled, "cvat", DATA / "cvat-video.xml", "--manifest", labelled / "old.csv", "--labels", labelled / "labels"
    )
    assert "1 video of which no split is known: train\n" in said
    assert [row[2] for row in rows] == ["train"] * 4 + ["test"]


@pytest.mark.parametrize(
    ("form", "file", "more", "said"),
    [
        (
            "csv",
            "cvat-video.xml",
            (),
            "is CVAT's XML, not a table with the columns path,label,start,end. Give --from cvat",
        ),
        ("csv", "kinetics.csv", (), "is Kinetics' table, not a table with the columns"),
        ("cvat", "cvat-images.xml", (), "times are numbers of frames, and nothing tells how many frames a second has"),
        ("cvat", "none.xml", (), "no such file"),
        ("cvat", "cvat-video.xml", ("--fps", "0"), "--fps must be a number above 0, not 0"),
        ("cvat", "cvat-video.xml", ("--fps", "x"), "--fps: "),
        ("cvat", "cvat-video.xml", ("--manifest", DATA / "activitynet.json"), "is ActivityNet's JSON. Give a manifest"),
        ("cvat", "cvat-video.xml", ("--dataset", DATA), "no dataset"),
        ("cvat", "cvat-video.xml", ("--labels", DATA), "is a folder without summary.json"),
    ],
)
def test_what_cannot_be_used(form: str, file: str, more: tuple[object, ...], said: str, tmp_path: Path) -> None:
    _, error = correct(tmp_path, form, DATA / file, *more, code=2)
    assert said in error and error.startswith("error: ") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_nothing_that_could_become_a_manifest(tmp_path: Path) -> None:
    tasks = [{"id": 1, "data": {"video": "a.mp4"}, "annotations": []}]
    (tmp_path / "open.json").write_text(json.dumps(tasks))
    assert "nobody has annotated anything in" in correct(tmp_path, "label-studio", tmp_path / "open.json", code=2)[1]
    tasks[0]["annotations"] = [{"result": []}]
    (tmp_path / "empty.json").write_text(json.dumps(tasks))
    assert "no labels are left" in correct(tmp_path, "label-studio", tmp_path / "empty.json", code=2)[1]
    file = tmp_path / "corrections.csv"
    file.write_text("path,label\na.mp4,Run\n")
    assert "is one of the files to read" in correct(tmp_path, "csv", file, code=2)[1]


def test_a_group_is_found_by_the_end_of_a_path() -> None:
    known = KnownGroups({"g1": "test"}, {"Run/a": "g1", "a": "g2", "b.mp4": "g3"}, "train")
    paths = ("/x/Run/a.mp4", "Run/a.avi", "/x/Walk/a.mp4", "./b.mp4", "b.avi", "xa.mp4")
    assert [known.group(path) for path in paths] == ["g1", "g1", "g2", "g3", "", ""]


def test_held_out_groups_of_a_dataset_stay_held_out(dataset: Path, tmp_path: Path) -> None:
    """Corrections of videos of a dataset, and of new videos of its groups and of others."""
    from pipelines.labelling.corrections.known_groups import known_groups

    known = known_groups(str(dataset))
    held_out = next(video for video, group in known.group_of_video.items() if known.split_of_group[group] == "test")
    group = known.group_of_video[held_out]
    (tmp_path / "back.csv").write_text(
        f"path,label,group,start,end\n/elsewhere/{held_out}.avi,Run,,0,1\nnew.avi,Run,{group},0,1\nother.avi,Run,new,0,1\n"
    )
    rows, said = correct(tmp_path, "csv", tmp_path / "back.csv", "--dataset", dataset)
    assert sorted((row[2], row[3]) for row in rows) == sorted([(group, "test"), (group, "test"), ("new", "train")])
    assert "1 video of which no split is known: train\n" in said


def test_the_manifest_is_one_that_can_be_read_again(labelled: Path) -> None:
    correct(labelled, "cvat", DATA / "cvat-video.xml", "--labels", labelled / "labels")
    found = list(read_annotations(str(labelled / "corrections.csv")))
    assert [(item.video, *item.labels, item.start_s, item.end_s) for item in found] == [
        (path, label, float(start), float(end)) for path, label, start, end in CORRECTED
    ]


def test_paths_of_a_table_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "from/people").mkdir(parents=True)
    (tmp_path / "from/people/back.csv").write_text("path,label,start,end\n../a.mp4,Run,0,1\ns3://b/c.mp4,Run,0,1\n")
    rows, _ = correct(tmp_path, "csv", tmp_path / "from/people/back.csv")
    assert [row[0] for row in rows] == ["from/a.mp4", "s3://b/c.mp4"]
