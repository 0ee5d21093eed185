"""What the packets tell about a long video: when each frame is shown, and where its decoding can start."""

import itertools
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import av
import numpy as np

from pipelines.video.compact import pack, unpack, windows_from_json, windows_to_json
from pipelines.video.errors import VideoDecodeError
from pipelines.video.frames import decode_again, open_video, refuse_stump, scan
from pipelines.video.remarks import Shortfall
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.streams import gives_one_frame
from pipelines.video.timing.repair import MAX_REORDERED
from pipelines.video.timing.times import Timeline
from pipelines.video.windows import PlannedWindow, WindowSpec, count_windows, cut_ranges, plan_windows

_Step = TypeVar("_Step")
_MAX_WINDOWS, _MAX_WINDOWS_PER_FRAME = 20_000, 10
"""Slides may stay for minutes. Many more windows than frames come of times that are damaged."""
_CHECKED_FRAMES = 100
_FRAMES_A_STEP = 100


@dataclass(frozen=True)
class Piece:
    """A run of windows of one video, and all that is needed to read them apart from the others.

    Attributes:
        windows: in order.
        start_pts: presentation time of the key frame to start from, in units of the stream; None for the file's start.
        first_frame: display index of the frame to which `pts[0]` belongs.
        pts: presentation times of the windows' frames; None where frames are to be counted from the file's start.
        times_us: when the windows' frames are first shown, in microseconds; None where nobody needs to know.
        by_decoding: frames that are counted are those which come out of the decoder, not those that packets announce.
    """

    windows: tuple[PlannedWindow, ...]
    start_pts: int | None
    first_frame: int
    pts: tuple[int, ...] | None
    times_us: tuple[int, ...] | None = None
    by_decoding: bool = False

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object, which is short: see `compact`."""
        return {
            "windows": windows_to_json(self.windows),
            "start_pts": self.start_pts,
            "first_frame": self.first_frame,
            "pts": None if self.pts is None else pack(self.pts),
            "times_us": None if self.times_us is None else pack(self.times_us),
            "by_decoding": self.by_decoding,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        pts, times_us = (None if value[key] is None else tuple(unpack(value[key])) for key in ("pts", "times_us"))
        windows = windows_from_json(value["windows"])
        return cls(windows, value["start_pts"], value["first_frame"], pts, times_us, value["by_decoding"])


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
        by_decoding: the frames are those which came out of the decoder, not those that packets announce.
        remarks: what was wrong with the times, and was corrected.
        missing: what the container promises beyond these frames.
    """

    times_s: np.ndarray
    pts: np.ndarray | None
    duration_s: float
    key_frames: np.ndarray
    broken: bool
    by_decoding: bool = False
    remarks: tuple[str, ...] = ()
    missing: Shortfall | None = None

    @property
    def num_frames(self) -> int:
        """Frames of the video."""
        return len(self.times_s)

    def pieces(self, spec: WindowSpec, by_time: bool = False) -> list[Piece]:
        """The windows of the video, in pieces of about `spec.range_s`.

        Args:
            spec: length and stride of the windows.
            by_time: whether frames are chosen by their times (`ClipSpec.by_time`).

        Raises:
            VideoDecodeError: the video claims to be so long that its times must be damaged.
        """
        if count_windows(self.duration_s, spec) > _MAX_WINDOWS + _MAX_WINDOWS_PER_FRAME * self.num_frames:
            reason = f"{self.num_frames} frames can't last {self.duration_s:.0f} s"
            raise VideoDecodeError(f"{reason}; if they do, choose longer windows")
        windows = plan_windows(self.times_s, self.duration_s, spec, by_time)
        pieces = []
        for cut in cut_ranges(windows, self.key_frames.tolist(), spec.range_s):
            part = tuple(windows[cut.first : cut.end])
            first, end = part[0].first, part[-1].end
            pts, start_pts, times_us = None, None, None
            if by_time:
                times_us = tuple(np.rint(self.times_s[first:end] * 1e6).astype(np.int64).tolist())
            if self.pts is not None:
                pts = tuple(self.pts[first:end].tolist())
                start_pts = int(self.pts[cut.key_frame]) if cut.key_frame else None
            pieces.append(Piece(part, start_pts, first, pts, times_us, self.by_decoding))
        return pieces


def survey(path: str) -> Survey:
    """The frames of a local video file; see `survey_in_steps`."""
    steps = survey_in_steps(path, None)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Survey = end.value
            return found


