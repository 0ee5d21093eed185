"""Average precision at temporal overlaps: by hand, against a plain version, and against ActivityNet's own numbers."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.evaluation.detection import THRESHOLDS, Ranking, average_precision, match, precision_recall, rank
from pipelines.evaluation.events import Events, temporal_iou
from pipelines.evaluation.measuring import MEASURES, take_apart
from tests import ROOT
from tests.support.evaluation import events, gathered

HALF = np.array([0.5])


def ranking(hits: list[bool], truth: int) -> Ranking:
    """A class in one video."""
    return Ranking(np.zeros(len(hits), int), np.array([hits], bool).reshape(1, -1), np.array([truth]))


def ap(hits: list[bool], truth: int) -> float:
    return float(average_precision(ranking(hits, truth), np.ones((1, 1)))[0, 0])


def test_overlaps_by_hand() -> None:
    iou = temporal_iou(events((0, 0, 0, 4), (0, 0, 2, 6)), events((0, 0, 0, 4), (0, 0, 4, 8), (0, 0, 3, 3)))
    assert np.allclose(iou, [[1, 0, 0], [1 / 3, 0, 1 / 3]])  # rows and columns are sorted by start
    assert temporal_iou(events(), events((0, 0, 0, 1))).shape == (0, 1)


@pytest.mark.parametrize(
    ("hits", "truth", "wanted"),
    [
        ([True], 1, 1.0),
        ([False, True], 1, 0.5),
        ([True, False], 1, 1.0),  # a mistake after everything is found costs nothing
        ([True, False, True], 2, 0.5 * 1 + 0.5 * 2 / 3),
        ([False, True, True], 2, 2 / 3),  # the precision of the second is also reached at the first, 1 / 2 isn't taken
        ([True], 4, 0.25),
        ([False], 3, 0.0),
        ([], 2, 0.0),
    ],
)
def test_average_precision_by_hand(hits: list[bool], truth: int, wanted: float) -> None:
    assert ap(hits, truth) == pytest.approx(wanted)


def test_a_class_without_truth_has_no_average_precision() -> None:
    assert np.isnan(ap([False], 0)) and np.isnan(ap([], 0))


def test_each_event_is_found_once_by_the_surest_detection() -> None:
    truth = events((0, 0, 0, 10))
    found = events((0, 0, 0, 10, 0.5), (0, 0, 0, 9, 0.9), (0, 1, 0, 10, 0.95), (1, 0, 0, 10, 0.99))
    # Sorted by video, start, end: the surer one ends at 9 s. Another label, and another video, don't count.
    assert match(truth, found, HALF).tolist() == [[0, -1, -1, -1]]
    # At an overlap of 0.95 the surer one is wrong and leaves the event to the other.
    assert match(truth, found, np.array([0.95])).tolist() == [[-1, 0, -1, -1]]


def test_a_detection_takes_the_next_best_event_if_the_best_is_taken() -> None:
    truth = events((0, 0, 0, 10), (0, 0, 2, 12))
    found = events((0, 0, 0, 10, 0.9), (0, 0, 0, 11, 0.8))
    assert match(truth, found, HALF).tolist() == [[0, 1]]


def test_an_overlap_that_just_reaches_the_threshold_is_enough() -> None:
    assert match(events((0, 0, 0, 2)), events((0, 0, 1, 2)), HALF).tolist() == [[0]]
    assert match(events((0, 0, 0, 2)), events((0, 0, 1.001, 2)), HALF).tolist() == [[-1]]


def test_precision_and_recall_after_each_detection() -> None:
    recall, precision = precision_recall(ranking([True, False, True], 4))
    assert recall.tolist() == [0.25, 0.25, 0.5] and precision.tolist() == [1, 0.5, pytest.approx(2 / 3)]


times = st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda pair: (pair[0], pair[0] + pair[1]))
rows = st.tuples(st.integers(0, 2), st.integers(0, 1), times, st.integers(0, 5))
some_rows = st.lists(rows, max_size=12).map(lambda found: events(*((v, c, *t, s / 5) for v, c, t, s in found)))


def plain_average_precision(truth: Events, found: Events, label: int, threshold: float, times_of: list[int]) -> float:
    """Average precision from its definition, with videos that are there several times copied out."""
    events_left = [
        (copy, n) for n in range(len(truth)) if truth.label[n] == label for copy in range(times_of[truth.video[n]])
    ]
    total, hits = len(events_left), []
    order = sorted(np.flatnonzero(found.label == label), key=lambda n: -found.score[n])
    iou = temporal_iou(found, truth)
    for n in order:
        for copy in range(times_of[found.video[n]]):
            best = None
            for other_copy, m in events_left:
                same = other_copy == copy and truth.video[m] == found.video[n]
                if same and iou[n, m] >= threshold and (best is None or iou[n, m] > iou[n, best]):
                    best = m
            hits.append(best is not None)
            if best is not None:
                events_left.remove((copy, best))
    precision = [sum(hits[: n + 1]) / (n + 1) for n in range(len(hits))]
    return sum(max(precision[n:]) for n, hit in enumerate(hits) if hit) / total if total else float("nan")


@given(some_rows, some_rows, st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_against_the_definition(truth: Events, found: Events, times_of: list[int]) -> None:
    matched = match(truth, found)
    for place in range(len(THRESHOLDS)):
        taken = matched[place][matched[place] >= 0]
        assert len(set(taken.tolist())) == len(taken)
    for label, each in enumerate(rank(truth, found, matched, 3, 2)):
        values = average_precision(each, np.array([times_of], float))[0]
        wanted = [plain_average_precision(truth, found, label, threshold, times_of) for threshold in THRESHOLDS]
        assert np.allclose(values, wanted, equal_nan=True)


def test_activitynet_says_the_same() -> None:
    """The numbers are those of ActivityNet's public evaluation, `Evaluation/eval_detection.py` at commit 82304fa of
    github.com/activitynet/ActivityNet.

    Its `compute_average_precision_detection` was run on these generated events and detections, class by class, with
    `print` and `np.float` written for today's Python and NumPy, and with a small table class in place of pandas.
    """
    data = json.loads((ROOT / "tests/data/evaluation/activitynet.json").read_text())
    videos = sorted({row[0] for row in data["truth"]})
    both = gathered(
        {video: [tuple(row[1:]) for row in data["truth"] if row[0] == video] for video in videos},
        {video: [tuple(row[1:]) for row in data["found"] if row[0] == video] for video in videos},
    )
    parts = take_apart(both.truth, both.found, both.lengths_s, len(both.labels))
    ones = np.ones((1, len(videos)))
    for label, each in zip(both.labels, parts.rankings, strict=True):
        assert average_precision(each, ones)[0] == pytest.approx(data["average_precision"][label], abs=1e-12)
    values = dict(zip(MEASURES, parts.statistics(ones)[0], strict=False))
    assert [values[f"mAP@{t:g}"] for t in THRESHOLDS.round(2)] == pytest.approx(data["map"], abs=1e-12)
    assert values["mAP@0.5:0.95"] == pytest.approx(data["average_map"], abs=1e-12)
    assert set(data["average_precision"]) == set(both.labels) and len(both.truth) == len(data["truth"])
