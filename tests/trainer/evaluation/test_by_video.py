"""Predictions of videos from those of their clips, and what two runs have in common."""

from pathlib import Path

import numpy as np

from tests.support.metrics import make_metrics, predictions
from trainer.config import TrainConfig
from trainer.evaluation.crossval_report import Fold, render_crossval
from trainer.evaluation.matching.by_video import by_video, evaluate_side, unit_of, with_suffix
from trainer.evaluation.matching.common import in_common
from trainer.evaluation.metrics import evaluate, paired_difference
from trainer.evaluation.pooling import summarise
from trainer.evaluation.predictions import Predictions


def make(*rows: tuple[str, str, int, tuple[float, ...]]) -> Predictions:
    ids, groups, labels, logits = zip(*rows, strict=True)
    return Predictions(np.array(logits, np.float32), np.array(labels, np.int64), groups, ids)


MIXED = make(
    ("v@0-2", "g", 0, (4, 0, 0)),
    ("w", "h", 1, (0, 3, 0)),
    ("v@1-3", "g", 0, (0, 1, 0)),
    ("v@2-4", "g", 0, (0, 1, 0)),
    ("u@0-2", "h", 0, (1, 0, 0)),
    ("u@2-4", "h", 1, (0, 1, 0)),
    ("x@0-2", "h", 2, (0, 0, 2)),
)


def test_a_video_has_the_mean_of_the_probabilities_of_its_clips() -> None:
    for temperature in (1.0, 2.5):
        pooled, tested = by_video(MIXED, temperature)
        assert tested is not None and (tested.clips, tested.videos, tested.segments) == (7, 3, 2)
        assert pooled.video_ids == ("v", "w", "u@0-2", "u@2-4", "x@0-2")
        assert pooled.groups == ("g", "h", "h", "h", "h") and pooled.labels.tolist() == [0, 1, 0, 1, 2]
        given = MIXED.probabilities(temperature)
        expected = [given[[0, 2, 3]].mean(axis=0), given[1], given[4], given[5], given[6]]
        np.testing.assert_allclose(pooled.probabilities(), expected, rtol=1e-6)
    # Two of three clips are wrong, but less sure than the third is right.
    assert not MIXED.correct[2] and not MIXED.correct[3] and pooled.correct[0]
    extreme = make(("v@0-1", "g", 0, (900, 0, 0)), ("v@1-2", "g", 0, (0, 0, 900)))
    assert np.isfinite(by_video(extreme)[0].logits).all()


def test_predictions_without_such_videos_stay_the_same_object() -> None:
    for plain in (predictions(("A", "B")), make(("v@0-2", "g", 0, (1, 0)), ("v@2-4", "g", 1, (1, 0)))):
        pooled, tested = by_video(plain, 3.0)
        assert pooled is plain and tested is None
        assert evaluate_side("test", plain, ("A", "B"), 3.0) == {"test": evaluate(plain, ("A", "B"), 3.0).to_json()}
    # Clips of one video in several groups aren't one either.
    assert by_video(make(("v@0-2", "g", 0, (1, 0)), ("v@2-4", "h", 0, (1, 0))))[1] is None


def test_both_figures_are_recorded_and_said() -> None:
    found = evaluate_side("test", MIXED, ("A", "B", "C"), 2.0)
    assert set(found) == {"test", "test_by_clip", "tested"}
    assert (found["test"]["num_clips"], found["test_by_clip"]["num_clips"]) == (5, 7)
    assert (found["test"]["top1"]["value"], found["test_by_clip"]["top1"]["value"]) == (1.0, 5 / 7)
    assert found["test"]["num_groups"] == found["test_by_clip"]["num_groups"] == 2
    assert set(evaluate_side("val", MIXED, ("A", "B", "C"))) == {"val", "val_by_clip"}
    assert unit_of(found) == ("video or segment", "videos or segments")
    assert unit_of({"tested": {**found["tested"], "segments": 0}}) == ("video", "videos")
    assert unit_of({}) == ("clip", "clips")


def test_names_with_a_seed_still_tell_the_video() -> None:
    named = with_suffix(MIXED, " (seed 3)")
    assert named.video_ids[:2] == ("v (seed 3)@0-2", "w (seed 3)")
    assert by_video(named)[0].video_ids[:2] == ("v (seed 3)", "w (seed 3)")


def test_common_clips_of_runs_with_other_classes() -> None:
    old = make(("a", "g", 0, (2, 1)), ("b", "g", 1, (2, 1)), ("c", "h", 1, (0, 1)), ("gone", "h", 0, (1, 0)))
    new = make(("c", "h", 2, (0, 5, 1)), ("b", "g", 2, (0, 0, 4)), ("a", "g", 1, (0, 3, 0)), ("new", "k", 0, (1, 0, 0)))
    common = in_common(old, ("Jump", "Run"), new, ("Clap", "Run", "Wave"))
    assert common is None, "classes are told by their names: no clip has the same"
    common = in_common(old, ("Jump", "Run"), new, ("Clap", "Jump", "Run"))
    assert common is not None and common.labels == ("Jump", "Run", "Clap")
    assert common.first.video_ids == common.second.video_ids == ("a", "b", "c")
    assert (common.num_clips, common.relabelled) == (3, 0)
    assert common.first.labels.tolist() == common.second.labels.tolist() == [0, 1, 1]
    assert common.first.predicted.tolist() == [0, 0, 1] and common.second.predicted.tolist() == [0, 1, 0]
    assert paired_difference(common.first, common.second).value == 0
    moved = make(("a", "other", 1, (0, 1, 0)), ("b", "g", 1, (0, 1, 0)), ("c", "h", 2, (0, 1, 0)))
    found = in_common(old, ("Jump", "Run"), moved, ("Clap", "Jump", "Run"))
    assert found is not None and found.first.video_ids == ("c",) and found.relabelled == 2


def test_folds_are_pooled_by_video(tmp_path: Path) -> None:
    labels, runs, configs = ("A", "B", "C"), [], []
    test = by_video(MIXED)[0]
    for seed in (0, 1):
        folder = tmp_path / f"seed{seed}"
        folder.mkdir()
        config = TrainConfig("lrcn", "/data", str(folder), fold="1/2", seed=seed)
        metrics = make_metrics(labels, num_groups=2)
        metrics["test"] = evaluate(test, labels, num_resamples=10).to_json()
        metrics["baselines"]["majority"]["label"] = "A"
        metrics["init"] = {"groups": ["g"], "in_test": ["g"] if seed else [], "other_clips": {"height": [64, 32]}}
        for name in ("predictions.jsonl", "predictions_single_frame.jsonl"):
            (folder / name).write_text(MIXED.to_jsonl(labels))
        configs.append(config)
        runs.append(metrics)
    summary, predictions = summarise(configs, runs, 1)
    assert (summary["pooled"]["num_clips"], summary["pooled_by_clip"]["num_clips"]) == (10, 14)
    assert summary["tested"] == {"clips": 14, "videos": 6, "segments": 4}
    assert summary["init"]["in_test"] == ["g"]
    assert len(predictions.labels) == 14 and predictions.video_ids[:2] == ("v (seed 0)@0-2", "w (seed 0)")
    assert summary["baselines"]["single_frame"]["worse_by"]["value"] == 0
    page = render_crossval(summary, [Fold("Fold 1", "x", metrics) for metrics in runs], "folds")
    assert "Test is by video: 6 videos" in page and "10 tests of videos or segments of" in page
    assert "has learnt from 1 group of test, g: these scores are too good" in page
    assert "model that training started from were made otherwise: height 64, now 32" in page
