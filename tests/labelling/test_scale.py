"""Optimisations for large collections give the same results as plain code, and do no unnecessary work."""

import base64
import csv
import io
import json
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines import files
from pipelines.annotations.tables import read_table
from pipelines.core.errors import IncompleteError
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.core.stored import json_text as pretty
from pipelines.dataset.account import check_all_accounted
from pipelines.dataset.info import ShardReport, WrittenVideo
from pipelines.files import parallel
from pipelines.inputs.catalog import Catalog, VideoRecord
from pipelines.labelling import folder, pending, shards
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.ledger import Entry, Outline, choose
from pipelines.labelling.plan import ListedVideo
from pipelines.labelling.types import LabelReport
from pipelines.video.windows import Window, WindowSpec
from tests.support.ledger_entries import TEXT, entries, entry, whole_failure

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=7) | st.dictionaries(TEXT, inner, max_size=7))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON, st.integers(1, 4), st.booleans(), st.integers(1, 3))
@pytest.mark.slow
def test_large_json_is_written_as_the_library_does(value: Any, indent: int, sort_keys: bool, lot: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretty, "_LOT", lot)
        parts = list(pretty.pretty_json(value, indent, sort_keys))
    assert "".join(parts) == json.dumps(value, indent=indent, sort_keys=sort_keys)


@given(
    st.lists(st.lists(st.sampled_from(["a", "b, c", ' "d"', "e\ne", "f\r\nf", "", "\x0bg"]), max_size=2), max_size=5)
)
def test_manifests_are_read_as_the_library_reads_them(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written).writerows([["path", "Label"], ["x", "y"], *rows])
    for text in (written.getvalue(), written.getvalue().replace("\r\n", "\r"), written.getvalue().rstrip("\r\n")):
        plain = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
        next(plain)
        expected = [(plain.line_num, [(*row, "")[0].strip(), (*row, "", "")[1].strip()]) for row in plain if row]
        assert list(read_table(text, "m.csv", (), ("path", "label")).rows) == expected


def test_many_items_are_worked_on_side_by_side_in_order_and_not_far_ahead() -> None:
    started = 0
    lock = threading.Lock()

    def work(item: int) -> int:
        nonlocal started
        with lock:
            started += 1
        return -item

    count = 100_000
    results = parallel.each_in_parallel(work, range(count))
    assert [next(results) for _ in range(3)] == [0, -1, -2]
    most = parallel._LOTS_AHEAD * parallel._PARALLEL_REQUESTS * parallel._MAX_LOT
    assert started <= most < count / 10
    results.close()  # type: ignore[attr-defined]
    assert started <= most
    assert files.in_parallel(work, range(777)) == [-i for i in range(777)]
    assert files.in_parallel(work, []) == []


def test_an_error_of_one_item_ends_the_work() -> None:
    done = []

    def work(item: int) -> None:
        done.append(item)
        if item == 5:
            raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        files.in_parallel(work, range(100_000))
    assert len(done) < 10_000


def test_text_in_parts_is_not_gathered(tmp_path: Path) -> None:
    """When the last part is made, the first ones are already in the file."""
    target, sizes = tmp_path / "a.txt", []

    def parts() -> Any:
        for _ in range(100):
            yield "x" * 100_000
            sizes.append(sum(path.stat().st_size for path in (tmp_path / "tmp").iterdir()))

    files.write_text(str(target), parts(), str(tmp_path / "tmp"))
    assert target.stat().st_size == 10_000_000
    assert max(sizes) > 8_000_000


def is_entry(parse: Any, line: str) -> bool:
    try:
        parse(line)
    except (ValueError, TypeError, KeyError):
        return False
    return True


OTHER = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(TEXT, PLAIN, max_size=2)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@example(entry(), "strips", "", 1)
@given(entries(), st.sampled_from(sorted(json.loads(entry().to_json()))), OTHER, st.integers(0, 3))
def test_an_outline_is_taken_from_the_lines_that_are_entries(made: Entry, name: str, other: Any, kind: int) -> None:
    """Whatever became of a field, it is left out, or is another: what no entry can be read from must be done again."""
    value = json.loads(made.to_json())
    if kind == 1:
        value[name] = other
    elif kind == 2:
        del value[name]
    elif kind == 3:
        value["probabilities"] = base64.b64encode(bytes(len(value["video"]) * 4)).decode()
    line = json.dumps(value)
    if is_entry(Outline.from_json, line) and not is_entry(Entry.from_json, line):
        raise AssertionError(f"never done again: {line}")
    if kind == 0:
        outline = Outline.from_json(line)
        assert outline == Outline(
            made.video, made.version, made.key, made.part, made.parts, made.num_windows, made.transient
        )


