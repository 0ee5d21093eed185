"""What the packets tell about a long video: when each frame is shown, and where its decoding can start."""

from array import array
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Self

import av
import numpy as np

from pipelines.core.frames import Packets, VideoDecodeError, open_video, scan
from pipelines.core.label_types import Window
from pipelines.core.starts import IsStart, start_test
from pipelines.core.windows import PlannedWindow, WindowSpec, count_windows, cut_ranges, plan_windows

MAX_REORDERED = 32
"""Frames are shown at most so many places from where they are stored; codecs allow half of that."""
_MIN_TIMED_SHARE = 0.95
"""If fewer packets than this share have times that make sense, frames are counted instead."""
_LONGEST_GAP_S = 3600.0
_MAX_WINDOWS_PER_FRAME = 10
_NO_PTS = -(1 << 63)


@dataclass(frozen=True)
class Piece:
    """A run of windows of one video, and all that is needed to read them apart from the others.

    Attributes:
        windows: in order.
        start_pts: presentation time of the key frame to start from, in units of the stream; None for the file's start.
        first_frame: display index of the frame to which `pts[0]` belongs.
        pts: presentation times of the windows' frames; None where frames are to be counted from the file's start.
    """

    windows: tuple[PlannedWindow, ...]
    start_pts: int | None
    first_frame: int
    pts: tuple[int, ...] | None

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object; a window is `[index, start_s, end_s, first, end]`."""
        windows = [[*astuple(planned.window), planned.first, planned.end] for planned in self.windows]
        return {"windows": windows, "start_pts": self.start_pts, "first_frame": self.first_frame, "pts": self.pts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        windows = tuple(PlannedWindow(Window(*window), first, end) for *window, first, end in value["windows"])
        pts = value["pts"]
        return cls(windows, value["start_pts"], value["first_frame"], None if pts is None else tuple(pts))


@dataclass(frozen=True, eq=False)
class Survey:
    """The frames of a video in display order, as its packets announce them.

    Attributes:
        times_s: float64 [n], when each frame is first shown, in seconds from the first.
        pts: int64 [n], their presentation times in units of the stream; None where these mean nothing.
        duration_s: length of the video in seconds.
        key_frames: int64 [k], ascending display indices of frames from which those shown later can be decoded; none
            where `pts` is None.
        broken: reading the packets broke off.
    """

    times_s: np.ndarray
    pts: np.ndarray | None
    duration_s: float
    key_frames: np.ndarray
    broken: bool

    @property
    def num_frames(self) -> int:
        """Frames of the video."""
        return len(self.times_s)

    def pieces(self, spec: WindowSpec) -> list[Piece]:
        """The windows of the video, in pieces of about `spec.range_s`.

        Raises:
            VideoDecodeError: the video claims to be so long that its times must be damaged.
        """
        if count_windows(self.duration_s, spec) > 1000 + _MAX_WINDOWS_PER_FRAME * self.num_frames:
            raise VideoDecodeError(f"{self.num_frames} frames can't last {self.duration_s:.0f} s")
        windows = plan_windows(self.times_s, self.duration_s, spec)
        pieces = []
        for cut in cut_ranges(windows, self.key_frames.tolist(), spec.range_s):
            part = tuple(windows[cut.first : cut.end])
            first, end = part[0].first, part[-1].end
            pts, start_pts = None, None
            if self.pts is not None:
                pts = tuple(self.pts[first:end].tolist())
                start_pts = int(self.pts[cut.key_frame]) if cut.key_frame else None
            pieces.append(Piece(part, start_pts, first, pts))
        return pieces


def survey(path: str) -> Survey:
    """Reads the packets of a local video file once, without decoding.

    A frame's time is the one that `video.read_clip` gives. Frames without a time of their own, or at a place that can't
    be theirs, are taken for lost; where that is true of many, and in AVI, which holds no times, frames are counted and
    follow each other at the frame rate.

    Raises:
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: it is empty or no video.
        NoVideoStreamError: it has no pictures.
        VideoDecodeError: it ends before the first picture.
    """
    with open_video(path) as (container, stream):
        context = stream.codec_context
        log = _Log(start_test(context), context.codec.canonical_name == "vp8")
        packets = scan(container, stream, log)
        count = len(log.pts)
        if count == 0:
            raise VideoDecodeError("the file ends before the first picture")
        # The numbers that AVI has instead of times aren't reliable even where every picture stands alone: if a packet
        # is lost, those behind it have others when read from the start than after a seek.
        return (_timed(log, packets) if packets.time_base > 0 else None) or _counted(count, packets)


class _Log:
    """Notes times and possible starts of the packets that are shown."""

    def __init__(self, is_start: IsStart, is_vp8: bool) -> None:
        self._is_start = is_start
        self._is_vp8 = is_vp8
        self.pts = array("q")
        self.durations = array("q")
        self.starts = bytearray()

    def __call__(self, packet: "av.Packet") -> None:
        if not is_shown(packet, self._is_vp8):
            return
        self.pts.append(_NO_PTS if packet.pts is None else packet.pts)
        self.durations.append(packet.duration or 0)
        self.starts.append(self._is_start(packet))


def is_shown(packet: "av.Packet", is_vp8: bool) -> bool:
    """Whether a packet has a picture to show. VP8 has packets with pictures that others refer to and nobody sees."""
    return not packet.is_discard and not (is_vp8 and not bytes(packet)[0] & 0x10)


def _counted(count: int, packets: Packets) -> Survey:
    times_s = np.round(np.arange(count) / packets.frame_rate, 6)
    return Survey(times_s, None, count / packets.frame_rate, np.empty(0, np.int64), packets.broken)


def _timed(log: _Log, packets: Packets) -> Survey | None:
    """The frames in order of their times; None where these can't be trusted."""
    stored = np.frombuffer(log.pts, np.int64)
    values, index, counts = np.unique(stored, return_index=True, return_counts=True)
    positions = np.sort(index[(counts == 1) & (values != _NO_PTS)])
    places = _places(stored[positions])
    positions = positions[np.abs(places - np.arange(len(places))) <= MAX_REORDERED]
    if len(positions) < max(1.0, _MIN_TIMED_SHARE * len(stored)):
        return None
    stored_pts = stored[positions]
    places = _places(stored_pts)
    pts = np.sort(stored_pts)
    times_s = np.round(pts * packets.time_base, 6)
    times_s = np.round(times_s - times_s[0], 6)
    ends = stored_pts + np.frombuffer(log.durations, np.int64)[positions]
    duration_s = float(ends.max() - pts[0]) * packets.time_base
    if np.diff(times_s).max(initial=0.0) > _LONGEST_GAP_S:
        return None
    # Nothing shown after a start may be stored before it.
    latest_before = np.concatenate(([-1], np.maximum.accumulate(places)[:-1]))
    is_start = np.frombuffer(log.starts, np.uint8)[positions].astype(bool) & (latest_before < places)
    return Survey(times_s, pts, duration_s, np.sort(places[is_start]), packets.broken)


def _places(pts: np.ndarray) -> np.ndarray:
    """For each frame in stored order its place in display order: int64 [n]."""
    places = np.empty(len(pts), np.int64)
    places[np.argsort(pts, kind="stable")] = np.arange(len(pts))
    return places
