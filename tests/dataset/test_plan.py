"""The plan of a dataset: every listed video is in one shard, fingerprints tell what has changed; numbers and names."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

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
