"""Which packets of a video must be decoded to get some of its frames. Pure functions over packets, without a decoder.

A picture can be skipped if neither it nor anything that refers to it is wanted: B-pictures between wanted frames, and
what lies between the last wanted frame and the next picture that refers to nothing. The others decode to the same
pixels, bit for bit, as with all packets. Decoders don't number their frames, so a plan also tells which ones come out.

Plans are made from headers alone, for MPEG-4 Part 2 (ISO/IEC 14496-2), H.264 (ITU-T H.264), VP8, VP9 and AV1, and only
for ordinary videos: progressive pictures, one shown per packet, with one set of parameters throughout. For others there
is no plan.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import av

from pipelines.video.skipping import av1, h264, mpeg4, vp8, vp9
from pipelines.video.skipping.bits import NoPlan, Part

HIDDEN = -1
"""In place of a display index: the picture is never shown, but others may refer to it."""


class Picture(NamedTuple):
    """A coded picture, usually that of one packet.

    Attributes:
        needs: positions, in decoding order, of the pictures that it refers to, without those that these need in turn.
        shown: its index in display order, or `HIDDEN`.
        pts: the packet's presentation time, which decoders pass on to the frame.
        part: where its bytes are if they aren't simply the packet's.
        packet: the number of its packet; None if each picture has one of its own, so that it is the picture's position.
    """

    needs: tuple[int, ...]
    shown: int
    pts: int | None
    part: Part | None = None
    packet: int | None = None


class DropPlan:
    """The pictures of a video in decoding order."""

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self.pictures = tuple(pictures)

    @property
    def num_shown(self) -> int:
        """The number of pictures that are shown."""
        return sum(picture.shown != HIDDEN for picture in self.pictures)

    def keep(self, indices: Collection[int]) -> list[int]:
        """Positions of the packets to decode for the frames with these display indices, ascending."""
        kept = {position for position, picture in enumerate(self.pictures) if picture.shown in indices}
        for position in range(len(self.pictures) - 1, -1, -1):  # pictures refer to earlier ones only
            if position in kept:
                kept.update(self.pictures[position].needs)
        return sorted(kept)

    def come_out(self, kept: Iterable[int]) -> list[Picture]:
        """The pictures at these positions, in the order in which a decoder that is given no others shows them."""
        pictures = (self.pictures[position] for position in kept)
        return sorted((p for p in pictures if p.shown != HIDDEN), key=lambda picture: picture.shown)

    def select(self, packets: Iterable["av.Packet"], kept: list[int]) -> Iterator["av.Packet"]:
        """The packets of the pictures at these positions, without other pictures; the plan was made from `packets`."""
        parts: dict[int, list[Part]] = {}
        for position in kept:
            picture = self.pictures[position]
            number = position if picture.packet is None else picture.packet
            parts.setdefault(number, []).extend([picture.part] if picture.part else [])
        last = max(parts)
        before: av.Packet | None = None
        for number, packet in enumerate(packets):
            if number in parts:
                yield _cut(parts[number], packet, before) if parts[number] else packet
            if number == last:
                return
            before = packet


def _cut(parts: list[Part], packet: "av.Packet", before: "av.Packet | None") -> "av.Packet":
    if sum(part.end - part.begin for part in parts if not part.of_packet_before) == packet.size:
        return packet
    sources = (before if part.of_packet_before and before is not None else packet for part in parts)
    data = b"".join(bytes(source)[part.begin : part.end] for source, part in zip(sources, parts, strict=True))
    new = av.Packet(len(data))  # unlike a packet made from bytes, it ends in the zeros that decoders read past the end
    new.update(data)
    new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
    return new


_PARSERS = {
    "mpeg4": mpeg4.pictures,
    "h264": h264.pictures,
    "vp8": vp8.pictures,
    "vp9": vp9.pictures,
    "libdav1d": av1.pictures,
}


def plan(codec: str, extradata: bytes | None, packets: Iterable["av.Packet"]) -> DropPlan | None:
    """How the pictures of a video depend on each other; None if that can't be determined.

    Args:
        codec: FFmpeg's name of the decoder.
        extradata: the codec parameters that the container holds, if any.
        packets: all packets of the video, in decoding order.
    """
    parse = _PARSERS.get(codec)
    if parse is None:
        return None
    try:
        shown, coded = parse(extradata or b"", packets)
    except NoPlan:
        return None
    index_of = {position: index for index, position in enumerate(shown)}
    return DropPlan(Picture(p.needs, index_of.get(i, HIDDEN), p.pts, p.part, p.packet) for i, p in enumerate(coded))
