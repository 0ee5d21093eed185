"""Manifests whose rows name parts of videos: which clips they give, what can't be used, and what must agree."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import files
from pipelines.core.clip_ids import video_of
from pipelines.core.errors import UsageError
from pipelines.core.failure import Failure
from pipelines.core.video_files import FileInfo
from pipelines.dataset import folder
from pipelines.dataset.account import check_all_accounted, name_lines
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.duplicates import are_other_parts, find_copies, have_several_labels, in_several_splits
from pipelines.dataset.info import ShardReport, WrittenVideo
from pipelines.dataset.listing import read_catalog
from pipelines.dataset.plan import ShardTask, make_plan
from pipelines.dataset.split_choice import choose_splits
from pipelines.files.shard_reports import write_report
from pipelines.inputs.catalog import Catalog, select
from pipelines.inputs.manifest import parse_manifest
from pipelines.inputs.rows import Manifest
from pipelines.inputs.splits.assign import assign_by_fractions
from pipelines.inputs.splits.lists import parse_split_file

HEAD = "path,label,start,end\n"
EMPTY = hashlib.sha256(b"").hexdigest()


def parts(text: str) -> list[tuple[str, str, float, float, str]]:
    return [(row.path, row.label, row.start_s, row.end_s, row.place) for row in parse_manifest(text, "m.csv").rows]


def catalog_in(where: Path, text: str, *names: str) -> Catalog:
    for name in names:
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(name.encode())
    (where / "m.csv").write_text(text)
    return read_catalog(str(where / "m.csv"))


def test_times_as_people_write_them() -> None:
    text = HEAD + "b.mp4,A,1:05,00:01:10.250\na.mp4,B,7,8.5\na.mp4,A,,\na.mp4,A,0,7.0004\n./a.mp4,A,00:07.5,0:00:09\n"
    assert parts(text) == [
        ("a.mp4", "A", 0.0, 0.0, "line 4"),
        ("a.mp4", "A", 0.0, 7.0, "line 5"),
        ("a.mp4", "B", 7.0, 8.5, "line 3"),
        ("a.mp4", "A", 7.5, 9.0, "line 6"),
        ("b.mp4", "A", 65.0, 70.25, "line 2"),
    ]


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        ("a.mp4,A,5,3", "RangeError", "m.csv, line 3: start 5 is not before end 3. Correct the line, or remove it"),
        ("a.mp4,A,5,5", "RangeError", "m.csv, line 3: start 5 is not before end 5."),
        ("a.mp4,A,1.0001,1.0002", "RangeError", "m.csv, line 3: start 1.0001 is not before end 1.0002."),
        ("a.mp4,A,5,", "RangeError", "m.csv, line 3: a start (5) without an end. Give both, or neither"),
        ("a.mp4,A,,5", "RangeError", "m.csv, line 3: an end (5) without a start."),
        ("a.mp4,A,x,5", "RangeError", "m.csv, line 3: 'x' is not a time: a time is seconds (12.5), MM:SS"),
        ("a.mp4,A,-1,5", "RangeError", "m.csv, line 3: '-1' is not a time"),
        ("a.mp4,A,nan,inf", "RangeError", "m.csv, line 3: 'nan' is not a time"),
        ("a.mp4,A,1:75,3:00", "RangeError", "m.csv, line 3: '1:75' is not a time"),
        (
            "./a.mp4,B,0,1.0001",
            "LabelError",
            "m.csv, line 3: the label B for 0-1 s of ./a.mp4, for which line 2 has the",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_a_failure_that_names_it(
    tmp_path: Path, row: str, kind: str, message: str
) -> None:
    catalog = catalog_in(tmp_path, f"{HEAD}a.mp4,A,0,1\n{row}\nv/b.mp4,B,0,1\n", "a.mp4", "v/b.mp4")
    assert [video.video_id for video in catalog.videos] == ["a@0-1", "v/b@0-1"]
    (failure,) = catalog.left_out.failed
    assert (failure.stage, failure.type, failure.video_id, failure.label) == ("list", kind, "a", row.split(",")[1])
    assert failure.message.startswith(message) and failure.uri == str(tmp_path / "a.mp4")
    assert catalog.num_listed == 3 and not failure.transient


def test_two_labels_for_a_whole_video_are_a_failure_only_among_parts() -> None:
    assert [row.kind for row in parse_manifest(HEAD + "a.mp4,A,,\na.mp4,B,,\n", "m.csv").bad] == ["LabelError"]
    with pytest.raises(UsageError, match="lines 2 and 3: two labels"):
        parse_manifest("path,label\na.mp4,A\na.mp4,B\n", "m.csv")


def test_a_manifest_without_a_usable_row_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^m.csv: none of its 2 lines can be used. m.csv, line 2: start 5 is not"):
        parse_manifest(HEAD + "a.mp4,A,5,3\na.mp4,A,5,\n", "m.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,label,start,end,group\na,x,0,1,1\nb,x,0,1,\na,x,2,3,2\n",
            "m.csv, line 2 and line 4: two groups for the",
        ),
        (
            "path,label,start,end,group\na,x,0,1,1\n./a,x,2,3,\n",
            "video ./a: 1 and no group. All parts of a video have one",
        ),
        ("path,label,start,end,split\na,x,0,1,train\na,x,2,3,test\n", "two splits for the video a: train and test."),
        ("path,label,start,end,split\na,x,0,1,train\na,x,2,3,\n", "m.csv, line 3: no split, but line 2 has one."),
    ],
)
def test_parts_of_one_video_share_group_and_split(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_manifest(text, "m.csv")


def test_repeated_rows_count_once() -> None:
    text = HEAD + "a.mp4,A,0:01,2\na.mp4,A,1,2\npath,label,start,end\na.mp4,B,3,4\na.mp4,B,3,4.0\na.mp4,A,1,2.5\n"
    manifest = parse_manifest(text, "m.csv")
    assert [row.place for row in manifest.rows] == ["line 2", "line 7", "line 5"]
    assert (manifest.num_repeated, manifest.bad) == (3, ())


def test_ids_groups_and_one_look_at_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(root: str, path: str) -> FileInfo:
        looked.append(path)
        return stat_file(root, path)

    stat_file = files.stat_file
    monkeypatch.setattr(files, "stat_files", lambda root, paths: (look(root, path) for path in paths))
    names = ("v/a.mp4", "v/a.avi", "b@cam.mp4")
    rows = "".join(f"{name},A,{start},{start + 1}\n" for start in range(3) for name in names)
    catalog = catalog_in(tmp_path, HEAD + rows + "gone.mp4,A,0,1\ngone.mp4,A,1,2\n", *names)
    assert looked == ["b@cam.mp4", "gone.mp4", "v/a.avi", "v/a.mp4"]
    assert [(v.video_id, v.group) for v in catalog.videos if v.start_s == 1] == [
        ("b@cam@1-2", "b@cam"), ("gone@1-2", "gone"), ("v/a.avi@1-2", "v/a"), ("v/a.mp4@1-2", "v/a"),
    ]  # fmt: skip
    assert {v.version == "missing" for v in catalog.videos if v.video_id.startswith("gone")} == {True}
    assert len({id(v.uri) for v in catalog.videos if v.uri.endswith("b@cam.mp4")}) == 1  # rows share their texts
    assert catalog.num_ungrouped == 2


TIMES = st.integers(0, 40).flatmap(lambda a: st.integers(a + 1, 50).map(lambda b: (a / 4, b / 4)))
Row = tuple[str, tuple[float, float] | None, str]
ROWS = st.lists(st.tuples(st.sampled_from("abcdef"), TIMES | st.none(), st.sampled_from("XY")), min_size=1, max_size=40)


@given(ROWS, st.randoms())
def test_order_and_spelling_of_rows_do_not_matter(rows: list[Row], random: Random) -> None:
    label_of = {row[:2]: row[2] for row in rows}  # one label for each part
    lines, clock = [], []
    for name, part, _ in rows:
        begin = f"{name}.mp4,{label_of[name, part]}"
        lines.append(f"{begin},{part[0]},{part[1]}" if part else f"{begin},,")
        clock.append(f"{begin}, 0:{part[0]:05.2f},0:00:{part[1]:05.2f}" if part else f"./{begin} , ,")
    random.shuffle(clock)
    plain, other = (parse_manifest(HEAD + "\n".join(found), "m.csv") for found in (lines, clock))
    assert not plain.bad and not other.bad

    def content(manifest: Manifest) -> list[tuple[object, ...]]:
        return [(row.path.removeprefix("./"), row.label, row.start_s, row.end_s) for row in manifest.rows]

    assert content(plain) == content(other)
    assert {(row[0][0], (row[2], row[3]) if row[3] else None): row[1] for row in content(plain)} == label_of
    assert plain.num_repeated == len(rows) - len(label_of)


def test_parts_of_a_video_are_never_on_two_sides(tmp_path: Path) -> None:
    names = [f"v{i}.mp4" for i in range(12)]
    rows = "".join(f"{name},{'AB'[k % 2]},{k},{k + 1}\n" for k in range(6) for name in names)
    catalog = catalog_in(tmp_path, HEAD + rows, *names)
    split_of = assign_by_fractions(catalog.videos, {"train": 0.5, "test": 0.5})
    sides: dict[str, set[str]] = {}
    for video in catalog.videos:
        sides.setdefault(video_of(video.video_id), set()).add(split_of[video.group])
    assert {len(found) for found in sides.values()} == {1} and len(sides) == 12
    listed = parse_split_file("path,split\nv1.mp4,test\n", "lists.csv")
    config = PreprocessConfig(str(tmp_path), "/out")
    placed, _ = choose_splits(catalog, config, [listed])
    assert {video_of(v.video_id) for v in placed.videos if v.split == "test"} == {"v1"} and len(placed.videos) == 72
    own = parse_split_file("path,label,start,end,split\nv1.mp4,A,0,1,test\nv1.mp4,B,1,2,test\n", "m.csv")
    assert choose_splits(catalog, config, [own])[0].videos == placed.videos


def test_limit_counts_clips_and_rows_that_cannot_be_used_alike(tmp_path: Path) -> None:
    rows = "".join(f"a.mp4,A,{k},{k + 1}\nb.mp4,B,{k},{k + 1}\n" for k in range(10))
    wrong = "".join(f"c{k}.mp4,A,9,1\n" for k in range(5)) + "c.mp4,B,9,1\n"
    catalog = catalog_in(tmp_path, HEAD + rows + wrong, "a.mp4", "b.mp4")
    assert catalog.num_listed == 26 and len(catalog.left_out.failed) == 6
    small = select(catalog, limit=8)
    assert small.num_listed == 8
    larger = select(catalog, limit=20)
    assert {*small.videos} <= {*larger.videos} and {*small.left_out.failed} <= {*larger.left_out.failed}
    assert {failure.label for failure in select(catalog, ["B"]).left_out.failed} == {"B"}
    lost = Failure("list", "UnreadableError", "no permission", False, "x/", "/x", label="")
    catalog = replace(catalog, left_out=replace(catalog.left_out, failed=(lost, *catalog.left_out.failed)))
    assert lost in select(catalog, ["B"], limit=1).left_out.failed  # who knows what lies there


def test_a_changed_line_has_its_shard_alone_written_again(tmp_path: Path) -> None:
    names = [f"v{i:02}.mp4" for i in range(24)]
    lines = [f"{name},{'AB'[k % 2]},{k}.5,{k + 1}" for name in names for k in range(5)]
    out = str(tmp_path / "out")
    config = PreprocessConfig(str(tmp_path / "m.csv"), out, shards=8, splits="train=0.5,test=0.5")

    def pending(found: list[str]) -> list[str]:
        catalog = catalog_in(tmp_path, HEAD + "\n".join(found), *(names if not (tmp_path / names[0]).exists() else []))
        plan = make_plan(catalog, config, folder.read_layout(out))
        todo = folder.prepare(out, plan)
        for shard in todo:
            (tmp_path / "out" / shard.name).touch()
            task = ShardTask.from_json(shard.line)
            written = tuple(WrittenVideo(v.video_id, v.label, v.group, 9, 1.0, False) for v in task.videos)
            write_report(out, ShardReport(task.fingerprint, task.name, task.split, 0, EMPTY, written))
        reports = [report for report in folder.read_reports(out, plan.shards, from_listing=False) if report]
        check_all_accounted(catalog, reports)
        return [shard.name for shard in todo]

    assert len(pending(lines)) == 8
    assert pending(lines) == [] == pending(["", *reversed(lines)])  # where a line stands makes no difference
    (shard,) = pending([line.replace("v07.mp4,A,2.5,3", "v07.mp4,A,2.25,3") for line in lines])
    assert pending([line.replace("v07.mp4,A,2.5,3", "v07.mp4,B,2.25,3") for line in lines]) == [shard]
    assert pending([line for line in lines if line != "v07.mp4,A,2.5,3"]) == [shard]
    assert pending([*lines, "v07.mp4,B,2.75,9", "v07.mp4,B,9,8"]) == [shard]
    assert pending(lines) == [shard]


def test_failures_of_parts_name_manifest_and_line(tmp_path: Path) -> None:
    catalog = catalog_in(tmp_path, HEAD + "a.mp4,A,0,1\na.mp4,A,2,3\n", "a.mp4")
    failed = tuple(
        Failure("decode", "RangeError", "ends after it", False, name, "/a.mp4", "A") for name in ("a@2-3", "b")
    )
    report = ShardReport("t", "train-00000-of-00001.tfrecord", "train", 0, "", failed=failed)
    (found,) = name_lines([report], catalog, str(tmp_path / "m.csv"))
    assert [failure.message for failure in found.failed] == ["m.csv, line 3: ends after it", "ends after it"]


def test_parts_of_one_file_are_no_copies() -> None:
    written = [WrittenVideo(name, "A", "g", 10, 1.0, False, "", 7) for name in ("a@0-1", "a@1-2", "b@1-2", "c", "d")]
    report = ShardReport("t", "train-00000-of-00001.tfrecord", "train", 0, "", written=tuple(written))
    assert [[v.video_id for _, v in copies] for copies in find_copies([report])] == [["a@1-2", "b@1-2"], ["c", "d"]]


@pytest.mark.parametrize(
    ("train", "test", "found"),
    [
        (["a@0-1", "a@1-2"], ["b@0.5-1.5", "b@2-3"], ["a@0-1", "b@0.5-1.5"]),
        (["a", "c@0-1"], ["b@0-1"], ["b@0-1", "c@0-1"]),
        (["a@0-1", "b@2-3"], ["b@0-1"], ["a@0-1", "b@0-1"]),
        (["a@0-1", "b@2-3"], [], []),
        (["a@0-1"], ["a@1-2"], []),
    ],
)
def test_other_parts_of_a_copy_in_another_split(train: list[str], test: list[str], found: list[str]) -> None:
    reports = [
        ShardReport("t", f"{split}-00000-of-00001.tfrecord", split, 0, "", written=tuple(written))
        for split, names in (("train", train), ("test", test))
        for written in [[WrittenVideo(name, name, "g", 10, 1.0, False, "", 7) for name in names]]
    ]
    copies = find_copies(reports)
    assert sorted(v.video_id for of_content in copies for _, v in of_content if in_several_splits(of_content)) == found
    for of_content in copies:
        assert have_several_labels(of_content) == (not are_other_parts(of_content))
