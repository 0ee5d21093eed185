"""Which shard a video belongs to, how many shards there are, and their names. Nothing else knows shard names."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping

from pipelines.core.clip_ids import range_of, video_of
from pipelines.core.hashing import stable_hash
from pipelines.core.spec import ClipSpec, FrameEncoding

TARGET_SHARD_BYTES = 128 * 1024 * 1024
MIN_PARALLEL_SHARDS = 16
"""Least number of shards of a dataset, even if they are small, so that it can be written and read in parallel ..."""
MIN_VIDEOS_PER_SHARD = 16
"""... as long as each has about this many clips."""

_SHARD_NAME = re.compile(r"\w+-\d{5,}-of-\d{5,}\.tfrecord")
_RECORD_OVERHEAD_BYTES = 600
_ENCODED_SHARE = {"raw": 1.0, "png": 0.6, "jpeg": 0.15}
"""Measured on UCF clips at 64x64; only the number of shards depends on it."""


def estimate_record_bytes(spec: ClipSpec, encoding: FrameEncoding) -> int:
    """Estimated size of one record in bytes, without compression of the file."""
    return int(spec.num_bytes * _ENCODED_SHARE[encoding.format]) + _RECORD_OVERHEAD_BYTES


def shard_count(num_videos: int, record_bytes: int, beam_workers: int = 1) -> int:
    """Shards for `num_videos` records: about 128 MB each, and enough for `beam_workers` to find work.

    Don't pass the number of local cores as `beam_workers`: decoder processes share one shard, and a dataset must not
    depend on how many cores the machine has.
    """
    by_size = math.ceil(num_videos * record_bytes / TARGET_SHARD_BYTES)
    for_parallelism = max(min(math.ceil(num_videos / MIN_VIDEOS_PER_SHARD), MIN_PARALLEL_SHARDS), beam_workers)
    return max(1, by_size, min(for_parallelism, num_videos))


def shard_of(video_id: str, num_shards: int) -> int:
    """The shard of a video, by its id alone: it doesn't move when other videos come or go. Its parts go there, too."""
    return stable_hash("shard", video_of(video_id)) % num_shards


def place_in_shard(video_id: str) -> str:
    """16 hexadecimal digits by which a shard is sorted: a stable shuffle, so that classes are mixed.

    The parts of a video follow it in order of time, by more digits for their milliseconds.
    """
    place = f"{stable_hash('order', video_of(video_id)):016x}"
    found = range_of(video_id)
    return place + "".join(f"{round(time_s * 1000):013d}" for time_s in found) if found else place


def deal(lines: Iterable[tuple[str, str]], num_shards: int) -> Iterator[str]:
    """The text of each shard, from the ids and lines of videos, whose order is kept.

    Text, as objects would be scattered all over the memory, so that visiting them shard by shard would miss the
    processor's caches ever more often as the collection grows.
    """
    texts = [bytearray() for _ in range(num_shards)]
    for video_id, line in lines:
        texts[shard_of(video_id, num_shards)] += f"{line}\n".encode()
    texts.reverse()
    return (texts.pop().decode() for _ in range(num_shards))


def shard_name(split: str, index: int, num_shards: int) -> str:
    """File name of a shard, `train-00000-of-00013.tfrecord`."""
    return f"{split}-{index:05d}-of-{num_shards:05d}.tfrecord"


def is_shard_name(name: str) -> bool:
    """Whether a file name is that of a shard."""
    return _SHARD_NAME.fullmatch(name) is not None


def apportion(total: int, counts: Mapping[str, int]) -> dict[str, int]:
    """Distributes `total` shards over the splits by number of videos, at least one for each split that has any."""
    videos = sum(counts.values())
    shares = {split: max(1, total * count // videos) if count else 0 for split, count in counts.items()}
    while (rest := total - sum(shares.values())) != 0:
        step = 1 if rest > 0 else -1
        movable = [split for split in shares if counts[split] and (step > 0 or shares[split] > 1)]
        # Videos per shard before the step: the fullest shards are split further, the emptiest are joined.
        shares[max(movable, key=lambda split: step * counts[split] / shares[split])] += step
    return shares
