"""Needed frames of a video whose frames are counted from the start of the file, as those of AVI files are."""

import itertools
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator

import av

from pipelines.video.skipping import drop_plan
from pipelines.video.skipping.drop_plan import DropPlan
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.skipping.planned import begin_anew, plan_stretch, planned_frames
from pipelines.video.skipping.stretches import cut
from pipelines.video.skipping.timed_frames import IndexedFrame
from pipelines.video.streams import numbered, shows_picture
from pipelines.video.taint import decode_watched
from pipelines.video.timing.repair import MAX_REORDERED


def counted_frames(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], needed: Collection[int]
) -> Iterator[IndexedFrame]:
    """Yields the needed frames that can be decoded in display order, and possibly others.

    As long as there is a plan for each stretch, it tells how many frames are shown until its end. From the first one
    without a plan on, all frames are decoded and counted.

    Args:
        context: the decoder.
        packets: all packets of a video, each of which holds one picture.
        needed: display indices of the needed frames.
    """
    drop_plan.prepare(context)
    wanted = sorted(needed)
    codec = context.codec.canonical_name
    stretches = cut(numbered(packets, codec), start_test(context))
    begin, leading = 0, 0  # display index of the stretch's first frame; pictures shown before it, but stored after it
    for stretch in stretches:
        if not wanted or begin > wanted[-1]:
            return
        own = [stretch.packets[0], *stretch.packets[1 + leading :]]
        ahead = stretch.ahead[: 1 + MAX_REORDERED]
        plan, end = None, None  # there is no plan, either, if the next stretch brings other parameters
        if stretch.is_whole and all(shows_picture(packet, codec) for packet in own):
            plan = plan_stretch(context, [*own, *ahead])
            end = None if plan is None else _shown_before(plan, len(own), len(own) + len(ahead))
        if plan is None or end is None:
            rest = itertools.chain(own, *(following.packets for following in stretches))
            yield from _all_frames(context, rest, begin)
            return
        chosen = {index - begin for index in wanted[bisect_left(wanted, begin) : bisect_left(wanted, begin + end)]}
        if chosen:
            for shown, frame, is_tainted in planned_frames(context, [*own, *ahead], plan, chosen):
                yield begin + shown, frame, is_tainted
        begin, leading = begin + end, end - len(own)


def _shown_before(plan: DropPlan, count: int, num_packets: int) -> int | None:
    """How many pictures are shown before the one at position `count`, the next start; None where that is uncertain.

    These must be all `count` that are stored before it, and some that are stored right behind it.
    """
    shown = [picture.shown for picture in plan.pictures]
    if not plan.num_shown == len(shown) == num_packets:
        return None
    if count == num_packets:
        return count
    end = shown[count]
    before = [position for position, place in enumerate(shown) if place < end]
    return end if before == [*range(count), *range(count + 1, end + 1)] else None


def _all_frames(context: "av.VideoCodecContext", packets: Iterable["av.Packet"], begin: int) -> Iterator[IndexedFrame]:
    """All frames of packets, numbered from `begin` on as they come out; lost ones leave gaps in the numbers."""
    begin_anew(context)
    waiting: dict[int, None] = {}  # numbers, ascending, of packets whose frames haven't come out yet
    lost = 0
    noted = _noted(packets, context.codec.canonical_name, waiting)
    farthest = 0 if context.codec.intra_only else MAX_REORDERED
    for come, (frame, is_tainted) in enumerate(decode_watched(context, noted)):
        if frame.pts is not None:
            waiting.pop(frame.pts, None)
            while waiting and (oldest := next(iter(waiting))) < frame.pts - farthest:
                del waiting[oldest]
                lost += 1
        yield begin + come + lost, frame, is_tainted


def _noted(packets: Iterable["av.Packet"], codec: str, waiting: dict[int, None]) -> Iterator["av.Packet"]:
    """Passes packets on, and notes in `waiting` the numbers of those that show a picture."""
    for packet in packets:
        if packet.pts is not None and shows_picture(packet, codec):
            waiting[packet.pts] = None
        yield packet
