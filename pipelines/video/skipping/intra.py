"""Videos whose pictures refer to nothing, such as MJPEG, ProRes and DNxHD.

FFV1 isn't among them: its decoder fills damaged parts, without saying so, from whatever picture was decoded before.
"""

from collections.abc import Callable, Iterable

import av

from pipelines.video.skipping.bits import CodedPicture, NoPlan, payload

STATELESS = frozenset(
    (
        *("prores", "dnxhd", "dvvideo", "jpeg2000", "png", "rawvideo", "v210"),
        *("huffyuv", "ffvhuff", "utvideo", "magicyuv"),
    )
)
"""Decoders that keep nothing from picture to picture: all is in the picture, or in the container's parameters."""

_SOI, _SOS, _COM, _DQT, _DHT, _DRI = 0xD8, 0xDA, 0xFE, 0xDB, 0xC4, 0xDD
_BASELINE = (0xC0, 0xC1)
_ODD_COMMENTS = (b"CS=ITU601", b"Intel(R) JPEG Library", b"MULTISCOPE II")
"""What decoders take from a comment for a sign that this picture and all later ones are unusual."""

_Order = tuple[list[int], list[CodedPicture]]


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> _Order:
    """The positions of the pictures in display order, and the pictures in decoding order, for a stateless decoder.

    Raises:
        NoPlan: the container has the pictures in another order.
    """
    return _in_order(packets)


def mjpeg_pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> _Order:
    """The same for MJPEG, if each picture brings its own tables."""
    first: list[tuple[int, bytes]] = []

    def check(data: bytes) -> None:
        lasting = _parse_jpeg(data)
        if not first:
            first.extend(lasting)
        if lasting != first:
            raise NoPlan("parameters that change")

    return _in_order(packets, check)


def _in_order(packets: Iterable["av.Packet"], check: Callable[[bytes], None] = lambda _: None) -> _Order:
    coded: list[CodedPicture] = []
    before: int | None = None
    for packet in packets:
        data = payload(packet)
        if any(side.data_type == "palette" for side in packet.iter_sidedata()):
            raise NoPlan("a palette that changes")
        if packet.pts is None or (before is not None and packet.pts <= before):
            raise NoPlan("the container and the pictures disagree about their order")
        before = packet.pts
        check(data)
        coded.append(CodedPicture((), packet.pts))
    return list(range(len(coded))), coded


def _parse_jpeg(data: bytes) -> list[tuple[int, bytes]]:
    """The segments whose effect lasts (ITU-T T.81, B.2): all in front of the pixels but tables and plain comments.

    Of the tables for entropy coding, only whether they are there: without any, decoders have their own.
    """
    if data[:2] != bytes((0xFF, _SOI)):
        raise NoPlan("a picture that doesn't begin at its top")
    place = 2
    lasting: list[tuple[int, bytes]] = []
    quantisers: set[int] = set()
    entropy_coders: set[int] = set()
    components: list[tuple[int, int]] = []
    while True:
        if len(data) < place + 4 or data[place] != 0xFF:
            raise NoPlan("a header that ends too early")
        marker, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        segment = data[place + 4 : place + 2 + size]
        place += 2 + size
        if len(segment) != size - 2:
            raise NoPlan("a header that ends too early")
        if marker == _SOS:
            break
        if marker == _DQT:
            quantisers |= {name & 15 for name in _names(segment, lambda _, name: 64 << (name >> 4 & 1))}
        elif marker == _DHT:
            entropy_coders |= _names(segment, lambda rest, _: 16 + sum(rest[:16]))
        elif marker == _COM:
            if segment.startswith(_ODD_COMMENTS):
                raise NoPlan("an odd comment")
        elif marker != _DRI:
            lasting.append((marker, _without_sizes(segment)))
        if marker in _BASELINE:
            components = [(segment[i], segment[i + 2]) for i in range(6, len(segment) - 2, 3)]
    if not components or segment[:1] != bytes((len(components),)) or len(segment) < 1 + 2 * len(components):
        raise NoPlan("not one baseline scan")
    if not {table for _, table in components} <= quantisers:
        raise NoPlan("tables of another picture")
    tables = segment[2 : 1 + 2 * len(components) : 2]
    used = {table >> 4 for table in tables} | {0x10 | (table & 15) for table in tables}
    if entropy_coders and not used <= entropy_coders:
        raise NoPlan("tables of another picture")
    if b"\xff\xd8\xff" in data[place:]:
        raise NoPlan("a picture of two fields")
    return [*lasting, (_DHT, bytes([bool(entropy_coders)]))]


def _names(segment: bytes, length: Callable[[bytes, int], int]) -> set[int]:
    """The bytes that name the tables in a segment, given the length of each from what follows its name."""
    found = set()
    while segment:
        found.add(segment[0])
        segment = segment[1 + length(segment[1:], segment[0]) :]
    return found


def _without_sizes(segment: bytes) -> bytes:
    """A segment without what legitimately changes: AVI's own has the size of the picture's data."""
    return segment[:5] if segment.startswith(b"AVI1") else segment
