"""Decodes some frames of a stretch of a video by its drop plan, and knows which of them damage may have reached.

Only the packets that the plan names are decoded. Where one of them turns out to be damaged, the whole stretch is
decoded instead, so that what is shown of damaged pictures doesn't depend on which others were wanted. A frame is
tainted if it or a picture on which it depends, by the plan, is damaged; others may be damaged unnoticed.
"""

import itertools
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence

import av

from pipelines.video.frames import decode_packets
from pipelines.video.skipping import drop_plan
from pipelines.video.skipping.drop_plan import HIDDEN, DropPlan

Seen = tuple[int, "av.VideoFrame", bool]
"""Display index within the stretch, frame, and whether a picture on which it depends, or itself, is damaged."""


def plan_stretch(context: "av.VideoCodecContext", packets: Sequence["av.Packet"]) -> DropPlan | None:
    """The drop plan of a stretch; None where there is none, or where its times don't tell its frames apart."""
    plan = drop_plan.plan(context.name, context.extradata, packets)
    times = [] if plan is None else [picture.pts for picture in plan.come_out(range(len(plan.pictures)))]
    return plan if None not in times and len(set(times)) == len(times) else None


def begin_anew(context: "av.VideoCodecContext") -> None:
    """Lets a decoder forget all that it was given."""
    context.flush_buffers()
    context.skip_frame = "DEFAULT"


def planned_frames(
    context: "av.VideoCodecContext", packets: Sequence["av.Packet"], plan: DropPlan, wanted: Collection[int]
) -> Iterator[Seen]:
    """Yields the wanted frames that can be decoded, in display order, each once.

    Args:
        context: the decoder; what it was given before is forgotten.
        packets: the stretch; decoding can start at the first of them.
        plan: its plan.
        wanted: display indices within the stretch.
    """
    waiting = set(wanted)
    sparing = _Pass(context, plan, plan.keep(wanted))
    for position, frame in sparing.frames(packets):
        if not sparing.is_sound:
            break
        if (shown := plan.pictures[position].shown) in waiting:
            waiting.remove(shown)
            yield shown, frame, False
    if not waiting:
        return
    whole = _Pass(context, plan, range(len(plan.pictures)))
    for position, frame in whole.frames(packets):
        if (shown := plan.pictures[position].shown) in waiting:
            waiting.remove(shown)
            yield shown, frame, whole.has_damaged(plan.keep({shown}))


class _Pass:
    """Decodes the pictures at some positions, and compares what comes out with the plan."""

    def __init__(self, context: "av.VideoCodecContext", plan: DropPlan, kept: Sequence[int]) -> None:
        self._context = context
        self._plan = plan
        self._kept = list(kept)
        shown = (position for position in kept if plan.pictures[position].shown != HIDDEN)
        self._order = sorted(shown, key=lambda position: plan.pictures[position].shown)
        self._place_of = {plan.pictures[position].pts: place for place, position in enumerate(self._order)}
        self._damaged: set[int] = set()
        self._is_astray = False

    @property
    def is_sound(self) -> bool:
        """Whether nothing was damaged so far, and all came out as planned."""
        return not (self._damaged or self._is_astray)

    def has_damaged(self, positions: Iterable[int]) -> bool:
        """Whether one of these pictures is damaged, as far as is known."""
        return self._is_astray or not self._damaged.isdisjoint(positions)

    def frames(self, packets: Sequence["av.Packet"]) -> Iterator[tuple[int, "av.VideoFrame"]]:
        """Yields positions and frames in display order, each once all stored before it have come out or are lost."""
        release = self._releases()
        held: deque[tuple[int, av.VideoFrame]] = deque()
        next_place = 0
        for frame in self._decoded(packets):
            place = self._place_of.get(frame.pts, -1)
            if place < next_place:
                self._is_astray = True
                continue
            self._damaged.update(self._order[next_place:place])  # as frames come in display order, these are lost
            next_place = place + 1
            if frame.is_corrupt:
                self._damaged.add(self._order[place])
            held.append((place, frame))
            while held and release[held[0][0]] < next_place:
                place, frame = held.popleft()
                yield self._order[place], frame
        self._damaged.update(self._order[next_place:])
        for place, frame in held:
            yield self._order[place], frame

    def _decoded(self, packets: Sequence["av.Packet"]) -> Iterator["av.VideoFrame"]:
        selected = self._plan.select(packets, self._kept)
        for run in self._plan.runs(self._kept):
            begin_anew(self._context)
            errors: list[str] = []
            yield from decode_packets(self._context, self._fed(selected, run, errors), errors)
            self._is_astray = self._is_astray or bool(errors)  # raised at the end, by no packet in particular

    def _fed(self, selected: Iterator["av.Packet"], run: list[int], errors: list[str]) -> Iterator["av.Packet"]:
        """The packets of a run; notes which pictures are damaged, as packets with them couldn't be decoded."""
        for _, positions in itertools.groupby(run, key=self._plan.packet_of):
            yield next(selected)
            if errors:
                errors.clear()
                self._damaged.update(positions)

    def _releases(self) -> list[int]:
        """For each place in display order, that of the last to come out of the frames stored up to it."""
        release = [0] * len(self._order)
        last = 0
        for place in sorted(range(len(self._order)), key=self._order.__getitem__):
            last = max(last, place)
            release[place] = last
        return release
