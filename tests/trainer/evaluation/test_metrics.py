"""Metrics: figures worked out by hand, intervals over groups, temperature."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.interval import Interval
from trainer.evaluation.calibration import cross_entropy, expected_calibration_error, fit_temperature
from trainer.evaluation.intervals import bootstrap_over_groups, is_clearly_worse
from trainer.evaluation.metrics import Evaluation, baseline_to_json, evaluate, majority_baseline, paired_difference
from trainer.evaluation.predictions import Predictions

NAMES = ("Jump", "Run", "Walk")


def make(logits: Any, labels: Sequence[int], groups: Sequence[str] | None = None) -> Predictions:
    ids = tuple(f"v{i:03d}" for i in range(len(labels)))
    return Predictions(np.array(logits, np.float32), np.array(labels, np.int64), tuple(groups or ids), ids)


def saying(predicted: Sequence[int], labels: Sequence[int], groups: Sequence[str] | None = None) -> Predictions:
    """Predictions of three classes with 2 as the largest logit."""
    return make(2 * np.eye(3)[list(predicted)], labels, groups)


def names(predictions: Predictions) -> list[str]:
    return [f"class{i}" for i in range(predictions.num_classes)]


def reorder(p: Predictions, order: Sequence[int]) -> Predictions:
    at = list(order)
    return Predictions(p.logits[at], p.labels[at], tuple(p.groups[i] for i in at), tuple(p.video_ids[i] for i in at))


@st.composite
def predictions_of_clips(draw: st.DrawFn, min_classes: int = 2) -> Predictions:
    """Few different logits, so that many are equal."""
    num_clips, num_classes = draw(st.integers(1, 25)), draw(st.integers(min_classes, 8))
    row = st.lists(st.integers(-2, 3), min_size=num_classes, max_size=num_classes)
    clip = st.tuples(row, st.integers(0, num_classes - 1), st.sampled_from(["g1", "g2", "g3", "g10"]))
    logits, labels, groups = zip(*draw(st.lists(clip, min_size=num_clips, max_size=num_clips)), strict=True)
    return make(logits, labels, groups)


def test_a_table_by_hand() -> None:
    """Class 2 has no clip, and one of class 1 is taken for it."""
    result = evaluate(saying([0, 0, 1, 1, 2], [0, 0, 0, 1, 1], ["a", "b", "b", "c", "c"]), NAMES)
    assert (result.num_clips, result.num_groups, result.top1.value, result.top5) == (5, 3, 0.6, None)
    assert result.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 0))
    assert [(c.label, c.precision, c.recall, c.f1, c.support) for c in result.per_class] == [
        ("Jump", 1.0, pytest.approx(2 / 3), 0.8, 3),
        ("Run", 0.5, 0.5, 0.5, 2),
        ("Walk", 0.0, 0.0, 0.0, 0),
    ]
    assert result.macro_f1.value == pytest.approx((0.8 + 0.5) / 2)
    share = math.exp(2) / (math.exp(2) + 2)
    assert result.cross_entropy == pytest.approx(-(3 * math.log(share) + 2 * math.log((1 - share) / 2)) / 5)
    assert result.ece == pytest.approx(share - 0.6)


def test_confusions_are_sorted_by_number_and_their_clips_by_confidence() -> None:
    """Eight times 1 for 2, twice 0 for 1 and twice 2 for 1, with more confidence in the later clips of each."""
    truth, predicted = [2] * 8 + [1] * 4 + [2], [1] * 8 + [2, 2, 0, 0] + [2]
    logits = np.eye(3)[predicted] * (1 + np.arange(13))[:, None]
    logits[6] = logits[7]
    confused = evaluate(make(logits, truth), NAMES).confused
    assert [(c.truth, c.predicted, c.count) for c in confused] == [
        ("Walk", "Run", 8),
        ("Run", "Jump", 2),
        ("Run", "Walk", 2),
    ]
    assert confused[0].video_ids == ("v006", "v007", "v005", "v004", "v003", "v002")
    assert confused[1].video_ids == ("v011", "v010")
    many = make(np.roll(np.eye(30), 1, axis=1), range(30))
    assert len(evaluate(many, names(many)).confused) == 20


def test_equal_logits_count_for_the_earlier_class() -> None:
    p = make([[1, 1, 0], [0, 2, 2], [0, 0, 0]], [1, 1, 2])
    assert p.predicted.tolist() == [0, 1, 0]
    assert [p.in_top(k).tolist() for k in (1, 2, 3)] == [[False, True, False], [True, True, False], [True] * 3]
    many = make(-np.tile(np.arange(6), (6, 1)), range(6))
    assert (evaluate(many, names(many)).top5 or Interval(0, 0, 0)).value == pytest.approx(5 / 6)


@given(predictions_of_clips(), st.randoms(), st.floats(0.1, 10))
def test_order_and_temperature(p: Predictions, random: Any, temperature: float) -> None:
    """The order of clips changes nothing, the temperature only what it should; intervals contain their values."""
    order = list(range(len(p.labels)))
    random.shuffle(order)
    first, second = (evaluate(clips, names(p), temperature, num_resamples=100) for clips in (p, reorder(p, order)))
    assert replace(first, ece=0, cross_entropy=0) == replace(second, ece=0, cross_entropy=0)
    assert (first.ece, first.cross_entropy) == pytest.approx((second.ece, second.cross_entropy))
    plain = evaluate(p, names(p), num_resamples=100)
    assert (first.top1, first.top5, first.macro_f1) == (plain.top1, plain.top5, plain.macro_f1)
    probabilities = p.probabilities(temperature)
    assert probabilities.dtype == np.float64
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (probabilities[np.arange(len(p.labels)), p.predicted] == probabilities.max(axis=1)).all()
    for interval in (first.top1, first.macro_f1):
        assert 0 <= interval.low <= interval.value <= interval.high <= 1
        assert interval.low < interval.high
    assert 0 <= first.ece <= 1


@given(st.integers(1, 40), st.booleans())
def test_all_right_or_all_wrong_is_not_taken_for_certain(num_groups: int, right: bool) -> None:
    """A share of groups below `bound` would not give so many without an exception once in forty times."""
    p = saying([0 if right else 1] * num_groups, [0] * num_groups)
    result = evaluate(p, NAMES)
    bound = 0.025 ** (1 / num_groups) if num_groups > 1 else 0.0
    for interval in (result.top1, result.macro_f1):
        assert (interval.value, interval.low, interval.high) == pytest.approx(
            (1, bound, 1) if right else (0, 0, 1 - bound)
        )


def test_groups_that_agree_on_half_are_not_certain_either() -> None:
    top1 = evaluate(saying([0, 1] * 10, [0] * 20, [f"g{i // 2}" for i in range(20)]), NAMES).top1
    alike = 0.025 ** (1 / 10)
    assert (top1.value, top1.low, top1.high) == pytest.approx((0.5, 0.5 * alike, 0.5 * alike + 1 - alike))


def test_one_group_says_nothing_about_others() -> None:
    p = saying([0, 0, 1], [0, 0, 0], ["g"] * 3)
    assert evaluate(p, NAMES).top1 == Interval(2 / 3, 0.0, 1.0)
    assert paired_difference(p, p) == Interval(0.0, -1.0, 1.0)


def test_groups_are_drawn_and_not_clips() -> None:
    """100 groups of ten clips, half of the groups all wrong: 0.5 +- 1.96 * 0.05; as single clips, +- 1.96 * 0.0158."""
    predicted = [i // 10 % 2 for i in range(1000)]
    whole = evaluate(saying(predicted, [0] * 1000, [f"g{i // 10}" for i in range(1000)]), NAMES).top1
    assert (whole.low, whole.high) == pytest.approx((0.402, 0.598), abs=0.015)
    single = evaluate(saying(predicted, [0] * 1000), NAMES).top1
    assert (single.low, single.high) == pytest.approx((0.469, 0.531), abs=0.005)


def test_an_interval_is_widened_to_hold_the_value_of_a_biased_statistic() -> None:
    """Of 20 groups about 63 % are in a draw, and all of them in the whole."""
    interval = bootstrap_over_groups(np.eye(20), lambda sums: (sums > 0).mean(axis=1))
    assert (interval.value, interval.low, interval.high) == (1.0, pytest.approx(0.52, abs=0.06), 1.0)


def test_nothing_to_measure_is_an_error() -> None:
    empty = Predictions.from_jsonl("", NAMES)
    assert empty.logits.shape == (0, 3)
    for measure in (
        lambda: evaluate(empty, NAMES),
        lambda: majority_baseline({"Run": 1}, empty, NAMES),
        lambda: paired_difference(empty, empty),
        lambda: cross_entropy(empty.logits, empty.labels),
        lambda: expected_calibration_error(empty.logits, empty.labels),
        lambda: bootstrap_over_groups(np.ones((3, 2)), lambda sums: sums[:, 0], num_resamples=0),
    ):
        with pytest.raises(ValueError, match="without clips|no clips"):
            measure()


def test_majority_baseline() -> None:
    p = saying([0] * 4, [2, 1, 1, 0], ["a", "a", "b", "b"])
    label, top1 = majority_baseline({"Walk": 7, "Run": 7, "Jump": 3}, p, NAMES)
    assert (label, top1.value) == ("Run", 0.5)
    label, top1 = majority_baseline({"Walk": 1}, p, NAMES)
    assert (label, top1) == ("Walk", Interval(0.25, 0.0, 0.5))
    with pytest.raises(ValueError, match="not classes of the model: Swim"):
        majority_baseline({"Swim": 1}, p, NAMES)
    with pytest.raises(ValueError, match="without training clips"):
        majority_baseline({"Run": 0}, p, NAMES)


def test_paired_difference() -> None:
    """Both models fail in the same hard groups, so their difference is more certain than their accuracies."""
    groups = [f"g{i // 10:02d}" for i in range(200)]
    b = saying([1 if i // 10 % 2 and i % 10 < 8 else 0 for i in range(200)], [0] * 200, groups)
    a = saying([1 if i // 10 % 2 and i % 10 < 8 and i % 20 != 10 else 0 for i in range(200)], [0] * 200, groups)
    difference = paired_difference(a, b)
    assert difference.value == pytest.approx(0.05)
    assert 0 < difference.low < 0.05 < difference.high < 0.1
    assert evaluate(a, NAMES).top1.low < evaluate(b, NAMES).top1.high
    assert paired_difference(reorder(a, range(199, -1, -1)), b) == difference
    back = paired_difference(b, a)
    assert (back.value, back.low, back.high) == pytest.approx((-difference.value, -difference.high, -difference.low))
    with pytest.raises(ValueError, match="1 clips are in only one of the predictions, such as v199"):
        paired_difference(a, reorder(b, range(199)))
    with pytest.raises(ValueError, match="class or group of v000 differ"):
        paired_difference(a, replace(b, groups=("other", *b.groups[1:])))


def sure(logit: float, right: int, wrong: int) -> tuple[list[list[float]], list[int]]:
    return [[logit, 0]] * (right + wrong), [0] * right + [1] * wrong


def test_calibration_error_by_hand() -> None:
    """Ten clips at 0.9 with seven right, ten at 0.6 with seven right: half of 0.2 and half of 0.1."""
    first, second = sure(math.log(9), 7, 3), sure(math.log(1.5), 7, 3)
    logits, labels = np.array(first[0] + second[0]), np.array(first[1] + second[1])
    assert expected_calibration_error(logits, labels) == pytest.approx(0.15)
    assert expected_calibration_error(logits * 3, labels, 3.0) == pytest.approx(0.15)


def test_clips_of_one_bin_make_up_for_each_other() -> None:
    """Scores of 0.94 and of 1 share the bin above 14 / 15; 0.93 is in the one below."""
    surer = sure(800, 9, 1)
    for share, expected in [(0.94, (0.1 - 0.06) / 2), (0.93, (0.1 + 0.07) / 2)]:
        other = sure(math.log(share / (1 - share)), 10, 0)
        logits, labels = np.array(surer[0] + other[0]), np.array(surer[1] + other[1])
        assert expected_calibration_error(logits, labels) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("logits", "labels", "temperature"),
    [
        (*sure(math.log(9), 8, 2), math.log(9) / math.log(4)),  # scores of 0.9, right in 0.8
        (*sure(math.log(2), 8, 2), 0.5),  # scores of 2/3, and twice the logit is 0.8
        (*sure(3, 5, 0), 0.25),  # all right
        (*sure(3, 0, 5), 20),  # all wrong
        (*sure(0, 5, 3), 1),  # no temperature makes a difference
        (*sure(300, 5, 0), 1),  # already confident
    ],
)
def test_temperature(logits: list[list[float]], labels: list[int], temperature: float) -> None:
    assert fit_temperature(np.array(logits), np.array(labels)) == pytest.approx(temperature, rel=1e-4)


def test_temperature_of_nothing_and_wrong_ones() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, np.int64)) == 1
    for temperature in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="must be above 0"):
            saying([0], [0]).probabilities(temperature)


@given(predictions_of_clips(), st.floats(0.3, 15))
def test_no_other_temperature_is_better(p: Predictions, other: float) -> None:
    best = cross_entropy(p.logits, p.labels, fit_temperature(p.logits, p.labels))
    assert best <= cross_entropy(p.logits, p.labels, other) + 1e-8


def test_large_logits_do_not_overflow() -> None:
    p = make([[3e38, -3e38, 0.0]], [1])
    assert p.probabilities().tolist() == [[1, 0, 0]]
    assert math.isfinite(evaluate(p, NAMES).cross_entropy)


@given(st.data())
def test_jsonl_gives_back_the_same(data: st.DataObject) -> None:
    clip = st.tuples(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        st.integers(0, 2),
        st.text(),
    )
    clips = data.draw(st.dictionaries(st.text(), clip, min_size=1, max_size=5))
    logits, labels, groups = zip(*clips.values(), strict=True)
    p = replace(make(logits, labels, groups), video_ids=tuple(clips))
    back = Predictions.from_jsonl(p.to_jsonl(NAMES), NAMES)
    assert (back.logits.tobytes(), back.labels.tolist()) == (p.logits.tobytes(), p.labels.tolist())
    assert (back.groups, back.video_ids) == (p.groups, p.video_ids)


def test_a_line_of_jsonl() -> None:
    p = make([[0.1, math.log(9) * 2 + 0.1]], [0], ["g"])
    line = json.loads(p.to_jsonl(NAMES[:2], temperature=2.0))
    assert line == {
        "video_id": "v000",
        "group": "g",
        "label": "Jump",
        "predicted": "Run",
        "score": pytest.approx(0.9),
        "logits": p.logits[0].tolist(),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        "[]",
        '"x"',
        '{"video_id": "b"}',
        '{"video_id": "b", "group": "g", "label": "Swim", "logits": [1, 2, 3]}',
        '{"video_id": "b", "group": "g", "label": "Run", "logits": [1, 2]}',
    ],
)
def test_what_is_no_prediction_is_refused_with_its_line(wrong: str) -> None:
    good = saying([0], [0]).to_jsonl(NAMES)
    with pytest.raises(ValueError, match="line 2 is not a prediction for these classes"):
        Predictions.from_jsonl(f"{good}{wrong}\n", NAMES)


def test_concatenate() -> None:
    p = saying([0, 1, 2, 2], [0, 1, 1, 2], ["a", "a", "b", "b"])
    pooled = Predictions.concatenate([reorder(p, [2, 3]), reorder(p, [0, 1])])
    assert pooled.to_jsonl(NAMES) == reorder(p, [2, 3, 0, 1]).to_jsonl(NAMES)
    with pytest.raises(ValueError, match="video id v000 occurs 2 times"):
        Predictions.concatenate([p, reorder(p, [0])])
    for parts in ([], [p, make([[1, 2]], [0])]):
        with pytest.raises(ValueError, match="must have the same classes"):
            Predictions.concatenate(parts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros(2, np.float32)}, r"shape \[N, C\].*logits float32 \[2\]"),
        ({"labels": np.zeros((2, 3), np.int64)}, r"shape \[N\].*labels int64 \[2, 3\]"),
        ({"logits": np.zeros((3, 3), np.float32)}, r"of clips differ: logits float32 \[3, 3\], labels int64 \[2\]"),
        ({"groups": ("g",)}, "numbers of clips differ: .* 1 groups, 2 video ids"),
        ({"logits": np.zeros((2, 3))}, "must be float32 .* float64"),
        ({"labels": np.zeros(2, np.int32)}, "labels int64: .* int32"),
        ({"logits": np.array([[0, 0, 0], [0, math.nan, 0]], np.float32)}, "1 clips are not finite, as of v001"),
        ({"labels": np.array([0, 3])}, r"label 3 of v001 is not a class: logits float32 \[2, 3\]"),
        ({"labels": np.array([-1, 0])}, "label -1 of v000 is not a class"),
        ({"video_ids": ("x", "x")}, "video id x occurs 2 times"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(saying([0, 1], [0, 1]), **change)


def test_names_must_fit() -> None:
    p = saying([0], [0])
    for wrong in (("Jump", "Run"), ("Jump", "Run", "Run")):
        for use in (evaluate, Predictions.to_jsonl, lambda p, names: majority_baseline({}, p, names)):
            with pytest.raises(ValueError, match="3 logits need as many different class names"):
                use(p, wrong)


@given(predictions_of_clips())
def test_evaluation_goes_through_json(p: Predictions) -> None:
    result = evaluate(p, names(p), num_resamples=20)
    text = json.dumps(result.to_json(), allow_nan=False)
    assert json.loads(text) == result.to_json()
    assert Evaluation.from_json(json.loads(text)) == result
    assert list(result.to_json())[:5] == ["num_clips", "num_groups", "top1", "top5", "macro_f1"]


def test_an_interval_holds_its_value() -> None:
    assert Interval.from_json({"value": 0.5, "low": 0.4, "high": 0.6}) == Interval(0.5, 0.4, 0.6)
    with pytest.raises(ValueError, match="0.3 is not from 0.4 to 0.6"):
        Interval(0.3, 0.4, 0.6)


@pytest.mark.parametrize(
    ("baseline", "difference", "expected"),
    [
        ((0.5, 0.4, 0.6), None, True),
        ((0.5, 0.4, 0.66), None, False),
        ((0.9, 0.8, 1.0), None, False),
        ((0.125, 0.05, 0.66), None, False),  # far below, but the intervals overlap
        ((0.5, 0.4, 0.66), (0.2, 0.01, 0.3), True),  # compared clip by clip, the difference is clear
        ((0.5, 0.4, 0.6), (0.2, 0.0, 0.3), False),
    ],
)
def test_a_baseline_is_clearly_worse_where_no_draw_of_groups_makes_it_as_good(
    baseline: tuple[float, float, float], difference: tuple[float, float, float] | None, expected: bool
) -> None:
    known = Interval(*difference) if difference else None
    assert is_clearly_worse(Interval(*baseline), Interval(0.7, 0.65, 0.8), known) is expected


def test_a_baseline_is_compared_clip_by_clip() -> None:
    """A model that is a bit better in each of twelve groups is clearly better, though groups differ by far more."""
    groups = tuple(f"g{i // 10:02}" for i in range(120))
    ids = tuple(map(str, range(120)))
    right = np.array([i % 10 < i // 10 % 4 * 2 + 2 for i in range(120)])
    other = right & np.array([i % 10 > i // 10 % 2 for i in range(120)])

    def say(correct: np.ndarray) -> Predictions:
        logits = np.stack([correct, ~correct], axis=1).astype(np.float32)
        return Predictions(logits, np.zeros(120, np.int64), groups, ids)

    model, baseline = say(right), say(other)
    value = baseline_to_json(model, baseline)
    top1, by = Interval.from_json(value["top1"]), Interval.from_json(value["worse_by"])
    assert top1.high > evaluate(model, ("a", "b")).top1.low
    assert by.value == pytest.approx(0.15)
    assert by.low > 0
    assert model.always(1).predicted.tolist() == [1] * 120
    assert baseline_to_json(model, model.always(0))["worse_by"]["value"] < 0
