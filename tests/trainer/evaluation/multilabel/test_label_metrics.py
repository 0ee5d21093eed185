"""Figures about several labels, worked out by hand; what is kept of predictions; the report."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.metrics import HISTORY, make_metrics
from tests.support.pages import Page
from trainer.evaluation.multilabel.figures import label_figures
from trainer.evaluation.multilabel.metrics import LabelEvaluation, evaluate_labels, paired_difference
from trainer.evaluation.multilabel.predictions import LabelPredictions
from trainer.evaluation.multilabel.report import render_multilabel_report

NAMES = ("Jump", "Run", "Walk")
TARGETS = ((1, 1, 0), (1, 0, 0), (0, 1, 0), (0, 1, 0))
LOGITS = ((3.0, 1.0, -3.0), (-1.0, 2.0, -3.0), (1.0, 3.0, -3.0), (-2.0, -1.0, -3.0))


def make(
    logits: Any = LOGITS, targets: Any = TARGETS, groups: tuple[str, ...] = ("a", "a", "b", "b")
) -> LabelPredictions:
    ids = tuple(f"v{i}" for i in range(len(logits)))
    return LabelPredictions(np.array(logits, np.float32), np.array(targets, np.bool_), groups, ids)


def test_a_table_by_hand() -> None:
    found = evaluate_labels(make(), NAMES, np.full(3, 0.5))
    # Jump: named v0, v2, has v0, v1. Run: named v0, v1, v2, has v0, v2, v3. Nothing is of Walk.
    jump, run, walk = found.per_class
    assert (jump.precision, jump.recall, jump.f1, jump.support) == (1 / 2, 1 / 2, 1 / 2, 2)
    assert (run.precision, run.recall, run.f1, run.support) == (2 / 3, 2 / 3, 2 / 3, 3)
    assert (walk.precision, walk.recall, walk.f1, walk.support, walk.ap) == (0, 0, 0, 0, None)
    assert jump.ap and jump.ap.value == pytest.approx((1 + 2 / 3) / 2)  # the order is v0, v2, v1, v3
    assert run.ap and run.ap.value == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)  # v2, v1, v0, v3
    assert found.mean_ap.value == pytest.approx((jump.ap.value + run.ap.value) / 2)
    assert found.macro_f1.value == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found.micro_f1.value == pytest.approx(2 * 3 / (5 + 5))
    assert found.exact_match.value == 1 / 4
    assert (found.num_clips, found.num_groups) == (4, 2)
    assert [item.threshold for item in found.per_class] == [0.5] * 3
    assert LabelEvaluation.from_json(found.to_json()) == found


def test_thresholds_and_temperature_decide_together() -> None:
    thresholds = np.array([0.5, 0.8, 0.5])
    named = evaluate_labels(make(), NAMES, thresholds).per_class[1]
    assert (named.precision, named.recall) == (1 / 2, 1 / 3)  # v1 and v2: sigmoid(1) is 0.73
    cooler = evaluate_labels(make(), NAMES, thresholds, 0.5).per_class[1]
    assert cooler.recall == 2 / 3 and cooler.ap == named.ap
    by_clip = np.repeat(thresholds[None], 4, axis=0)
    found = evaluate_labels(make(), NAMES, by_clip).per_class[1]
    assert (found.recall, found.threshold) == (named.recall, None)
    with pytest.raises(ValueError, match="without clips that have labels"):
        evaluate_labels(make(targets=np.zeros((4, 3))), NAMES, thresholds)


def test_intervals_are_over_groups() -> None:
    rng = np.random.default_rng(1)
    targets = rng.random((60, 3)) < 0.4
    logits = targets + rng.normal(size=(60, 3))
    many = evaluate_labels(make(logits, targets, tuple(f"g{i // 4}" for i in range(60))), NAMES, np.full(3, 0.5))
    assert 0 < many.mean_ap.low < many.mean_ap.value < many.mean_ap.high < 1
    alone = evaluate_labels(make(logits, targets, ("g",) * 60), NAMES, np.full(3, 0.5))
    assert (alone.mean_ap.low, alone.mean_ap.high) == (0, 1) and alone.mean_ap.value == many.mean_ap.value


def test_two_models_are_compared_on_the_same_groups() -> None:
    a = make()
    order = [2, 0, 3, 1]
    b = LabelPredictions(-a.logits[order], a.targets[order], tuple(a.groups[i] for i in order),
                         tuple(a.video_ids[i] for i in order))  # fmt: skip
    found = paired_difference(a, b)
    values = [evaluate_labels(p, NAMES, np.full(3, 0.5)).mean_ap.value for p in (a, b)]
    assert found.value == pytest.approx(values[0] - values[1]) and found.low <= found.value <= found.high
    with pytest.raises(ValueError, match="labels or group of v0 differ"):
        paired_difference(a, replace(b, targets=~b.targets))
    with pytest.raises(ValueError, match="only one of the predictions"):
        paired_difference(a, replace(b, video_ids=("x", *b.video_ids[1:])))


def test_predictions_come_back_from_their_file() -> None:
    a = make(np.random.default_rng(0).normal(size=(4, 3)))
    text = a.to_jsonl(NAMES, np.array([0.5, 0.01, 0.999]), 2.0)
    b = LabelPredictions.from_jsonl(text, NAMES)
    assert b.logits.tobytes() == a.logits.tobytes() and (b.targets == a.targets).all()
    assert (b.groups, b.video_ids) == (a.groups, a.video_ids)
    assert '"labels": ["Jump", "Run"], "predicted": ["Jump", "Run"]' in text.splitlines()[0]
    for wrong in (text.replace('"Run"', '"Ran"', 1), text[:-9], text.replace("[", "[NaN, ", 1)):
        with pytest.raises(ValueError, match="line"):
            LabelPredictions.from_jsonl(wrong, NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.zeros((4, 2), bool)}, "same shape"),
        ({"targets": np.zeros((4, 3), np.int64)}, "targets bool"),
        ({"groups": ("a",)}, "numbers of clips differ"),
        ({"video_ids": ("v",) * 4}, "several times"),
        ({"logits": np.full((4, 3), np.nan, np.float32)}, "not finite"),
    ],
)
def test_impossible_predictions_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(make(), **change)


def test_the_report_has_a_row_for_each_class_and_says_what_is_doubtful() -> None:
    predictions = make()
    metrics = {**make_metrics(), **label_figures(predictions, predictions, predictions, NAMES)}
    metrics["dataset"] = {**metrics["dataset"], "labels": list(NAMES), "missing_classes": {}}
    metrics["baselines"]["chance"]["mean_ap"] = 0.9
    said = render_multilabel_report(metrics, HISTORY, "several <labels>")
    page = Page(said)
    assert "Val has no clip with 1 label, whose threshold is 50%, not calibrated: Walk." in said
    assert "A single frame is as good" in said and "is not clearly better than that of chance" in said
    assert "Test has no clip of 1 class: Walk." in said
    assert "Val has fewer than 5 clips with 2 labels, whose threshold is rough: Jump, Run." in said
    for name in NAMES:
        assert any(name in cell for cell in page.texts["th"]), name
    assert metrics["calibration"]["uncalibrated"] == ["Walk"]
    assert list(metrics["calibration"]["thresholds"]) == list(NAMES)
