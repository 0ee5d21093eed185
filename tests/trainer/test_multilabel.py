"""Several labels a clip from the command line: preprocessing, training, labelling; and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest

import pipelines
from pipelines.core.label_sets import UNKNOWN
from pipelines.core.model_info import ModelInfo
from pipelines.dataset import example
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.tfrecord import read_records
from pipelines.dataset.verification import _check_labels
from pipelines.labelling.exports.reading import read_labels
from pipelines.labelling.types import covered_s
from tests.conftest import preprocess, run_here
from tests.support.store_tools import run_label
from trainer.evaluation.multilabel.metrics import LabelEvaluation, evaluate_labels
from trainer.evaluation.multilabel.predictions import LabelPredictions

pytestmark = [pytest.mark.process, pytest.mark.training]

TINY = ("--model", "lrcn", "--variant", "reference", "--batch-size", 8, "--epochs", 1)


@pytest.fixture(scope="module")
def several(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of `tree`, in which the second clip of each class and group is one of waving, too."""
    folder = tmp_path_factory.mktemp("several")
    lines = ["path,label,group"]
    for path in sorted(tree.rglob("*.avi")):
        own = f"{path.parent.name}|Wave" if "_c02" in path.name else path.parent.name
        lines.append(f"{path},{own},{path.name.split('_')[2]}")
    (folder / "videos.csv").write_text("\n".join(lines) + "\n")
    size = ("--num-frames", 4, "--size", 32, "--multi-label")
    preprocess("--input", folder / "videos.csv", "--output", folder / "out", *size, code=0)
    return folder / "out"


@pytest.fixture(scope="module")
def run(several: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("training") / "run"
    run_here("trainer.task", *TINY, "--data", several, "--output", output, "--multi-label", code=0)
    return output


def test_a_clip_counts_under_each_of_its_classes(several: Path) -> None:
    info = DatasetInfo.read(str(several))
    assert info.multi_label and info.labels == ("Jump", "Run", "Wave")
    train = info.splits["train"]
    assert train.num_examples_by_class == {"Jump": 6, "Run": 6, "Wave": 12} and train.num_examples == 18
    assert any(note.startswith("10 of 30 clips have several labels (1.33 a clip on average)") for note in info.notes)
    run_here("pipelines.verify", several, code=0)
    data = pipelines.open_dataset(several)
    clips = {clip.video_id.rpartition("/")[2]: clip for clip in data.clips("train")}
    names = {clip.label_name: (clip.label, clip.labels) for clip in clips.values()}
    assert names["Run|Wave"] == (1, (1, 2)) and names["Run"] == (1, (1,)) and names["Wave"] == (2, (2,))
    _, labels = next(iter(data.as_tf("train", batch_size=18)))
    assert labels.numpy().sum(axis=0).tolist() == [6, 6, 12] and set(labels.numpy().ravel()) == {0, 1}


def test_verification_reads_the_labels_of_each_clip(several: Path) -> None:
    info = DatasetInfo.read(str(several))
    shard = info.splits["train"].shards[0]
    with (several / shard.name).open("rb") as file:
        record = next(r for r in map(example.decode, read_records(file)) if r.label_name == "Run|Wave")
    _check_labels(record, info)
    wrong: list[dict[str, Any]] = [
        {"labels": ()},
        {"labels": (2, 1)},
        {"labels": (1,)},
        {"labels": (1, 3)},
        {"label": 2},
        {"labels": (1, 1)},
    ]
    for change in [*wrong, {"label_name": "Run"}]:
        with pytest.raises(ValueError, match="labels"):
            _check_labels(replace(record, **change), info)
    with pytest.raises(ValueError, match="clips of this dataset have one label"):
        _check_labels(record, replace(info, multi_label=False))


def test_a_run_measures_each_label_and_exports_its_threshold(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    test = LabelEvaluation.from_json(metrics["test"])
    assert metrics["multi_label"] and test.num_clips == 6
    info = ModelInfo.from_json((run / "model" / "model_info.json").read_text())
    assert info.multi_label and list(info.thresholds) == list(metrics["calibration"]["thresholds"].values())
    assert info.metrics["mean_ap"] == metrics["test"]["mean_ap"] and "top1" not in info.metrics
    predictions = LabelPredictions.from_jsonl((run / "predictions.jsonl").read_text(), info.labels)
    again = evaluate_labels(predictions, info.labels, np.array(info.thresholds), info.temperature)
    assert again == test
    assert metrics["baselines"]["single_frame"]["mean_ap"]["value"] > 0
    page = (run / "report.html").read_text()
    assert "Test mAP" in page and "Confusion" not in page
    # The last layer is the same as for one label: what differs is what the outputs mean.
    model = pipelines.load_model(run / "model")
    frames = np.random.default_rng(0).integers(0, 256, (3, *info.clip_spec.shape), np.uint8)
    probabilities = model.predict(frames)
    assert probabilities.shape == (3, 3) and (np.abs(probabilities.sum(axis=1) - 1) > 1e-3).any()


def given_to(row: dict[str, object], to: str) -> None:
    with open(to, "a") as file:
        file.write(json.dumps(row) + "\n")


def test_labels_of_one_moment_stand_side_by_side(run: Path, tree: Path, tmp_path: Path) -> None:
    source = tmp_path / "videos.txt"
    source.write_text("".join(f"{path}\n" for path in sorted(tree.rglob("*_g01_*.avi"))))
    run_label(run / "model", source, tmp_path / "labels", "--window-s", 0.3, "--smooth", 1)
    info = ModelInfo.from_json((run / "model" / "model_info.json").read_text())
    thresholds = dict(zip(info.labels, info.thresholds, strict=True))
    videos = list(read_labels(str(tmp_path / "labels")))
    assert len(videos) == 6
    for video in videos:
        assert covered_s(video.segments) == pytest.approx(max(s.end_s for s in video.segments))
        assert all(s.score >= thresholds[s.label] - 1e-6 for s in video.segments if s.label != UNKNOWN)
    # The transform for other pipelines gives the same rows.
    path = str(sorted(tree.rglob("*_g01_*.avi"))[0])
    given = tmp_path / "rows.jsonl"
    with beam.Pipeline() as pipeline:
        rows = pipeline | beam.Create([path]) | pipelines.LabelVideos(str(run / "model"), window_s=0.3, smooth=1)
        _ = rows | beam.Map(given_to, str(given))
    found = [json.loads(line) for line in given.read_text().splitlines()]
    own = next(video for video in videos if video.video.endswith(path.rpartition("/")[2]))
    assert [(row["start_s"], row["label"], row["score"]) for row in found] == [
        (segment.start_s, segment.label, segment.score) for segment in own.segments
    ]
    summary = json.loads((tmp_path / "labels" / "summary.json").read_text())
    segments = [segment for video in videos for segment in video.segments]
    for label, number in summary["segments_by_label"].items():
        assert number == sum(segment.label == label for segment in segments)


def test_what_is_refused(several: Path, run: Path, dataset: Path, tmp_path: Path) -> None:
    output = ("--output", tmp_path / "run")
    done = run_here("trainer.task", *TINY, "--data", several, *output, code=2)
    assert done.stderr.splitlines()[-1].endswith("may have several labels: train with --multi-label")
    done = run_here("trainer.task", *TINY, "--data", dataset, *output, "--multi-label", code=2)
    assert "has one label: train without --multi-label" in done.stderr
    done = run_here("trainer.crossval", *TINY, "--data", several, *output, "--folds", 3, code=2)
    assert "train with --multi-label" in done.stderr and not (tmp_path / "run").exists()
