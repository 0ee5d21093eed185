"""Clips from shards as `tf.data`: the same clips in the same order for the same seed and epoch, starting anywhere.

Every batch has the same size: the last one is filled up with empty clips of weight 0, and a worker whose shards are
exhausted gets batches of such clips. So no clip is left out, no replica is idle, and a function is traced once.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.dataset import example
from pipelines.dataset.info import DatasetInfo
from pipelines.featurizing.records import FEATURES
from trainer.data.augment import augment
from trainer.data.features import Features
from trainer.data.parts import Index, Part
from trainer.data.records import PLAIN, Records, Zipped, read_index
from trainer.data.windows import of_epoch
from trainer.files.copies import AHEAD, Copies

_PREFETCH = 4
"""Batches that are prepared ahead."""


@dataclass(frozen=True)
class Reading:
    """How the clips of a part are read.

    Attributes:
        batch_size: clips in a batch of one replica.
        replicas: replicas of this worker, which draw batches in turn.
        worker: number of this worker.
        num_workers: how many share the clips.
        augmentations: names of the augmentations of a clip.
        single_frame: one frame [1, H, W, 3] in place of the clip: a random one in training, else the middle one.
        shuffle_buffer: number of clips from which the next one is drawn at random.
        seed: determines, with the epoch, the order and the augmentation.
    """

    batch_size: int
    replicas: int = 1
    worker: int = 0
    num_workers: int = 1
    augmentations: tuple[str, ...] = ()
    single_frame: bool = False
    shuffle_buffer: int = 512
    seed: int = 0


class Clips:
    """The clips of one part of a dataset, for training and for evaluation.

    Args:
        info: the dataset's description.
        part: the part.
        reading: how its clips are read.
        cache: whether all of them are kept in memory.
        copies: copies of the dataset's shards; None where these are local files.
        features: what a pretrained network has seen in the clips, if that is to be read, too.

    Below, the `inputs` of a network are frames uint8 [b, T, H, W, 3]; or, with features, these and features float32
    [b, T, D], or the latter alone.
    """

    def __init__(
        self,
        info: DatasetInfo,
        part: Part,
        reading: Reading,
        cache: bool = False,
        copies: Copies | None = None,
        features: Features | None = None,
    ) -> None:
        self._info, self._part, self._reading, self._features = info, part, reading, features
        beside = Records(features.of(part), "none", cache, features.copies) if features else None
        self._records: Records | Zipped
        if beside and features and features.alone:
            self._records = beside
        else:
            records = Records(part, info.compression, cache, copies)
            self._records = Zipped(records, beside) if beside else records
        self._of_epoch = lru_cache(3)(partial(of_epoch, part, reading.seed))

    def training_steps(self, epoch: int) -> int:
        """Global batches of an epoch: as many as the worker with the most clips needs."""
        reading = self._reading
        most = max(count for _, count in self._shares(epoch))
        return -(-most // (reading.batch_size * reading.replicas))

    @PLAIN
    def training(self, epoch: int, first_step: int = 0) -> tf.data.Dataset:
        """Endless batches, from a step of an epoch on: inputs, labels int64 [b], weights float32 [b].

        Where clips may have several labels, these are float32 [b, C]: 1 for each class of a clip, 0 for the others.
        Epochs follow each other as one stream, so that the next one is being read while the last one is trained on. A
        step takes one batch for each replica; only this worker's batches are returned.
        """
        spec = {
            **{name: tf.TensorSpec([None], tf.int64) for name in ("order", "after")},
            **{name: tf.TensorSpec([], tf.int64) for name in ("count", "seed", "first", "clips")},
            **({} if self._part.units is None else {"keep": tf.TensorSpec([None], tf.bool)}),
        }
        epochs = tf.data.Dataset.from_generator(lambda: self._epochs(epoch, first_step), output_signature=spec)
        size = self._reading.batch_size
        return epochs.flat_map(self._epoch).batch(size, drop_remainder=True).prefetch(_PREFETCH)

    def _epochs(self, epoch: int, first_step: int) -> Iterator[dict[str, Any]]:
        """What differs between epochs: the shards, which of their records, and a seed for everything else."""
        reading = self._reading
        per_step = reading.batch_size * reading.replicas
        while True:
            order, count = self._shares(epoch)[reading.worker]
            yield {
                "order": order,
                "after": self._shares(epoch + 1)[reading.worker][0][:AHEAD],
                "count": count,
                "seed": _seed(reading.seed, epoch, reading.worker),
                "first": min(first_step * per_step, count),
                "clips": (self.training_steps(epoch) - first_step) * per_step,
                **({} if self._part.units is None else {"keep": self._of_epoch(epoch).keep}),
            }
            epoch, first_step = epoch + 1, 0

    def _epoch(self, epoch: Mapping[str, tf.Tensor]) -> tf.data.Dataset:
        reading, seed = self._reading, epoch["seed"]
        worker, num_workers = reading.worker, reading.num_workers
        if len(self._part.shards) >= num_workers:  # each has shards of its own
            worker, num_workers = 0, 1
        records = self._records.read(
            epoch["order"], epoch["count"], True, epoch["after"], worker, num_workers, epoch.get("keep")
        )
        records = records.shuffle(reading.shuffle_buffer, seed, reshuffle_each_iteration=False)

        def prepare(number: tf.Tensor, record: Any) -> tuple[Any, tf.Tensor, tf.Tensor]:
            parsed = self._parse(record)
            own_seed = tf.stack([seed, number])
            if reading.single_frame:
                parsed = _at_frame(parsed, tf.random.stateless_uniform([], own_seed, 0, self._num_frames, tf.int64))
            if example.FRAMES in parsed:
                frames = augment(parsed[example.FRAMES], own_seed, reading.augmentations)
                parsed = {**parsed, example.FRAMES: frames}
            labels = parsed[example.LABELS if self._info.multi_label else example.LABEL]
            return _inputs(parsed), labels, tf.constant(1.0)

        clips = records.enumerate().skip(epoch["first"]).map(prepare, tf.data.AUTOTUNE, deterministic=True)
        return _filled(clips, epoch["clips"])

    def evaluation_steps(self) -> int:
        """Global batches of the whole part."""
        reading = self._reading
        return -(-self._part.num_clips // (reading.batch_size * reading.replicas * reading.num_workers))

    @PLAIN
    def evaluation(self, rounds: int = 1) -> tf.data.Dataset:
        """All clips in the order of their records: inputs, the clip's number int64 [b] in that order, weights.

        Args:
            rounds: number of passes, -1 for endless.
        """
        reading = self._reading
        order = list(range(len(self._part.shards)))
        after = order[: AHEAD if rounds != 1 else 0]
        records = self._records.read(order, self._part.num_clips, mixed=False, after=after).enumerate()
        if reading.num_workers > 1:
            records = records.shard(reading.num_workers, reading.worker)

        def prepare(number: tf.Tensor, record: Any) -> tuple[Any, tf.Tensor, tf.Tensor]:
            parsed = self._parse(record)
            if reading.single_frame:
                parsed = _at_frame(parsed, self._num_frames // 2)
            return _inputs(parsed), number, tf.constant(1.0)

        clips = records.map(prepare, tf.data.AUTOTUNE, deterministic=True)
        clips = _filled(clips, self.evaluation_steps() * reading.replicas * reading.batch_size).repeat(rounds)
        return clips.batch(reading.batch_size, drop_remainder=True).prefetch(_PREFETCH)

    @PLAIN
    def index(self) -> Index:
        """Ids, groups and labels of the part's clips, in the order of `evaluation`."""
        shards = list(range(len(self._part.shards)))
        return read_index(self._records.read(shards, self._part.num_clips, mixed=False), self._num_classes)

    def _shares(self, epoch: int) -> list[tuple[list[int], int]]:
        """The shards of each worker in an epoch, in the order in which they are opened, and how many clips they give.

        With fewer shards than workers, every worker reads all shards and takes its share of the records.
        """
        counts = self._of_epoch(epoch).counts
        order = np.random.default_rng([self._reading.seed, epoch]).permutation(len(counts))
        workers = self._reading.num_workers
        if workers == 1:
            return [(list(map(int, order)), sum(counts))]
        if len(counts) < workers:
            total = sum(counts)
            return [(list(map(int, order)), total // workers + (i < total % workers)) for i in range(workers)]
        shares: list[list[int]] = [[] for _ in range(workers)]
        sizes = [(0, worker) for worker in range(workers)]  # a heap: there may be thousands of shards
        for shard in sorted(map(int, order), key=lambda i: -counts[i]):  # stable: equal ones stay in random order
            size, smallest = sizes[0]
            shares[smallest].append(shard)
            heapq.heapreplace(sizes, (size + counts[shard], smallest))
        return [(shares[worker], size) for size, worker in sorted(sizes, key=lambda pair: pair[1])]

    def _parse(self, record: Any) -> Mapping[str, tf.Tensor]:
        info, features = self._info, self._features
        clip, *seen = record if isinstance(record, tuple) else (record,)
        if features and features.alone:
            return features.parse(clip, self._num_classes)
        parsed = example.parse(clip, info.clip_spec, info.encoding, self._num_classes)
        return features.beside(parsed, *seen) if features else parsed

    @property
    def _num_frames(self) -> int:
        return self._info.clip_spec.num_frames

    @property
    def _num_classes(self) -> int:
        """C where clips may have several labels, else 0."""
        return len(self._info.labels) if self._info.multi_label else 0


def _inputs(parsed: Mapping[str, tf.Tensor]) -> Any:
    found = tuple(parsed[name] for name in (example.FRAMES, FEATURES) if name in parsed)
    return found if len(found) > 1 else found[0]


def _at_frame(parsed: Mapping[str, tf.Tensor], frame: Any) -> dict[str, tf.Tensor]:
    """A clip of one frame, [1, H, W, 3], and its features [1, D], if there are any."""
    parts = {name: parsed[name] for name in (example.FRAMES, FEATURES) if name in parsed}
    cut = {name: tf.ensure_shape(part[frame : frame + 1], [1, *part.shape[1:]]) for name, part in parts.items()}
    return {**parsed, **cut}


def _filled(clips: tf.data.Dataset, count: Any) -> tf.data.Dataset:
    """Exactly `count` elements: the given ones, then empty ones of weight 0."""
    empty = tf.nest.map_structure(lambda spec: tf.zeros(spec.shape, spec.dtype), clips.element_spec)
    return clips.concatenate(tf.data.Dataset.from_tensors(empty).repeat(count)).take(count)


def _seed(*parts: int) -> int:
    """A seed below 2**31, made from several numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint32)[0] >> 1)
