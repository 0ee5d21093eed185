"""Writes a shard of features: reads a shard of the dataset in order, and streams what the network says of each clip."""

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, TypeVar, cast

import numpy as np

from pipelines.core.hashing import HashingReader, HashingWriter
from pipelines.dataset.example import decode
from pipelines.dataset.tfrecord import CorruptRecordError, frame_record, read_records, unpacked
from pipelines.featurizing.info import FeaturesReport
from pipelines.featurizing.plan import FeaturesSettings, FeaturesTask
from pipelines.featurizing.records import STORED, encode
from pipelines.video.images import decode_frames

_T = TypeVar("_T")
_CHUNK_BYTES = 1 << 20


class DamagedShardError(Exception):
    """A shard of the dataset isn't what its description says, or can't become features; the message says how."""


def write_features(
    task: FeaturesTask,
    settings: FeaturesSettings,
    see: Callable[[np.ndarray], np.ndarray],
    batch_frames: int,
    source: BinaryIO,
    file: BinaryIO,
    on_clip: Callable[[], None] = lambda: None,
) -> FeaturesReport:
    """Writes the features of a shard and returns the report on it.

    The bytes depend only on the clips and the network. Only a few clips are in memory at a time.

    Args:
        task: the shard.
        settings: what all shards have in common.
        see: features float32 [N, D] of frames uint8 [N, H, W, 3].
        batch_frames: the largest N; only the last batch has fewer.
        source: the shard of the dataset, open for reading.
        file: the file to write to, open for writing.
        on_clip: called after each clip.

    Raises:
        DamagedShardError: see there.
        OSError: `source` can't be read, or `file` can't be written.
    """
    out, reader = HashingWriter(file), HashingReader(source)
    written = 0
    try:
        for record, features in _seen(_records(reader, settings), settings, see, batch_frames):
            data = encode(record, _halved(record, features))
            header, footer = frame_record(data)
            for part in (header, data, footer):
                out.write(part)
            written += 1
            on_clip()
    except (CorruptRecordError, EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise DamagedShardError(str(error)) from error
    while reader.read(_CHUNK_BYTES):
        pass
    if written != task.shard.num_examples:
        raise DamagedShardError(f"{written} records instead of {task.shard.num_examples}")
    if reader.sha256.hexdigest() != task.shard.sha256:
        raise DamagedShardError("the checksum differs from the one in dataset_info.json")
    return FeaturesReport(task.fingerprint, task.name, written, out.size_bytes, out.sha256.hexdigest())


def _records(reader: HashingReader, settings: FeaturesSettings) -> Iterator[bytes]:
    return read_records(unpacked(cast(BinaryIO, reader), settings.compression))


def _seen(
    records: Iterable[bytes],
    settings: FeaturesSettings,
    see: Callable[[np.ndarray], np.ndarray],
    batch_frames: int,
) -> Iterator[tuple[bytes, np.ndarray]]:
    """Each record with the features of its frames, float32 [T, D]."""
    waiting: deque[bytes] = deque()

    def clips() -> Iterator[np.ndarray]:
        for record in records:
            waiting.append(record)
            yield decode_frames(decode(record).frames, settings.clip_spec, settings.encoding)

    num_frames = settings.clip_spec.num_frames
    found = np.empty((0, settings.sight.size), np.float32)
    for batch in _ahead(_rebatched(clips(), batch_frames)):
        found = np.concatenate([found, see(batch)])
        while len(found) >= num_frames:
            yield waiting.popleft(), found[:num_frames]
            found = found[num_frames:]


def _rebatched(clips: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The frames of clips, `size` at a time, whatever the length of a clip; at the end, what is left."""
    parts: list[np.ndarray] = []
    count = 0
    for clip in clips:
        parts.append(clip)
        count += len(clip)
        if count >= size:
            joined = np.concatenate(parts)
            whole = count - count % size
            yield from (joined[first : first + size] for first in range(0, whole, size))
            parts, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(parts)


def _ahead(items: Iterator[_T]) -> Iterator[_T]:
    """The same, with the next item being made by a thread while the caller works on one."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


def _halved(record: bytes, features: np.ndarray) -> np.ndarray:
    """The features as they are stored.

    Raises:
        ValueError: one is NaN, or too large for float16; the message names the clip.
    """
    with np.errstate(over="ignore"):
        halves = features.astype(STORED)
    if not np.isfinite(halves).all():
        raise ValueError(f"the network gives no finite float16 numbers for {decode(record).video_id}")
    return halves
