"""Which segments are worth a person's time: those that the model doubts, those unlike its training, and a spread.

Pure: the same segments and vectors give the same choice, on any machine.
"""

import bisect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.selection.segments import Segments

UNCERTAIN, UNLIKE, SPREAD = "uncertain", "unlike training", "spread"
REASONS = (UNCERTAIN, UNLIKE, SPREAD)
POOL = 4
"""Segments among which each one that is uncertain or unlike training is chosen: the most so, but for that factor."""
MOST_SPREAD = 10_000
"""Segments among which the spread is looked for, as many of each class as of any other, where there are."""
_DIGITS = 6
"""Squared distances are compared to so many digits, so that the last bits of a sum don't decide."""
_TOLERANCE_S = 1e-6
_BLOCKED = -1.0

Vectors = Callable[[np.ndarray], np.ndarray]
"""Numbers of segments, int64 [M], ascending, to their vectors, float32 [M, D]."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A segment to look at.

    Attributes:
        number: its number.
        reason: one of `REASONS`.
    """

    number: int
    reason: str


def choose(segments: Segments, vectors: Vectors, budget: int, apart_s: float) -> list[Chosen]:
    """The segments to look at, by video and time; fewer than the budget only if there are no more.

    Up to a quarter of them are unlike training, half are uncertain, and the rest is spread. The one most unlike
    training and the most uncertain one are always chosen. Each other is the farthest from all that are chosen before,
    of the segments that its reason allows (k-center greedy): by their vectors, and farther if it is of another class or
    another video.

    Args:
        segments: what there is to choose from.
        vectors: what segments are like; called once, for those that are candidates.
        budget: how many to choose.
        apart_s: two segments of one video with less than that between them are of one moment, of which one is chosen.
    """
    by_doubt = _ranked(segments.doubt)
    # The most that can be apart: of all that are left, always the one that ends first.
    likely = min(budget, len(_thinned(segments, np.lexsort((segments.end_s, segments.video)), apart_s)))
    if likely <= 0:
        return []
    all_moments = _thinned(segments, by_doubt, apart_s)
    far = np.flatnonzero(segments.unfamiliar > 1)
    unlike = min(likely // 4, len(far))
    uncertain = -(-likely // 2)
    # Each that is unlike training may take the moments of two others.
    most_uncertain = min(POOL * uncertain, max(len(all_moments) // 2, uncertain + 2 * unlike))
    pools = {
        UNLIKE: _thinned(segments, far[_ranked(segments.unfamiliar[far])], apart_s)[: POOL * unlike],
        UNCERTAIN: all_moments[:most_uncertain],
        SPREAD: of_each_class(segments.label, MOST_SPREAD),
    }
    shares = {UNLIKE: unlike, UNCERTAIN: uncertain, SPREAD: likely - uncertain - unlike}
    candidates = np.unique(np.concatenate([*pools.values()]))
    centers = _Centers(segments, candidates, vectors(candidates), apart_s)
    found = [
        Chosen(number, reason)
        for reason, pool in pools.items()
        for number in centers.pick(pool, shares[reason], by_rank=reason != SPREAD)
    ]
    moments = _Moments(segments, apart_s)
    for chosen in found:
        moments.take(chosen.number)
    for number in by_doubt.tolist():  # where those of few videos were in each other's way
        if len(found) == budget:
            break
        if moments.is_free(number):
            moments.take(number)
            found.append(Chosen(number, UNCERTAIN))
    return sorted(found, key=lambda chosen: chosen.number)


def _ranked(values: np.ndarray) -> np.ndarray:
    """Numbers by value, the largest first, and of equal values by number."""
    return np.argsort(-values, kind="stable")


def of_each_class(label: np.ndarray, most: int) -> np.ndarray:
    """At most so many numbers of segments, ascending, evenly spaced among those of each class. Classes that have fewer
    than their share leave the rest to the others."""
    if len(label) <= most:
        return np.arange(len(label))
    order = np.argsort(label, kind="stable")
    counts = np.bincount(label)
    shares = _shares(counts, most)
    ends = np.cumsum(counts)
    parts = [
        order[end - count + np.arange(share) * count // share]
        for end, count, share in zip(ends.tolist(), counts.tolist(), shares, strict=True)
        if share
    ]
    return np.sort(np.concatenate(parts))


def _shares(counts: np.ndarray, most: int) -> list[int]:
    """How many of each class are taken: as many as there are, or as of the largest class that fits."""
    shares = [0] * len(counts)
    room = most
    order = np.argsort(counts, kind="stable").tolist()
    for place, number in enumerate(order):
        shares[number] = min(int(counts[number]), room // (len(order) - place))
        room -= shares[number]
    return shares


class _Moments:
    """The moments that are taken: none of these is taken twice."""

    def __init__(self, segments: Segments, apart_s: float) -> None:
        self._video, self._start, self._end = segments.video, segments.start_s, segments.end_s
        self._apart_s = apart_s - _TOLERANCE_S
        self._taken: dict[int, list[tuple[float, float]]] = {}

    def is_free(self, number: int) -> bool:
        """Whether a segment is of none of them."""
        taken = self._taken.get(int(self._video[number]), [])
        start, end = float(self._start[number]), float(self._end[number])
        place = bisect.bisect(taken, (start, end))
        # They don't overlap, so only those next to it matter.
        before = place == 0 or start - taken[place - 1][1] >= self._apart_s
        return before and (place == len(taken) or taken[place][0] - end >= self._apart_s)

    def take(self, number: int) -> None:
        """Takes the moment of a segment."""
        taken = self._taken.setdefault(int(self._video[number]), [])
        bisect.insort(taken, (float(self._start[number]), float(self._end[number])))


def _thinned(segments: Segments, ranked: np.ndarray, apart_s: float) -> np.ndarray:
    """Of these, in their order, each that isn't of the moment of one before."""
    moments = _Moments(segments, apart_s)
    kept: list[int] = []
    for number in ranked.tolist():
        if moments.is_free(number):
            moments.take(number)
            kept.append(number)
    return np.array(kept, np.int64)


class _Centers:
    """How far candidates are from those that are chosen, and which of them are of the same moment."""

    def __init__(self, segments: Segments, candidates: np.ndarray, vectors: np.ndarray, apart_s: float) -> None:
        self._numbers = candidates
        self._video, self._label = segments.video[candidates], segments.label[candidates]
        self._start, self._end = segments.start_s[candidates], segments.end_s[candidates]
        self._apart_s = apart_s - _TOLERANCE_S
        centred = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        # So that two candidates are 1 apart in the mean, as two videos are, and two classes.
        scale = 2 * float(np.square(centred, dtype=np.float64).sum(axis=1).mean())
        self._vectors = centred / np.float32(np.sqrt(scale)) if scale else centred
        self._nearest = np.full(len(candidates), np.inf)

    def pick(self, pool: np.ndarray, share: int, by_rank: bool) -> list[int]:
        """At most so many of a pool, each the farthest from all that are chosen; of equally far ones the first.

        With `by_rank`, the first of the pool is chosen first, however near it is.
        """
        found: list[int] = []
        places = np.searchsorted(self._numbers, pool)
        while len(found) < share and len(places):
            far = self._nearest[places]
            best = int(places[np.argmax(far >= 0 if by_rank and not found else far)])
            if self._nearest[best] < 0:
                break
            self._take(best)
            found.append(int(self._numbers[best]))
        return found

    def _take(self, place: int) -> None:
        apart = np.square(self._vectors - self._vectors[place]).sum(axis=1, dtype=np.float64)
        is_same = self._video == self._video[place]
        apart += (~is_same).astype(np.float64) + (self._label != self._label[place])
        np.minimum(self._nearest, np.round(apart, _DIGITS), out=self._nearest)
        gap = np.maximum(self._start - self._end[place], self._start[place] - self._end)
        self._nearest[is_same & (gap < self._apart_s)] = _BLOCKED
