"""When the frames of a video are shown: the one place that decides about time, for clips, windows and labels alike.

A frame's time is its presentation time, counted from the first frame that is shown, and a video lasts until its last
frame has been shown. Both come from the packets, before anything is decoded: the k-th frame that a decoder outputs has
the k-th smallest of the packets' times. A packet's own time isn't always that of its picture (AVI only has slots in
stored order, and DivX packs B-frames), but all of them together are the times of all frames.

The times in containers are not always trusted:

- packets that an edit list discards are not shown and count for nothing;
- where times start again (in recordings that were joined, or transport streams whose clock was reset), the rest is
  appended to what came before. As in FFmpeg, that is also done in transport and program streams after a leap of more
  than ten seconds;
- a gap of more than an hour is considered damage and counts as one frame;
- single times that don't fit their neighbours are replaced; where many don't, frames are spaced by the frame rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.spec import ClipSpec
from pipelines.video.containers.avi import count_slots
from pipelines.video.timing.packet_times import LONGEST_GAP_S, NO_TIME, PacketTimes, StreamClock
from pipelines.video.timing.repair import MIN_TIMED_SHARE, bounded, corrected_times, usual_interval

_MOST_REORDERED = 4
"""More than encoders use: FFmpeg doesn't know."""
_MOST_USUAL = 2.0
"""The last frame is shown for at most this many usual intervals, unless its own packet says more."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The times of a video's frames.

    Attributes:
        stored: int64 [n], the time of each shown packet in stored order, in ticks; corrected as described above.
        ticks: int64 [n], the same in ascending order: the times of the frames.
        hold: how long the last frame is shown, in ticks.
        tick_s: length of a tick in seconds; None where a tick is a frame at `frame_rate`.
        frame_rate: frames per second.
        complete: each packet has a time or a slot.
        trusted: the packets' own times are those of the frames: none is missing, repeated or corrected, or lies among
            those of other packets that are hidden.
        remarks: what was corrected, in words for people.
    """

    stored: np.ndarray
    ticks: np.ndarray
    hold: int
    tick_s: float | None
    frame_rate: float
    complete: bool
    trusted: bool
    remarks: tuple[str, ...] = ()

    def time_s(self, index: int, origin: int = 0) -> float:
        """Seconds from the frame `origin` to another, both by display index; as in a file that begins with `origin`."""
        tick, first = int(self.ticks[index]), int(self.ticks[origin])
        if self.tick_s is None:
            return (tick - first) / self.frame_rate
        if origin:  # in the file that begins there, the clock starts at 0
            return round((tick - first) * self.tick_s, 6)
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
        """Seconds from the first frame until the last one has been shown; 0 for a video without frames."""
        if not len(self.ticks):
            return 0.0
        length = int(self.ticks[-1]) + self.hold - int(self.ticks[0])
        return length / self.frame_rate if self.tick_s is None else length * self.tick_s

    def choose(self, spec: ClipSpec) -> tuple[int, ...]:
        """The display indices of the frames that a clip takes."""
        if spec.by_time:
            return spec.sample_times(self.times_s.tolist(), 0.0, self.duration_s)
        return spec.sample(len(self.ticks))

    def of_packets(self, numbers: Sequence[int]) -> "Timeline":
        """The timeline of the frames that some packets gave, by their numbers in stored order, with the same end."""
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
    known = pts != NO_TIME
    if clock.time_base > 0 and known.sum() >= max(1.0, MIN_TIMED_SHARE * len(pts)):
        complete = bool(known.all())
        corrected = corrected_times(pts, known, packets, clock)
        if corrected is not None:
            times, repaired, remarks = corrected
            order = np.argsort(times, kind="stable")
            ticks = times[order]
            sound = complete and not repaired and not remarks
            hold = _hold(times, int(order[-1]), packets, clock, clock.end if sound else None)
            trusted = sound and bool((np.diff(ticks) > 0).all()) and not _overlap(packets, ticks)
            return Timeline(times, ticks, hold, clock.time_base, clock.frame_rate, complete, trusted, remarks)
    return _counted(len(pts), clock, complete=False)


def _overlap(packets: PacketTimes, ticks: np.ndarray) -> bool:
    """Whether packets have times of frames but are hidden, as between the parts of an edit list that has several."""
    hidden = np.frombuffer(packets.hidden, np.int64)
    return bool(((hidden >= ticks[0]) & (hidden <= ticks[-1])).any())


def _counted(count: int, clock: StreamClock, complete: bool) -> Timeline:
    numbers = np.arange(count, dtype=np.int64)
    return Timeline(numbers, numbers, 1, None, clock.frame_rate, complete, trusted=False, remarks=clock.remarks)


def _of_slots(packets: PacketTimes, clock: StreamClock) -> Timeline:
    """AVI holds no times: pictures are shown slot by slot, and each stays through the empty slots after it.

    FFmpeg makes up presentation times, which are wrong for packed B-frames; its decoding times are the slots. With
    B-frames, a picture is shown when a later slot is decoded: this matters where there are empty slots.
    """
    slots = np.frombuffer(packets.dts, np.int64)
    if not len(slots) or slots.min() < 0 or (np.diff(slots) <= 0).any():
        return _counted(len(slots), clock, complete=True)
    last = int(slots[-1])
    hold = 1
    if clock.end is not None and clock.end > last + 1:  # headers are often wrong, so the index decides
        hold = max(1, min(clock.end, count_slots(clock.path, clock.stream, len(slots))) - last)
    longest = round(LONGEST_GAP_S * clock.frame_rate)
    remarks = clock.remarks
    if last + hold - slots[0] > longest:
        slots, more = bounded(np.append(slots, last + hold), longest, 1, 1 / clock.frame_rate)
        slots, hold, remarks = slots[:-1], int(slots[-1] - slots[-2]), (*remarks, *more)
    late = min(clock.reordered, len(slots) - 1) if clock.reordered <= _MOST_REORDERED else 0
    if late and len(slots) <= slots[-1] - slots[0]:
        left = slots[late] - slots[0] + hold  # until the end; the last pictures come out there, in the usual intervals
        hold = int(min(np.median(np.diff(slots)), left // (late + 1)))
        slots = np.append(slots[late:], slots[-1] + left - hold * np.arange(late, 0, -1))
    return Timeline(slots, slots, hold, None, clock.frame_rate, True, trusted=False, remarks=remarks)


def _hold(stored: np.ndarray, last: int, packets: PacketTimes, clock: StreamClock, end: int | None) -> int:
    """How long the last frame, that of packet `last`, is shown; `end` is the container's, where it can be trusted.

    A packet's duration is often the time until the next packet is decoded. It is that of the frame where the packet is
    also the last one stored, or where the duration is a usual one. Otherwise, and after a cut made by an edit list, the
    container's end decides.
    """
    own = packets.durations[last]
    usual = usual_interval(np.sort(stored), clock)
    told = 0 if end is None else end - int(stored[last])
    is_told = 0 < told <= _MOST_USUAL * usual
    is_usual = usual / _MOST_USUAL <= own <= _MOST_USUAL * usual
    is_own = last == len(stored) - 1 and 0 < own * clock.time_base <= LONGEST_GAP_S
    if packets.discarded and 0 < told <= own:
        return told
    if is_told and (packets.discarded or not (is_usual or (is_own and own > told))):
        return told
    return own if is_usual or is_own else usual
