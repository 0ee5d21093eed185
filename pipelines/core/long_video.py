"""The clips of a long video's windows, each frame decoded once however much windows overlap.

A video is surveyed first, from its packets alone (`survey`), and read in pieces, each by itself from a key frame on.
Memory is bounded by the windows that overlap, not by the video, and the clips don't depend on how it was cut.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import av
import numpy as np

from pipelines.core.frames import (
    NoVideoStreamError,
    VideoDecodeError,
    VideoError,
    VideoOpenError,
    VideoReadError,
    decode_packets,
    open_video,
)
from pipelines.core.label_types import Window
from pipelines.core.resize import Resizer
from pipelines.core.spec import ClipSpec
from pipelines.core.survey import MAX_REORDERED, Piece, Survey, is_shown, survey
from pipelines.core.video import MIN_DECODABLE_SHARE
from pipelines.core.windows import PlannedWindow

_SEEK_MARGIN_S = 1.0
"""Seeks go by the time of decoding, which is before that of display, and some end somewhat late."""
_MARK_UNREFERENCED = frozenset(("h264", "mpeg4", "mpeg1video", "mpeg2video"))
"""Codecs whose pictures tell by themselves that no other refers to them. In HEVC, those of higher layers may."""

__all__ = [
    "NoVideoStreamError",
    "Piece",
    "Survey",
    "VideoDecodeError",
    "VideoError",
    "VideoOpenError",
    "VideoReadError",
    "WindowClip",
    "WindowFailure",
    "read_windows",
    "survey",
]


@dataclass(frozen=True)
class WindowClip:
    """The clip of a window.

    Attributes:
        window: where in the video.
        frames: uint8 [T, H, W, 3], RGB, upright.
        damaged: frames that could not be decoded are replaced by others of the window.
    """

    window: Window
    frames: np.ndarray
    damaged: bool


@dataclass(frozen=True)
class WindowFailure:
    """A window of whose frames less than half could be decoded; `type` is the name of an error's class."""

    window: Window
    type: str
    message: str


def read_windows(path: str, spec: ClipSpec, piece: Piece) -> Iterator[WindowClip | WindowFailure]:
    """Decodes the windows of a piece, and yields each as soon as its last frame is there.

    Where a frame can't be decoded, the nearest decoded one of those that the window takes stands for it, the earlier
    one of two equally near.

    Args:
        path: the local file of which the survey was made.
        spec: number, choice and size of a window's frames.
        piece: which windows, one of `Survey.pieces`.

    Raises:
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: it is empty or no video.
        NoVideoStreamError: it has no pictures.
        VideoDecodeError: the piece's key frame isn't found: the file is another one than was surveyed.
    """
    assembly = _Assembly(spec, piece.windows)
    resize = Resizer(spec)
    for index, frame in _frames(path, piece, assembly.needed):
        if not frame.is_corrupt and assembly.waits_for(index):
            yield from assembly.add(index, resize(frame))
            if assembly.done:
                return
    yield from assembly.finish()


class _Assembly:
    """Puts pictures together to windows, and keeps only those that a coming window takes."""

    def __init__(self, spec: ClipSpec, windows: tuple[PlannedWindow, ...]) -> None:
        self._spec = spec
        self._windows = windows
        self._next = 0
        self._pictures: dict[int, np.ndarray] = {}
        self._last_use: dict[int, int] = {}
        self._last_index: list[int] = []
        for number, window in enumerate(windows):
            indices = self._indices(window)
            self._last_use.update(dict.fromkeys(indices, number))
            self._last_index.append(max(indices))

    @property
    def needed(self) -> Iterable[int]:
        """Display indices of the frames that any window takes."""
        return self._last_use.keys()

    @property
    def done(self) -> bool:
        return self._next == len(self._windows)

    def waits_for(self, index: int) -> bool:
        """Whether a window that isn't complete takes the frame."""
        return self._last_use.get(index, -1) >= self._next and index not in self._pictures

    def add(self, index: int, picture: np.ndarray) -> Iterator[WindowClip | WindowFailure]:
        """Takes a frame, of which all earlier ones have come or never will, and yields the windows that end with it."""
        self._pictures[index] = picture
        while not self.done and self._last_index[self._next] <= index:
            yield self._complete()

    def finish(self) -> Iterator[WindowClip | WindowFailure]:
        """Yields the other windows, with what there is."""
        while not self.done:
            yield self._complete()

    def _indices(self, window: PlannedWindow) -> list[int]:
        return [window.first + index for index in self._spec.sample(window.end - window.first)]

    def _complete(self) -> WindowClip | WindowFailure:
        planned = self._windows[self._next]
        indices = self._indices(planned)
        needed = set(indices)
        here = sorted(needed & self._pictures.keys())
        result: WindowClip | WindowFailure
        if len(here) < len(needed) * MIN_DECODABLE_SHARE:
            message = f"only {len(here)} of {len(needed)} frames could be decoded"
            result = WindowFailure(planned.window, VideoDecodeError.__name__, message)
        else:
            frames = np.stack([self._pictures[_nearest(index, here)] for index in indices])
            result = WindowClip(planned.window, frames, damaged=len(here) < len(needed))
        self._next += 1
        self._pictures = {i: picture for i, picture in self._pictures.items() if self._last_use[i] >= self._next}
        return result


