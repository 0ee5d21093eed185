"""Reading a finished dataset, as NumPy arrays or as `tf.data`."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.core.settings.fields import check_whole
from pipelines.dataset import example
from pipelines.dataset.info import PREVIEW, DatasetInfo, ShardInfo
from pipelines.dataset.tfrecord import CorruptRecordError, read_records, unpacked
from pipelines.reports.embed import framed
from pipelines.reports.text import visible
from pipelines.video.images import clip_html, decode_frames

if TYPE_CHECKING:
    import tensorflow as tf

_CYCLE = 16
"""Shards that TensorFlow reads in parallel."""


@dataclass(frozen=True)
class StoredClip:
    """A clip of a dataset. A notebook shows it in motion.

    Attributes:
        frames: uint8 [T, H, W, 3], RGB.
        label: id of the class.
        label_name: name of the class.
        video_id: path of the video without extension, relative to the input.
        group: group of videos that share a source.
        timestamps_s: T times in seconds from the video's first frame.
        frame_indices: T numbers of the frames in display order.
        num_source_frames: frames of the whole video.
        remark: what a person should know about the video, mostly empty.
        labels: ids of all classes, ascending, in a dataset whose clips may have several; `label` is then the first, and
            `label_name` joins all names. Empty in other datasets.
    """

    frames: np.ndarray
    label: int
    label_name: str
    video_id: str
    group: str
    timestamps_s: tuple[float, ...]
    frame_indices: tuple[int, ...]
    num_source_frames: int
    remark: str
    labels: tuple[int, ...] = ()

    def _repr_html_(self) -> str:
        first_s, last_s = self.timestamps_s[0], self.timestamps_s[-1]
        shown = last_s - first_s  # the time of the last frame is not known: it is taken to be as long as the others
        duration_s = shown * len(self.frames) / max(len(self.frames) - 1, 1) or 1.0
        says = f"{self.label_name}: {self.video_id}" + (f" ({self.remark})" if self.remark else "")
        return clip_html(self.frames, duration_s, visible(says))


@dataclass(frozen=True)
class Dataset:
    """A dataset that `pipelines.preprocess` has made. A notebook shows its preview.

    Attributes:
        uri: its folder, local or in a store.
        info: its description: labels, splits, and how the clips were made.

    Example:
        >>> data = pipelines.open_dataset("data/sample")
        >>> for clip in data.clips("train"):
        ...     print(clip.label_name, clip.frames.shape)
    """

    uri: str
    info: DatasetInfo

    def clips(
        self, split: str, part: int = 0, parts: int = 1, shuffle_buffer: int = 0, seed: int | None = None
    ) -> Iterator[StoredClip]:
        """The clips of a split, one after another; checksums are verified.

        Args:
            split: its name.
            part, parts: which of how many parts to give, for programs that share the work. Each clip is in one part,
                their numbers of clips differ by one at most, and only shards that a part has clips of are opened.
            shuffle_buffer: number of clips from which the next one is drawn; 0 keeps the order of the records.
            seed: makes the order reproducible. Another one for each epoch gives another order.

        Raises:
            UsageError: there is no such split, or no such part, or a number is out of range.
            CorruptRecordError: a shard is damaged; `python -m pipelines.verify` names all that are.
            OSError: a shard can't be read.
        """
        check_whole("parts", parts, 1)
        check_whole("part", part, 0)
        check_whole("shuffle_buffer", shuffle_buffer, 0)
        if part >= parts:
            raise UsageError(f"part must be a number from 0 to {parts - 1}, one less than parts, not {part}")
        records = self._part(self._shards(split), part, parts)
        draws = random.Random(None if seed is None else f"{seed} {part}")
        return map(self._clip, _shuffled(records, shuffle_buffer, draws))

    def as_tf(self, split: str, batch_size: int, shuffle_buffer: int = 0, seed: int | None = None) -> "tf.data.Dataset":
        """The clips of a split as batches of frames, uint8 [b, T, H, W, 3], and labels, int64 [b].

        If clips may have several labels, these are float32 [b, C]: 1 for each class of a clip, 0 for the others.

        The last batch holds what is left and may be smaller. Shards in a store are read by this package, so that
        TensorFlow needs no file systems of its own.

        Args:
            split: its name.
            batch_size: clips in a batch.
            shuffle_buffer: number of clips from which the next one is drawn, differently in each epoch; 0 keeps the
                order of the records.
            seed: makes the order reproducible.

        Raises:
            UsageError: there is no such split, or a number is out of range.
            CorruptRecordError: a shard is missing or isn't as long as it was written, which TensorFlow wouldn't notice.
        """
        check_whole("batch_size", batch_size, 1)
        check_whole("shuffle_buffer", shuffle_buffer, 0)
        shards = self._shards(split)
        self._check_sizes(shards)
        import tensorflow as tf

        names = [files.join(self.uri, shard.name) for shard in shards]
        if files.is_local(self.uri):
            compression = "GZIP" if self.info.compression == "gzip" else ""
            records = tf.data.TFRecordDataset(names, compression, num_parallel_reads=_CYCLE if shuffle_buffer else None)
        else:
            records = tf.data.Dataset.from_generator(
                lambda: (record for shard in shards for record in self._records(shard)),
                output_signature=tf.TensorSpec([], tf.string),
            )
        if shuffle_buffer:
            records = records.shuffle(shuffle_buffer, seed)

        def parse(record: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
            several = len(self.info.labels) if self.info.multi_label else 0
            parsed = example.parse(record, self.info.clip_spec, self.info.encoding, several)
            return parsed[example.FRAMES], parsed[example.LABELS if several else example.LABEL]

        return records.map(parse, tf.data.AUTOTUNE, deterministic=True).batch(batch_size).prefetch(tf.data.AUTOTUNE)

    def _repr_html_(self) -> str:
        page = files.read_text(files.join(self.uri, PREVIEW))
        return self.info._repr_html_() if page is None else framed(page)

    def _shards(self, split: str) -> tuple[ShardInfo, ...]:
        if split not in self.info.splits:
            raise UsageError(f"{self.uri} has no split {split!r}; there are {', '.join(self.info.splits)}")
        return self.info.splits[split].shards

    def _check_sizes(self, shards: Sequence[ShardInfo]) -> None:
        sizes = files.list_folder(self.uri)
        for shard in shards:
            if (size := sizes.get(shard.name)) != shard.size_bytes:
                found = "is missing" if size is None else f"has {size:,} bytes instead of {shard.size_bytes:,}"
                raise CorruptRecordError(f"{files.join(self.uri, shard.name)} {found}")

    def _part(self, shards: Sequence[ShardInfo], part: int, parts: int) -> Iterator[bytes]:
        total = sum(shard.num_examples for shard in shards)
        begin, end = total * part // parts, total * (part + 1) // parts
        for shard in shards:
            if begin < shard.num_examples and end > 0:
                yield from islice(self._records(shard), max(begin, 0), end)
            begin, end = begin - shard.num_examples, end - shard.num_examples

    def _records(self, shard: ShardInfo) -> Iterator[bytes]:
        number = 0
        with files.open_read(files.join(self.uri, shard.name)) as file:
            for record in read_records(unpacked(file, self.info.compression)):
                number += 1
                yield record
        if number != shard.num_examples:  # it was cut between two records, or is another one
            raise CorruptRecordError(f"{shard.name} has {number:,} records instead of {shard.num_examples:,}")

    def _clip(self, record: bytes) -> StoredClip:
        found = vars(example.decode(record))
        frames = decode_frames(found["frames"], self.info.clip_spec, self.info.encoding)
        times, indices = tuple(found["timestamps_s"]), tuple(found["frame_indices"])
        return StoredClip(**{**found, "frames": frames, "timestamps_s": times, "frame_indices": indices})


def _shuffled(items: Iterator[bytes], size: int, draws: random.Random) -> Iterator[bytes]:
    """The items in an order that is random within a buffer, so that only so many are in memory."""
    buffer: list[bytes] = []
    for item in items:
        if len(buffer) < size:
            buffer.append(item)
            continue
        if buffer:
            place = draws.randrange(size)
            item, buffer[place] = buffer[place], item
        yield item
    draws.shuffle(buffer)
    yield from buffer


def open_dataset(uri: str | PathLike[str]) -> Dataset:
    """Opens a dataset. This reads only its description.

    Args:
        uri: its folder, local or in a store.

    Raises:
        UsageError: there is no complete dataset.
        UserError: the description is damaged, or from another version of this software.

    Example:
        >>> data = pipelines.open_dataset("data/sample")
        >>> batches = data.as_tf("train", batch_size=8, shuffle_buffer=256)
    """
    folder = files.normalise(uri, "the dataset")
    return Dataset(folder, DatasetInfo.read(folder))
