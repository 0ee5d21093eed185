"""`pipelines.evaluate`: from folders of labels and files of annotations to tables, a result and a page."""

import json
import shutil
from pathlib import Path

import pytest

import pipelines
from pipelines.core.failure import Failure
from pipelines.evaluation.evaluating import assemble
from pipelines.evaluation.measuring import MEASURES
from pipelines.evaluation.pages.lanes import tracks
from pipelines.evaluation.pages.report import render_evaluation
from pipelines.evaluation.results import Bar, Evaluation
from tests.conftest import run_here
from tests.support.evaluation import gathered, write_labels
from tests.support.format_examples import check_like_the_example
from tests.support.pages import HOSTILE, Page

FOUND = {
    "gym/a.mp4": [("Run", 0.0, 4.0, 0.9), ("unknown", 4.0, 6.0, 0.3), ("Jump", 6.0, 10.0, 0.8)],
    "gym/b.mp4": [("Jump", 0.0, 5.0, 0.7), ("Still", 5.0, 9.0, 0.6)],
    "gym/c.mp4": [("Run", 0.0, 3.0, 0.5)],
}
FAILURES = (
    Failure("decode", "VideoDecodeError", "frames are missing", video_id="gym/b.mp4", start_s=9.0, end_s=12.0),
    Failure("read", "VideoReadError", "no permission", video_id="gym/d.mp4", uri="gym/d.mp4"),
)
TABLE = """\
path,label,start,end,group
a.mp4,Run,0,0:04,x
a.mp4,Jump,6,10,x
a.mp4,Jump,9,8,x
b.mp4,Jump,0:00:00.000,10,y
d.mp4,Run,1,2,y
nowhere.mp4,Run,1,2,z
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_labels(tmp_path / "labels", FOUND, FAILURES)
    (tmp_path / "truth.csv").write_text(TABLE)
    return tmp_path


def evaluate(folder: Path, *more: object, truth: str = "truth.csv", code: int = 0) -> tuple[str, str]:
    words = ("--labels", folder / "labels", "--truth", folder / truth)
    done = run_here("pipelines.evaluate", *words, *more, code=code)
    return done.stdout, done.stderr


def test_tables_result_and_page(folder: Path) -> None:
    out, err = evaluate(folder, "--output", folder / "out", "--background", "Still")
    assert err == "" and "3 videos in 2 groups, 4 events of 2 classes in truth.csv, 3 detections." in out
    # All detections are right; Run in d.mp4, which failed, is missed.
    for cells in (["precision@0.5", "100.0%"], ["recall@0.5", "75.0%"], ["mAP@0.5", "75.0%"]):
        assert any([cell.strip() for cell in line.split("│")[1:3]] == cells for line in out.splitlines()), cells
    for said in (
        "1 video of the truth is not in the labels and counts in no measure: nowhere.mp4.",
        "1 video failed and has no labels, so that everything in it counts as missed: gym/d.mp4.",
        "3.0 s of 1 video failed and have no labels; what happens there counts as missed: gym/b.mp4.",
        "WARNING   1 event of the truth looks wrong and is listed under problems.",
        "problem   line 4: its start 9 s is not before its end 8 s; it is left out",
        f"page      {folder}/out/evaluation.html",
    ):
        assert said in out, said
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["evaluation.html", "evaluation.json"]
    text = (folder / "out" / "evaluation.json").read_text()
    check_like_the_example("evaluation.json", text)
    result = Evaluation.from_json(text)
    assert "".join(result.to_json()) == text and tuple(result.measures) == MEASURES
    assert (result.labels, result.truth, result.background) == ("labels", "truth.csv", ("Still",))
    assert [(lost.video, lost.start_s, lost.end_s) for lost in result.lost] == [
        ("gym/b.mp4", 9.0, 12.0), ("gym/d.mp4", None, None),
    ]  # fmt: skip
    assert (result.only_in_truth, result.only_in_labels) == (("nowhere.mp4",), ("gym/c.mp4",))
    page = (folder / "out" / "evaluation.html").read_text()
    assert page == render_evaluation(result)
    assert {"Measures", "Classes", "Curves", "Confusion", "Timelines", "Problems"} <= {*Page(page).texts["h2"]}
    assert evaluate(folder, "--json", "--background", "Still")[0] == text


def test_from_python(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = pipelines.evaluate(folder / "labels", folder / "truth.csv", folder / "out", background=["Still"])
    assert capfd.readouterr() == ("", "")
    assert result.measures["recall@0.5"].value == 0.75
    assert result == Evaluation.from_json((folder / "out" / "evaluation.json").read_text())
    assert "gym/a.mp4" in result._repr_html_()


def test_background_that_is_not_named_counts(folder: Path) -> None:
    out, _ = evaluate(folder)
    assert "The truth has no event of 1 class in the labels: Still." in out and "4 detections" in out
    out, _ = evaluate(folder, "--background", "still")
    assert "WARNING   Neither truth nor labels have the background still: is it spelled alike?" in out


def test_what_failed_is_not_right_where_nothing_happens(folder: Path) -> None:
    truth = "path,label,start,end\nb.mp4,Jump,0,5\nb.mp4,Still,5,9\nd.mp4,,,\n"  # nothing after 9 s, nor in d.mp4
    (folder / "quiet.csv").write_text(truth)
    result = pipelines.evaluate(folder / "labels", folder / "quiet.csv")
    assert [(video.video, video.right_s, video.length_s, video.edit) for video in result.videos] == [
        ("gym/b.mp4", 9.0, 12.0, 1.0), ("gym/d.mp4", 0.0, 0.0, 0.0),
    ]  # fmt: skip
    assert (result.measures["accuracy"].value, result.measures["edit"].value) == (0.75, 0.5)


def test_activitynet_and_other_labels_as_truth(folder: Path) -> None:
    database = {
        "b": {"subset": "validation", "annotations": [{"segment": [0.0, 10.0], "label": "Jump"}]},
        "c": {"subset": "validation", "annotations": [{"segment": [0.0, 3.0], "label": "Run"}]},
    }
    (folder / "anet.json").write_text(json.dumps({"version": "1.3", "taxonomy": [], "database": database}))
    out, _ = evaluate(folder, "--background", "Still", "--video-pattern", "{id}.mp4", truth="anet.json")
    assert "2 videos, 2 events of 2 classes in anet.json, 2 detections." in out
    assert "3.0 s of 1 video failed" in out and "2 videos of the labels are not in the truth" in out
    shutil.copytree(folder / "labels", folder / "others")
    out, _ = evaluate(folder, truth="others")
    assert "│ mAP@0.5       │ 100.0% │" in out
    for itself in ("labels", "others/../labels/labels-00000-of-00001.jsonl"):
        assert "which is always right about itself" in evaluate(folder, truth=itself, code=2)[1]


def test_exit_code_by_a_share(folder: Path) -> None:
    assert evaluate(folder, "--background", "Still", "--min-map", "0.75")[1] == ""
    _, err = evaluate(folder, "--background", "Still", "--min-map", "0.76", code=1)
    assert err == "mAP@0.5 is 75.0%, below --min-map 0.76\n"
    assert "--min-map must be a number from 0 to 1, not '75'" in evaluate(folder, "--min-map", "75", code=2)[1]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("path,label,start,end\nz.mp4,Run,0,1\n", "no video in common"),
        ("path,label,start,end\ngym/a.mp4,Run,x,1\n", "'x' is not a time"),
        ("", "is empty"),
    ],
)
def test_a_truth_that_cannot_be_used(folder: Path, table: str, said: str) -> None:
    (folder / "truth.csv").write_text(table)
    err = evaluate(folder, code=2)[1]
    assert err.startswith("error: ") and said in err and err.count("\n") == 1


def test_files_that_this_machine_does_not_read(folder: Path) -> None:
    err = evaluate(folder, truth="x" * 300, code=2)[1]
    assert err.startswith(f"error: cannot read {folder}/xxx") and "File name too long" in err and err.count("\n") == 1
    name = "labels-00000-of-00001.jsonl"
    (folder / "labels" / name).unlink()
    (folder / "labels" / name).mkdir()
    assert evaluate(folder, code=2)[1] == f"error: cannot read {folder}/labels/{name}: Is a directory\n"
    assert "--fps must be a number above 0, not '-1'" in evaluate(folder, "--fps=-1", code=2)[1]


def test_labels_that_are_not_complete_or_hold_the_output(folder: Path) -> None:
    assert "lies in --labels" in evaluate(folder, "--output", folder / "labels" / "out", code=2)[1]
    assert "truth.csv is a file. Give a folder" in evaluate(folder, "--output", folder / "truth.csv", code=2)[1]
    (folder / "labels" / "summary.json").unlink()
    assert "summary.json is missing" in evaluate(folder, code=2)[1]


def test_names_are_escaped() -> None:
    truth = {f"{name}.mp4": [(HOSTILE[k % 3], k, k + 2) for k in range(6)] for name in HOSTILE}
    found = {name: [(c, s, e, 0.5) for c, s, e in rows[:4]] for name, rows in truth.items()}
    groups = dict(zip(truth, HOSTILE, strict=True))
    result = Evaluation.from_json("".join(assemble(gathered(truth, found, groups=groups), draws=10).to_json()))
    tags = {tag for tag, _ in Page(render_evaluation(result)).elements}
    assert "svg" in tags and not {"script", "img"} & tags


def test_large_results_are_bounded() -> None:
    truth = {f"{n}.mp4": [("Run", 2.0 * k, 2.0 * k + 1) for k in range(310)] for n in range(25)}
    found = {name: [(c, s, e, 0.5) for c, s, e in rows] for name, rows in truth.items()}
    result = assemble(gathered(truth, found), draws=10)
    assert len(result.timelines) == 20 and len(result.timelines[0].truth) == 300 and len(result.videos) == 25
    assert len(result.classes[0].curve) == 200
    page = render_evaluation(result)
    assert "The worst 20 of 25 videos" in page and "up to 9:59.0" in page


def test_events_at_one_time_are_drawn_one_below_the_other() -> None:
    bars = [Bar("A", start, end, 1, True) for start, end in ((0, 4), (1, 2), (2, 5), (3, 6), (4, 5))]
    assert tracks(bars) == [0, 1, 1, 2, 0]
    assert tracks([Bar("A", 0, 9, 1, True)] * 7) == [0, 1, 2, 3, 4, 4, 4]
