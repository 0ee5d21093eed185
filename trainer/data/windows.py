"""Clips that are windows or segments of one video: which of them an epoch trains on. Pure: no files, no TensorFlow.

A video may have given many clips of the same class, such as overlapping windows. An epoch can take one of them at
random, another one each time: a function of seed and epoch, the same for every worker, so that a run resumes anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.clip_ids import range_of, video_of
from trainer.data.parts import Index, Part

ONE, ALL = "one", "all"
_DENSE_SHARE = 0.5
_GAP_S = 0.0015
"""Ids have milliseconds: windows that follow each other may be this far apart."""
_DRAW = 7
"""Makes the draw of clips independent of that of shards, which has the same seed and epoch."""


@dataclass(frozen=True, eq=False)
class Windows:
    """What an epoch trains on.

    Attributes:
        choice: `one` clip of each video and class, or `all`.
        part: the training side; with `units` where an epoch takes one of each.
        class_counts: clips of an epoch by label id; one with several labels counts under each.
        clips_per_epoch: clips of an epoch.
        note: says what was chosen and why; empty where no video has several clips of a class.
    """

    choice: str
    part: Part
    class_counts: tuple[int, ...]
    clips_per_epoch: int
    note: str = ""

    @property
    def class_shares(self) -> tuple[float, ...]:
        """The share of an epoch's clips that have each label."""
        return tuple(count / self.clips_per_epoch for count in self.class_counts)


def units_of(index: Index) -> np.ndarray:
    """The number of each record's video and label, or set of labels, among all such pairs, int64 [N]."""
    numbers: dict[tuple[str, int | bytes], int] = {}
    labels = index.labels.tolist() if index.targets is None else [row.tobytes() for row in index.targets]
    pairs = zip(map(video_of, index.video_ids), labels, strict=True)
    return np.fromiter((numbers.setdefault(pair, len(numbers)) for pair in pairs), np.int64, len(index.video_ids))


def are_dense(index: Index, units: np.ndarray) -> bool:
    """Whether clips of the same video and class mostly overlap or follow each other, as windows of one stretch do."""
    several = np.bincount(units)[units] > 1
    ranges = [
        (unit, *(range_of(index.video_ids[number]) or (0.0, float("inf"))))
        for number, unit in zip(np.flatnonzero(several).tolist(), units[several].tolist(), strict=True)
    ]
    pairs = close = 0
    last_unit, last_end = -1, 0.0
    for unit, start, end in sorted(ranges):
        if unit == last_unit:
            pairs += 1
            close += start <= last_end + _GAP_S
            end = max(end, last_end)
        last_unit, last_end = unit, end
    return pairs > 0 and close >= _DENSE_SHARE * pairs


def choose_windows(choice: str, part: Part, index: Index | None) -> Windows:
    """Which clips of the training side an epoch takes.

    Args:
        choice: `one`, `all`, or `auto`: `one` if clips of the same video and class mostly overlap or follow each other.
        part: the training side.
        index: of its clips; None where the dataset has none, and so no such clips.
    """
    everything = Windows(ALL, part, part.class_counts, part.num_clips)
    if index is None:
        return everything
    units = units_of(index)
    _, first = np.unique(units, return_index=True)
    if len(first) == len(units):
        return everything
    of_each = f"one clip of each video and class, another one each epoch: {len(first):,} of {len(units):,}"
    if choice == ALL:
        return replace(everything, note=f"an epoch takes all {len(units):,} clips, also several of a video and class")
    if choice != ONE and not are_dense(index, units):
        return replace(
            everything,
            note=f"an epoch takes all {len(units):,} clips: most of those of one video and class are apart in time "
            "(--windows one takes one of them at random)",
        )
    why = "" if choice == ONE else ", as most of them overlap or follow each other (--windows all takes all)"
    spread = units
    if part.keep is not None:
        spread = np.full(len(part.keep), -1, np.int64)
        spread[part.keep] = units
    taken = np.zeros(len(units), np.bool_)
    taken[first] = True
    counts = tuple(map(int, index.where(taken).count(len(part.class_counts))))
    return Windows(ONE, replace(part, units=spread), counts, len(first), f"an epoch takes {of_each}{why}")


def of_epoch(part: Part, seed: int, epoch: int) -> Part:
    """The clips of a part that an epoch takes: of each unit one, all equally likely; the part itself without units."""
    if part.units is None:
        return part
    keep = _draw(part.units, seed, epoch)
    return replace(part, keep=keep, units=None)


def _draw(units: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Bool [N]: true for one record of each unit; -1 is none."""
    numbers = np.flatnonzero(units >= 0)
    shuffled = numbers[np.random.default_rng([seed, epoch, _DRAW]).permutation(len(numbers))]
    _, first = np.unique(units[shuffled], return_index=True)
    chosen = np.zeros(len(units), bool)
    chosen[shuffled[first]] = True
    return chosen


def share_videos(sides: Sequence[Index]) -> bool:
    """Whether clips of one video are on several sides."""
    if not any("@" in name for index in sides for name in index.video_ids):
        return False
    videos = [set(map(video_of, index.video_ids)) for index in sides]
    return sum(map(len, videos)) > len(set().union(*videos))