def _nearest(index: int, here: list[int]) -> int:
    """Of ascending indices the nearest to one, the lower of two equally near."""
    right = bisect.bisect_left(here, index)
    return min(here[max(0, right - 1) : right + 1], key=lambda other: abs(other - index))


def _frames(path: str, piece: Piece, needed: Iterable[int]) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Yields at least the needed frames that can be decoded, with their display index, in order of display."""
    if piece.pts is None:
        yield from _counted_frames(path)
        return
    index_of = {piece.pts[index - piece.first_frame]: index for index in needed}
    with_seek_first = (False,) if piece.start_pts is None else (True, False)
    for seek in with_seek_first:
        with open_video(path) as (container, stream):
            packets = _from_start(container, stream, piece.start_pts, seek)
            first = next(packets, None)
            if first is None and piece.start_pts is not None:
                continue
            packets = itertools.chain([first] if first else [], packets)
            context = stream.codec_context
            if context.codec.canonical_name in _MARK_UNREFERENCED:
                packets = _marking_unneeded(context, packets, index_of)
            for frame in decode_packets(context, packets, errors=[]):
                if frame.pts is not None and (index := index_of.get(frame.pts)) is not None:
                    yield index, frame
            return
    raise VideoDecodeError(f"there is no key frame at time {piece.start_pts} any more")


def _from_start(
    container: "av.container.InputContainer", stream: "av.VideoStream", start_pts: int | None, seek: bool
) -> Iterator["av.Packet"]:
    """The packets from the key frame with this time on; none where a seek leads to a place behind it."""
    try:
        if seek and start_pts is not None and stream.time_base:
            margin = int(_SEEK_MARGIN_S / stream.time_base)
            container.seek(max(start_pts - margin, stream.start_time or 0), stream=stream, backward=True)
        found = start_pts is None
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            if not found and start_pts is not None:
                found = packet.is_keyframe and packet.pts == start_pts
                if seek and not found and _is_behind(packet, start_pts):
                    return
            if found:
                yield packet
    except MemoryError:
        raise
    except av.FFmpegError:
        return  # the file breaks off here; what the decoder still holds is to come out


def _is_behind(packet: "av.Packet", pts: int) -> bool:
    if packet.dts is not None and packet.dts > pts:
        return True
    return packet.is_keyframe and packet.pts is not None and packet.pts > pts


def _marking_unneeded(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], needed: dict[int, int]
) -> Iterator["av.Packet"]:
    """Lets the decoder pass over pictures that nobody needs, if they themselves say that no other picture does."""
    for packet in packets:
        unneeded = packet.pts is not None and packet.pts not in needed
        context.skip_frame = "NONREF" if unneeded else "DEFAULT"
        yield packet


def _counted_frames(path: str) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """All frames of a file, numbered in the order in which they come; those that don't come leave gaps."""
    with open_video(path) as (container, stream):
        is_vp8 = stream.codec_context.codec.canonical_name == "vp8"
        waiting: dict[int, None] = {}  # packets, by number, whose frames haven't come; in order
        lost = 0
        packets = _numbered(_from_start(container, stream, None, seek=False), is_vp8, waiting)
        for come, frame in enumerate(decode_packets(stream.codec_context, packets, errors=[])):
            if frame.pts is not None:
                waiting.pop(frame.pts, None)
                while waiting and (oldest := next(iter(waiting))) < frame.pts - MAX_REORDERED:
                    del waiting[oldest]
                    lost += 1
            yield come + lost, frame


def _numbered(packets: Iterable["av.Packet"], is_vp8: bool, waiting: dict[int, None]) -> Iterator["av.Packet"]:
    """Gives packets their number for a time, which decoders pass on to the frame."""
    number = 0
    for packet in packets:
        packet.pts = None
        if is_shown(packet, is_vp8):
            packet.pts = number
            waiting[number] = None
            number += 1
        yield packet
