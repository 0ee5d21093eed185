"""When the frames of a video are shown: the one place that decides about time, for clips, windows and labels alike.

A frame's time is its presentation time, counted from the first frame that is shown, and a video lasts until its last
frame has been shown. Both come from the packets, before anything is decoded: the k-th frame that a decoder gives out
has the k-th of the packets' times. A packet's own time isn't always that of its picture (AVI has slots in stored order
alone, and B-frames of DivX are packed), but all of them together are the times of all frames.

Times of containers are not always believed:

- packets that an edit list discards are not shown and count for nothing;
- where times start again (recordings that were joined, a transport stream whose clock was reset), the rest follows what
  came before. So it does after a leap of more than ten seconds in transport and program streams, as in FFmpeg;
- a gap of more than an hour is taken for damage and counts as one frame;
- single times that don't fit to their neighbours are replaced; where many don't, frames follow at the frame rate.
"""

import itertools
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

import av
import numpy as np
from av.format import Flags

from pipelines.core.avi_parts import count_slots
from pipelines.core.spec import ClipSpec

MAX_REORDERED = 32
"""Frames are shown at most so many places from where they are stored; codecs allow half of that."""
_MIN_TIMED_SHARE = 0.95
"""If fewer packets than this share have times that make sense, frames are counted instead."""
_LONGEST_GAP_S = 3600.0
_LEAP_S = 10.0
"""What FFmpeg's command line takes for a reset clock in formats whose clock may be reset (`dts_delta_threshold`)."""
_RESETTABLE = frozenset(("mpegts", "mpeg"))
_MOST_USUAL = 2.0
"""The last frame is shown for up to so many usual intervals, unless its own packet says more."""
_DEFAULT_FRAME_RATE = 25.0
_NO_TIME = -(1 << 63)


@dataclass(frozen=True)
class StreamClock:
    """What a container says of a stream's times.

    Attributes:
        format: FFmpeg's name of the container's format.
        time_base: seconds of a unit of packets' times; 0 where these mean nothing.
        frame_rate: frames a second.
        end: where the stream ends, in units of its times; None where that isn't told.
        stream: number of the stream.
        path: the file.
        remarks: what was wrong with it.
    """

    format: str
    time_base: float
    frame_rate: float
    end: int | None
    stream: int
    path: str
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, container: "av.container.InputContainer", stream: "av.VideoStream") -> "StreamClock":
        """What an opened container says."""
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        remarks: tuple[str, ...] = ()
        if not (math.isfinite(rate) and rate * _LONGEST_GAP_S >= 1):
            rate = _DEFAULT_FRAME_RATE
            remarks = (f"the file tells no frame rate: {rate:g} frames a second are taken",)
        path = container.name.removeprefix("file:")
        end = None if stream.duration is None else (stream.start_time or 0) + stream.duration
        is_bare = Flags.no_timestamps in Flags(container.format.flags)  # what FFmpeg says of times is made up
        time_base = 0.0 if is_bare else float(stream.time_base or 0)
        return cls(container.format.name, time_base, rate, end, stream.index, path, remarks)


class PacketTimes:
    """Notes the times of the packets that are shown, in stored order."""

    def __init__(self) -> None:
        self.pts, self.dts, self.durations = array("q"), array("q"), array("q")
        self.discarded = False
        # For each packet of each video: looking these up would take longer than what they do.
        self._add_pts, self._add_dts, self._add_duration = self.pts.append, self.dts.append, self.durations.append

    def add(self, packet: "av.Packet") -> None:
        """Notes a packet that is shown."""
        pts, dts = packet.pts, packet.dts
        self._add_pts(_NO_TIME if pts is None else pts)
        self._add_dts(_NO_TIME if dts is None else dts)
        self._add_duration(packet.duration or 0)


