"""Which clips are trained on, validated on and tested on. Pure: knows neither files nor TensorFlow.

By default the dataset's own splits. Folds and the random split are cut from the records of all shards, which an index
(the id, group and label of each record) describes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, compress

import numpy as np

from pipelines.core.clip_ids import video_of
from pipelines.core.errors import UsageError
from pipelines.core.hashing import stable_hash
from pipelines.dataset.info import DatasetInfo
from pipelines.inputs.catalog import VideoRecord
from pipelines.inputs.splits.assign import assign_by_fractions
from pipelines.reports.text import plural
from trainer.config import TrainConfig
from trainer.setting_texts import parse_fold

SIDES = ("train", "val", "test")
RANDOM_FRACTIONS = {"train": 0.8, "val": 0.1, "test": 0.1}
VAL_FRACTION = 0.15
"""Of the clips outside the test fold, by groups."""


@dataclass(frozen=True)
class Index:
    """Ids, groups and labels (int64 [N]) of the records of some shards, in the order in which they are read.

    In a dataset with several labels a clip, `labels` has the first of each, and `targets`, bool [N, C], all of them.
    """

    video_ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: np.ndarray
    targets: np.ndarray | None = None

    @property
    def truth(self) -> np.ndarray:
        """What a network is to say: `targets` where a clip may have several labels, else `labels`."""
        return self.labels if self.targets is None else self.targets

    def where(self, keep: np.ndarray) -> "Index":
        """The records for which `keep`, bool [N], is true."""
        ids, groups = (tuple(compress(values, keep)) for values in (self.video_ids, self.groups))
        return Index(ids, groups, self.labels[keep], None if self.targets is None else self.targets[keep])

    def count(self, num_classes: int) -> np.ndarray:
        """Number of records of each class, int64 [C]; one with several labels counts under each."""
        if self.targets is None:
            return np.bincount(self.labels, minlength=num_classes)
        return np.asarray(self.targets.sum(axis=0))


@dataclass(frozen=True)
class Part:
    """The clips of one side.

    Attributes:
        shards: addresses of files.
        lengths: number of records in each of them.
        class_counts: number of this side's clips by label id.
        groups: names of the groups that these clips belong to.
        keep: bool [sum of lengths], which records belong to this side; None for all.
        splits: the splits whose shards these are, in the same order; empty where these are not whole splits.
        units: int64 [sum of lengths], for each record the number of its video and class, of which an epoch takes one
            clip, -1 for records of other sides; None where an epoch takes all.
    """

    shards: tuple[str, ...]
    lengths: tuple[int, ...]
    class_counts: tuple[int, ...]
    groups: tuple[str, ...]
    keep: np.ndarray | None = field(default=None, compare=False)
    splits: tuple[str, ...] = ()
    units: np.ndarray | None = field(default=None, compare=False)

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
    """`train`, `val` and `test`, how they were cut, whether clips of a group are on several sides, and a note for the
    user, if any."""

    sides: Mapping[str, Part]
    protocol: str
    leaky: bool
    note: str = ""


def cut_parts(
    info: DatasetInfo, uri_of: Callable[[str], str], config: TrainConfig, read_index: Callable[[Part], Index]
) -> Parts:
    """Cuts a dataset into the sides that a configuration asks for.

    Args:
        info: the dataset's description.
        uri_of: returns the address of a shard by its name.
        config: its `split`, `fold` and `seed` are used.
        read_index: reads ids, groups and labels of a part's records; not called if the dataset's own splits suffice.

    Raises:
        UsageError: there are too few groups for the folds, or for a validation split.
    """

    def stored(splits: Iterable[str]) -> Part:
        names = tuple(name for name in splits if name in info.splits)
        chosen = [info.splits[name] for name in names]
        shards = [shard for split in chosen for shard in split.shards]
        counts = [sum(split.num_examples_by_class.get(label, 0) for split in chosen) for label in info.labels]
        groups = sorted({group for split in chosen for group in split.groups})
        lengths = tuple(shard.num_examples for shard in shards)
        uris = tuple(uri_of(shard.name) for shard in shards)
        return Part(uris, lengths, tuple(counts), tuple(groups), splits=names)

    if config.split == "groups" and not config.fold:
        parts, note = {side: stored([side]) for side in SIDES}, ""
        if not parts["val"].num_clips:
            whole = parts["train"]
            index = read_index(whole)
            cut = cut_validation(index, config.seed)
            parts |= {side: make_part(whole, index, cut, side) for side in ("train", "val")}
            number = parts["val"].num_clips
            note = (
                f"the dataset has no split val: {number:,} of the {whole.num_clips:,} clips of train, of "
                f"{len(parts['val'].groups):,} of its {len(whole.groups):,} groups, are for validation, not training"
            )
        return Parts(parts, "groups", _share_groups(parts.values()), note)
    everything = stored(info.splits)
    index = read_index(everything)
    if config.fold:
        cut = cut_fold(index, config.fold, config.seed)
        protocol = "fold {} of {}".format(*parse_fold(config.fold))
    else:
        cut, protocol = cut_randomly(index, config.seed), "random"
    parts = {side: make_part(everything, index, cut, side) for side in SIDES}
    return Parts(parts, protocol, _share_groups(parts.values()))


def indexed_splits(info: DatasetInfo, config: TrainConfig) -> tuple[str, ...]:
    """The splits for which training needs to know the id, group and label of each record, `train` among them."""
    if config.split != "groups" or config.fold:
        return tuple(info.splits)
    return tuple(name for name in SIDES if name in info.splits)


def _share_groups(parts: Iterable[Part]) -> bool:
    return any(not set(a.groups).isdisjoint(b.groups) for a, b in combinations(parts, 2))


def min_groups(count: int) -> int:
    """How many groups a number of folds needs, so that beside each fold one group trains and another validates."""
    return max(count, 4 if count == 2 else 3)


def cut_fold(index: Index, fold: str, seed: int) -> list[str]:
    """The side of each record: the fold's groups are for testing, some of the others for validation.

    All folds have about the same number of clips of every class; with as many folds as groups, each is one group.

    Raises:
        UsageError: there are fewer groups than the folds need, or than are needed beside the fold.
    """
    number, count = parse_fold(fold)
    known = len(set(index.groups))
    if known < min_groups(count):
        raise UsageError(f"{count} folds need at least {min_groups(count)} groups; this dataset has {known}")
    videos = _videos(index)
    # The folds don't depend on the seed: runs with several seeds are tested on the same clips.
    folds = assign_by_fractions(videos, {f"fold{i + 1}": 1 / count for i in range(count)})
    sides = _validating([video for video in videos if folds[video.group] != f"fold{number}"], seed)
    if len(sides) < 2:
        raise UsageError(
            f"fold {number} of {count} leaves {plural(len(sides), 'group')} to train and validate on, which takes two. "
            f"Give more folds: this dataset has {known} groups, so up to --folds {known}"
        )
    return [sides.get(group, "test") for group in index.groups]


def cut_validation(index: Index, seed: int) -> list[str]:
    """The side of each record of a training split: some of its groups are for validation.

    Raises:
        UsageError: what would be left to train on has one class only, or no group.
    """
    sides = _validating(_videos(index), seed)
    cut = [sides[group] for group in index.groups]
    left = index.where(np.array([side == "train" for side in cut], np.bool_)).count(1)
    if len(sides) < 2 or np.count_nonzero(left) < 2:
        raise UsageError(
            f"the dataset has no split val, and its split train has {plural(len(sides), 'group')}, too few to cut one "
            "from. Preprocess more videos, or with a split val"
        )
    return cut


def _videos(index: Index) -> list[VideoRecord]:
    labels = list(map(str, index.labels)) if index.targets is None else [str(np.flatnonzero(t)) for t in index.targets]
    return [
        VideoRecord(video_id, "", label, group, "")
        for video_id, group, label in zip(index.video_ids, index.groups, labels, strict=True)
    ]


def _validating(videos: Sequence[VideoRecord], seed: int) -> dict[str, str]:
    return assign_by_fractions(videos, {"train": 1 - VAL_FRACTION, "val": VAL_FRACTION}, seed)


def cut_randomly(index: Index, seed: int) -> list[str]:
    """The side of each record at random, whatever its group. This leaks: see `Parts.leaky`.

    Clips of one video stay together: the middle one tells the side.
    """
    videos = [video_of(name) for name in index.video_ids]
    counts = Counter(videos)
    ends = np.cumsum([RANDOM_FRACTIONS[side] for side in SIDES]) * len(videos)
    sides, before = {}, 0
    for video in sorted(counts, key=lambda video: (stable_hash("random", str(seed), video), video)):
        sides[video] = SIDES[min(int(np.searchsorted(ends, before + counts[video] / 2)), 2)]
        before += counts[video]
    return [sides[video] for video in videos]


def make_part(everything: Part, index: Index, sides: Sequence[str], side: str) -> Part:
    """One side of a cut through all records."""
    keep = np.array([name == side for name in sides])
    counts = index.where(keep).count(len(everything.class_counts))
    groups = sorted({group for group, kept in zip(index.groups, keep, strict=True) if kept})
    return replace(everything, class_counts=tuple(map(int, counts)), groups=tuple(groups), keep=keep)


def missing_classes(parts: Parts, labels: Sequence[str]) -> dict[str, list[str]]:
    """The classes without a clip on a side, for each side that lacks some."""
    missing = {
        side: [label for label, count in zip(labels, part.class_counts, strict=True) if not count]
        for side, part in parts.sides.items()
    }
    return {side: names for side, names in missing.items() if names}
