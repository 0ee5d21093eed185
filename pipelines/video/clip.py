"""From a video file to the pixels of a clip. Opening, decoding, resizing and turning upright happen nowhere else.

Frames are numbered in display order from 0, whatever the order of the packets. Their number comes from the packets (or
from decoding, where the packets mislead), never from the header, which is often wrong. The needed frames are decoded in
one pass, without seeks, which are inexact where frames refer to later ones and slow where key frames are rare. Packets
on which no needed frame depends are skipped where `skipping.drop_plan` can identify them.

Of large files whose tables list all packets, only the groups of pictures that hold needed frames are read (`sparse`),
from key frames that are known exactly. Whatever isn't as listed leads back to reading the whole file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import av
import numpy as np

from pipelines.core.spec import ClipSpec
from pipelines.video.containers.promises import MIN_SHARE
from pipelines.video.errors import UnforeseenFrame, VideoDecodeError, VideoTooShort
from pipelines.video.frames import (
    Packets,
    decode_again,
    decode_all,
    decode_needed,
    make_plan,
    one_frame_each,
    open_video,
    refuse_stump,
    scan,
)
from pipelines.video.images import clip_html
from pipelines.video.remarks import Shortfall
from pipelines.video.resize import Resizer
from pipelines.video.skipping import h264
from pipelines.video.sparse.decoding import decode_listed
from pipelines.video.sparse.listing import Listing, list_frames
from pipelines.video.taint import count_gaps
from pipelines.video.timing.times import Timeline

MIN_DECODABLE_SHARE = MIN_SHARE
"""A damaged video still yields a clip if at least this share of its frames could be decoded."""
_GIVES_EACH = frozenset(("hevc", "vp9", "av1"))
"""Codecs (and H.264 without fields) whose decoders lose a frame, maybe without an error, if a packet gives none."""


@dataclass(frozen=True)
class Clip:
    """A clip and where it was taken from. A notebook shows it in motion.

    Attributes:
        frames: uint8 [T, H, W, 3], RGB, upright.
        frame_indices: T display indices of source frames, repeated where the source is short.
        timestamps_s: T times of the frames in seconds from the source's first frame.
        num_source_frames: number of frames of the source.
        duration_s: length of the source in seconds.
        damaged: frames, or frames that they refer to, are missing or broken; the clip shows what could be decoded.
        remarks: which of the source's times were wrong and have been corrected; at what angle its pictures stay.
        damage: what is damaged or missing, such as `390 of 720 frames are there`; empty where nothing is.
        missing: what the container promises but the file does not hold.
    """

    frames: np.ndarray
    frame_indices: tuple[int, ...]
    timestamps_s: tuple[float, ...]
    num_source_frames: int
    duration_s: float
    damaged: bool
    remarks: tuple[str, ...] = ()
    damage: str = ""
    missing: Shortfall | None = None

    def _repr_html_(self) -> str:
        count, height, width = self.frames.shape[:3]
        says = f"{count} frames of {width}x{height} from {self.num_source_frames:,} in {self.duration_s:.1f} s"
        return clip_html(self.frames, self.duration_s, says + (f"; damaged: {self.damage}" if self.damaged else ""))


def read_clip(path: str, spec: ClipSpec, min_frames: int = 1) -> Clip:
    """Makes the clip that `spec` describes from a local video file. Errors don't name it, as records do that.

    Args:
        path: a local file.
        spec: how many frames to take, which ones, and their size.
        min_frames: a video with fewer frames is refused with `VideoTooShort`.

    Raises:
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: the file is empty or not a video.
        NoVideoStreamError: the file has no video stream.
        VideoDecodeError: less than half of the frames that the container promises are there or could be decoded.
        VideoTooShort: the video has fewer than `min_frames` frames.
    """
    with open_video(path) as (container, stream):
        listing = list_frames(container, stream)
        if listing is None:
            return _read_whole(path, container, stream, spec, min_frames)
        if len(listing.times.ticks) >= min_frames:
            clip = clip_of_listed(container, stream, listing, spec)
            if clip is not None:
                return clip
    with open_video(path) as (container, stream):
        return _read_whole(path, container, stream, spec, min_frames)


def _read_whole(
    path: str, container: "av.container.InputContainer", stream: "av.VideoStream", spec: ClipSpec, min_frames: int
) -> Clip:
    packets = scan(container, stream)
    refuse_stump(packets)
    return clip_of(path, stream.codec_context, packets, spec, min_frames)


def clip_of_listed(
    container: "av.container.InputContainer", stream: "av.VideoStream", listing: Listing, spec: ClipSpec
) -> Clip | None:
    """The clip of a large video that is open, reading only what is needed; None where all of it must be read.

    Damage in what isn't read goes unnoticed.
    """
    needed = {0, *listing.times.choose(spec)}
    return _collect(lambda _: decode_listed(container, stream, listing, needed), listing.times, spec)


def clip_of(path: str, context: "av.VideoCodecContext", packets: Packets, spec: ClipSpec, min_frames: int = 1) -> Clip:
    """The clip of a video that is open and whose packets have been read; otherwise like `read_clip`."""
    if not packets.broken and packets.missing is None:
        if packets.count < min_frames:
            raise VideoTooShort(packets.count, min_frames)
        clip = _read_undamaged_clip(path, context, packets, spec)
        if clip is not None:
            return clip
    return _read_damaged_clip(path, context, packets, spec, min_frames)


def _read_undamaged_clip(path: str, context: "av.VideoCodecContext", packets: Packets, spec: ClipSpec) -> Clip | None:
    """The clip, decoding only what the drop plan needs; None where the decoder fails or gives too few frames.

    Damage in frames that aren't decoded goes unnoticed: the clip is then the same as that of an undamaged video.
    """
    times = packets.times
    plan = make_plan(path, context, packets)
    if plan is None:
        if not one_frame_each(path, context, packets) or count_gaps(path, context, packets):
            return None
        return _collect(lambda is_enough: decode_all(path, context, packets, is_enough), times, spec, is_whole=True)
    needed = {0, *times.choose(spec)}
    clip = _collect(lambda _: decode_needed(path, context, packets, plan, needed), times, spec)
    return clip or _collect(lambda is_enough: decode_again(path, None, is_enough), times, spec, is_whole=True)


def _read_damaged_clip(
    path: str, context: "av.VideoCodecContext", packets: Packets, spec: ClipSpec, min_frames: int
) -> Clip:
    """Counts the frames that really come out of the decoder, then chooses among them."""
    errors: list[str] = []
    num_intact = 0
    numbers: list[int] = []
    for index, frame in decode_again(path, errors):
        numbers.append(index if frame.pts is None else frame.pts)
        num_intact += not frame.is_corrupt  # decoders conceal holes without an error
    num_frames = len(numbers)
    if num_intact < packets.count * MIN_DECODABLE_SHARE:
        reason = f" ({errors[0]})" if errors else ""
        raise VideoDecodeError(f"only {num_intact} of {packets.count} frames could be decoded{reason}")
    if num_frames < min_frames:
        raise VideoTooShort(num_frames, min_frames)
    num_gaps = count_gaps(path, context, packets)
    num_lost = _count_lost(context, packets.times, numbers)
    damage = _describe_damage(packets, num_frames, num_intact, errors, num_gaps, num_lost)
    clip = _collect(lambda _: decode_again(path, errors), packets.times.of_packets(numbers), spec, damage)
    if clip is None:
        raise VideoDecodeError(f"{num_frames} frames were decoded, but fewer the second time")
    return replace(clip, missing=packets.missing)


def _count_lost(context: "av.VideoCodecContext", times: Timeline, numbers: Sequence[int]) -> int:
    """How many packets gave no frame, except the first to be shown: recordings may begin within a group of pictures.

    Args:
        context: the decoder.
        times: those of all packets.
        numbers: the numbers of the packets that gave a frame.
    """
    name = context.codec.canonical_name
    if name not in _GIVES_EACH and not (name == "h264" and h264.FrameNumbers(context.extradata or b"").are_known):
        return 0
    lost = np.setdiff1d(np.arange(len(times.stored)), numbers)
    return int((times.stored[lost] > times.stored[numbers].min()).sum())


def _describe_damage(
    packets: Packets, num_frames: int, num_intact: int, errors: list[str], num_gaps: int, num_lost: int
) -> str:
    """What is wrong with a video, given how many frames could be decoded; empty where nothing is."""
    found = []
    if packets.missing:
        found.append(packets.missing.message)
    if packets.broken:
        found.append(f"reading breaks off after {packets.count:,} frames")
    if num_intact < num_frames:
        bad = num_frames - num_intact
        found.append(f"{bad:,} of {num_frames:,} frames {'is' if bad == 1 else 'are'} damaged")
    if num_lost and not found:
        found.append(f"{num_lost:,} of {packets.count:,} frames can't be decoded")
    if num_gaps and not found:
        found.append(f"frames are missing in {num_gaps:,} {'place' if num_gaps == 1 else 'places'}")
    if errors and not found:
        found.append(errors[0])
    return "; ".join(found)


def _collect(
    decode: Callable[[Callable[[], bool]], Iterator[tuple[int, "av.VideoFrame"]]],
    times: Timeline,
    spec: ClipSpec,
    damage: str = "",
    is_whole: bool = False,
) -> Clip | None:
    """The clip from a video's frames; None where the decoder fails or ends before the last needed frame.

    Every frame is checked for damage, including those after the last needed one, which may depend on them. With
    `is_whole`, each packet must give a frame whose `pts` is the packet's number: a recording that begins within a group
    of pictures has packets that give none.
    """
    order = np.argsort(times.stored, kind="stable").tolist() if is_whole and times.trusted else None
    num_frames = 0
    indices = times.choose(spec)
    needed = set(indices)
    resize = Resizer(spec)
    pictures: dict[int, np.ndarray] = {}
    try:
        for index, frame in decode(lambda: len(pictures) == len(needed) and not (is_whole and order is None)):
            if frame.is_corrupt and not damage:
                return None
            # Frames after the last needed one lack those between them whose packets aren't decoded any more.
            is_needed = len(pictures) < len(needed)
            if order is not None and is_needed and [frame.pts] != order[index : index + 1]:
                return None
            num_frames += 1
            if index in needed:
                pictures[index] = resize(frame)
                if damage and len(pictures) == len(needed):
                    break
    except MemoryError:
        raise
    except (av.FFmpegError, UnforeseenFrame):
        return None
    if len(pictures) < len(needed) or (is_whole and order is None and num_frames != len(times.ticks)):
        return None
    return Clip(
        frames=np.stack([pictures[index] for index in indices]),
        frame_indices=indices,
        timestamps_s=tuple(times.time_s(index) for index in indices),
        num_source_frames=len(times.ticks),
        duration_s=times.duration_s,
        damaged=bool(damage),
        remarks=(*times.remarks, *resize.remarks),
        damage=damage,
    )
