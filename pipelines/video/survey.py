"""What the packets tell about a long video: when each frame is shown, and where its decoding can start."""

import bisect
import contextlib
import itertools
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import av
import numpy as np

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip, clip_of, clip_of_listed
from pipelines.video.demuxers import demux
from pipelines.video.errors import VideoDecodeError
from pipelines.video.frames import decode_again, open_video, refuse_stump, scan
from pipelines.video.piece_frames import numbered_frames
from pipelines.video.pieces import Piece, Range
from pipelines.video.remarks import Shortfall, remark
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.sparse.listing import Listing, list_frames
from pipelines.video.sparse.starts import find_starts
from pipelines.video.streams import gives_one_frame, shows_picture
from pipelines.video.timing.repair import MAX_REORDERED
from pipelines.video.timing.times import Timeline
from pipelines.video.windows import PlannedWindow, WindowSpec, cut_ranges, plan_windows, refuse_endless

_Step = TypeVar("_Step")
_CHECKED_FRAMES = 100
_FRAMES_A_STEP = 100


@dataclass(frozen=True, eq=False)
class Survey:
    """The frames of a video in display order, as its packets announce them.

    Attributes:
        times_s: float64 [n], when each frame is first shown, in seconds from the first.
        pts: int64 [n], the frames' presentation times in units of the stream; None where these are meaningless.
        duration_s: length of the video in seconds.
        key_frames: int64 [k], ascending display indices of frames at which decoding can start; empty where `pts` is
            None.
        broken: reading the packets broke off.
        by_decoding: the frames are those that came out of the decoder or were lost there, not those of all packets.
        remarks: which times were wrong and have been corrected.
        missing: what the container promises beyond these frames.
        timeline: the times in the file's own units.
    """

    times_s: np.ndarray
    pts: np.ndarray | None
    duration_s: float
    key_frames: np.ndarray
    broken: bool
    by_decoding: bool = False
    remarks: tuple[str, ...] = ()
    missing: Shortfall | None = None
    timeline: Timeline | None = None

    @property
    def num_frames(self) -> int:
        """The number of frames of the video."""
        return len(self.times_s)

    def pieces(self, spec: WindowSpec, by_time: bool = False) -> list[Piece]:
        """The windows of the video, in pieces of about `spec.range_s`.

        Args:
            spec: length and stride of the windows.
            by_time: whether frames are chosen by their times (`ClipSpec.by_time`).

        Raises:
            VideoDecodeError: the video claims to be so long that its times must be damaged.
        """
        refuse_endless(self.num_frames, self.duration_s, spec)
        windows = plan_windows(self.times_s, self.duration_s, spec, by_time)
        cuts = cut_ranges(windows, self.key_frames.tolist(), spec.range_s)
        return [self.piece(windows[cut.first : cut.end], cut.key_frame, by_time) for cut in cuts]

    def piece(self, windows: Sequence[PlannedWindow], key_frame: int, by_time: bool = False) -> Piece:
        """All that is needed to read some windows, of which none starts before the first one, from a key frame on."""
        first, end = windows[0].first, max(window.end for window in windows)
        pts, start_pts, times_us = None, None, None
        if by_time:
            times_us = tuple(np.rint(self.times_s[first:end] * 1e6).astype(np.int64).tolist())
        if self.pts is not None:
            pts = tuple(self.pts[first:end].tolist())
            start_pts = int(self.pts[key_frame]) if key_frame else None
        return Piece(tuple(windows), start_pts, first, pts, times_us, self.by_decoding)

    def ranges(self, spec: WindowSpec, by_time: bool = False) -> list[Range]:
        """The same pieces as they are sent to workers. The last one has what is missing after the end of the video."""
        said = remark(self.missing.message if self.missing else "", self.remarks, self.num_frames)
        ranges = [
            Range(piece.windows[0].window.index, piece.windows[-1].window.index + 1, self.duration_s, piece.to_json(),
                  remark=said)
            for piece in self.pieces(spec, by_time)
        ]  # fmt: skip
        return [*ranges[:-1], replace(ranges[-1], missing=self.missing)]


def survey(path: str) -> Survey:
    """The frames of a local video file; see `clip_or_survey`."""
    steps = clip_or_survey(path, None)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Survey = end.value
            return found


