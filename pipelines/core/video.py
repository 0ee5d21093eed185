"""From a video file to the pixels of a clip. Opening, decoding, resizing and turning upright occur here and nowhere else.

Frames are numbered in display order from 0, whatever the order of the packets. How many there are is taken from the
packets (or, where these mislead, from decoding), never from the header, which is often wrong. The needed frames are
decoded in one pass: no seeks, which are inexact where frames refer to later ones and slow where key frames are rare.
Packets on which no needed frame depends are left out of it where `nonref` can tell them.
"""

import contextlib
import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from pipelines.core import nonref
from pipelines.core.spec import ClipSpec

MIN_DECODABLE_SHARE = 0.5
"""A damaged video gives a clip of what could be decoded, as long as that is at least this share of its frames."""

_MAX_BUFFERED_BYTES = 32 * 1024 * 1024
"""Packets are kept between counting and decoding up to this size; beyond it the file is read twice."""

_DEFAULT_FRAME_RATE = 25.0

_AREA = Interpolation.AREA | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
"""Area average with colour at full resolution (without that flag, colour comes out at half of the *target* size), rounded
the same way on every processor. `benchmarks/resize.py` compares it with OpenCV: closer to the exact average, and faster."""


class VideoError(Exception):
    """A video from which no clip can be made. The class name is the reason that failure records show."""


class VideoReadError(VideoError):
    """The file can't be read: it is missing, permission is denied, or the disk or network fails."""


class VideoOpenError(VideoError):
    """The file is empty or is no video of a known format."""


class NoVideoStreamError(VideoError):
    """The file holds no pictures, only sound for example."""


class VideoDecodeError(VideoError):
    """Too little of the video could be decoded."""


class VideoTooShort(Exception):
    """The video has fewer frames than asked for: a filter's finding, not a failure."""

    def __init__(self, num_source_frames: int, min_frames: int) -> None:
        super().__init__(f"{num_source_frames} frames, fewer than {min_frames}")
        self.num_source_frames = num_source_frames


@dataclass(frozen=True)
class Clip:
    """A clip and where it was taken from.

    Attributes:
        frames: uint8 [T, H, W, 3], RGB, upright.
        frame_indices: T indices of the source's frames in display order, repeated where the source is short.
        timestamps_s: T times of the frames in seconds from the source's first frame.
        num_source_frames: frames of the source.
        duration_s: length of the source in seconds.
        damaged: the decoder met errors; the clip shows what was decodable.
    """

    frames: np.ndarray
    frame_indices: tuple[int, ...]
    timestamps_s: tuple[float, ...]
    num_source_frames: int
    duration_s: float
    damaged: bool


@dataclass(frozen=True)
class VideoProbe:
    """What the packets tell about a video, without decoding it."""

    num_packets: int
    width: int
    height: int
    codec: str
    frame_rate: float


def probe(path: str) -> VideoProbe:
    """Reads a video's packets, about twenty times faster than decoding.

    Raises:
        VideoReadError, VideoOpenError, NoVideoStreamError: as `read_clip`.
    """
    with _open(path) as (container, stream):
        packets = _scan(container, stream)
        context = stream.codec_context
        return VideoProbe(packets.count, context.width, context.height, context.name, packets.frame_rate)


def read_clip(path: str, spec: ClipSpec, min_frames: int = 1) -> Clip:
    """Makes the clip that `spec` describes from a local video file.

    Args:
        path: a local file.
        spec: number, choice and size of the frames.
        min_frames: a video with fewer frames is refused with `VideoTooShort`.

    Raises:
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: it is empty or no video.
        NoVideoStreamError: it has no pictures.
        VideoDecodeError: less than half of its frames could be decoded.
        VideoTooShort: it has fewer than `min_frames` frames.
    """
    with _open(path) as (container, stream):
        packets = _scan(container, stream)
        if packets.count == 0:
            raise VideoDecodeError("the file ends before the first picture")
        if not packets.broken:
            if packets.count < min_frames:
                raise VideoTooShort(packets.count, min_frames)
            clip = _read_needed(path, packets, spec) or _read_plain(path, packets, spec)
            if clip is not None:
                return clip
    return _read_damaged_clip(path, packets, spec, min_frames)


