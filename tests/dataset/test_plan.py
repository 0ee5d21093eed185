"""The plan of a dataset: every listed video is in one shard, fingerprints tell what has changed; numbers and names."""

from collections import Counter
from dataclasses import replace
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.clip_ids import clip_id, range_of, video_of
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset import sharding
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.plan import Plan, ShardTask, make_plan
from pipelines.inputs.catalog import Catalog, VideoRecord
from tests.support.ledger_entries import TEXT

CONFIG = PreprocessConfig("/videos", "/dataset", shards=6, splits="train=0.5,test=0.5")
FIELDS = st.tuples(TEXT.filter(bool), st.sampled_from(["Jump", "Run"]), st.sampled_from(["g1", "g2", "g\t3"]), TEXT)


def catalog_of(fields: list[tuple[str, str, str, str]]) -> Catalog:
    videos = [VideoRecord(name, f"/videos/{name}.avi", label, group, mark) for name, label, group, mark in fields]
    return Catalog(tuple(sorted(videos, key=lambda video: video.video_id)))


def tasks_of(plan: Plan) -> list[ShardTask]:
    return [ShardTask.from_json(shard.line) for shard in plan.shards]


@given(st.lists(FIELDS, min_size=1, max_size=40, unique_by=lambda item: item[0]))
def test_every_video_is_in_one_shard_as_it_is_listed(fields: list[tuple[str, str, str, str]]) -> None:
    catalog = catalog_of(fields)
    plan = make_plan(catalog, CONFIG)
    tasks = tasks_of(plan)
    assert sorted((v for task in tasks for v in task.videos), key=lambda v: v.video_id) == list(catalog.videos)
    strips = set()
    for shard, task in zip(plan.shards, tasks, strict=True):
        assert (shard.name, shard.num_videos, shard.fingerprint) == (task.name, len(task.videos), task.fingerprint)
        assert "\n" not in shard.line and shard.line.isascii()
        index, total = int(task.name.split("-")[1]), plan.layout.num_shards[task.split]
        for video in task.videos:
            assert plan.layout.split_of_group[video.group] == task.split
            assert sharding.shard_of(video.video_id, total) == index
        places = [sharding.place_in_shard(video.video_id) for video in task.videos]
        assert places == sorted(places)
        assert task.strips <= {video.video_id for video in task.videos}
        strips |= task.strips
    of_class = [sum(video.label == label for video in catalog.videos) for label in catalog.labels]
    assert len(strips) == sum(min(count, 4) for count in of_class)


def test_fingerprints_tell_what_has_changed() -> None:
    catalog = catalog_of([(f"v{i}", "Jump", f"g{i % 3}", "1") for i in range(30)])
    before = make_plan(catalog, CONFIG)
    changes = [("version", "2"), ("label", "Run"), ("uri", "/elsewhere/v7.avi")]
    found = []
    for name, value in changes:
        videos = tuple(replace(v, **{name: value}) if v.video_id == "v7" else v for v in catalog.videos)
        after = make_plan(Catalog(videos), CONFIG)
        pairs = zip(before.shards, after.shards, strict=True)
        found.append(sum(old.fingerprint != new.fingerprint for old, new in pairs))
    # All depend on the class's name, as labels are numbers; none depends on where a file is.
    assert found == [1, 6, 0]
    assert make_plan(catalog, replace(CONFIG, size="32")).shards[0].fingerprint != before.shards[0].fingerprint


RANGES = st.tuples(st.integers(0, 50_000), st.integers(1, 50_000)).map(lambda t: (t[0] / 1000, (t[0] + t[1]) / 1000))
NAMES, LABELS = st.sampled_from(["a/1", "b", "b@cam", "c@5"]), st.sampled_from(["Jump", "Run"])
ROWS = st.tuples(NAMES, RANGES | st.just((0.0, 0.0)), LABELS)
PARTS = st.lists(ROWS, min_size=1, max_size=30, unique_by=lambda row: row[:2])


def catalog_of_parts(rows: list[tuple[str, tuple[float, float], str]]) -> Catalog:
    videos = [
        VideoRecord(clip_id(name, *part) if part[1] else name, f"/v/{name}.avi", label, name, "1", "", *part)
        for name, part, label in rows
    ]
    return Catalog(tuple(sorted(videos, key=lambda video: video.video_id)))


@given(PARTS)
def test_parts_of_a_video_are_side_by_side_in_order_of_time(rows: list[tuple[str, tuple[float, float], str]]) -> None:
    catalog = catalog_of_parts(rows)
    tasks = tasks_of(make_plan(catalog, CONFIG))
    assert sorted((v for task in tasks for v in task.videos), key=lambda v: v.video_id) == list(catalog.videos)
    runs = [
        (video, [(v.start_s, v.end_s) for v in run])
        for task in tasks
        for video, run in groupby(task.videos, lambda video: video_of(video.video_id))
    ]
    assert sorted(video for video, _ in runs) == sorted({name for name, _, _ in rows})
    assert all(parts == sorted(parts) for _, parts in runs)


@given(PARTS)
def test_parts_go_where_clips_of_the_same_names_would_go(rows: list[tuple[str, tuple[float, float], str]]) -> None:
    """So that a dataset of parts equals one of the same clips cut out beforehand."""
    catalog = catalog_of_parts(rows)
    cut = [replace(v, uri=f"/cut/{v.video_id}.avi", start_s=0.0, end_s=0.0) for v in catalog.videos]
    plans = make_plan(catalog, CONFIG), make_plan(Catalog(tuple(cut)), CONFIG)
    of_parts, of_files = ([[v.video_id for v in task.videos] for task in tasks_of(plan)] for plan in plans)
    assert of_parts == of_files


