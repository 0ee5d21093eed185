"""What people make of a selection becomes part of the next manifest, and what they weren't shown stays as it was."""

from pathlib import Path

from tests.conftest import run_here
from tests.support.label_folders import segment, video_labels, write_labels

OLD = [
    "path,label,group,split,start,end",
    "videos/a.avi,Jump,a,train,20,24",  # not shown
    "videos/a.avi,Jump,a,train,5,6",  # shown, and taken away by a person
    "videos/c.avi,Run,c,test,0,4",  # of a video that nobody looked at
]


def test_rows_that_were_not_shown_stay(tmp_path: Path) -> None:
    rows = [
        segment(0, 4, {"Run": 0.98, "Jump": 0.02}),
        segment(4, 8, {"Run": 0.5, "Jump": 0.5}),
        segment(8, 30, {"Run": 0.97, "Jump": 0.03}),
    ]
    found = [video_labels(name, rows) for name in ("a.avi", "b.avi")]
    labels = write_labels(tmp_path / "labels", found, tmp_path / "videos")
    (tmp_path / "old.csv").write_text("\n".join(OLD) + "\n")
    selection, corrected, output = (tmp_path / f"{name}.csv" for name in ("to_review", "corrected", "next"))
    run_here("pipelines.select", "--labels", labels, "--budget", 2, "--output", selection, code=0)
    head, of_a, of_b = selection.read_text().splitlines()
    assert of_a.startswith("videos/a.avi,Run,4.0,8.0,0.5,") and of_b.startswith("videos/b.avi,")
    corrected.write_text("\n".join([head, of_a.replace("4.0", "6.0"), of_b.replace("Run", "Jump")]) + "\n")
    words = ("--from", "csv", corrected, "--labels", labels, "--manifest", tmp_path / "old.csv", "--output", output)
    said = run_here("pipelines.corrections", *words, "--selection", selection, code=0).stdout
    assert "2 corrected videos: 0 confirmed, 2 changed, 0 new, 0 removed (against predictions)" in said
    assert output.read_text().splitlines() == [
        OLD[0],
        "videos/a.avi,Run,a,train,6,8",
        "videos/a.avi,Jump,a,train,20,24",
        "videos/b.avi,Jump,,train,0,4",
        "videos/c.avi,Run,c,test,0,4",
    ]
    run_here("pipelines.corrections", *words, code=0)  # as if all labels had been shown
    assert len(output.read_text().splitlines()) == 4