def survey_in_steps(path: str, step: _Step) -> Generator[_Step, None, Survey]:
    """Reads the packets of a local video file once and, where they don't tell enough, decodes it once.

    Frames and times are those that `video.read_clip` gives. Where packets' times are plainly those of the frames, these
    are known by them, and pieces can start at key frames. Elsewhere (in AVI, whose pictures have no times, and where
    times were corrected or contradict the order of the pictures) frames are counted from the start of the file. Where
    packets hold none or two pictures, as placeholders and packed B-frames do, only decoding tells how many there are.

    Args:
        path: the file.
        step: what to yield.

    Yields:
        `step`, now and then, while the video is decoded, which may take long.

    Returns:
        The frames.

    Raises:
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: it is empty or no video.
        NoVideoStreamError: it has no pictures.
        VideoDecodeError: it ends before the first picture, or before half of what the container promises.
    """
    with open_video(path) as (container, stream):
        context = stream.codec_context
        log = _Log(context)
        packets = scan(container, stream, log)
        may_reorder = bool(context.has_b_frames)
    refuse_stump(packets)
    times = packets.times
    is_single, is_ordered = log.single and times.complete, False
    if is_single:
        is_single, is_ordered = _is_plain(path, times, may_reorder)
    if not is_single:
        numbers = yield from _decoded_numbers(path, step)
        video = _counted(times.of_packets(numbers), packets.broken, by_decoding=True)
    elif times.trusted and is_ordered:
        video = _timed(times, log.starts, packets.broken)
    else:
        video = _counted(times, packets.broken)
    return replace(video, missing=packets.missing)


def _decoded_numbers(path: str, step: _Step) -> Generator[_Step, None, list[int]]:
    """For each frame that comes out of the decoder, the number of its packet among those that show a picture."""
    numbers: list[int] = []
    for index, frame in decode_again(path, errors=[]):
        numbers.append(index if frame.pts is None else frame.pts)
        if index % _FRAMES_A_STEP == 0:
            yield step
    if not numbers:
        raise VideoDecodeError("no frame could be decoded")
    return numbers


class _Log:
    """Notes which packets are possible starts, and whether each holds a single picture."""

    def __init__(self, context: "av.VideoCodecContext") -> None:
        self._is_start = start_test(context)
        self._context = context
        self.starts = bytearray()
        self.single = True

    def __call__(self, packet: "av.Packet") -> None:
        self.starts.append(self._is_start(packet))
        self.single = self.single and gives_one_frame(packet, self._context)


def _is_plain(path: str, times: Timeline, may_reorder: bool) -> tuple[bool, bool]:
    """Whether each of the first packets gives a frame, and whether frames come in the order of their times.

    A recording that begins within a group of pictures has packets at first which give none. Where the first frames are
    damaged, all but the very first tells nothing.
    """
    errors: list[str] = []
    order = np.argsort(times.stored, kind="stable")
    numbers: list[int] = []
    for index, frame in itertools.islice(decode_again(path, errors), _CHECKED_FRAMES if may_reorder else 1):
        numbers.append(index if frame.pts is None else frame.pts)
        if index == 0 and times.tick_s is not None and numbers[0] != order[0]:
            return False, False
        if errors or frame.is_corrupt:
            return True, True
    came = set(numbers)
    gives_each = came.issuperset(range(max(numbers, default=0) - MAX_REORDERED))
    return gives_each or bool(errors), numbers == order[: len(numbers)].tolist()


def _counted(times: Timeline, broken: bool, by_decoding: bool = False) -> Survey:
    no_key_frames = np.empty(0, np.int64)
    return Survey(times.times_s, None, times.duration_s, no_key_frames, broken, by_decoding, times.remarks)


def _timed(times: Timeline, starts: bytearray, broken: bool) -> Survey:
    places = np.empty(len(times.stored), np.int64)  # for each frame in stored order its place in display order
    places[np.argsort(times.stored, kind="stable")] = np.arange(len(places))
    # Nothing shown after a start may be stored before it.
    latest_before = np.concatenate(([-1], np.maximum.accumulate(places)[:-1]))
    is_start = np.frombuffer(starts, np.uint8).astype(bool) & (latest_before < places)
    return Survey(times.times_s, times.ticks, times.duration_s, np.sort(places[is_start]), broken)
