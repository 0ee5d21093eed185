"""What of truth and labels is measured, and what is said about the rest."""

import numpy as np
import pytest

from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.core.failure import Failure
from pipelines.evaluation.evaluating import assemble
from pipelines.evaluation.gathering import Labelled, gather, labelled
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.types import Segment
from tests.support.evaluation import annotations, detections, gathered

FOUND = {"x/a.mp4": [("Run", 0.0, 4.0, 0.9), ("Jump", 4.0, 9.5, 0.8)], "x/b.mp4": [("Run", 0.0, 5.0, 0.7)]}


def segment(label: str, start_s: float, end_s: float) -> Segment:
    return Segment(start_s, end_s, label, 0.5, ())


def test_unknown_and_background_are_no_detections() -> None:
    segments = (segment("Run", 0, 2), segment("unknown", 2, 5), segment("Still", 5, 9))
    lost = Failure("decode", "VideoDecodeError", "the rest is missing", start_s=9.0, end_s=12.0)
    video = VideoLabels("a.mp4", "/in/a.mp4", "00ff", "", segments, (lost,))
    found = labelled(video, {"unknown", "Still"})
    assert found == Labelled("a.mp4", "/in/a.mp4", "00ff", 12.0, (("Run", 0, 2, 0.5),), ((9.0, 12.0),))
    failed = labelled(VideoLabels("b.mp4", "b.mp4", "", "", (), (Failure("read", "VideoReadError", "no"),)))
    assert (failed.length_s, failed.rows, failed.why_none) == (0.0, (), "VideoReadError")


@pytest.mark.parametrize(
    "failed, segments, lost",
    [
        ([(3, 4)], [(0, 3.5), (3.5, 6)], ()),  # one window, whose neighbours overlap it
        ([(3, 4), (3.5, 4.5)], [(0, 3.5), (4, 6)], ((3.5, 4),)),
        ([(0, 1), (0.5, 1.5), (1, 2)], [], ((0, 2),)),
        ([(9, 12), (2, 3)], [(0, 2), (3, 9)], ((2, 3), (9, 12))),
        ([(0, 10)], [(2, 4), (3, 5), (6, 7)], ((0, 2), (5, 6), (7, 10))),
        ([(1, 2), (2, 3)], [], ((1, 3),)),
        ([(5, 5)], [], ()),
        ([], [(0, 1)], ()),
    ],
)
def test_time_that_failed_counts_once_and_only_where_there_are_no_labels(
    failed: list[tuple[float, float]], segments: list[tuple[float, float]], lost: tuple[tuple[float, float], ...]
) -> None:
    failures = tuple(Failure("decode", "VideoDecodeError", "no", start_s=start, end_s=end) for start, end in failed)
    video = VideoLabels("a.mp4", "a.mp4", "00ff", "", tuple(segment("Run", *times) for times in segments), failures)
    found = labelled(video)
    assert found.lost == lost
    assert found.length_s == max([0, *(end for _, end in [*failed, *segments])])
    notes = " ".join(assemble(gather([Annotation("a.mp4", 0.0, 1.0, ("Run",))], [found]), draws=1).notes)
    seconds = sum(end - start for start, end in lost)
    if segments:
        assert (f"{seconds:,.1f} s of 1 video failed" in notes) == bool(lost)
        assert "failed" in notes or not lost
    else:
        assert "1 video failed" in notes and "s of 1 video failed" not in notes  # told once


def test_only_videos_in_both_are_measured() -> None:
    truth = {"a": [("Run", 0, 4)], "none.mp4": [("Run", 0, 1)]}
    found = gathered(truth, FOUND)
    assert [video.video for video in found.videos] == ["x/a.mp4"]
    assert (found.only_in_truth, found.only_in_labels) == (("none.mp4",), ("x/b.mp4",))
    notes = " ".join(assemble(found, draws=1).notes)
    assert "1 video of the truth is not in the labels and counts in no measure: none.mp4." in notes
    assert "1 video of the labels is not in the truth and counts in no measure: x/b.mp4." in notes
    with pytest.raises(UsageError, match=r"no video in common: the truth has c, the labels have x/a.mp4, x/b.mp4"):
        gathered({"c": [("Run", 0, 4)]}, FOUND)


