"""Which packets of a video must be decoded to get some of its frames. Pure functions over packets, without a decoder.

A picture can be skipped if neither it nor anything that refers to it is wanted: B-pictures between wanted frames, and
what lies between the last wanted frame and the next picture that refers to nothing. The others decode to the same
pixels, bit for bit, as with all packets. Decoders don't number their frames, so a plan also tells which ones come out.

Some codecs derive a picture's place in display order from the picture before it, which may be left out. There, what is
to be decoded falls into runs, each of which begins with a picture at which a decoder may begin, and forgets the rest.

Plans are made from headers alone, for MPEG-4 Part 2 (ISO/IEC 14496-2), H.264 (ITU-T H.264) and HEVC (ITU-T H.265), and
only for ordinary videos: one picture per packet, with one set of parameters throughout. For others there is no plan.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import av

from pipelines.video.skipping import h264, hevc, mpeg4
from pipelines.video.skipping.bits import NoPlan, Part

OPTIONS = {"hevc": {"err_detect": "explode"}}
"""By FFmpeg's name of a decoder, options for decoding by a plan. That of HEVC leaves old pixels where it can't decode a
slice, without a word unless asked for errors; and which pixels these are depends on the pictures decoded before."""


class Picture(NamedTuple):
    """The picture of one packet.

    Attributes:
        needs: positions, in decoding order, of the pictures that it refers to, without those that these need in turn.
        shown: its index in display order.
        pts: the packet's presentation time, which decoders pass on to the frame.
        part: where its bytes are if they aren't simply the packet's.
        restarts: whether a decoder that remembers nothing may begin here. It decodes this picture as it does in the
            whole video, and so all later ones that need nothing before it, and gives them in the same order.
    """

    needs: tuple[int, ...]
    shown: int
    pts: int | None
    part: Part | None = None
    restarts: bool = False


class DropPlan:
    """The pictures of a video in decoding order, one for each packet."""

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self.pictures = tuple(pictures)

    def keep(self, indices: Collection[int]) -> list[int]:
        """Positions of the packets to decode for the frames with these display indices, ascending."""
        kept = {position for position, picture in enumerate(self.pictures) if picture.shown in indices}
        for position in range(len(self.pictures) - 1, -1, -1):  # pictures refer to earlier ones only
            if position in kept:
                kept.update(self.pictures[position].needs)
        return sorted(kept)

    def runs(self, kept: list[int]) -> list[list[int]]:
        """The kept positions, cut where a decoder begins anew: at restarts after which nothing needs what is before."""
        runs: list[list[int]] = []
        end, lowest = len(kept), len(self.pictures)  # lowest: of the positions that those from here on need
        for place in range(len(kept) - 1, -1, -1):
            position = kept[place]
            picture = self.pictures[position]
            lowest = min(lowest, position, *picture.needs)
            if place == 0 or (picture.restarts and lowest == position):
                runs.append(kept[place:end])
                end = place
        return runs[::-1]

    def come_out(self, kept: Iterable[int]) -> list[Picture]:
        """The pictures at these positions, in the order in which a decoder that is given no others shows them."""
        return sorted((self.pictures[position] for position in kept), key=lambda picture: picture.shown)

    def select(self, packets: Iterable["av.Packet"], kept: list[int]) -> Iterator["av.Packet"]:
        """The packets at these positions, each with only its own picture; the plan was made from `packets`."""
        wanted, last = set(kept), max(kept)
        before: av.Packet | None = None
        for position, packet in enumerate(packets):
            if position in wanted:
                part = self.pictures[position].part
                yield packet if part is None else _cut(part, packet, before)
            if position == last:
                return
            before = packet


def _cut(part: Part, packet: "av.Packet", before: "av.Packet | None") -> "av.Packet":
    source = before if part.of_packet_before and before is not None else packet
    data = bytes(source)[part.begin : part.end]
    new = av.Packet(len(data))  # unlike a packet made from bytes, it ends in the zeros that decoders read past the end
    new.update(data)
    new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
    return new


def plan(codec: str, extradata: bytes | None, packets: Iterable["av.Packet"]) -> DropPlan | None:
    """How the pictures of a video depend on each other; None if that can't be determined.

    Args:
        codec: FFmpeg's name of the decoder.
        extradata: the codec parameters that the container holds, if any.
        packets: all packets of the video, in decoding order.
    """
    parse = {"mpeg4": mpeg4.pictures, "h264": h264.pictures, "hevc": hevc.pictures}.get(codec)
    if parse is None:
        return None
    try:
        shown, coded = parse(extradata or b"", packets)
    except NoPlan:
        return None
    index_of = {position: index for index, position in enumerate(shown)}
    return DropPlan(Picture(p.needs, index_of[i], p.pts, p.part, p.restarts) for i, p in enumerate(coded))
