"""From the probabilities of a video's windows to segments: smoothing, shares of time, merging.

Times are whole milliseconds inside, so that lengths compare exactly and segments tile after rounding.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from pipelines.core.settings.fields import Name, SettingError, check_settings, setting
from pipelines.labelling.types import UNKNOWN, Segment
from pipelines.video.windows import Window

_DIGITS = 6
_DISTANCE_DIGITS = 3
_TOLERANCE = 1e-3
"""By how much a probability may exceed 1, as those of half-precision models do."""


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """How the windows of a video become segments.

    Attributes:
        min_score: windows whose best class has a lower score after smoothing are `UNKNOWN`.
        min_duration_s: shorter segments are joined to a neighbour.
        smooth: number of windows over which a probability is averaged, with weights that fall off to both sides; 1 for
            no smoothing.
        top_k: number of classes that a segment lists with their probabilities.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    min_score: float = setting(
        0.0, metavar="SCORE", low=0, high=1,
        help="label a segment `unknown` if its best class has a lower score than this",
    )  # fmt: skip
    min_duration_s: float = setting(
        0.0, metavar="SECONDS", low=0, help="join segments shorter than this to a neighbour"
    )
    smooth: int = setting(
        3, metavar="N", low=1, help="average scores over this many windows, an odd number; 1 leaves them as they are"
    )
    top_k: int = setting(5, metavar="N", low=1, help="list this many classes with their scores, the best first")

    def __post_init__(self) -> None:
        check_settings(self)
        if self.smooth % 2 == 0:
            raise SettingError("{} must be an odd number of windows, not {}", Name("smooth"), self.smooth)

    def identity(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Run:
    """Windows `first` to `last`, inclusive, of one label (-1 for `UNKNOWN`), and the time that they own."""

    first: int
    last: int
    start_ms: int
    end_ms: int
    label: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


def make_segments(
    windows: Sequence[Window],
    probabilities: np.ndarray,
    labels: Sequence[str],
    spec: SegmentSpec,
    duration_s: float,
    num_windows: int | None = None,
    unfamiliar: np.ndarray | None = None,
) -> tuple[Segment, ...]:
    """The segments of a video, in order of time; each ends where the next one starts, unless windows are missing there.

    Args:
        windows: the N windows that were scored, by index, inside the video; a missing index is a window that failed.
        probabilities: float32 [N, C], a row for each window.
        labels: the C names of the classes. A class called `UNKNOWN` counts like too low a score.
        spec: how segments are made.
        duration_s: duration of the video in seconds.
        num_windows: how many windows the video has, including those that failed; None if all were scored. A video of
            a single window is one segment from 0 to `duration_s`.
        unfamiliar: float [N], how far each window is from the clips of training; None if the model can't tell.

    Returns:
        Segments with times rounded to milliseconds and scores to 6 decimals; none if there are no windows.

    Raises:
        ValueError: shapes don't match, values are not probabilities, or windows are out of order.
    """
    if not windows:
        return ()
    _check(windows, probabilities, labels)
    whole = (len(windows) if num_windows is None else num_windows) == 1 and windows[0].index == 0
    shares = [(0, _ms(duration_s))] if whole else _shares(windows)
    smoothed = _smooth(np.array([window.index for window in windows]), probabilities.astype(np.float64), spec.smooth)
    unknown = labels.index(UNKNOWN) if UNKNOWN in labels else -1
    # Rounded as shown, so that no window of 0.7 misses a threshold of 0.7 by the last bit of a float32.
    surely = np.round(smoothed.max(axis=1), _DIGITS) >= spec.min_score
    runs = _runs(np.where(surely, smoothed.argmax(axis=1), unknown).tolist(), shares)
    runs = _absorb_short(runs, _ms(spec.min_duration_s))
    return tuple(_segment(run, smoothed, shares, labels, spec.top_k, unfamiliar) for run in runs)


def _check(windows: Sequence[Window], probabilities: np.ndarray, labels: Sequence[str]) -> None:
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


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _smooth(index: np.ndarray, p: np.ndarray, width: int) -> np.ndarray:
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


def _shares(windows: Sequence[Window]) -> list[tuple[int, int]]:
    """Start and end in milliseconds of the time that each window owns.

    Neighbours meet halfway between their centres. Next to a gap, windows own no more than their own time, and meet in
    the middle of their overlap, if any.
    """
    times = [(window.index, _ms(window.start_s), _ms(window.end_s)) for window in windows]
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


def _runs(labels: Sequence[int], shares: Sequence[tuple[int, int]]) -> list[_Run]:
    """Merges neighbours of the same label; a window that owns no time is left out, unless there is no other."""
    runs: list[_Run] = []
    for i, (start, end) in enumerate(shares):
        if start == end and (runs or i < len(shares) - 1):
            continue
        if runs and runs[-1].label == labels[i] and runs[-1].end_ms == start:
            runs[-1] = _Run(runs[-1].first, i, runs[-1].start_ms, end, labels[i])
        else:
            runs.append(_Run(i, i, start, end, labels[i]))
    return runs


def _absorb_short(runs: Sequence[_Run], min_ms: int) -> list[_Run]:
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


def _segment(
    run: _Run,
    smoothed: np.ndarray,
    shares: Sequence[tuple[int, int]],
    labels: Sequence[str],
    top_k: int,
    unfamiliar: np.ndarray | None,
) -> Segment:
    rows = slice(run.first, run.last + 1)
    weights = np.array([end - start for start, end in shares[rows]], np.float64)
    if not run.length_ms:
        weights[:] = 1  # a video without duration
    # Unlike a product of matrices, this sums in the same order on every machine.
    means = np.einsum("n,nc->c", weights, smoothed[rows]) / weights.sum()
    best = np.argsort(-means, kind="stable")[:top_k].tolist()
    label = labels[run.label] if run.label >= 0 else UNKNOWN
    shown = [*best, run.label] if label != UNKNOWN else best
    scores = {i: round(min(float(means[i]), 1.0), _DIGITS) for i in shown}
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