def test_events_that_cannot_be_right_are_named_by_line() -> None:
    truth = annotations(
        {"a": [("Run", 0, 4), ("Run", 5, 5), ("Run", 6, 2), ("Run", 0, 4), ("Jump", 4, 10), ("Jump", 4, 30)]}
    )
    truth += [
        Annotation("a", None, None, ("Walk",), place="line 8"),
        Annotation("a", None, None, (), place="line 9"),
        Annotation("b", 0.0, 1.0, ("Run", "Jump"), "g", place="line 10"),
        Annotation("b", 1.0, 2.0, ("Still",), "h", place="line 11"),
        Annotation("failed", None, None, ("Run",), place="line 12"),
        Annotation("failed", None, None, (), place="line 13"),
    ]
    labels = [*detections(FOUND), Labelled("failed.mp4", "failed.mp4", "", 0.0, (), (), "VideoOpenError")]
    found = gather(truth, labels, {"Still"})
    assert list(found.problems) == [
        "line 3: its start 5 s is not before its end 5 s; it is left out",
        "line 4: its start 6 s is not before its end 2 s; it is left out",
        "line 5: it repeats line 2; it is left out",
        "line 7: it ends at 30 s, but the labels of x/a.mp4 at 9.5 s; it counts as it is",
        "line 12: how long failed.mp4 is isn't known, as it has no labels; it counts as missed, for 7.25 s, as long as "
        "others are",
        "line 11: b is in the group g by line 10, not in h; the first counts",
    ]
    events = found.truth
    assert found.labels == ("Jump", "Run", "Walk")
    assert [
        (found.videos[v].video, found.labels[c], s, e)
        for v, c, s, e in zip(events.video, events.label, events.start_s, events.end_s, strict=True)
    ] == [
        ("failed.mp4", "Run", 0, 7.25), ("x/a.mp4", "Run", 0, 4), ("x/a.mp4", "Walk", 0, 9.5),
        ("x/a.mp4", "Jump", 4, 10), ("x/a.mp4", "Jump", 4, 30), ("x/b.mp4", "Jump", 0, 1), ("x/b.mp4", "Run", 0, 1),
    ]  # fmt: skip
    assert found.lengths_s.tolist() == [7.25, 30.0, 5.0]
    result = assemble(found, draws=1)
    assert result.counts["problems"] == 6 and result.counts["failed"] == 1 and result.problems == found.problems
    assert "1 video failed and has no labels, so that everything in it counts as missed: failed.mp4." in result.notes


def test_a_video_that_failed_is_not_right_about_what_happens_in_the_whole_of_it() -> None:
    truth = [*annotations({"a": [("Run", 0, 4)]}), Annotation("failed", None, None, ("Run",), place="line 2")]
    failed = Labelled("failed.mp4", "failed.mp4", "", 0.0, (), (), "VideoOpenError")
    found = assemble(gather(truth, [*detections({"a.mp4": [("Run", 0.0, 4.0, 0.9)]}), failed]), draws=1).measures
    values = {name: found[name].value for name in ("recall@0.5", "mAP@0.5", "edit", "accuracy") if found[name]}
    assert values == dict.fromkeys(values, 0.5) and len(values) == 4
    alone = gather(truth[1:], [failed])
    assert alone.lengths_s.tolist() == [1.0] and "for 1 s" in alone.problems[0]


def test_groups() -> None:
    truth = {name: [("Run", 0, 4)] for name in ("x/a.mp4", "x/b.mp4", "c.mp4")}
    labels = {**FOUND, "c.mp4": [("Run", 0.0, 4.0, 1.0)]}
    alone = gathered(truth, labels)
    assert alone.group_names == () and sorted(alone.groups.tolist()) == [0, 1, 2]
    # A video without a group is one of its own, even beside a group of the same name.
    grouped = gathered(truth, labels, groups={"x/a.mp4": "c.mp4", "x/b.mp4": "c.mp4"})
    assert grouped.groups[1] == grouped.groups[2] != grouped.groups[0] and len(grouped.group_names) == 2


