"""Windows in a row that have the same label, and the time that they own: what segments are made from.

Times are whole milliseconds inside, so that lengths compare exactly and segments tile after rounding.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.types import Segment
from pipelines.video.windows import Window

DIGITS = 6
_DISTANCE_DIGITS = 3
_TOLERANCE = 1e-3
"""By how much a probability may exceed 1, as those of half-precision models do."""


@dataclass(frozen=True, slots=True)
class Run:
    """Windows `first` to `last`, inclusive, of one label (-1 for `UNKNOWN`), and the time that they own."""

    first: int
    last: int
    start_ms: int
    end_ms: int
    label: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


def check(windows: Sequence[Window], probabilities: np.ndarray, labels: Sequence[str]) -> None:
    """Refuses windows and scores that can't be those of a video.

    Raises:
        ValueError: shapes don't match, values are not probabilities, or windows are out of order.
    """
    if probabilities.shape != (len(windows), len(labels)):
        raise ValueError(
            f"probabilities {list(probabilities.shape)} do not fit {len(windows)} windows and {len(labels)} classes"
        )
    if not ((probabilities >= 0) & (probabilities <= 1 + _TOLERANCE)).all():
        raise ValueError(f"values from {probabilities.min()} to {probabilities.max()} are not probabilities")
    for window in windows:
        if not window.start_s <= window.end_s < math.inf:
            raise ValueError(f"{window} is not a time range")
    for a, b in pairwise(windows):
        if not (a.index < b.index and a.start_s <= b.start_s and a.end_s <= b.end_s):
            raise ValueError(f"{b} comes after {a}")


def ms(seconds: float) -> int:
    """A time in whole milliseconds."""
    return round(seconds * 1000)


def owned(windows: Sequence[Window], duration_s: float, num_windows: int | None = None) -> list[tuple[int, int]]:
    """Start and end in milliseconds of the time that each window owns; a lone window owns the whole video.

    Args:
        windows: those that were scored, by index.
        duration_s: duration of the video in seconds.
        num_windows: how many windows the video has, including those that failed; None if all were scored.
    """
    if (len(windows) if num_windows is None else num_windows) == 1 and windows[0].index == 0:
        return [(0, ms(duration_s))]
    return shares_of(windows)


def smooth(index: np.ndarray, p: np.ndarray, width: int) -> np.ndarray:
    """Weighted means float64 [N, C] of `p` float64 [N, C] over windows whose numbers in `index` int64 [N] are close."""
    middle = width // 2 + 1
    total, weights = middle * p, np.full((len(p), 1), middle, np.float64)
    for distance in range(1, min(middle, len(p))):
        # Indices ascend, so windows this far apart have no gap between them exactly if their indices differ as much.
        weight = np.where(index[distance:] - index[:-distance] == distance, middle - distance, 0.0)[:, None]
        total[:-distance] += weight * p[distance:]
        total[distance:] += weight * p[:-distance]
        weights[:-distance] += weight
        weights[distance:] += weight
    return np.asarray(total / weights)


def shares_of(windows: Sequence[Window]) -> list[tuple[int, int]]:
    """Start and end in milliseconds of the time that each window owns.

    Neighbours meet halfway between their centres. Next to a gap, windows own no more than their own time, and meet in
    the middle of their overlap, if any.
    """
    times = [(window.index, ms(window.start_s), ms(window.end_s)) for window in windows]
    starts, ends = [times[0][1]], []
    for (a, a_start, a_end), (b, b_start, b_end) in pairwise(times):
        if b == a + 1:
            ends.append((a_start + a_end + b_start + b_end + 2) // 4)
            starts.append(ends[-1])
        else:
            middle = (a_end + b_start + 1) // 2
            ends.append(min(a_end, middle))
            starts.append(max(b_start, middle))
    return list(zip(starts, [*ends, times[-1][2]], strict=True))


def runs_of(labels: Sequence[int], shares: Sequence[tuple[int, int]]) -> list[Run]:
    """Merges neighbours of the same label; a window that owns no time is left out, unless there is no other."""
    runs: list[Run] = []
    for i, (start, end) in enumerate(shares):
        if start == end and (runs or i < len(shares) - 1):
            continue
        if runs and runs[-1].label == labels[i] and runs[-1].end_ms == start:
            runs[-1] = Run(runs[-1].first, i, runs[-1].start_ms, end, labels[i])
        else:
            runs.append(Run(i, i, start, end, labels[i]))
    return runs


def absorb_short(runs: Sequence[Run], min_ms: int) -> list[Run]:
    """Joins each run shorter than `min_ms` to the longer of the runs that it touches, whose label is kept.

    The shortest run goes first, and among equals the earliest; of two neighbours of equal length, the earlier one takes
    it. Neighbours that then have the same label are merged. A heap and links to the neighbours keep this fast for days
    of video.
    """
    kept = dict(enumerate(runs))
    before, after = [*range(-1, len(runs) - 1)], [*range(1, len(runs) + 1)]  # -1 and len(runs) are not in `kept`
    short = [(run.length_ms, i) for i, run in kept.items() if run.length_ms < min_ms]
    heapq.heapify(short)

    def touching(i: int) -> list[int]:
        run = kept[i]
        return [
            j
            for j in (before[i], after[i])
            if (other := kept.get(j)) and (other.end_ms == run.start_ms or other.start_ms == run.end_ms)
        ]

    def join(i: int, j: int, label: int) -> int:
        i, j = min(i, j), max(i, j)
        last = kept.pop(j)
        kept[i] = replace(kept[i], last=last.last, end_ms=last.end_ms, label=label)
        after[i] = after[j]
        if after[j] in kept:
            before[after[j]] = i
        return i

    while short:
        length, i = heapq.heappop(short)
        if i not in kept or kept[i].length_ms != length:
            continue  # has been joined to another run since
        if not (sides := touching(i)):
            continue
        taker = max(sides, key=lambda j: kept[j].length_ms)
        label = kept[taker].label
        i = join(i, taker, label)
        for j in touching(i):
            if kept[j].label == label:
                i = join(i, j, label)
        if kept[i].length_ms < min_ms:
            heapq.heappush(short, (kept[i].length_ms, i))
    return list(kept.values())


def segment_of(
    run: Run,
    smoothed: np.ndarray,
    shares: Sequence[tuple[int, int]],
    labels: Sequence[str],
    top_k: int,
    unfamiliar: np.ndarray | None,
) -> Segment:
    """The segment of a run.

    Args:
        run: the run.
        smoothed: float64 [N, C], of all windows.
        shares: the time that each window owns.
        labels: the C names of the classes.
        top_k: number of classes to list.
        unfamiliar: float [N], how far each window is from the clips of training; None if the model can't tell.
    """
    rows = slice(run.first, run.last + 1)
    weights = np.array([end - start for start, end in shares[rows]], np.float64)
    if not run.length_ms:
        weights[:] = 1  # a video without duration
    # Unlike a product of matrices, this sums in the same order on every machine.
    means = np.einsum("n,nc->c", weights, smoothed[rows]) / weights.sum()
    best = np.argsort(-means, kind="stable")[:top_k].tolist()
    label = labels[run.label] if run.label >= 0 else UNKNOWN
    shown = [*best, run.label] if label != UNKNOWN else best
    scores = {i: round(min(float(means[i]), 1.0), DIGITS) for i in shown}
    return Segment(
        start_s=run.start_ms / 1000,
        end_s=run.end_ms / 1000,
        label=label,
        score=scores[best[0] if label == UNKNOWN else run.label],
        top=tuple((labels[i], scores[i]) for i in best),
        unfamiliar=None if unfamiliar is None else round(_mean(unfamiliar[rows], weights), _DISTANCE_DIGITS),
    )


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    return math.fsum((values.astype(np.float64) * weights).tolist()) / math.fsum(weights.tolist())
