"""Edit score, F1 at overlaps, and seconds: by hand, against plain versions, and against MS-TCN's own numbers."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.evaluation.events import Events
from pipelines.evaluation.measuring import MEASURES, take_apart
from pipelines.evaluation.segmentation import edit_score, joined, overlaps_itself, seconds_by_pair, segment_hits
from tests import ROOT
from tests.support.evaluation import gathered, of_one_video


@pytest.mark.parametrize(
    ("truth", "found", "wanted"),
    [
        ("AB", "AB", 1),
        ("", "", 1),
        ("AB", "", 0),
        ("", "A", 0),
        ("AB", "A", 1 / 2),
        ("ABC", "ABBC", 3 / 4),
        ("ABC", "CBA", 1 / 3),
        ("ABAB", "BABA", 1 / 2),
    ],
)
def test_edit_scores_by_hand(truth: str, found: str, wanted: float) -> None:
    assert edit_score(*(np.array([*map(ord, text)], int) for text in (truth, found))) == pytest.approx(wanted)


sequences = st.lists(st.integers(0, 3), max_size=9)


def plain_distance(a: list[int], b: list[int]) -> int:
    table = {(i, j): i + j for i in range(len(a) + 1) for j in range(len(b) + 1) if not i or not j}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            near = (table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            table[i, j] = min(near)
    return table[len(a), len(b)]


@given(sequences, sequences)
def test_edit_scores_against_the_definition(a: list[int], b: list[int]) -> None:
    longer = max(len(a), len(b))
    wanted = 1 - plain_distance(a, b) / longer if longer else 1
    assert edit_score(np.array(a, int), np.array(b, int)) == pytest.approx(wanted)


def test_segments_that_touch_and_are_alike_are_one() -> None:
    found = joined(of_one_video((0, 0, 2), (0, 2.001, 3), (1, 3, 4), (0, 4, 5), (0, 6, 7)))
    assert [*zip(found.label.tolist(), found.start_s.tolist(), found.end_s.tolist(), strict=True)] == [
        (0, 0, 3), (1, 3, 4), (0, 4, 5), (0, 6, 7),
    ]  # fmt: skip
    assert len(joined(of_one_video())) == 0


def test_overlaps_with_itself() -> None:
    assert not overlaps_itself(of_one_video((0, 0, 2), (1, 2, 3), (0, 2.9995, 4)))
    assert overlaps_itself(of_one_video((0, 0, 2), (1, 1.9, 3)))
    assert overlaps_itself(of_one_video((0, 0, 9), (1, 1, 2), (1, 3, 4)))
    assert not overlaps_itself(of_one_video())


def test_right_segments_by_hand() -> None:
    truth = of_one_video((0, 0, 10), (1, 10, 20), (0, 20, 30))
    # Half of the first, nothing of the second, the third twice, the first of them better.
    found = of_one_video((0, 0, 5), (2, 5, 20), (0, 20, 28), (0, 28.5, 30))
    assert segment_hits(truth, found).tolist() == [2, 2, 2]
    assert segment_hits(truth, of_one_video((1, 11.5, 14), (1, 15, 16))).tolist() == [1, 1, 0]
    assert segment_hits(truth, of_one_video()).tolist() == segment_hits(of_one_video(), truth).tolist() == [0, 0, 0]


def test_seconds_by_hand() -> None:
    truth, found = of_one_video((0, 0, 4), (1, 6, 10)), of_one_video((0, 1, 5), (0, 8, 10))
    wanted = [[3, 0, 1], [2, 0, 2], [1, 0, 3]]
    assert seconds_by_pair(truth, found, 12, 2).tolist() == wanted


@pytest.mark.parametrize(
    ("truth", "found", "wanted"),
    [
        ("A", "A", {"AA": 1}),
        ("AB", "AB", {"AA": 1 / 2, "BB": 1 / 2}),
        ("AB", "A", {"AA": 1 / 2, "B-": 1 / 2}),
        ("A", "AB", {"AA": 1 / 2, "-B": 1 / 2}),
        ("AB", "AC", {"AA": 1 / 2, "BC": 1 / 2}),
        ("AB", "C", {"AC": 1 / 4, "BC": 1 / 4, "A-": 1 / 4, "B-": 1 / 4}),
        ("A", "BC", {"AB": 1 / 4, "AC": 1 / 4, "-B": 1 / 4, "-C": 1 / 4}),
        ("", "A", {"-A": 1}),
        ("A", "", {"A-": 1}),
        ("", "", {"--": 1}),
    ],
)
def test_a_second_of_several_labels_is_shared(truth: str, found: str, wanted: dict[str, float]) -> None:
    sides = [of_one_video(*(("ABC".index(label), 0, 1) for label in text)) for text in (truth, found)]
    table = seconds_by_pair(*sides, 1, 3)
    names = "ABC-"
    assert {names[i] + names[j]: table[i, j] for i, j in zip(*np.nonzero(table), strict=True)} == pytest.approx(wanted)


stretches = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 8), st.integers(1, 5)).map(lambda row: (row[0], row[1], sum(row[1:]))),
    max_size=6,
).map(lambda found: of_one_video(*found))


def plain_seconds(truth: Events, found: Events, end_s: int, num_labels: int) -> np.ndarray:
    """Second by second, from the definition."""
    table = np.zeros((num_labels + 1, num_labels + 1))
    for second in range(end_s):
        a, b = ({int(e.label[n]) for n in range(len(e)) if e.start_s[n] <= second < e.end_s[n]} for e in (truth, found))
        both, left, right = a & b, sorted(a - b), sorted(b - a)
        facing = max(len(left), len(right))
        share = 1 / (len(both) + facing) if both or facing else 1
        if not a and not b:
            table[-1, -1] += 1
        for label in both:
            table[label, label] += share
        for i in left:
            for j in right:
                table[i, j] += share / facing
            table[i, -1] += share * (facing - len(right)) / facing
        for j in right:
            table[-1, j] += share * (facing - len(left)) / facing
    return table


@given(stretches, stretches)
def test_seconds_against_the_definition(truth: Events, found: Events) -> None:
    table = seconds_by_pair(truth, found, 14, 3)
    assert np.allclose(table, plain_seconds(truth, found, 14, 3)) and table.sum() == pytest.approx(14)


def test_ms_tcn_says_the_same() -> None:
    """The numbers are those of MS-TCN's public evaluation, `eval.py` at commit 33ed91c of github.com/yabufarha/ms-tcn,
    on these generated segmentations with a label for each second: its `edit_score`, and its `f_score` summed over the
    videos as its `main` does. `np.float` was written for today's NumPy.
    """
    data = json.loads((ROOT / "tests/data/evaluation/ms_tcn.json").read_text())
    both = gathered(
        {video: [tuple(row) for row in found] for video, found in data["truth"].items()},
        {video: [(*row, 1.0) for row in found] for video, found in data["found"].items()},
    )
    lengths_s = np.array([float(data["lengths_s"][video.video]) for video in both.videos])
    parts = take_apart(both.truth, both.found, lengths_s, len(both.labels))
    values = dict(zip(MEASURES, parts.statistics(np.ones((1, len(lengths_s))))[0], strict=False))
    assert 100 * values["edit"] == pytest.approx(data["edit"])
    assert [100 * values[f"F1@{n}"] for n in (10, 25, 50)] == pytest.approx(data["f1"])
    assert 100 * values["accuracy"] == pytest.approx(data["accuracy"])
