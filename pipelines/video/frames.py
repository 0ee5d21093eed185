"""Opening a video file, its packets, and their frames in display order."""

import contextlib
import errno
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import av

from pipelines.video.containers import promises, shortfalls
from pipelines.video.containers.payloads import flaw_test
from pipelines.video.demuxers import demux, open_container
from pipelines.video.errors import (
    NoVideoStreamError,
    UnforeseenFrame,
    VideoDecodeError,
    VideoOpenError,
    VideoReadError,
    reason_of,
)
from pipelines.video.remarks import Shortfall
from pipelines.video.skipping import drop_plan
from pipelines.video.streams import candidates, first_with_packets, gives_one_frame, numbered, shows_picture
from pipelines.video.timing.packet_times import PacketTimes, StreamClock
from pipelines.video.timing.times import Timeline, timeline

_MAX_BUFFERED_BYTES = 32 * 1024 * 1024
"""Packets are kept in memory between counting and decoding up to this total; beyond it the file is read twice."""
_PACKET_BYTES = 512
"""Memory that a packet takes besides its data, which matters for hours of small pictures."""


@contextlib.contextmanager
def open_video(path: str) -> Iterator[tuple["av.container.InputContainer", "av.VideoStream"]]:
    """Opens the video stream of a local file (see `streams.first_with_packets`) for decoding in this thread alone."""
    with contextlib.ExitStack() as stack:
        container = stack.enter_context(open_container(path))
        found = candidates(container)
        if len(found) > 1:
            index = first_with_packets(container, found)
            container.close()
            container = stack.enter_context(open_container(path))
            found = [stream for stream in container.streams.video if stream.index == index]
        if not found:
            attached = ", only an attached picture" if container.streams.video else ""
            raise NoVideoStreamError(f"the file has no video stream{attached}")
        stream = found[0]
        if stream.codec_context is None:
            raise VideoOpenError("there is no decoder for the video's codec")
        # Videos are decoded in parallel: threads within one video would cost more CPU time for the same pictures.
        stream.codec_context.thread_count = 1
        yield container, stream


@dataclass(frozen=True)
class Packets:
    """What the packets of a stream tell.

    Attributes:
        count: number of frames that are shown.
        broken: reading the packets broke off.
        times: when the frames are shown.
        buffered: the packets; None where they were too large to be kept.
        missing: what the container promises beyond them.
        discarded: there are further packets, which an edit list hides.
    """

    count: int
    broken: bool
    times: Timeline
    buffered: list["av.Packet"] | None
    missing: Shortfall | None = None
    discarded: bool = False


def scan(
    container: "av.container.InputContainer",
    stream: "av.VideoStream",
    watch: Callable[[Iterable["av.Packet"]], None] = lambda _: None,
) -> Packets:
    """Reads all packets once, keeping them if they are small enough to be decoded from memory.

    Where they aren't kept, `watch` is given all of them, in batches.

    Raises:
        VideoReadError: the file can't be read.
    """
    broken, size, stored, incomplete, indexed, end = False, 0, 0, 0, len(stream.index_entries), 0
    buffered: list[av.Packet] | None = []
    shown, codec = PacketTimes(), stream.codec_context.codec.canonical_name
    add, may_hide = shown.add, codec == "vp8"
    try:
        for packet in demux(container, stream):
            stored += 1
            incomplete += packet.is_corrupt
            if buffered is not None:
                size += packet.size + _PACKET_BYTES
                buffered.append(packet)
                if size > _MAX_BUFFERED_BYTES:
                    watch(buffered)
                    buffered = None
            else:
                watch((packet,))
            if packet.is_discard:
                shown.hide(packet)
            elif not may_hide or shows_picture(packet, codec):
                add(packet)
        end = packet.pos + packet.size if stored and packet.pos is not None else 0
    except MemoryError:
        raise
    except av.FFmpegError:
        broken = True
    times = timeline(shown, StreamClock.of(container, stream))
    found = shortfalls.Found(stored, incomplete, times.duration_s, times.frame_rate, indexed, end)
    try:
        missing = promises.shortfall(container, stream, found)
    except OSError as error:
        raise VideoReadError(reason_of(error)) from error
    return Packets(len(shown.pts), broken, times, buffered, missing, shown.discarded)


def refuse_stump(packets: Packets) -> None:
    """Refuses a video that is mostly missing.

    Raises:
        VideoDecodeError: there is no frame, or less than half of the frames that the container promises.
    """
    if not packets.count and not packets.discarded:
        raise VideoDecodeError("the file ends before the first picture")
    if packets.missing and packets.missing.share < promises.MIN_SHARE:
        raise VideoDecodeError(f"only {packets.missing.message}")
    if not packets.count:
        raise VideoDecodeError("its edit list shows no frame")


