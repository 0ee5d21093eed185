"""Which packets of a video must be decoded to get some of its frames. Pure functions over packets, without a decoder.

A picture can be skipped if neither it nor anything that refers to it is wanted: B-pictures between wanted frames, and
what lies between the last wanted frame and the next picture that refers to nothing. The others decode to the same
pixels, bit for bit, as with all packets. Decoders don't number their frames, so a plan also tells which ones come out.

Some codecs derive a picture's place in display order from the picture before it, which may be left out. There, what is
to be decoded falls into runs, each of which begins with a picture at which a decoder may begin, and forgets the rest.

Plans are made from headers alone, by a parser for each codec, and only for ordinary videos: one picture shown per
packet, and one set of parameters throughout. For others there is no plan.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import av

from pipelines.video.skipping import av1, h264, hevc, intra, mpeg4, mpeg12, vp8, vp9
from pipelines.video.skipping.bits import NoPlan, Part

HIDDEN = -1
"""In place of a display index: the picture is never shown, but others may refer to it."""

_OPTIONS = {"hevc": {"err_detect": "explode"}}
"""By FFmpeg's name of a decoder, options for decoding by a plan. That of HEVC leaves old pixels where it can't decode a
slice, without a word unless asked for errors; and which pixels these are depends on the pictures decoded before."""


class Picture(NamedTuple):
    """A coded picture, usually that of one packet.

    Attributes:
        needs: positions, in decoding order, of the pictures that it refers to, without those that these need in turn.
        shown: its index in display order, or `HIDDEN`.
        pts: the packet's presentation time, which decoders pass on to the frame.
        part: where its bytes are if they aren't simply the packet's.
        restarts: whether a decoder that remembers nothing may begin here. It decodes this picture as it does in the
            whole video, and so all later ones that need nothing before it, and gives them in the same order.
        packet: the number of its packet; None if each picture has one of its own, so that it is the picture's position.
    """

    needs: tuple[int, ...]
    shown: int
    pts: int | None
    part: Part | None = None
    restarts: bool = False
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

    def packet_of(self, position: int) -> int:
        """The number of the packet that holds the picture at a position."""
        number = self.pictures[position].packet
        return position if number is None else number

    def come_out(self, kept: Iterable[int]) -> list[Picture]:
        """The pictures at these positions, in the order in which a decoder that is given no others shows them."""
        pictures = (self.pictures[position] for position in kept)
        return sorted((p for p in pictures if p.shown != HIDDEN), key=lambda picture: picture.shown)

    def select(self, packets: Iterable["av.Packet"], kept: list[int]) -> Iterator["av.Packet"]:
        """The packets of the pictures at these positions, without other pictures; the plan was made from `packets`."""
        parts: dict[int, list[Part]] = {}
        for position in kept:
            part = self.pictures[position].part
            parts.setdefault(self.packet_of(position), []).extend([part] if part else [])
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
    "hevc": hevc.pictures,
    "mpeg1video": mpeg12.pictures,
    "mpeg2video": mpeg12.pictures,
    "vp8": vp8.pictures,
    "vp9": vp9.pictures,
    "libdav1d": av1.pictures,
    "mjpeg": intra.mjpeg_pictures,
    **dict.fromkeys(intra.STATELESS, intra.pictures),
}


def prepare(context: "av.VideoCodecContext") -> None:
    """Sets a decoder that hasn't decoded anything yet up for decoding by plans."""
    if not context.is_open:
        context.options.update(_OPTIONS.get(context.name, {}))


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
    return DropPlan(
        Picture(picture.needs, index_of.get(position, HIDDEN), *picture[1:]) for position, picture in enumerate(coded)
    )
