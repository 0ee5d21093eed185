"""Rows of one video that overlap although their labels differ: each has a remark that names another one."""

import json
import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipelines.dataset.folder import write_remarks
from pipelines.dataset.info import ShardReport, WrittenVideo
from pipelines.inputs.catalog import Catalog, VideoRecord
from pipelines.inputs.overlaps import overlapping, remark_overlaps, without_overlaps
from tests.support.format_examples import check_like_the_example

ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 8) | st.just(99), st.sampled_from("ABC")), max_size=9).map(
    lambda rows: sorted({(start, start + length): label for start, length, label in rows}.items())
)


@given(ROWS)
def test_all_overlaps_are_found_and_nothing_else(rows: list[tuple[tuple[int, int], str]]) -> None:
    ranges, labels = [row[0] for row in rows], [row[1] for row in rows]

    def others(i: int) -> list[int]:
        (start, end), label = rows[i]
        return [k for k, ((s, e), other) in enumerate(rows) if other != label and s < end and start < e]

    found = overlapping(ranges, labels)
    assert {*found} == {i for i in range(len(rows)) if others(i)}
    for i, named in found.items():
        assert {*named} <= {*others(i)} and [*named] == sorted(named)
        before, after = [k for k in others(i) if k < i], [k for k in others(i) if k > i]
        assert len(named) == bool(before) + bool(after)
        assert not after or named[-1] == after[0]
        assert not before or ranges[named[0]][1] == max(ranges[k][1] for k in before)


def row(video: str, start: float, end: float, label: str, line: int) -> VideoRecord:
    name = f"{video}@{start:g}-{end:g}" if end else video
    return VideoRecord(name, f"/{video}.avi", label, video, "1", "", start, end, place=f"line {line}")


def test_remarks_name_the_other_row() -> None:
    rows = [
        row("a", 0, 5, "Swing", 2), row("a", 4.5, 8.25, "Walk", 3), row("a", 8.25, 9, "Swing", 4),
        row("b", 0, 5, "Swing", 5), row("b", 1, 6, "Swing", 6), row("c", 0, 1, "Walk", 7),
        row("d", 0, 0, "Run", 8), row("d", 2, 3, "Walk", 9), row("d", 2.5, 4, "Walk", 10),
    ]  # fmt: skip
    catalog = remark_overlaps(Catalog(tuple(rows)))
    assert [(v.place, v.remark, v.overlaps) for v in catalog.videos if v.remark or v.overlaps] == [
        ("line 2", "overlaps Walk (4.5-8.25 s)", "line 3"),
        ("line 3", "overlaps Swing (0-5 s)", "line 2"),
        ("line 8", "overlaps Walk (2-3 s)", "line 9"),
        ("line 9", "overlaps Run (the whole video)", "line 8"),
        ("line 10", "overlaps Run (the whole video)", "line 8"),
    ]
    (note,) = catalog.notes
    assert note.startswith(
        "WARNING: rows that overlap a row of another label: 5 (line 2 (Swing) and line 3 (Walk); line 8 (Run) and "
        "line 9 (Walk)). Each is a clip"
    )
    alone = Catalog(tuple(rows[2:6]))
    assert remark_overlaps(alone) is alone


def test_remarks_of_a_dataset_name_both_lines(tmp_path: Path) -> None:
    rows = [row("a", 0, 5, "Swing", 2), row("a", 4.5, 8.25, "Walk", 3), row("b", 1, 2, "Walk", 4)]
    listed = remark_overlaps(Catalog(tuple(rows))).videos
    written = (WrittenVideo(v.video_id, v.label, v.group, 9, 1.0, False, v.remark) for v in listed)
    report = ShardReport("t", "train-00000-of-00001.tfrecord", "train", 0, "", tuple(written))
    write_remarks(str(tmp_path), [report], listed)
    text = (tmp_path / "remarks.jsonl").read_text()
    assert [(found["place"], found["overlaps"]) for found in map(json.loads, text.splitlines())] == [
        ("line 2", "line 3"), ("line 3", "line 2"),
    ]  # fmt: skip
    check_like_the_example("parts/remarks.jsonl", text)


def test_a_remark_without_its_overlaps() -> None:
    cases = {
        "overlaps A (0-1 s)": "",
        "damaged; overlaps a; b (0-1 s)": "damaged",
        "x; y": "x; y",
        "": "",
    }
    assert {remark: without_overlaps(remark) for remark in cases} == cases


def test_whole_videos_of_manifests_without_ranges_cost_nothing() -> None:
    catalog = Catalog((VideoRecord("a", "/a.avi", "A", "a", "1"), VideoRecord("b", "/a.avi", "B", "a", "1")))
    assert remark_overlaps(catalog) is catalog
    assert overlapping([(0, math.inf)], ["A"]) == {}
