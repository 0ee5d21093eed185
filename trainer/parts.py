"""Which clips are trained on, validated on and tested on. Pure: knows neither files nor TensorFlow.

By default the dataset's own splits. Folds and the random split are cut from the records of all shards, which an index
(one record's id, group and label after the other) describes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from pipelines.core.catalog import VideoRecord
from pipelines.core.errors import UsageError
from pipelines.core.hashing import stable_hash
from pipelines.core.metadata import DatasetInfo
from pipelines.core.splits import assign_by_fractions
from trainer.config import TrainConfig, parse_fold

SIDES = ("train", "val", "test")
RANDOM_FRACTIONS = {"train": 0.8, "val": 0.1, "test": 0.1}
VAL_FRACTION = 0.15
"""Of the clips outside the test fold, by groups."""


@dataclass(frozen=True)
class Index:
    """Ids, groups and labels (int64 [N]) of the records of some shards, in the order in which they are read."""

    video_ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: np.ndarray


@dataclass(frozen=True)
class Part:
    """The clips of one side.

    Attributes:
        shards: addresses of files.
        lengths: number of records in each of them.
        class_counts: number of this side's clips by label id.
        groups: what they share sources with.
        keep: bool [sum of lengths], which records belong to this side; None for all.
    """

    shards: tuple[str, ...]
    lengths: tuple[int, ...]
    class_counts: tuple[int, ...]
    groups: tuple[str, ...]
    keep: np.ndarray | None = field(default=None, compare=False)

    @property
    def num_clips(self) -> int:
        """Clips of this side."""
        return sum(self.counts)

    @property
    def starts(self) -> tuple[int, ...]:
        """Number of the first record of each shard, counted over all of them."""
        return tuple(int(start) for start in np.cumsum([0, *self.lengths[:-1]]))

    @property
    def counts(self) -> tuple[int, ...]:
        """Clips of this side in each shard."""
        if self.keep is None:
            return self.lengths
        ends = zip(self.starts, self.lengths, strict=True)
        return tuple(int(self.keep[start : start + length].sum()) for start, length in ends)


@dataclass(frozen=True)
class Parts:
    """`train`, `val` and `test`, what cut them, and whether clips of a group are on several sides."""

    sides: Mapping[str, Part]
    protocol: str
    leaky: bool


def cut_parts(
    info: DatasetInfo, uri_of: Callable[[str], str], config: TrainConfig, read_index: Callable[[Part], Index]
) -> Parts:
    """Cuts a dataset into the sides that a configuration asks for.

    Args:
        info: the dataset's description.
        uri_of: gives the address of a shard by its name.
        config: `split`, `fold` and `seed` decide.
        read_index: reads ids, groups and labels of all records of a part; only called for a fold or a random split.

    Raises:
        UsageError: there are too few groups for the folds.
    """

    def stored(splits: Iterable[str]) -> Part:
        chosen = [info.splits[name] for name in splits]
        shards = [shard for split in chosen for shard in split.shards]
        counts = [sum(split.num_examples_by_class.get(label, 0) for split in chosen) for label in info.labels]
        groups = sorted({group for split in chosen for group in split.groups})
        lengths = tuple(shard.num_examples for shard in shards)
        return Part(tuple(uri_of(shard.name) for shard in shards), lengths, tuple(counts), tuple(groups))

    if config.split == "groups" and not config.fold:
        return Parts({side: stored([side]) for side in SIDES}, "groups", leaky=False)
    everything = stored(info.splits)
    index = read_index(everything)
    if config.fold:
        cut = cut_fold(index, config.fold, config.seed)
        protocol = "fold {} of {}".format(*parse_fold(config.fold))
    else:
        cut, protocol = cut_randomly(index, config.seed), "random"
    parts = {side: make_part(everything, index, cut, side) for side in SIDES}
    leaky = any(set(a.groups) & set(b.groups) for a, b in combinations(parts.values(), 2))
    return Parts(parts, protocol, leaky)


def cut_fold(index: Index, fold: str, seed: int) -> list[str]:
    """The side of each record: the fold's groups are the test, some of the other groups validate.

    Folds are made so that each has about as many clips of every class; with as many folds as groups each is one group.

    Raises:
        UsageError: there are fewer groups than the folds need.
    """
    number, count = parse_fold(fold)
    known = len(set(index.groups))
    if known < max(count, 3):
        raise UsageError(f"{count} folds need {max(count, 3)} groups at least; this dataset has {known}")
    videos = [
        VideoRecord(video_id, "", str(label), group, "")
        for video_id, group, label in zip(index.video_ids, index.groups, index.labels, strict=True)
    ]
    # The folds don't depend on the seed: runs with several seeds are tested on the same clips.
    folds = assign_by_fractions(videos, {f"fold{i + 1}": 1 / count for i in range(count)})
    rest = [video for video in videos if folds[video.group] != f"fold{number}"]
    sides = assign_by_fractions(rest, {"train": 1 - VAL_FRACTION, "val": VAL_FRACTION}, seed)
    return [sides.get(group, "test") for group in index.groups]


def cut_randomly(index: Index, seed: int) -> list[str]:
    """The side of each record by chance, whatever its group. It leaks: see `Parts.leaky`."""
    order = sorted(range(len(index.video_ids)), key=lambda i: stable_hash("random", str(seed), index.video_ids[i]))
    ends = np.cumsum([RANDOM_FRACTIONS[side] for side in SIDES]) * len(order)
    sides = [""] * len(order)
    for position, i in enumerate(order):
        sides[i] = SIDES[min(int(np.searchsorted(ends, position + 0.5)), 2)]
    return sides


def make_part(everything: Part, index: Index, sides: Sequence[str], side: str) -> Part:
    """One side of a cut through all records."""
    keep = np.array([name == side for name in sides])
    counts = np.bincount(index.labels[keep], minlength=len(everything.class_counts))
    groups = sorted({group for group, kept in zip(index.groups, keep, strict=True) if kept})
    return replace(everything, class_counts=tuple(map(int, counts)), groups=tuple(groups), keep=keep)


def class_weights(class_counts: Sequence[int], choice: str) -> tuple[float, ...]:
    """The weight of each class in the loss: inverse to its frequency, 1 on average over the clips; all 1 for `none`.

    `auto` weighs where the largest class has more than one and a half times the clips of the smallest.
    """
    present = [count for count in class_counts if count]
    if choice == "none" or (choice == "auto" and max(present) <= 1.5 * min(present)):
        return (1.0,) * len(class_counts)
    return tuple(sum(present) / (len(present) * count) if count else 0.0 for count in class_counts)
