"""The videos are distributed: each once, in tasks of a good size, over shards that don't change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.labelling.plan import LabelTask, ListedVideo, PendingVideos, VideoTask, by_shard, shard_count, task_size
from tests.support.ledger_entries import TEXT

IDS = st.lists(TEXT.filter(bool), unique=True, max_size=60)


@given(IDS, st.integers(1, 5), st.integers(1, 100))
def test_tasks_cover_the_pending_videos_once(ids: list[str], num_shards: int, workers: int) -> None:
    videos = [ListedVideo(name, f"/{name}", "1", 9) for name in ids]
    shards = by_shard(videos, num_shards)
    assert sorted((video for shard in shards for video in shard.videos()), key=videos.index) == videos
    begun = [{i: (("0:2",), ("0:2", "2:4")) for i in range(len(shard)) if i % 2} for shard in shards]
    pending = [PendingVideos(shard, range(len(shard))[::-1], begun[i]) for i, shard in enumerate(shards)]
    size = task_size(len(ids), workers)
    lines = [line for i, found in enumerate(pending) for line in found.tasks(i, size)]
    assert all("\n" not in line and line.isascii() for line in lines)
    tasks = [LabelTask.from_json(line) for line in lines]
    assert all(1 <= len(task.videos) <= size for task in tasks)
    for number, (shard, found) in enumerate(zip(shards, pending, strict=True)):
        wanted = [VideoTask(video, *begun[number].get(i, ())) for i, video in enumerate(shard.videos())][::-1]
        assert [video for task in tasks if task.shard == number for video in task.videos] == wanted
        assert found.videos() == wanted


def test_tasks_are_small_enough_to_share_and_bounded() -> None:
    assert [task_size(2000, workers) for workers in (1, 8, 10_000)] == [256, 63, 1]


@given(IDS, st.integers(1, 7), st.integers(0, 60))
def test_a_video_stays_in_its_shard_when_others_come(ids: list[str], num_shards: int, count: int) -> None:
    videos = [ListedVideo(name, f"/{name}", "1") for name in ids]
    before, after = by_shard(videos[:count], num_shards), by_shard(videos, num_shards)
    assert sum(map(len, after)) == len(videos)
    assert all(set(few.videos()) <= set(many.videos()) for few, many in zip(before, after, strict=True))


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