def _read_needed(path: str, packets: "_Packets", spec: ClipSpec) -> Clip | None:
    """The same clip as `_read_plain` makes, or None, by decoding only those packets on which its frames depend.

    It sees less of a damaged video: damage to a frame that isn't needed is neither met nor reported.
    """
    with _source(path, packets) as (context, source):
        plan = nonref.plan(context.name, context.extradata, nonref.unpack(context.name, context.extradata, source))
    if plan is None or len(plan.pictures) != packets.count:
        return None
    needed = {0, *spec.sample(packets.count)}  # times count from the first frame
    with _source(path, packets) as (context, source):
        frames = _decode_needed(context, nonref.unpack(context.name, context.extradata, source), plan, needed)
        return _collect(frames, packets, spec, packets.count)


def _read_plain(path: str, packets: "_Packets", spec: ClipSpec) -> Clip | None:
    """The clip out of all frames up to the last that is needed; None where the decoder fails or gives too few."""
    with _source(path, packets) as (context, source):
        return _collect(enumerate(_decode(context, source)), packets, spec, packets.count)


def _read_damaged_clip(path: str, packets: "_Packets", spec: ClipSpec, min_frames: int) -> Clip:
    """Counts the frames that really come out of the decoder, then chooses among these."""
    errors: list[str] = []
    num_frames = sum(1 for _ in _reopen_and_decode(path, errors))
    if num_frames < packets.count * MIN_DECODABLE_SHARE:
        reason = f" ({errors[0]})" if errors else ""
        raise VideoDecodeError(f"only {num_frames} of {packets.count} frames could be decoded{reason}")
    if num_frames < min_frames:
        raise VideoTooShort(num_frames, min_frames)
    frames = enumerate(_reopen_and_decode(path, errors))
    clip = _collect(frames, packets, spec, num_frames, damaged=bool(errors) or packets.broken)
    if clip is None:
        raise VideoDecodeError(f"{num_frames} frames were decoded, and fewer when decoded again")
    return clip


@contextlib.contextmanager
def _open(path: str) -> Iterator[tuple["av.container.InputContainer", "av.VideoStream"]]:
    """Opens the first video stream of a local file for decoding in this thread alone."""
    # The prefix keeps a colon in a name from being read as a protocol, the whitelist a playlist from naming other hosts.
    options = {"protocol_whitelist": "file"}
    try:
        container = av.open(f"file:{path}", metadata_errors="replace", container_options=options)
    except MemoryError:
        raise
    except OSError as error:
        raise VideoReadError(_message(error)) from error
    except (av.FFmpegError, ValueError) as error:
        raise VideoOpenError(_message(error)) from error
    with container:
        if not container.streams.video:
            raise NoVideoStreamError("the file has no video stream")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise VideoOpenError("there is no decoder for the video's codec")
        # Parallelism is over videos: threads within one cost more CPU time for the same pictures.
        stream.codec_context.thread_count = 1
        yield container, stream


@dataclass(frozen=True)
class _Packets:
    """What the packets of a stream tell: `count` frames, and whether reading them broke off."""

    count: int
    broken: bool
    frame_rate: float
    time_base: float
    duration_s: float
    buffered: list["av.Packet"] | None


def _scan(container: "av.container.InputContainer", stream: "av.VideoStream") -> _Packets:
    """Reads all packets once, keeping them if they are small enough to be decoded from memory."""
    count, size, broken = 0, 0, False
    buffered: list[av.Packet] | None = []
    first_pts, end_pts = None, None
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            count += not packet.is_discard
            size += packet.size
            if packet.pts is not None:
                first_pts = packet.pts if first_pts is None else min(first_pts, packet.pts)
                end = packet.pts + (packet.duration or 0)
                end_pts = end if end_pts is None else max(end_pts, end)
            if size > _MAX_BUFFERED_BYTES:
                buffered = None
            if buffered is not None:
                buffered.append(packet)
    except MemoryError:
        raise
    except av.FFmpegError:
        broken = True
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    rate = rate if math.isfinite(rate) and rate > 0 else _DEFAULT_FRAME_RATE
    time_base = float(stream.time_base or 0)
    duration_s = count / rate
    if first_pts is not None and end_pts is not None and time_base > 0 and end_pts > first_pts:
        duration_s = (end_pts - first_pts) * time_base
    return _Packets(count, broken, rate, time_base, duration_s, buffered)


@contextlib.contextmanager
def _source(path: str, packets: _Packets) -> Iterator[tuple["av.VideoCodecContext", Iterable["av.Packet"]]]:
    """A fresh decoder and the packets, from memory or read again."""
    with _open(path) as (container, stream):
        yield stream.codec_context, container.demux(stream) if packets.buffered is None else packets.buffered