ANY_ENTRY = st.sampled_from(
    [
        entry(), entry(version="2"), entry(key="other"), whole_failure(transient=True), whole_failure("c"),
        *(entry(part=part, parts=("0:2", "2:4"), seed=seed) for part in ("0:2", "2:4") for seed in (0, 1)),
        entry(part="0:4", parts=("0:4",)), entry("b"), whole_failure("b", transient=True),
    ]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANY_ENTRY, max_size=8))
def test_outlines_tell_the_same_as_entries_about_what_is_left(found: list[Entry]) -> None:
    versions = {"a": "1", "b": "1", "c": "1"}
    outlines = [Outline.from_json(item.to_json()) for item in found]

    def left(chosen: Mapping[str, Any]) -> dict[str, list[Any]]:
        return {video: [(e.parts, e.part, e.transient) for e in parts] for video, parts in chosen.items()}

    assert left(choose(found, "key", versions)) == left(choose(outlines, "key", versions))


def label_work_of(output: Path, videos: list[ListedVideo], **settings: Any) -> pending.Work:
    config = LabelConfig("/videos", str(output), "/model", shards=4, **settings)
    info = ModelInfo("lrcn", "default", ClipSpec(), ("Jump", "Run", "Wave"), fingerprint="f")
    return pending.make_work(config, info, WindowSpec(2, 1, 4), videos, 1)


def test_a_ledger_is_read_only_where_labels_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = [ListedVideo(f"v{i:02d}", f"/v{i:02d}", "1", 5) for i in range(40)]
    work = label_work_of(tmp_path, videos)
    assert sorted(work.marks) == [0, 1, 2, 3] and work.num_pending == work.num_videos == 40
    folder.prepare(str(tmp_path), work.layout, "jsonl", work.shards)
    for shard, mark in work.marks.items():
        made = [
            Entry(v.video_id, "1", work.key, "", (), 1, 1.0, False, (Window(0, 0.0, 1.0),), np.ones((1, 3)), ())
            for v in work.shards[shard].videos()
        ]
        folder.add_to_ledger(str(tmp_path), shard, made)
        (tmp_path / folder.labels_name(shard, 4, "jsonl")).write_text("")
        shards.write_shard_report(str(tmp_path), shard, mark, LabelReport(), {})
    assert folder.count_entries(str(tmp_path)) == 40
    folder.finish(str(tmp_path), "{}", "")
    read: list[int] = []
    whole = folder.outline_ledger
    monkeypatch.setattr(folder, "outline_ledger", lambda out, shard, say: read.append(shard) or whole(out, shard, say))
    again = label_work_of(tmp_path, videos)
    assert (again.num_pending, again.marks, read) == (0, {}, [])
    more = label_work_of(tmp_path, [*videos, ListedVideo("new", "/new", "1", 5)])
    (shard,) = more.marks
    assert [task.video.video_id for task in more.pending[shard].videos()] == ["new"] and read == [shard]
    other = label_work_of(tmp_path, videos, min_score=0.9)
    assert other.num_pending == 0 and sorted(other.marks) == [0, 1, 2, 3]
    (tmp_path / "summary.json").unlink()  # an interrupted run tries transient failures again
    read.clear()
    assert label_work_of(tmp_path, videos).num_pending == 0 and sorted(read) == [0, 1, 2, 3]


def test_the_account_names_what_is_wrong() -> None:
    def report(*ids: str) -> ShardReport:
        written = tuple(WrittenVideo(i, "A", "g", 9, 1.0, False) for i in ids)
        return ShardReport("", "", "train", 0, "", written)

    catalog = Catalog(tuple(VideoRecord(i, "", "A", "g", "") for i in "abc"))
    check_all_accounted(catalog, [report("c", "a"), report("b")])
    for reports, message in (
        ([report("a", "c")], "1 of 3 videos are missing from the output (b)"),
        ([report("a", "c", "b"), report("d")], "in the output but not in the input (d)"),
        ([report("a", "c", "b"), report("a")], "in the output twice (a)"),
    ):
        with pytest.raises(IncompleteError) as error:
            check_all_accounted(catalog, reports)
        assert message in str(error.value)


def test_reports_share_the_names_that_videos_share() -> None:
    groups = ("g0001", "v1", "v2")
    written = tuple(WrittenVideo(f"v{i}", "A", group, 9, 1.5, False) for i, group in enumerate(groups))
    made = ShardReport("t", "s", "train", 1, "x", written)
    first, second = (ShardReport.from_json(made.to_json()) for _ in range(2))
    assert first == made and asdict(second) == asdict(made)
    assert first.written[1].label is second.written[2].label and first.written[0].group is second.written[0].group
    assert all(video.group is video.video_id for video in first.written[1:])
