"""Which segments are chosen, and why: tables of small collections, and what holds for all."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.types import Segment
from pipelines.selection.choice import SPREAD, UNCERTAIN, UNLIKE, Chosen, choose, of_each_class
from pipelines.selection.segments import Segments, gather
from pipelines.selection.vectors import of_scores
from tests.support.label_folders import segment, video_labels
from tests.support.ledger_entries import failed

APART_S = 2.0


def pick(segments: Segments, budget: int, vectors: Sequence[Sequence[float]] | None = None) -> dict[int, str]:
    """The reason of each that is chosen, by the number of its video."""

    def described(wanted: np.ndarray) -> np.ndarray:
        return of_scores(segments, wanted) if vectors is None else np.array(vectors, np.float32)[wanted]

    found = choose(segments, described, budget, APART_S)
    return {int(segments.videos[segments.video[item.number]]): item.reason for item in found}


def one_each(*scores: float, unfamiliar: Sequence[float | None] = ()) -> Segments:
    """Videos `00`, `01` and so on of one segment, with the score of A and what is left for B."""
    told = [*unfamiliar, *[None] * (len(scores) - len(unfamiliar))]
    return gather(
        video_labels(f"{number:02d}", [segment(0, 1, {"A": score, "B": round(1 - score, 6)}, far)])
        for number, (score, far) in enumerate(zip(scores, told, strict=True))
    )


@pytest.mark.parametrize(
    ("scores", "unfamiliar", "budget", "expected"),
    [
        ((0.9, 0.5, 0.8), (), 1, {1: UNCERTAIN}),
        ((0.9, 0.5, 0.8), (), 2, {0: SPREAD, 1: UNCERTAIN}),
        ((0.9, 0.5, 0.8), (), 5, {0: SPREAD, 1: UNCERTAIN, 2: UNCERTAIN}),
        ((0.99, 0.98, 0.97, 0.5, 0.6), (1.2, 3.0, 0.9), 4, {0: SPREAD, 1: UNLIKE, 3: UNCERTAIN, 4: UNCERTAIN}),
        ((0.7, 0.7, 0.7), (), 1, {0: UNCERTAIN}),
        ((0.7,), (), 0, {}),
        ((), (), 3, {}),
    ],
)
def test_what_is_chosen_for_which_reason(
    scores: Sequence[float], unfamiliar: Sequence[float], budget: int, expected: dict[int, str]
) -> None:
    assert pick(one_each(*scores, unfamiliar=unfamiliar), budget) == expected


def test_doubt_is_the_margin_between_the_best_two_classes() -> None:
    rows = [segment(0, 1, {"A": 0.6, "B": 0.35}), segment(1, 2, {"A": 0.5, "B": 0.1}), segment(2, 3, {"A": 0.9})]
    assert gather([video_labels("v", rows)]).doubt == pytest.approx([0.75, 0.6, 0.1])
    rows.append(segment(3, 4, {"A": 0.9, "B": 0.8}))  # of a model that gives several labels
    assert gather([video_labels("v", rows)]).doubt == pytest.approx([0.8, 1.0, 0.2, 0.2])


def test_those_chosen_are_unlike_each_other_in_their_vectors() -> None:
    """Of eight equally uncertain ones in two heaps, two of four are not of the same heap."""
    segments = one_each(*[0.5] * 8, *[0.99] * 8)
    vectors = [[0.0, number % 2 / 10] for number in range(7)] + [[9.0, 9.0]] + [[0.0, 0.0]] * 8
    assert {0: UNCERTAIN, 7: UNCERTAIN}.items() <= pick(segments, 4, vectors).items()


@pytest.mark.parametrize("same", ["video", "class"])
def test_of_equal_vectors_another_class_and_another_video_are_farther(same: str) -> None:
    rows = [segment(10 * number, 10 * number + 1, {"A": 0.9, "B": 0.1}) for number in range(4)]
    first = segment(50, 51, {"A": 0.5, "B": 0.5})
    other = segment(90, 91, {"B": 0.9, "A": 0.1}) if same == "video" else segment(200, 201, {"A": 0.9, "B": 0.1})
    videos = [[*rows, first, other]] if same == "video" else [[*rows, first], [other]]
    segments = gather(video_labels(f"v{number}", found) for number, found in enumerate(videos))
    found = choose(segments, lambda wanted: np.ones((len(wanted), 3), np.float32), 2, APART_S)
    starts = {float(segments.start_s[item.number]): item.reason for item in found}
    assert starts == {50.0: UNCERTAIN, other.start_s: SPREAD}


def test_the_most_uncertain_one_is_chosen_however_near_it_is_to_another() -> None:
    """Its vector is that of the one most unlike training, which is chosen first."""
    segments = one_each(0.5, *[0.51] * 7, *[0.99] * 8, unfamiliar=[*[None] * 15, 2.0])
    vectors = [[float(number % 15), 0.0] for number in range(16)]
    assert {0: UNCERTAIN, 15: UNLIKE}.items() <= pick(segments, 4, vectors).items()


def test_where_moments_are_in_the_way_of_a_reason_others_are_chosen() -> None:
    """A long segment that is unlike training covers all that are uncertain, as those of another label may."""
    rows = [segment(0, 60, {"A": 0.99}, 2.0)]
    rows += [segment(10 * n + 1, 10 * n + 2, {"B": 0.5, "A": 0.5}) for n in range(4)]
    others = [video_labels(f"w{n}", [segment(0, 1, {"A": 0.9, "B": 0.1})]) for n in range(5)]
    segments = gather([video_labels("v", rows), *others])
    found = choose(segments, lambda wanted: of_scores(segments, wanted), 4, APART_S)
    assert found[0].number == 0 and len(found) == 4
    assert sorted(item.reason for item in found) == [SPREAD, UNCERTAIN, UNCERTAIN, UNLIKE]


def test_videos_that_failed_or_are_in_doubt_are_counted_only() -> None:
    sound = segment(0, 1, {"A": 0.5, "unknown": 0.4}, 1.5)
    found = gather(
        [
            video_labels("b", [sound]),
            video_labels("failed", [], failures=[failed("failed")]),
            video_labels("partly", [sound], failures=[failed("partly", 3.0)]),
            video_labels("damaged", [sound], "390 of 720 frames are there"),
            video_labels("a", [sound]),
        ]
    )
    assert (found.videos, found.labels, len(found)) == (["a", "b"], ["A", "unknown"], 2)
    assert (found.num_failed, found.num_doubtful) == (1, 2)


@pytest.mark.parametrize(
    ("counts", "most", "expected"),
    [([3, 100, 5], 20, [3, 12, 5]), ([4, 4], 8, [4, 4]), ([9, 0, 9], 5, [2, 0, 3]), ([5], 3, [3]), ([], 3, [])],
)
def test_rare_classes_are_candidates_for_the_spread(counts: list[int], most: int, expected: list[int]) -> None:
    label = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    found = of_each_class(label, most)
    assert np.bincount(label[found], minlength=len(counts)).tolist() == expected
    assert found.tolist() == sorted(set(found.tolist()))


@st.composite
def collections(draw: st.DrawFn) -> list[VideoLabels]:
    """Videos cut into segments without gaps, or of several labels at a time, with gaps; some are in doubt."""
    videos = []
    for number in range(draw(st.integers(0, 8))):
        cuts = sorted(draw(st.sets(st.integers(0, 60), min_size=2, max_size=9)))
        rows = [scored(draw, start, end) for start, end in pairwise(cuts)]
        if draw(st.booleans()):
            rows = rows[::2] + [scored(draw, row.start_s, row.end_s + 1) for row in rows[::3]]
            rows.sort(key=lambda row: row.start_s)
        videos.append(video_labels(f"v{number}", rows, draw(st.sampled_from(["", "", "", "odd"]))))
    return videos


def scored(draw: st.DrawFn, start_s: float, end_s: float) -> Segment:
    best, second = draw(st.permutations("ABC"))[:2]
    score = draw(st.integers(50, 100)) / 100
    return segment(start_s, end_s, {best: score, second: round(1 - score, 6)}, draw(st.none() | st.floats(0, 3)))


@given(collections(), st.integers(1, 40), st.randoms(use_true_random=False))
def test_what_holds_for_every_choice(videos: list[VideoLabels], budget: int, chance: random.Random) -> None:
    segments = gather(videos)
    found = choose(segments, lambda wanted: of_scores(segments, wanted), budget, APART_S)
    numbers = [item.number for item in found]
    assert numbers == sorted(set(numbers)) and len(found) <= budget
    assert not [pair for pair in combinations(numbers, 2) if is_one_moment(segments, *pair)]
    if len(found) < budget:  # no other is left
        rest = set(range(len(segments))) - {*numbers}
        assert all(any(is_one_moment(segments, number, other) for other in numbers) for number in rest)
    unlike = [item.number for item in found if item.reason == UNLIKE]
    assert (segments.unfamiliar[unlike] > 1).all() and len(unlike) <= budget // 4

    shuffled = chance.sample(videos, len(videos))
    again = gather(shuffled)
    assert again.videos == segments.videos and np.array_equal(again.start_s, segments.start_s)
    assert choose(again, lambda wanted: of_scores(again, wanted), budget, APART_S) == found
    # Other numbers of the same vectors: only what is near to what matters.
    assert choose(again, lambda wanted: 2 * of_scores(again, wanted) + 1, budget, APART_S) == found


def is_one_moment(segments: Segments, one: int, other: int) -> bool:
    gap = max(segments.start_s[one] - segments.end_s[other], segments.start_s[other] - segments.end_s[one])
    return bool(segments.video[one] == segments.video[other] and gap < APART_S)


def test_the_choice_of_a_large_collection_is_quick_to_check() -> None:
    """More candidates than are compared: each class is among the spread, however rare."""
    count = 30_000
    chance = np.random.default_rng(0)
    segments = one_each(0.9)
    many = {name: np.repeat(getattr(segments, name), count, axis=0) for name in ("start_s", "end_s", "top")}
    label = np.where(np.arange(count) % 1000 == 7, 1, 0)
    scores = np.column_stack([chance.uniform(0.5, 1, count), *[np.zeros(count)] * 4])
    large = replace(
        segments, videos=[str(n) for n in range(count)], video=np.arange(count), label=label, top_scores=scores,
        score=scores[:, 0], unfamiliar=np.full(count, np.nan), **many,
    )  # fmt: skip
    found = choose(large, lambda wanted: scores[wanted].astype(np.float32), 40, APART_S)
    assert len(found) == 40 and {item.reason for item in found} == {UNCERTAIN, SPREAD}
    assert 1 in label[[item.number for item in found if item.reason == SPREAD]]
    assert all(isinstance(item, Chosen) for item in found)
