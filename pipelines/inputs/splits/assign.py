"""Group-safe splits: all videos of a group (same actor, place, background) go into the same split."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pipelines.core.hashing import stable_hash
from pipelines.core.split_names import split_name
from pipelines.inputs.catalog import VideoRecord
from pipelines.inputs.folders import near_split


def validate_fractions(fractions: Mapping[str, float]) -> None:
    """Checks that fractions have valid names, are positive, and add up to 1.

    Raises:
        ValueError: a name or a fraction is invalid, or they don't add up to 1; the message shows them.
    """
    shown = ",".join(f"{name}={fraction:g}" for name, fraction in fractions.items())
    for name, fraction in fractions.items():
        if not name.isidentifier():
            raise ValueError(f"{name!r} is not a valid name for a split; use letters, digits and _")
        _refuse_other_name(name)
        if not 0 < fraction <= 1:
            raise ValueError(f"the fraction of a split must be above 0 and at most 1: {shown}")
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise ValueError(f"fractions of splits must add up to 1: {shown}")


def assign_by_fractions(
    videos: Iterable[VideoRecord],
    fractions: Mapping[str, float],
    seed: int = 0,
    assigned: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Assigns a split to each group, so that every split gets about its fraction of each class.

    Groups are taken by size, largest first; groups of equal size are ordered by a hash of (seed, group). Each goes to
    the split that lacks the most videos of the group's classes. If there are at least as many groups as splits, no
    split stays empty. The result depends neither on the order of the videos nor on the machine.

    Args:
        videos: all videos.
        fractions: split name to fraction; they add up to 1.
        seed: another seed gives another assignment.
        assigned: groups that already have a split and keep it, from an earlier run with other videos.

    Returns:
        group to split name, for each group of `videos`.
    """
    sizes = _group_sizes(videos)
    totals: Counter[str] = Counter()
    for of_group in sizes.values():
        for label, count in of_group.items():
            totals[label] += count
    wanted = {
        split: {label: fraction * total for label, total in totals.items()} for split, fraction in fractions.items()
    }
    have = {split: dict.fromkeys(totals, 0) for split in fractions}
    empty = dict.fromkeys(fractions)
    # Groups are handled by number: visiting a million strings scattered in memory would take most of the time.
    groups = sorted(sizes)
    counts = [sizes[group] for group in groups]
    chosen = [""] * len(groups)

    def place(number: int, split: str) -> None:
        chosen[number] = split
        empty.pop(split, None)
        for label, count in counts[number].items():
            have[split][label] += count

    def neediest(number: int, candidates: Iterable[str]) -> str:
        """The split that lacks the most videos of the group's classes. This choice minimises the squared error."""
        items = counts[number].items()
        if len(items) == 1:  # as in most groups if videos have no group names
            ((label, count),) = items
            return max(candidates, key=lambda split: count * (wanted[split][label] - have[split][label]))
        return max(candidates, key=lambda split: sum(n * (wanted[split][c] - have[split][c]) for c, n in items))

    todo = []
    for number, group in enumerate(groups):
        if assigned and assigned.get(group) in fractions:
            place(number, assigned[group])
        else:
            todo.append(number)
    draw = np.fromiter((stable_hash("split", str(seed), groups[number]) for number in todo), np.uint64, len(todo))
    size = np.fromiter((sum(counts[number].values()) for number in todo), np.int64, len(todo))
    order = np.lexsort((draw, -size))  # ties stay in the order of names
    for position, number in enumerate(np.array(todo, np.int64)[order].tolist()):
        candidates = empty if 0 < len(empty) >= len(todo) - position else fractions
        place(number, neediest(number, candidates))
    return dict(zip(groups, chosen, strict=True))


def _group_sizes(videos: Iterable[VideoRecord]) -> dict[str, Mapping[str, int]]:
    """Number of videos of each group by class. To save memory, groups of one video share one value per class."""
    singles: dict[str, dict[str, int]] = {}
    sizes: dict[str, Mapping[str, int]] = {}
    several: dict[str, dict[str, int]] = {}
    for video in videos:
        group, label = video.group, video.label
        if group not in sizes:
            sizes[group] = singles.setdefault(label, {label: 1})
            continue
        if group not in several:
            sizes[group] = several[group] = dict(sizes[group])
        several[group][label] = several[group].get(label, 0) + 1
    return sizes


def parse_fractions(text: str) -> dict[str, float]:
    """Parses `train=0.8,val=0.1,test=0.1` into a dictionary.

    Raises:
        ValueError: the text isn't of this form, or the fractions don't add up to 1.
    """
    fractions: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name.strip() in fractions:
            raise ValueError(f"the split {name.strip()!r} is named twice in {text!r}")
        try:
            fractions[name.strip()] = float(value)
        except ValueError:
            raise ValueError(f"splits must look like train=0.8,val=0.1,test=0.1, not {text!r}") from None
    validate_fractions(fractions)
    return fractions


def parse_groups(texts: Sequence[str]) -> dict[str, str]:
    """Parses `["test=g01,g02", "val=g03"]` into {g01: test, g02: test, g03: val}.

    Raises:
        ValueError: a text isn't of this form, or a group is named for two splits.
    """
    result: dict[str, str] = {}
    for text in texts:
        split, equals, names = text.partition("=")
        if not equals or not split.strip().isidentifier() or not names.strip():
            raise ValueError(f"groups of a split must look like test=g01,g02, not {text!r}")
        if not split_name(split) and (near := near_split(split)):
            raise ValueError(f"unknown split {split.strip()!r} in {text!r}; did you mean {near}?")
        _refuse_other_name(split)
        for group in names.split(","):
            _add_group(result, group.strip(), split.strip())
    return result


def _refuse_other_name(split: str) -> None:
    """Refuses `Valid` for `val`: the trainer, which looks for that split, would not find it."""
    usual = split_name(split)
    if usual and usual != split.strip():
        raise ValueError(f"the split {split.strip()!r} must be called {usual}")


def _add_group(result: dict[str, str], group: str, split: str) -> None:
    if result.setdefault(group, split) != split:
        raise ValueError(f"group {group!r} is named for both {result[group]} and {split}")