@dataclass(frozen=True, eq=False)
class Timeline:
    """The times of a video's frames.

    Attributes:
        stored: int64 [n], the time of each shown packet in stored order, in ticks; corrected as said above.
        ticks: int64 [n], the same in ascending order: the times of the frames.
        hold: how long the last frame is shown, in ticks.
        tick_s: seconds of a tick; None where a tick is a frame at `frame_rate`.
        frame_rate: frames a second.
        complete: each packet has a time, or a slot.
        trusted: the packets' own times are those of the frames: none is missing, doubled or was corrected.
        remarks: what was corrected, for people.
    """

    stored: np.ndarray
    ticks: np.ndarray
    hold: int
    tick_s: float | None
    frame_rate: float
    complete: bool
    trusted: bool
    remarks: tuple[str, ...] = ()

    def time_s(self, index: int) -> float:
        """Seconds from the first frame to the frame of this index in display order."""
        tick, first = int(self.ticks[index]), int(self.ticks[0])
        if self.tick_s is None:
            return (tick - first) / self.frame_rate
        return round(tick * self.tick_s, 6) - round(first * self.tick_s, 6)

    @property
    def times_s(self) -> np.ndarray:
        """float64 [n], `time_s` of all frames, in whole microseconds."""
        if self.tick_s is None:
            return np.round((self.ticks - self.ticks[:1]) / self.frame_rate, 6)
        times_s = np.round(self.ticks * self.tick_s, 6)
        return np.round(times_s - times_s[:1], 6)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame until the last one has been shown; 0 of a video without frames."""
        if not len(self.ticks):
            return 0.0
        length = int(self.ticks[-1]) + self.hold - int(self.ticks[0])
        return length / self.frame_rate if self.tick_s is None else length * self.tick_s

    def choose(self, spec: ClipSpec) -> tuple[int, ...]:
        """The indices of a clip's frames."""
        if spec.by_time:
            return spec.sample_times(self.times_s.tolist(), 0.0, self.duration_s)
        return spec.sample(len(self.ticks))

    def of_packets(self, numbers: Sequence[int]) -> "Timeline":
        """The times of the frames that came of some packets, by their numbers in stored order; the end stays."""
        if self.tick_s is None and not self.complete:
            ticks = np.arange(len(numbers), dtype=np.int64)
            return replace(self, ticks=ticks, hold=1, trusted=False)
        ticks = np.sort(self.stored[np.asarray(numbers, np.int64)])
        hold = int(self.ticks[-1]) + self.hold - int(ticks[-1])
        return replace(self, ticks=ticks, hold=hold, trusted=False)


def timeline(packets: PacketTimes, clock: StreamClock) -> Timeline:
    """The times of the frames of these packets."""
    if clock.format == "avi":
        return _of_slots(packets, clock)
    pts = np.frombuffer(packets.pts, np.int64)
    known = pts != _NO_TIME
    if clock.time_base > 0 and known.sum() >= max(1.0, _MIN_TIMED_SHARE * len(pts)):
        complete = bool(known.all())
        corrected = _corrected(pts, known, packets, clock)
        if corrected is not None:
            times, repaired, remarks = corrected
            order = np.argsort(times, kind="stable")
            ticks = times[order]
            sound = complete and not repaired and not remarks
            hold = _hold(times, int(order[-1]), packets, clock, clock.end if sound else None)
            trusted = sound and bool((np.diff(ticks) > 0).all())
            return Timeline(times, ticks, hold, clock.time_base, clock.frame_rate, complete, trusted, remarks)
    return _counted(len(pts), clock, complete=False)


def _counted(count: int, clock: StreamClock, complete: bool) -> Timeline:
    numbers = np.arange(count, dtype=np.int64)
    return Timeline(numbers, numbers, 1, None, clock.frame_rate, complete, trusted=False, remarks=clock.remarks)


def _of_slots(packets: PacketTimes, clock: StreamClock) -> Timeline:
    """AVI holds no times: a picture is shown in its slot, one after the other, and on through empty ones.

    FFmpeg makes up presentation times, which are wrong for packed B-frames; its times of decoding are the slots.
    """
    slots = np.frombuffer(packets.dts, np.int64)
    if not len(slots) or slots.min() < 0 or (np.diff(slots) <= 0).any():
        return _counted(len(slots), clock, complete=True)
    last = int(slots[-1])
    hold = 1
    if clock.end is not None and clock.end > last + 1:  # a header may say anything: the index knows
        hold = max(1, min(clock.end, count_slots(clock.path, clock.stream)) - last)
    longest = round(_LONGEST_GAP_S * clock.frame_rate)
    remarks = clock.remarks
    if last + hold - slots[0] > longest:
        slots, more = _bounded(np.append(slots, last + hold), longest, 1, 1 / clock.frame_rate)
        slots, hold, remarks = slots[:-1], int(slots[-1] - slots[-2]), (*remarks, *more)
    return Timeline(slots, slots, hold, None, clock.frame_rate, True, trusted=False, remarks=remarks)


