"""What is to be labelled is shared out: each video once, in tasks of a good size, in shards that stay."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.label_plan import LabelTask, ListedVideo, VideoTask, by_shard, make_tasks, shard_count
from tests.test_ledger import TEXT

IDS = st.lists(TEXT.filter(bool), unique=True, max_size=60)


@given(IDS, st.integers(1, 5), st.integers(1, 100))
def test_tasks_cover_the_pending_videos_once(ids: list[str], num_shards: int, workers: int) -> None:
    shards = by_shard([ListedVideo(name, f"/{name}", "1", 9) for name in ids], num_shards)
    pending = [[VideoTask(video, ("0:2",), ("0:2", "2:4")) for video in videos] for videos in shards]
    tasks = [t for i, videos in enumerate(pending) for t in make_tasks(i, videos, len(ids), workers)]
    assert Counter(v.video.video_id for t in tasks for v in t.videos) == Counter(ids)
    assert all(task.videos and task.videos[0].video in shards[task.shard] for task in tasks)
    assert [LabelTask.from_json(task.to_json()) for task in tasks] == tasks
    assert all("\n" not in task.to_json() and task.to_json().isascii() for task in tasks)


def test_tasks_are_small_enough_to_share_and_bounded() -> None:
    videos = [VideoTask(ListedVideo(str(i), f"/{i}", "1")) for i in range(2000)]
    for workers, size in ((1, 256), (8, 63), (10_000, 1)):
        assert max(len(task.videos) for task in make_tasks(0, videos, len(videos), workers)) == size


@given(IDS, st.integers(1, 7), st.integers(0, 60))
def test_a_video_stays_in_its_shard_when_others_come(ids: list[str], num_shards: int, count: int) -> None:
    videos = [ListedVideo(name, f"/{name}", "1") for name in ids]
    before, after = by_shard(videos[:count], num_shards), by_shard(videos, num_shards)
    assert sum(map(len, after)) == len(videos)
    assert all(set(few) <= set(many) for few, many in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("videos", "workers", "shards"),
    [(0, 1, 1), (10_000, 1, 1), (10_001, 1, 2), (1000, 100, 3), (100, 100, 1), (10**6, 5, 100)],
)
def test_number_of_files(videos: int, workers: int, shards: int) -> None:
    assert shard_count(videos, workers) == shards


@pytest.mark.parametrize(
    ("videos", "gigabytes", "shards"),
    [(6681, 3, 1), (20_000, 200, 2), (1000, 1000, 8), (10_000, 20_000, 146), (3, 10**4, 3)],
)
def test_long_videos_are_shared_out_by_size(videos: int, gigabytes: int, shards: int) -> None:
    assert shard_count(videos, 1, gigabytes * 10**9) == shards
