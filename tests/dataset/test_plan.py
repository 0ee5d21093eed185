"""The plan of a dataset: every listed video is in one shard, and fingerprints tell what has changed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

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