def _corrected(
    pts: np.ndarray, known: np.ndarray, packets: PacketTimes, clock: StreamClock
) -> tuple[np.ndarray, bool, tuple[str, ...]] | None:
    """Times of packets in stored order that can be believed, whether single ones were replaced, and remarks.

    None where too many don't fit to their neighbours.
    """
    decoded = np.frombuffer(packets.dts, np.int64)
    back = 2
    if (decoded == _NO_TIME).any():
        decoded, back = pts, MAX_REORDERED
    if not known.all():
        last = _last(known)
        pts, decoded = pts[last], decoded[last]
    usual = _usual(decoded, clock)
    longest = math.ceil(_LONGEST_GAP_S / clock.time_base)
    leap = math.ceil(_LEAP_S / clock.time_base) if clock.format in _RESETTABLE else longest
    steps = np.diff(decoded)
    cuts = np.flatnonzero((steps < -back * usual) | (steps > leap)) + 1
    remarks: list[str] = []
    runs: list[np.ndarray] = []
    repaired, end = False, 0
    for first, past in itertools.pairwise([0, *cuts.tolist(), len(pts)]):
        part = pts[first:past]
        run = _repaired(part)
        if run is None:
            return None
        repaired = repaired or run is not part
        if runs:
            start = int(run.min())
            jump = "jump back" if start <= end else "leap"
            after = "1 frame" if first == 1 else f"{first:,} frames"
            remarks.append(f"times {jump} by {abs(start - end) * clock.time_base:.2f} s after {after}: joined")
            run = run + (end + usual - start)
        runs.append(run)
        end = int(run.max())
    times = np.concatenate(runs)
    order = np.argsort(times, kind="stable")
    if np.diff(times[order]).max(initial=0) > longest:
        times[order], more = _bounded(times[order], longest, usual, clock.time_base)
        remarks.extend(more)
    return times, repaired, _few(remarks)


def _last(known: np.ndarray) -> np.ndarray:
    """For each place the last one up to it that is known; for the first ones, the first that is."""
    places = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return np.where(places < 0, int(np.argmax(known)), places)


def _repaired(pts: np.ndarray) -> np.ndarray | None:
    """The same times, where those that are far from their neighbours' have these; None where many are."""
    places = np.empty(len(pts), np.int64)
    places[np.argsort(pts, kind="stable")] = np.arange(len(pts))
    fits = np.abs(places - np.arange(len(pts))) <= MAX_REORDERED
    if fits.all():
        return pts
    return pts[_last(fits)] if fits.sum() >= _MIN_TIMED_SHARE * len(pts) else None


def _bounded(ticks: np.ndarray, longest: int, usual: int, tick_s: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Ascending times without gaps of more than `longest`, which then last for a usual one."""
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


def _usual(ticks: np.ndarray, clock: StreamClock) -> int:
    """The usual interval from one time to a later one that follows, at least 1."""
    gaps = np.diff(ticks)
    gaps = gaps[gaps > 0]
    usual = float(np.median(gaps)) if len(gaps) else 1 / (clock.frame_rate * clock.time_base)
    if usual * clock.time_base > _LONGEST_GAP_S:
        usual = 1 / (_DEFAULT_FRAME_RATE * clock.time_base)
    return max(1, round(usual))


def _hold(stored: np.ndarray, last: int, packets: PacketTimes, clock: StreamClock, end: int | None) -> int:
    """How long the last frame is shown, which came of the packet `last`; `end` is the container's, where it counts.

    A packet's duration often is the time until the next packet is decoded. It is that of the frame where the packet is
    the last one stored too, or where it is a usual one. Otherwise, and behind a cut that an edit list makes, the
    container's end is asked.
    """
    own = packets.durations[last]
    usual = _usual(np.sort(stored), clock)
    told = 0 if end is None else end - int(stored[last])
    is_told = 0 < told <= _MOST_USUAL * usual
    is_usual = usual / _MOST_USUAL <= own <= _MOST_USUAL * usual
    is_own = last == len(stored) - 1 and 0 < own * clock.time_base <= _LONGEST_GAP_S
    if is_told and (packets.discarded or not (is_usual or (is_own and own > told))):
        return told
    return own if is_usual or is_own else usual
