"""Needed frames of a video whose packets' times identify its frames, from a packet at which decoding can start on."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import av

from pipelines.video.skipping import drop_plan
from pipelines.video.skipping.drop_plan import DropPlan
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.skipping.parameters import change_test
from pipelines.video.skipping.planned import begin_anew, plan_stretch, planned_frames
from pipelines.video.skipping.stretches import Stretch, cut
from pipelines.video.taint import decode_watched

_MARK_UNREFERENCED = frozenset(("h264", "mpeg4", "mpeg1video", "mpeg2video"))
"""Codecs that mark non-reference pictures reliably. In HEVC, pictures of higher layers may refer to marked ones."""
_SKIP, _BY_PLAN, _WHOLE = "skip", "by plan", "whole"

IndexedFrame = tuple[int, "av.VideoFrame", bool]
"""Display index, frame, and whether a picture that it may depend on is damaged."""


class _Step(NamedTuple):
    """How to decode a stretch.

    Attributes:
        way: whether to leave it out, to decode it by its plan, or to decode all of it.
        stretch: the stretch.
        start: frames that are shown earlier belong to the stretch before; None if there is none.
        unit: the packets that hold its frames, to which the plan belongs.
        wanted: maps the times of those of its frames that are needed to their display indices.
        plan: its plan.
    """

    way: str
    stretch: Stretch
    start: int | None
    unit: list["av.Packet"]
    wanted: dict[int, int]
    plan: DropPlan | None = None


def timed_frames(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], index_of: Mapping[int, int], is_cut: bool
) -> Iterator[IndexedFrame]:
    """Yields the needed frames that can be decoded, in display order.

    Args:
        context: the decoder.
        packets: the packets from the start on.
        index_of: maps the times of the needed frames to their display indices.
        is_cut: other packets precede these; frames that are shown before the first of them aren't needed.
    """
    drop_plan.prepare(context)
    steps = _steps(context, packets, index_of, is_cut)
    for way, group in itertools.groupby(steps, key=lambda step: step.way):
        if way == _WHOLE:
            yield from _whole_frames(context, group, index_of)
        elif way == _BY_PLAN:
            for step in group:
                yield from _planned_frames(context, step)


def _steps(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], index_of: Mapping[int, int], is_cut: bool
) -> Iterator[_Step]:
    """How to decode each stretch up to that of the last needed frame."""
    changes = change_test(context)
    last = max(index_of, default=None)
    is_changed = False
    for stretch in cut(packets, start_test(context)):
        start = stretch.packets[0].pts if is_cut and stretch.begins else None
        if last is None or (start is not None and start > last):
            return
        leading = frozenset() if start is None else stretch.leading
        own = [packet for place, packet in enumerate(stretch.packets) if place not in leading]
        unit = [*own, *stretch.behind]
        end = stretch.behind[0].pts if stretch.behind else None
        times = [packet.pts for packet in unit if packet.pts is not None]
        wanted = {pts: index_of[pts] for pts in times if pts in index_of and (end is None or pts < end)}
        way, plan = _WHOLE, None
        if stretch.is_whole and not is_changed:
            if not wanted:
                way = _SKIP
            elif (plan := plan_stretch(context, unit)) is not None:
                way = _BY_PLAN
            is_changed = any(map(changes, stretch.packets[:1] if way == _BY_PLAN else stretch.packets))
            if is_changed:
                way, plan = _WHOLE, None
        yield _Step(way, stretch, start, unit, wanted, plan)
        is_cut = True


def _planned_frames(context: "av.VideoCodecContext", step: _Step) -> Iterator[IndexedFrame]:
    assert step.plan is not None
    pictures = step.plan.come_out(range(len(step.plan.pictures)))
    shown = {picture.shown: picture.pts for picture in pictures if picture.pts in step.wanted}
    for place, frame, is_tainted in planned_frames(context, step.unit, step.plan, shown):
        yield step.wanted[shown[place]], frame, is_tainted


def _whole_frames(
    context: "av.VideoCodecContext", steps: Iterator[_Step], index_of: Mapping[int, int]
) -> Iterator[IndexedFrame]:
    """The needed frames of stretches in a row, decoded in one go."""
    begin_anew(context)
    first = next(steps)
    packets = _packets(itertools.chain([first], steps))
    if context.codec.canonical_name in _MARK_UNREFERENCED:
        packets = _marking_unneeded(context, packets, index_of)
    for frame, is_tainted in decode_watched(context, packets):
        pts = frame.pts
        if pts is not None and pts in index_of and (first.start is None or pts >= first.start):
            yield index_of[pts], frame, is_tainted


def _packets(steps: Iterable[_Step]) -> Iterator["av.Packet"]:
    last = None
    for last in steps:
        yield from last.stretch.packets
    if last is not None:
        yield from last.stretch.behind


def _marking_unneeded(
    context: "av.VideoCodecContext", packets: Iterable["av.Packet"], needed: Mapping[int, int]
) -> Iterator["av.Packet"]:
    """Lets the decoder skip pictures that aren't needed, if they are marked as non-reference pictures."""
    for packet in packets:
        unneeded = packet.pts is not None and packet.pts not in needed
        context.skip_frame = "NONREF" if unneeded else "DEFAULT"
        yield packet
