"""Real clips through preprocessing, training and labelling: the labels of a clip are what the trainer predicts."""

import csv
import json
from pathlib import Path

import pytest

from pipelines.core.video_files import is_video
from tests.conftest import preprocess, run_here

pytestmark = pytest.mark.process


def test_labels_are_what_the_trainer_evaluated(real_data: Path, tmp_path: Path) -> None:
    """Trained on some groups of the surveillance clips; others and some of all other videos are labelled in one run."""
    source = real_data / "fight-surv"
    with (source / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    groups = sorted({row["group"] for row in rows})[:6]
    known = [row for row in rows if row["group"] in groups]
    manifest = tmp_path / "some.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group"])
        writer.writerows([source / row["path"], row["label"], row["group"]] for row in known)
    data, run = tmp_path / "data", tmp_path / "run"
    split = ("--splits", "train=0.4,val=0.2,test=0.4")
    assert preprocess("--input", manifest, "--output", data, *split).returncode == 0
    training = ("--epochs", 1, "--no-baseline", "--model", "lrcn", "--variant", "reference")
    trained = run_here("trainer.task", "--data", data, "--output", run, *training)
    assert trained.returncode == 0, trained.stderr
    predictions = [json.loads(line) for line in (run / "predictions.jsonl").open()]
    assert len(predictions) > 10

    tested = {prediction["video_id"] for prediction in predictions}
    others = [p for p in sorted(real_data.rglob("*")) if is_video(p.name) and "fight-surv" not in p.parts][::8]
    paths = [source / row["path"] for row in known if str((source / row["path"]).with_suffix("")).lstrip("/") in tested]
    assert len(paths) == len(predictions) and others
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{path}\n" for path in [*paths, *others]))
    words = ("--model", run / "model", "--input", listed, "--output", tmp_path / "out", "--max-failure-rate", 0.1)
    run_here("pipelines.label", *words, code=0)

    labels = [json.loads(line) for line in (tmp_path / "out" / "labels-00000-of-00001.jsonl").open()]
    failures = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").open()]
    assert {r["video"] for r in labels} | {f["video"] for f in failures} == {str(p) for p in [*paths, *others]}
    by_id = {str(Path(row["video"]).with_suffix("")).lstrip("/"): row for row in labels}
    for prediction in predictions:
        row = by_id[prediction["video_id"]]
        assert row["label"] == prediction["predicted"]
        assert abs(row["score"] - prediction["score"]) < 1e-5
