"""Reports of shards add up, in any order and grouping, and keep the least certain, the longest and the first."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.account import MAX_FAILURES, MAX_TIMELINES, MAX_UNCERTAIN, merge_reports, score_bin, summarise
from pipelines.labelling.types import SCORE_BINS, LabelledVideo, LabelReport, Segment
from tests.support.accounts import STRIP, account, failure, segments, times, video


def test_a_shard_is_summed_up() -> None:
    cut = replace(video("b", (0, 1.0004, "Run", 0.5)), damaged=True, remark="some is missing; a single picture")
    videos = [
        video("a", (0, 2, "Run", 0.95), (2, 4.5, UNKNOWN, 0.2), duration_s=5),
        cut,
        video("c", (0, 3, "Sit", 1.0)),
    ]
    empty = LabelledVideo("d", "/d", 9.0, True, ())
    failures = [failure("z"), failure("b", 8.0), failure("b", 4.0, "ScoreError"), failure("b")]
    report = account([*videos, empty], failures, listed=5)
    assert (report.videos, report.labelled, report.failed, report.damaged, report.windows) == (5, 3, 2, 1, 4)
    assert (report.remarked, report.single, merge_reports([report, report]).single) == (1, 1, 2)
    assert report.duration_s == 9.0 and list(report.segments_by_label) == ["Run", "Sit", UNKNOWN]
    assert report.segments_by_label == {"Run": 2, "Sit": 1, UNKNOWN: 1}
    assert report.seconds_by_label == {"Run": 3.0, "Sit": 3.0, UNKNOWN: 2.5}
    assert {i: n for i, n in enumerate(report.score_histogram) if n} == {4: 1, 10: 1, 19: 2}
    assert report.failures_by_reason == {"ScoreError": 1, "VideoDecodeError": 3}
    assert [(f.video_id, f.start_s) for f in report.failures] == [("b", None), ("b", 4.0), ("b", 8.0), ("z", None)]
    assert [(e.video, e.start_s, e.label) for e in report.uncertain] == [("a", 2, UNKNOWN), ("b", 0, "Run")]
    assert report.uncertain[0].strip == STRIP and [v.video for v in report.timelines] == ["a"]
    assert LabelReport.from_json(report.to_json()) == report


def told(made: LabelledVideo, *distances: float) -> LabelledVideo:
    return replace(
        made, segments=tuple(replace(s, unfamiliar=d) for s, d in zip(made.segments, distances, strict=True))
    )


def test_a_video_is_unfamiliar_if_more_than_half_of_its_labelled_time_is() -> None:
    videos = [
        told(video("a", (0, 2, "Run", 0.5), (2, 4, "Sit", 0.95)), 1.001, 1.0),  # half
        told(video("b", (0, 2, "Run", 0.5), (2, 4.001, "Sit", 0.95)), 0.9, 7.0),
        told(video("c", (0, 0, "Run", 0.5)), 1.5),  # a single picture
        video("d", (0, 2, "Run", 0.5)),
    ]
    assert [made.is_unfamiliar for made in videos] == [False, True, True, False]
    report = account(videos)
    assert (report.unfamiliar, report.unfamiliar_segments) == (2, 3)
    assert {(e.video, e.is_unfamiliar) for e in report.uncertain} == {
        ("a", True),
        ("b", False),
        ("c", True),
        ("d", False),
    }
    both = merge_reports([account(videos[:2]), account(videos[2:])])
    assert both == report and LabelReport.from_json(report.to_json()) == report


def test_caps_keep_the_least_certain_the_longest_and_the_first() -> None:
    videos = [video(f"v{i:03}", *((k, k + 1, "Run", 0.5 - i / 1000) for k in range(2 + i % 5))) for i in range(60)]
    report = account(videos[::-1], [failure(f"f{i:03}") for i in range(300)][::-1])
    assert [e.video for e in report.uncertain[:6]] == ["v059"] * 6 and report.uncertain[6].video == "v058"
    assert [e.start_s for e in report.uncertain[:6]] == [0, 1, 2, 3, 4, 5] and len(report.uncertain) == MAX_UNCERTAIN
    counts = [(-len(v.segments), v.video) for v in report.timelines]
    assert counts == sorted(counts) and counts[0] == (-6, "v004") and len(counts) == MAX_TIMELINES
    assert [f.video_id for f in report.failures] == [f"f{i:03}" for i in range(MAX_FAILURES)]
    assert sum(report.failures_by_reason.values()) == 300


def test_of_each_label_the_lowest_and_the_highest_scores_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.labelling.account.MAX_SEGMENTS", 7)
    monkeypatch.setattr("pipelines.labelling.account._SEGMENTS_AT_ONCE", 10)
    rare, often = [("Sit", 0.5), ("Sit", 0.9)], [("Run", k / 100) for k in range(60)]
    videos = [video(f"v{i:02}", (0, 1, *what)) for i, what in enumerate([*often, *rare])]
    listed = account(videos).segments
    shown = [(segment.label, segment.score) for segment in listed]
    assert shown == [("Run", 0.0), ("Run", 0.01), ("Run", 0.02), ("Run", 0.58), ("Run", 0.59), *rare]
    assert (listed[0].video, listed[0].uri, listed[0].start_s, listed[0].end_s) == ("v00", "/v00", 0, 1)
    assert [segment.label for segment in account(videos[:3]).segments] == ["Run"] * 3


@pytest.mark.parametrize("index", range(SCORE_BINS + 1))
def test_bins_are_closed_below(index: int) -> None:
    assert score_bin(index / SCORE_BINS) == min(index, SCORE_BINS - 1)


shards = st.lists(st.lists(st.tuples(segments, times, st.booleans(), st.integers(0, 3)), max_size=5), max_size=6)


@settings(max_examples=60)
@given(shards, st.randoms(use_true_random=False))
def test_merging_is_associative_and_knows_no_order(shards: list[list[Any]], random: Random) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MAX_UNCERTAIN", "MAX_TIMELINES", "MAX_FAILURES", "MAX_SEGMENTS"):
            patch.setattr(f"pipelines.labelling.account.{name}", 3)
        parts = []
        for i, shard in enumerate(shards):
            videos, failures = [], []
            for k, (items, duration_s, damaged, broken) in enumerate(shard):
                ends = [sum(length for length, _, _ in items[: n + 1]) + n for n in range(len(items))]
                made = tuple(
                    Segment(n and ends[n - 1], end, label, score, ())
                    for n, (end, (_, label, score)) in enumerate(zip(ends, items, strict=True))
                )
                videos.append(LabelledVideo(f"{i}-{k}", "u", duration_s, damaged, made))
                failures += [failure(f"{i}-{k}", n or None, f"E{n}") for n in range(broken)]
            parts.append((videos, failures))
        reports = [account(*part) for part in parts]
        whole = account([v for videos, _ in parts for v in videos], [f for _, fs in parts for f in fs],
                        sum(report.videos for report in reports))  # fmt: skip
        random.shuffle(reports)
        cut = random.randint(0, len(reports))
        merged = merge_reports([merge_reports(reports[:cut]), LabelReport(), merge_reports(reports[cut:])])
        assert merged == whole and merged == merge_reports(reports[::-1]) and merged.to_json() == whole.to_json()
        assert list(merged.segments_by_label) == sorted(merged.segments_by_label)


def test_nothing_merged_is_the_empty_report() -> None:
    assert merge_reports([]) == LabelReport() == summarise([], [], 0, 0, {})