def clip_or_survey(
    path: str, step: _Step, spec: ClipSpec | None = None, whole_up_to_s: float = 0.0
) -> Generator[_Step, None, Clip | Survey]:
    """Reads the packets of a local video file once, and makes the clip of a short video or the survey of a longer one.

    The clip is that of `clip.read_clip`. For the survey, the video is decoded once where its packets don't tell enough;
    frames and times are those of `read_clip`. Where packets' times are certainly those of the frames, these are
    identified by their times, and pieces can start at key frames. Elsewhere (in AVI, whose pictures have no times, and
    where times were corrected or contradict the order of the pictures) frames are counted from the start of the file.
    Where packets hold no picture or two, as placeholders and packed B-frames do, only decoding tells their number. Of a
    large file whose tables list its packets, only a few are read, and only some of the key frames are found.

    Args:
        path: the file.
        step: what to yield.
        spec: how to make the clip; None for a survey in any case.
        whole_up_to_s: a video of at most this many seconds counts as short.

    Yields:
        `step`, now and then, while the video is decoded for its survey, which may take long.

    Returns:
        The clip or the survey.

    Raises:
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: the file is empty or not a video.
        NoVideoStreamError: the file has no video stream.
        VideoDecodeError: the file ends before the first picture, or holds less than half of what the container
            promises; or less than half of the frames of a short video could be decoded.
    """
    with contextlib.ExitStack() as stack:
        container, stream = stack.enter_context(open_video(path))
        listing = list_frames(container, stream)
        if listing is not None:
            found = _of_listing(
                path, container, stream, listing, None if listing.times.duration_s > whole_up_to_s else spec
            )
            if found is not None:
                return found
            container, stream = stack.enter_context(open_video(path))
        context = stream.codec_context
        log = _Log(context)
        packets = scan(container, stream, log.take)
        refuse_stump(packets)
        end_s = max(packets.times.duration_s, packets.missing.end_s if packets.missing else 0.0)
        if spec is not None and end_s <= whole_up_to_s:
            return clip_of(path, context, packets, spec)
        log.take(packets.buffered or ())
        packets = replace(packets, buffered=None)  # frees them while the video is decoded
        may_reorder = bool(context.has_b_frames)
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


def _of_listing(
    path: str,
    container: "av.container.InputContainer",
    stream: "av.VideoStream",
    listing: Listing,
    spec: ClipSpec | None,
) -> Clip | Survey | None:
    """The clip, or without `spec` the survey, of a large video; None where all its packets must be read."""
    if spec is not None:
        return clip_of_listed(container, stream, listing, spec)
    starts = find_starts(container, stream, listing)
    if starts is None or _is_plain(path, listing.times, bool(stream.codec_context.has_b_frames)) != (True, True):
        return None
    return _timed(listing.times, starts, broken=False)


def _decoded_numbers(path: str, step: _Step) -> Generator[_Step, None, list[int]]:
    """The numbers, among those that show a picture, of packets that give a frame or that can't be decoded."""
    numbers, lost = list[int](), list[int]()
    with open_video(path) as (container, stream):
        for _, number, _, _ in numbered_frames(stream.codec_context, demux(container, stream), lost):
            numbers.append(number)
            if len(numbers) % _FRAMES_A_STEP == 1:
                yield step
    if not numbers:
        raise VideoDecodeError("no frame could be decoded")
    return numbers + lost[bisect.bisect_left(lost, numbers[0]) :]


class _Log:
    """Records at which packets decoding can start, and whether each packet holds a single picture."""

    def __init__(self, context: "av.VideoCodecContext") -> None:
        self._is_start = start_test(context)
        self._context = context
        self._codec = context.codec.canonical_name
        self.starts = bytearray()
        self.single = True

    def take(self, packets: Iterable["av.Packet"]) -> None:
        """Records those packets that show a picture."""
        for packet in packets:
            if shows_picture(packet, self._codec):
                self.starts.append(self._is_start(packet))
                self.single = self.single and gives_one_frame(packet, self._context)


def _is_plain(path: str, times: Timeline, may_reorder: bool) -> tuple[bool, bool]:
    """Whether each of the first packets gives a frame, and whether frames come in the order of their times.

    A recording that begins within a group of pictures begins with packets that give none. Where the first frames are
    damaged, only the very first is evidence.
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
    return Survey(
        times.times_s, None, times.duration_s, no_key_frames, broken, by_decoding, times.remarks, timeline=times
    )


def _timed(times: Timeline, starts: bytearray, broken: bool) -> Survey:
    places = np.empty(len(times.stored), np.int64)  # for each frame in stored order, its place in display order
    places[np.argsort(times.stored, kind="stable")] = np.arange(len(places))
    # Nothing shown after a start may be stored before it.
    latest_before = np.concatenate(([-1], np.maximum.accumulate(places)[:-1]))
    is_start = np.frombuffer(starts, np.uint8).astype(bool) & (latest_before < places)
    starting = np.sort(places[is_start])
    return Survey(times.times_s, times.ticks, times.duration_s, starting, broken, timeline=times)