@contextlib.contextmanager
def packet_source(
    path: str, context: "av.VideoCodecContext", packets: Packets
) -> Iterator[tuple["av.VideoCodecContext", Iterable["av.Packet"]]]:
    """A decoder and all packets: the buffered ones or, where there were too many, those of the file, read again."""
    if packets.buffered is not None:
        yield context, packets.buffered
        return
    with open_video(path) as (container, stream):
        yield stream.codec_context, demux(container, stream)


def make_plan(path: str, context: "av.VideoCodecContext", packets: Packets) -> drop_plan.DropPlan | None:
    """Which packets each frame needs; None where that can't be determined."""
    try:
        with packet_source(path, context, packets) as (decoder, source):
            plan = drop_plan.plan(decoder.name, decoder.extradata, source)
    except MemoryError:
        raise
    except av.FFmpegError:
        return None
    return plan if plan is not None and plan.num_shown == packets.count else None


def one_frame_each(path: str, context: "av.VideoCodecContext", packets: Packets) -> bool:
    """Whether each packet gives one frame; False where that is uncertain or the file can't be read again."""
    codec = context.codec.canonical_name
    try:
        with packet_source(path, context, packets) as (_, source):
            return all(gives_one_frame(packet, context) for packet in source if shows_picture(packet, codec))
    except MemoryError:
        raise
    except av.FFmpegError:
        return False


def decode_packets(
    context: "av.VideoCodecContext",
    packets: Iterable["av.Packet"],
    errors: list[str] | None = None,
    is_enough: Callable[[], bool] = lambda: False,
) -> Iterator["av.VideoFrame"]:
    """Yields the frames of packets in display order.

    With `errors`, what can't be decoded is skipped and the reason appended to the list; without, the first error is
    raised. Once `is_enough()`, no further packet is decoded, but the frames that the decoder still holds are yielded:
    they are shown later, and earlier ones may refer to them.
    """
    flaw = flaw_test(context)
    try:
        for packet in packets:
            if is_enough():
                break
            try:
                if found := flaw(packet):
                    raise av.InvalidDataError(errno.EINVAL, found)
                yield from context.decode(packet)
            except MemoryError:
                raise
            except av.FFmpegError as error:
                if errors is None:
                    raise
                errors.append(reason_of(error))
        yield from context.decode(None)
    except MemoryError:
        raise
    except av.FFmpegError as error:  # from the demuxer, or from frames that the decoder still held
        if errors is None:
            raise
        errors.append(reason_of(error))


def decode_all(
    path: str, context: "av.VideoCodecContext", packets: Packets, is_enough: Callable[[], bool]
) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Yields all frames with their index; raises the decoder's errors. See `decode_again` on `pts`."""
    with packet_source(path, context, packets) as (decoder, source):
        named = numbered(source, decoder.codec.canonical_name)
        yield from enumerate(decode_packets(decoder, named, is_enough=is_enough))


def decode_needed(
    path: str, context: "av.VideoCodecContext", packets: Packets, plan: drop_plan.DropPlan, needed: Collection[int]
) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Yields the needed frames, and all that they depend on, with their index.

    Raises:
        UnforeseenFrame: a frame is missing, superfluous, or differs from the plan.
    """
    kept = plan.keep(needed)
    with packet_source(path, context, packets) as (decoder, source):
        drop_plan.prepare(decoder)
        selected = plan.select(source, kept)
        for number, run in enumerate(plan.runs(kept)):
            if number:
                decoder.flush_buffers()
            count = len(set(map(plan.packet_of, run)))
            frames = decode_packets(decoder, itertools.islice(selected, count))
            for picture, frame in itertools.zip_longest(plan.come_out(run), frames):
                if picture is None or frame is None or frame.pts != picture.pts:
                    raise UnforeseenFrame
                yield picture.shown, frame


def decode_again(
    path: str, errors: list[str] | None = None, is_enough: Callable[[], bool] = lambda: False
) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Opens the file again and yields all its frames with their index; see `decode_packets` on the other arguments.

    The `pts` of a frame is the number of its packet among those that show a picture.
    """
    with open_video(path) as (container, stream):
        context = stream.codec_context
        packets = numbered(demux(container, stream), context.codec.canonical_name)
        yield from enumerate(decode_packets(context, packets, errors, is_enough))
