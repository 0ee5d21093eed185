"""Shards: numbers, membership, names."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset import sharding

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