def test_videos_with_overlaps_are_left_out_of_segmentations() -> None:
    truth = {"x/a.mp4": [("Run", 0, 4), ("Jump", 2, 9)], "x/b.mp4": [("Run", 0, 5)]}
    result = assemble(gathered(truth, FOUND), draws=10)
    assert result.counts["overlapping"] == 1
    assert result.measures["accuracy"] is not None and result.measures["accuracy"].value == 1  # that of b.mp4
    assert any("1 video (1 with true events that overlap, 0 with labels that do): x/a.mp4." in n for n in result.notes)
    both = {**truth, "x/b.mp4": [("Run", 0, 5), ("Jump", 0, 5)]}
    result = assemble(gathered(both, FOUND), draws=10)
    assert [result.measures[name] for name in ("edit", "F1@10", "accuracy")] == [None] * 3
    assert result.measures["mAP@0.5"] is not None
    seconds = np.array(result.confusion.seconds)
    assert seconds.sum() == pytest.approx(14.5) and result.confusion.labels == ("Jump", "Run", "(none)")


def test_labels_without_counterpart_are_named() -> None:
    result = assemble(gathered({"x/a.mp4": [("run", 0, 4)], "x/b.mp4": [("Walk", 0, 1)]}, FOUND), draws=1)
    assert result.num_loud == 1 and "no label in common" in result.notes[0]
    assert any("2 classes in the labels: Jump, Run." in note and "--background" in note for note in result.notes)
    by_name = {each.label: each for each in result.classes}
    assert by_name["Jump"].ap is None and by_name["Jump"].precision == 0 and by_name["Jump"].recall is None
    assert by_name["run"].precision is None and by_name["run"].recall == 0
    assert by_name["run"].ap is not None and by_name["run"].ap.value == 0


def test_a_truth_in_which_nothing_happens() -> None:
    nothing = [Annotation("x/a.mp4", None, None, ()), Annotation("x/b.mp4", 0.0, 2.0, ("Still",))]
    result = assemble(gather(nothing, detections(FOUND), {"Still"}), draws=10)
    assert result.measures["mAP@0.5"] is None and result.measures["recall@0.5"] is None
    assert result.measures["precision@0.5"] is not None and result.measures["precision@0.5"].value == 0
    assert "nothing to find" in result.notes[0]


def test_a_truth_that_is_two_seconds_off() -> None:
    """Events of 4 s that are found to the millisecond are no longer found at half overlap, those of 10 s still are."""
    truth, found = {}, {}
    for number in range(10):
        stretches, time_s = [], 0.0
        for place in range(8):
            length_s = 4.0 if (place + number) % 2 else 10.0
            stretches.append((("Run", "Jump", "Walk")[(place + number) % 3], time_s, time_s + length_s))
            time_s += length_s + 3
        truth[f"{number}.mp4"] = stretches
        found[f"{number}.mp4"] = [(*row, 0.5 + n / 100) for n, row in enumerate(stretches)]

    def values(shift_s: float) -> dict[str, float]:
        moved = {name: [(c, s + shift_s, e + shift_s) for c, s, e in rows] for name, rows in truth.items()}
        measures = assemble(gathered(moved, found, 90.0), draws=10).measures
        return {name: found.value for name, found in measures.items() if found}

    assert set(values(0).values()) == {1.0}
    off = values(2)
    assert off["precision@0.5"] == off["recall@0.5"] == 0.5
    assert off["mAP@0.5"] < 0.6 and off["mAP@0.7"] == 0 < off["mAP@0.65"] < off["mAP@0.5"] + 1e-9
    # Their order is as before, and their times are off by 4 s for each of the events.
    assert off["edit"] == off["F1@10"] == off["F1@25"] == 1 and off["F1@50"] == 0.5
    assert off["accuracy"] == pytest.approx(1 - 8 * 4 / 90)
