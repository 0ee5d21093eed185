"""What people changed: their annotations of some videos, compared with what they began with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.annotations.types import Annotation

TOLERANCE_S = 0.05
"""By how much a start or an end may differ and still be the same: programs that count frames round times to them.
Half a frame counts where that is longer."""
_ROUNDED_S = 0.002
"""Files have times to the millisecond."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Numbers of segments that people left as they were, whose times or labels they changed, that they added, and that
    they took away."""

    confirmed: int = 0
    changed: int = 0
    new: int = 0
    removed: int = 0

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(
            self.confirmed + other.confirmed, self.changed + other.changed, self.new + other.new,
            self.removed + other.removed,
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.confirmed:,} confirmed, {self.changed:,} changed, {self.new:,} new, {self.removed:,} removed"


def by_video(annotations: Iterable[Annotation]) -> dict[str, list[Annotation]]:
    """The annotations of each video, in their order."""
    found: dict[str, list[Annotation]] = defaultdict(list)
    for item in annotations:
        found[item.video].append(item)
    return found


def compare(before: Mapping[str, Sequence[Annotation]], after: Mapping[str, Sequence[Annotation]]) -> Changes:
    """What became of the segments of the videos in `after`.

    A segment is confirmed if one with the same labels has the same times, to `TOLERANCE_S` or half a frame. What
    is left is paired by overlap, the pairs with the greatest first, and counts as changed. The rest is new or removed.
    """
    return sum((_of_video(before.get(video, ()), items) for video, items in after.items()), Changes())


def overlap_s(first: Annotation, second: Annotation) -> float:
    """For how many seconds two annotations of a video both last; infinite for two of a whole video."""
    (start, end), (other_start, other_end) = span(first), span(second)
    return min(end, other_end) - max(start, other_start)


def span(annotation: Annotation) -> tuple[float, float]:
    """Start and end in seconds; 0 and infinity for the whole video."""
    if annotation.start_s is None or annotation.end_s is None:
        return 0.0, float("inf")
    return annotation.start_s, annotation.end_s


def _of_video(before: Sequence[Annotation], after: Sequence[Annotation]) -> Changes:
    old = [item for item in before if item.labels]
    new = [item for item in after if item.labels]
    confirmed = changed = 0
    for item in [*new]:
        same = next((other for other in old if _is_same(item, other)), None)
        if same is not None:
            confirmed += 1
            new.remove(item)
            old.remove(same)
    pairs = sorted(
        ((_share(item, other), i, j) for i, item in enumerate(new) for j, other in enumerate(old)),
        key=lambda pair: (-pair[0], *pair[1:]),
    )
    taken_new: set[int] = set()
    taken_old: set[int] = set()
    for share, i, j in pairs:
        if share > 0 and i not in taken_new and j not in taken_old:
            taken_new.add(i)
            taken_old.add(j)
            changed += 1
    return Changes(confirmed, changed, len(new) - changed, len(old) - changed)


def _is_same(first: Annotation, second: Annotation) -> bool:
    if set(first.labels) != set(second.labels):
        return False
    (start, end), (other_start, other_end) = span(first), span(second)
    near_s = max(TOLERANCE_S, 0.5 * max(first.frame_s, second.frame_s) + _ROUNDED_S)
    return abs(start - other_start) <= near_s and (end == other_end or abs(end - other_end) <= near_s)


def _share(first: Annotation, second: Annotation) -> float:
    """The share of the time of either that both last; a whole video is as long as what is compared with it reaches."""
    longest = max([end for _, end in (span(first), span(second)) if end != float("inf")], default=1.0)
    (start, end), (other_start, other_end) = ((a, min(b, longest)) for a, b in (span(first), span(second)))
    both = min(end, other_end) - max(start, other_start)
    either = max(end, other_end) - min(start, other_start)
    return both / either if either > 0 else 0.0