def _decode(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], errors: list[str] | None = None
) -> Iterator["av.VideoFrame"]:
    """Yields the frames of packets in display order.

    With `errors` given, what can't be decoded is left out and its reason appended; without, the first error is raised.
    """
    try:
        for packet in packets:
            if packet.size == 0:
                continue
            try:
                yield from context.decode(packet)
            except MemoryError:
                raise
            except av.FFmpegError as error:
                if errors is None:
                    raise
                errors.append(_message(error))
        yield from context.decode(None)
    except MemoryError:
        raise
    except av.FFmpegError as error:  # from the demuxer, or from what the decoder still held
        if errors is None:
            raise
        errors.append(_message(error))


def _decode_needed(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], plan: nonref.DropPlan, needed: Collection[int]
) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Yields needed frames, and those they depend on, with their index; ends early where one isn't as foreseen."""
    kept = plan.keep(needed)
    kept_packets = itertools.compress(packets, ...)
    for picture, frame in zip(plan.comes_out(kept), _decode(context, kept_packets), strict=False):
        if frame.pts != picture.pts:
            return
        yield picture.shown, frame


def _reopen_and_decode(path: str, errors: list[str] | None = None) -> Iterator["av.VideoFrame"]:
    """As `_decode`, from a file opened anew, without holding its packets."""
    with _open(path) as (container, stream):
        yield from _decode(stream.codec_context, container.demux(stream), errors)


def _collect(
    frames: Iterator[tuple[int, "av.VideoFrame"]], packets: _Packets, spec: ClipSpec, num_frames: int, damaged: bool = False
) -> Clip | None:
    """The clip out of a video's frames; None where the decoder fails or ends before the last frame that is needed."""
    indices = spec.sample(num_frames)
    needed = set(indices)
    resize = _Resizer(spec)
    pictures: dict[int, np.ndarray] = {}
    times: dict[int, float] = {}
    start_s = 0.0
    try:
        for index, frame in frames:
            if frame.is_corrupt and not damaged:
                return None
            if index == 0:
                start_s = _time_s(frame, 0, packets)
            if index in needed:
                pictures[index] = resize(frame)
                times[index] = _time_s(frame, index, packets) - start_s
                if len(pictures) == len(needed):
                    break
        else:
            return None
    except MemoryError:
        raise
    except av.FFmpegError:
        return None
    return Clip(
        frames=np.stack([pictures[index] for index in indices]),
        frame_indices=indices,
        timestamps_s=tuple(times[index] for index in indices),
        num_source_frames=num_frames,
        duration_s=packets.duration_s,
        damaged=damaged,
    )


def _time_s(frame: "av.VideoFrame", index: int, packets: _Packets) -> float:
    if frame.pts is None or packets.time_base <= 0:
        return index / packets.frame_rate
    return round(frame.pts * packets.time_base, 6)


def scaled_size(spec: ClipSpec, width: int, height: int) -> tuple[int, int]:
    """Width and height to which an upright picture is scaled before it is cropped or padded to the clip's size."""
    if spec.resize == "stretch":
        return spec.width, spec.height
    wider_than_clip = width * spec.height >= height * spec.width
    if wider_than_clip == (spec.resize == "crop"):
        return max(1, (width * spec.height + height // 2) // height), spec.height
    return spec.width, max(1, (height * spec.width + width // 2) // width)


class _Resizer:
    """Turns decoded frames into uint8 [H, W, 3] RGB, upright, by area average."""

    def __init__(self, spec: ClipSpec) -> None:
        self._spec = spec
        self._reformatter = VideoReformatter()  # keeps the filter tables from frame to frame

    def __call__(self, frame: "av.VideoFrame") -> np.ndarray:
        quarter_turns = round(frame.rotation / 90) % 4
        width, height = frame.width, frame.height
        if quarter_turns % 2:
            width, height = height, width
        width, height = scaled_size(self._spec, width, height)
        if quarter_turns % 2:
            width, height = height, width
        scaled = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=_AREA, threads=1).to_ndarray()
        return _fit(np.rot90(scaled, quarter_turns), self._spec.height, self._spec.width)


def _fit(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cuts the centre out of a picture, or puts it in the centre of a black one: uint8 [height, width, 3]."""
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    if top >= 0 and left >= 0:
        return picture[top : top + height, left : left + width]
    padded = np.zeros((height, width, 3), np.uint8)
    padded[-top : -top + picture.shape[0], -left : -left + picture.shape[1]] = picture
    return padded


def _message(error: Exception) -> str:
    """The reason without the path, which failure records hold apart."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
