"""Replaces times of packets that make no sense. The rules are given in `times`."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from pipelines.video.timing.packet_times import DEFAULT_FRAME_RATE, LONGEST_GAP_S, NO_TIME, PacketTimes, StreamClock

MAX_REORDERED = 32
"""Frames are shown at most this many places from where they are stored; codecs allow half as many."""
MIN_TIMED_SHARE = 0.95
"""If a smaller share of packets has times that make sense, frames are counted instead."""
_LEAP_S = 10.0
"""A leap of this length means a reset clock, in formats where that happens (FFmpeg's `dts_delta_threshold`)."""
_RESETTABLE = frozenset(("mpegts", "mpeg"))


def corrected_times(
    pts: np.ndarray, known: np.ndarray, packets: PacketTimes, clock: StreamClock
) -> tuple[np.ndarray, bool, tuple[str, ...]] | None:
    """Trustworthy times of the packets in stored order, whether single ones were replaced, and remarks.

    None where too many don't fit their neighbours.
    """
    decoded = np.frombuffer(packets.dts, np.int64)
    decoded = np.where(decoded == NO_TIME, pts, decoded)
    if not known.all():
        last = _last(known)
        pts, decoded = pts[last], decoded[last]
    usual = usual_interval(decoded, clock)
    longest_s = LONGEST_GAP_S
    if clock.format in _RESETTABLE:
        longest_s = min(longest_s, max(_LEAP_S, 2 * usual * clock.time_base))
    longest = math.ceil(longest_s / clock.time_base)
    steps = np.diff(decoded)
    # A recording begins with a key frame. Other frames may seem to go back where the container has no decoding times.
    is_key = np.isin(np.arange(1, len(pts)), packets.keys)
    starts_again = (steps < -MAX_REORDERED // 2 * usual) | (is_key & (steps < -2 * usual))
    cuts = np.flatnonzero(starts_again) + 1
    remarks: list[str] = []
    runs: list[np.ndarray] = []
    repaired, end, told_end = False, 0, 0
    for first, past in itertools.pairwise([0, *cuts.tolist(), len(pts)]):
        part = pts[first:past]
        run = _repaired(part)
        if run is None:
            return None
        repaired = repaired or run is not part
        if runs:
            start = int(run.min())
            jump = "jump back" if start <= told_end else "leap"
            after = "1 frame" if first == 1 else f"{first:,} frames"
            remarks.append(f"times {jump} by {abs(start - told_end) * clock.time_base:.2f} s after {after}: joined")
            run = run + (end + usual - start)
        told_end = int(part.max())
        runs.append(run)
        end = int(run.max())
    times = np.concatenate(runs)
    order = np.argsort(times, kind="stable")
    if np.diff(times[order]).max(initial=0) > longest:
        times[order], more = bounded(times[order], longest, usual, clock.time_base)
        remarks.extend(more)
    return times, repaired, _few(remarks)


def _last(known: np.ndarray) -> np.ndarray:
    """For each place, the last known one up to it; for those before the first known one, that one."""
    places = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return np.where(places < 0, int(np.argmax(known)), places)


def _repaired(pts: np.ndarray) -> np.ndarray | None:
    """The times, with outliers replaced by the time of a neighbour; None where there are too many outliers."""
    places = np.empty(len(pts), np.int64)
    places[np.argsort(pts, kind="stable")] = np.arange(len(pts))
    fits = np.abs(places - np.arange(len(pts))) <= MAX_REORDERED
    if fits.all():
        return pts
    return pts[_last(fits)] if fits.sum() >= MIN_TIMED_SHARE * len(pts) else None


def bounded(ticks: np.ndarray, longest: int, usual: int, tick_s: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Ascending times in which gaps of more than `longest` are shortened to `usual`, and remarks on these gaps."""
    gaps = np.diff(ticks)
    mad = np.flatnonzero(gaps > longest)
    remarks = [
        f"{gaps[place] * tick_s:.0f} s between frames {place} and {place + 1} count as {usual * tick_s:.3g} s"
        for place in mad.tolist()
    ]
    gaps[mad] = usual
    return np.concatenate((ticks[:1], ticks[0] + np.cumsum(gaps))), _few(remarks)


def _few(remarks: Sequence[str]) -> tuple[str, ...]:
    return (*remarks[:3], f"and {len(remarks) - 3} more") if len(remarks) > 3 else tuple(remarks)


def usual_interval(ticks: np.ndarray, clock: StreamClock) -> int:
    """The median interval between successive times that increase, at least 1."""
    gaps = np.diff(ticks)
    gaps = gaps[gaps > 0]
    usual = float(np.median(gaps)) if len(gaps) else 1 / (clock.frame_rate * clock.time_base)
    if usual * clock.time_base > LONGEST_GAP_S:
        usual = 1 / (DEFAULT_FRAME_RATE * clock.time_base)
    return max(1, round(usual))
