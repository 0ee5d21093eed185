"""Which packets of a video must be decoded to get some of its frames. Pure functions over packets, without a decoder.

A picture can be skipped if neither it nor anything that refers to it is wanted: B-pictures between wanted frames, and
what lies between the last wanted frame and the next picture that refers to nothing. The others decode to the same
pixels, bit for bit, as with all packets. Decoders don't number their frames, so a plan also tells which ones come out.

Plans are made from headers alone, by a parser for each codec, and only for ordinary videos: one picture per packet, and
one set of parameters throughout. For others there is no plan.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import av

from pipelines.video.skipping import h264, intra, mpeg4, mpeg12
from pipelines.video.skipping.bits import NoPlan, Part


class Picture(NamedTuple):
    """The picture of one packet.

    Attributes:
        needs: positions, in decoding order, of the pictures that it refers to, without those that these need in turn.
        shown: its index in display order.
        pts: the packet's presentation time, which decoders pass on to the frame.
        part: where its bytes are if they aren't simply the packet's.
    """

    needs: tuple[int, ...]
    shown: int
    pts: int | None
    part: Part | None = None


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
    parse = {
        "mpeg4": mpeg4.pictures,
        "h264": h264.pictures,
        "mpeg1video": mpeg12.pictures,
        "mpeg2video": mpeg12.pictures,
        "mjpeg": intra.mjpeg_pictures,
        **dict.fromkeys(intra.STATELESS, intra.pictures),
    }.get(codec)
    if parse is None:
        return None
    try:
        shown, coded = parse(extradata or b"", packets)
    except NoPlan:
        return None
    index_of = {position: index for index, position in enumerate(shown)}
    return DropPlan(Picture(needs, index_of[i], pts, part) for i, (needs, pts, part) in enumerate(coded))
