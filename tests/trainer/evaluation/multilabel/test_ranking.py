"""Average precision, worked out by hand and against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.evaluation.multilabel.ranking import average_precisions, mean_over_classes


def one(scores: list[float], truth: list[int], weights: list[float] | None = None) -> float:
    """The average precision of a single class."""
    given_weights = np.array([weights or [1.0] * len(scores)])
    found = average_precisions(np.array(scores)[:, None], np.array(truth, bool)[:, None], given_weights)
    return float(found[0, 0])


@pytest.mark.parametrize(
    ("scores", "truth", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 0], 1.0),
        ([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        ([0.9, 0.8, 0.7, 0.6], [0, 0, 0, 1], 1 / 4),
        ([0.6, 0.9, 0.8, 0.7], [1, 0, 1, 0], (1 / 2 + 2 / 4) / 2),
        ([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0], 1 / 4),  # equal scores: the share of the class, whatever the order
        ([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 1], 1 / 4),
        ([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 1], 1 / 3 * 1 + 1 / 3 * 2 / 3 + 1 / 3 * 3 / 4),
    ],
)
def test_tables_by_hand(scores: list[float], truth: list[int], expected: float) -> None:
    assert one(scores, truth) == pytest.approx(expected, abs=1e-12)


def test_a_class_without_clips_has_none_and_is_left_out_of_the_mean() -> None:
    assert math.isnan(one([0.1, 0.2], [0, 0]))
    assert math.isnan(one([0.1, 0.2], [0, 1], [1.0, 0.0]))
    rows = np.array([[0.5, math.nan, 1.0], [math.nan] * 3])
    assert mean_over_classes(rows)[0] == 0.75 and math.isnan(mean_over_classes(rows)[1])


CLIPS = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=1, max_size=12)


@given(CLIPS)
def test_the_definition(clips: list[tuple[int, bool, int]]) -> None:
    """Precision at each clip with the label, where a clip of weight 3 is three clips, and equal scores are one rank."""
    copies = [(score, label) for score, label, times in clips for _ in range(times)]
    hits = [score for score, label in copies if label]
    scores, truth, times = (list(values) for values in zip(*clips, strict=True))
    found = one(scores, truth, [float(n) for n in times])
    if not hits:
        assert math.isnan(found)
        return
    precisions = [
        sum(label for other, label in copies if other >= score) / sum(other >= score for other, _ in copies)
        for score in hits
    ]
    assert found == pytest.approx(sum(precisions) / len(hits), abs=1e-12)