def test_ids_of_parts() -> None:
    assert [clip_id("v", *part) for part in ((0, 1), (12.5, 15.25), (0.0004, 1.9996), (3599.001, 3600))] == [
        "v@0-1", "v@12.5-15.25", "v@0-2", "v@3599.001-3600",
    ]  # fmt: skip
    whole = ["v", "a@b", "v@1-2.mp4", "v@1", "v@1-2 ", "v@1-2\n", "v@1-2.1234", "cam@2026-11-28", "v@\u0661-\u0662"]
    assert [(video_of(name), range_of(name)) for name in whole] == [(name, None) for name in whole]


@given(TEXT, st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)))
def test_ids_of_parts_give_back_what_they_are_made_of(name: str, part_ms: tuple[int, int]) -> None:
    part = part_ms[0] / 1000, part_ms[1] / 1000
    assert (video_of(clip_id(name, *part)), range_of(clip_id(name, *part))) == (name, part)


def test_a_changed_row_changes_its_shard_alone() -> None:
    rows = [(f"v{i}", (float(k), k + 1.5), "Jump") for i in range(30) for k in range(0, 20, 2)]
    before = make_plan(catalog_of_parts([*rows, ("other", (0.0, 1.0), "Run")]), CONFIG)

    def changed(now: Catalog) -> list[str]:
        after = make_plan(now, CONFIG, before.layout)
        assert [shard.name for shard in after.shards] == [shard.name for shard in before.shards]
        pairs = zip(before.shards, after.shards, strict=True)
        return [new.name for old, new in pairs if old.fingerprint != new.fingerprint]

    place = sharding.shard_of("v7", before.layout.num_shards[before.layout.split_of_group["v7"]])
    mine = [name for name in (s.name for s in before.shards) if name.startswith(
        f"{before.layout.split_of_group['v7']}-{place:05d}-")]  # fmt: skip
    for new in (("v7", (4.0, 5.25), "Jump"), ("v7", (4.125, 5.5), "Jump"), ("v7", (4.0, 5.5), "Run")):
        assert changed(catalog_of_parts([new if row[:2] == ("v7", (4.0, 5.5)) else row for row in rows]
                                        + [("other", (0.0, 1.0), "Run")])) == mine  # fmt: skip
    catalog = catalog_of_parts([*rows, ("other", (0.0, 1.0), "Run")])
    moved = Catalog(tuple(replace(v, uri=f"/new{v.uri}", place="line 9", overlaps="line 10") for v in catalog.videos))
    assert changed(moved) == []
    said = Catalog(tuple(replace(v, remark="x") if v.video_id == "v7@4-5.5" else v for v in catalog.videos))
    assert changed(said) == mine


def test_records_of_whole_videos_are_as_they_have_always_been() -> None:
    """Fixed for ever: a change would rebuild all shards of every dataset that is continued."""
    catalog = catalog_of([("a/v_1", "Jump", "g1", "5-1"), ("a/v_2", "Run", "g1", "6-1")])
    (line,) = [shard.line for shard in make_plan(catalog, replace(CONFIG, shards=1, splits="train=1")).shards]
    assert line.endswith(
        ',[["a/v_1","Jump","g1","5-1","/videos/a/v_1.avi"],["a/v_2","Run","g1","6-1","/videos/a/v_2.avi"]]]'
    )


RECORD = sharding.estimate_record_bytes(ClipSpec(), FrameEncoding())


def test_shard_count() -> None:
    counts = {(1, 1): 1, (11, 1): 1, (175, 1): 11, (6681, 1): 16, (100_000, 1): 184, (6681, 100): 100, (7, 100): 7}
    assert {key: sharding.shard_count(key[0], RECORD, key[1]) for key in counts} == counts
    assert sharding.shard_count(0, RECORD, 1) == 1


@given(st.integers(1, 10**6), st.integers(1, 10**7))
def test_shards_are_not_larger_than_meant(videos: int, record_bytes: int) -> None:
    count = sharding.shard_count(videos, record_bytes)
    assert videos * record_bytes / count <= sharding.TARGET_SHARD_BYTES


def test_membership_is_stable_and_even() -> None:
    ids = [f"Class{i % 50}/v_{i}" for i in range(10_000)]
    sizes = Counter(sharding.shard_of(video_id, 10) for video_id in ids)
    assert set(sizes) == set(range(10))
    assert max(sizes.values()) < 1.15 * 1000
    # Fixed for ever: a change would move the videos of every dataset that is continued.
    assert [sharding.shard_of(f"v{i}", 7) for i in range(8)] == [0, 2, 3, 6, 3, 0, 2, 1]


@given(st.lists(st.text(min_size=1), unique=True))
def test_places_are_text_to_sort_by(ids: list[str]) -> None:
    places = [sharding.place_in_shard(video_id) for video_id in ids]
    assert {len(place) for place in places} <= {16}
    assert len(set(places)) == len(ids)


def test_places_are_stable() -> None:
    # Fixed for ever: a change would rebuild all shards of every dataset that is continued.
    assert [sharding.place_in_shard(f"v{i}")[:4] for i in range(4)] == ["6371", "6281", "4141", "86b9"]


def test_names() -> None:
    assert sharding.shard_name("train", 3, 13) == "train-00003-of-00013.tfrecord"


@given(
    st.dictionaries(st.sampled_from(["train", "val", "test"]), st.integers(0, 1000), min_size=1), st.integers(3, 500)
)
def test_apportion_gives_all_and_at_least_one_to_each(counts: dict[str, int], total: int) -> None:
    if not sum(counts.values()):
        return
    shares = sharding.apportion(total, counts)
    assert sum(shares.values()) == total
    assert all((shares[split] > 0) == (count > 0) for split, count in counts.items())
