"""The records of a part's shards as `tf.data`, in any order of the shards, wherever these are."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.dataset import example
from trainer.data.parts import Index, Part
from trainer.files.copies import AHEAD, Copies

_CYCLE = 16
"""Shards that are read side by side."""
_COMPRESSION = {"none": "", "gzip": "GZIP"}
PLAIN = tf.autograph.experimental.do_not_convert
"""Without this, TensorFlow rewrites the source of every function in search of Python's `if` and `for`, which takes
longer than everything else here and finds none."""


class Records:
    """The serialised records of a part.

    Args:
        part: the part.
        compression: of its shards, `none` or `gzip`.
        cache: whether all records are kept in memory.
        copies: copies of the shards; None where these are local files.
    """

    def __init__(self, part: Part, compression: str, cache: bool = False, copies: Copies | None = None) -> None:
        self._part, self._compression, self._copies = part, _COMPRESSION[compression], copies
        self._cached = self._read_all() if cache else None

    def read(
        self,
        order: Any,
        count: Any,
        mixed: bool,
        after: Any = (),
        worker: int = 0,
        num_workers: int = 1,
        keep: tf.Tensor | None = None,
    ) -> tf.data.Dataset:
        """The records of some shards.

        Args:
            order: numbers of the shards.
            count: number of records that there must be.
            mixed: whether they come from several shards in turn, not from one shard after another.
            after: numbers of the shards that will be read next.
            worker, num_workers: which share of the records this worker takes, one in `num_workers`.
            keep: bool [N], which of all records to read; None for those of the part.
        """
        part = self._part
        starts, lengths = tf.constant(part.starts), tf.constant(part.lengths)
        if keep is None and part.keep is not None:
            keep = tf.constant(part.keep)
        order, after = tf.cast(order, tf.int64), tf.cast(after, tf.int64)

        def open_shard(place: tf.Tensor) -> tf.data.Dataset:
            start = tf.cast(starts[order[place]], tf.int64)
            numbers = tf.data.Dataset.range(start, start + tf.cast(lengths[order[place]], tf.int64))
            if self._cached is not None:
                records = numbers.map(lambda number: (number, tf.gather(self._cached, number)))
            else:
                upcoming = tf.concat([order[place : place + AHEAD + 1], after], axis=0)[: AHEAD + 1]
                records = tf.data.Dataset.zip((numbers, self._shard(upcoming)))
            if keep is not None:
                records = records.filter(lambda number, _: tf.gather(keep, number))
            return records.map(lambda _, record: record)

        places = tf.data.Dataset.range(tf.size(order, tf.int64))
        width = min(_CYCLE, len(part.shards)) if mixed else 1
        if mixed and self._cached is None:
            records = places.interleave(open_shard, width, 1, min(4, width), deterministic=True)
        else:
            records = places.interleave(open_shard, width, 1)
        if num_workers > 1:
            records = records.shard(num_workers, worker)
        # Lengths come from the dataset's description: a file that changed meanwhile must not go unnoticed.
        return records.apply(tf.data.experimental.assert_cardinality(count))

    def _shard(self, upcoming: tf.Tensor) -> tf.data.Dataset:
        """The records of the first of some shards; the others will be read next."""
        if self._copies is None:
            return self._read_file(tf.constant(self._part.shards)[upcoming[0]])
        path = tf.TensorSpec([], tf.string)
        held = tf.data.Dataset.from_generator(self._held, args=(upcoming,), output_signature=path)
        return held.flat_map(self._read_file)

    def _held(self, upcoming: np.ndarray) -> Iterator[str]:
        """The path of the first of some shards, or of its copy, which is held until the next element is asked for, or
        until the reader ends early."""
        shard, *then = (self._part.shards[number] for number in upcoming)
        with self._copies.held(shard, then) if self._copies else contextlib.nullcontext(shard) as path:
            yield path

    def _read_file(self, path: tf.Tensor | str) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(path, self._compression, buffer_size=4 << 20)

    def _read_all(self) -> tf.Tensor:
        """All records, string [N], in memory."""
        numbers = np.arange(len(self._part.shards))
        paths = (path for first in numbers for path in self._held(numbers[first : first + AHEAD + 1]))
        return tf.constant([record.numpy() for path in paths for record in self._read_file(path)])


class Zipped:
    """The records of two datasets with the same shards, pair by pair.

    Args:
        first, second: parts with the same lengths and the same choice of records.
    """

    def __init__(self, first: Records, second: Records) -> None:
        self._both = first, second

    def read(self, *arguments: Any, **named: Any) -> tf.data.Dataset:
        """Pairs of records; see `Records.read`."""
        return tf.data.Dataset.zip(tuple(records.read(*arguments, **named) for records in self._both))


@PLAIN
def read_index(records: tf.data.Dataset, num_classes: int = 0) -> Index:
    """Reads ids, groups and labels, without the pixels; all labels of each clip, where a number of classes is given."""
    features: dict[str, Any] = {
        example.VIDEO_ID: tf.io.FixedLenFeature([], tf.string),
        example.GROUP: tf.io.FixedLenFeature([], tf.string),
        example.LABEL: tf.io.FixedLenFeature([], tf.int64),
    }
    if num_classes:
        features[example.LABELS] = tf.io.RaggedFeature(tf.int64)
    parsed = records.batch(64).map(lambda batch: tf.io.parse_example(batch, features), tf.data.AUTOTUNE)
    ids: list[str] = []
    groups: list[str] = []
    labels: list[np.ndarray] = []
    targets = [np.zeros((0, num_classes), np.bool_)]
    for batch in parsed.as_numpy_iterator():
        ids += [value.decode("utf-8", "surrogateescape") for value in batch[example.VIDEO_ID]]
        groups += [value.decode("utf-8", "surrogateescape") for value in batch[example.GROUP]]
        labels.append(batch[example.LABEL])
        if num_classes:
            rows = batch[example.LABELS].to_list()
            targets.append(np.array([[c in row for c in range(num_classes)] for row in rows], np.bool_))
    several = np.concatenate(targets) if num_classes else None
    return Index(tuple(ids), tuple(groups), np.concatenate(labels) if labels else np.zeros(0, np.int64), several)
