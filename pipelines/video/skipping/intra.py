"""Videos whose pictures refer to nothing, such as MJPEG, ProRes and DNxHD.

FFV1 isn't among them: its decoder fills damaged parts, without saying so, from whatever picture was decoded before.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import av

from pipelines.video.skipping.bits import CodedPicture, NoPlan, Shown, payload

STATELESS = frozenset(
    (
        *("prores", "dnxhd", "dvvideo", "jpeg2000", "png", "rawvideo", "v210"),
        *("huffyuv", "ffvhuff", "utvideo", "magicyuv"),
    )
)
"""Decoders that keep nothing from picture to picture: all is in the picture, or in the container's parameters."""

_SOI, _SOS, _COM, _DQT, _DHT, _DRI = 0xD8, 0xDA, 0xFE, 0xDB, 0xC4, 0xDD
_BASELINE, _LOSSLESS, _FRAMES = (0xC0, 0xC1), 0xC3, (0xC0, 0xC1, 0xC2, 0xC3)
_AVI = b"AVI1"
"""Begins AVI's own segment. A byte that matters follows, and then sizes, which may change from picture to picture."""
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
    first: list[_Jpeg] = []

    def check(data: bytes) -> None:
        jpeg = _parse_jpeg(data)
        if jpeg.kind not in _BASELINE or len(jpeg.scanned) != len(jpeg.quantisers_of):
            raise NoPlan("not one baseline scan")
        if not _brings_its_tables(jpeg):
            raise NoPlan("tables of another picture")
        if b"\xff\xd8\xff" in data[jpeg.end :]:
            raise NoPlan("a picture of two fields")
        if not first:
            first.append(jpeg)
        if (jpeg.lasting, bool(jpeg.coders)) != (first[0].lasting, bool(first[0].coders)):
            raise NoPlan("parameters that change")

    return _in_order(packets, check)


def is_jpeg_start(data: bytes) -> bool:
    """Whether an MJPEG packet can be decoded without those before it: its first picture brings its own tables."""
    try:
        jpeg = _parse_jpeg(data)
    except NoPlan:
        return False
    # In AVI, the tables for entropy coding may be left out everywhere.
    return _brings_its_tables(jpeg) and (bool(jpeg.coders) or any(text.startswith(_AVI) for _, text in jpeg.lasting))


def _in_order(packets: Iterable["av.Packet"], check: Callable[[bytes], None] = lambda _: None) -> _Order:
    coded: list[CodedPicture] = []
    shown = Shown()
    for packet in packets:
        data = payload(packet)
        if any(side.data_type == "palette" for side in packet.iter_sidedata()):
            raise NoPlan("a palette that changes")
        shown.add(len(coded), packet.pts)
        check(data)
        coded.append(CodedPicture((), packet.pts))
    return shown.positions, coded


class _Jpeg(NamedTuple):
    """The headers of a picture (ITU-T T.81, B.2), up to its first scan.

    Attributes:
        kind: marker of the frame header.
        lasting: what may change how later pictures are decoded: all segments but tables and plain comments.
        quantisers: identifiers of the quantisation tables.
        coders: names of the tables for entropy coding; without any, decoders have their own.
        quantisers_of: the table of each component of the frame.
        scanned: the names of the tables of each component of the scan, two in a byte.
        end: where the scan begins.
    """

    kind: int
    lasting: list[tuple[int, bytes]]
    quantisers: set[int]
    coders: set[int]
    quantisers_of: bytes
    scanned: bytes
    end: int


def _parse_jpeg(data: bytes) -> _Jpeg:
    if data[:2] != bytes((0xFF, _SOI)):
        raise NoPlan("a picture that doesn't begin at its top")
    place, kind, quantisers_of = 2, 0, b""
    lasting: list[tuple[int, bytes]] = []
    quantisers: set[int] = set()
    coders: set[int] = set()
    while True:
        if len(data) < place + 4 or data[place] != 0xFF:
            raise NoPlan("a header that ends too early")
        marker, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        segment = data[place + 4 : place + 2 + size]
        place += 2 + size
        if len(segment) != size - 2:
            raise NoPlan("a header that ends too early")
        if marker == _SOS:
            scanned = segment[2 : 1 + 2 * segment[0] : 2] if segment else b""
            return _Jpeg(kind, lasting, quantisers, coders, quantisers_of, scanned, place)
        if marker == _DQT:
            quantisers |= {name & 15 for name in _names(segment, lambda _, name: 64 << (name >> 4 & 1))}
        elif marker == _DHT:
            coders |= _names(segment, lambda rest, _: 16 + sum(rest[:16]))
        elif marker == _COM:
            if segment.startswith(_ODD_COMMENTS):
                raise NoPlan("an odd comment")
        elif marker != _DRI:
            lasting.append((marker, segment[: len(_AVI) + 1] if segment.startswith(_AVI) else segment))
        if marker in _FRAMES:
            kind, quantisers_of = marker, segment[8::3]


def _brings_its_tables(jpeg: _Jpeg) -> bool:
    """Whether the first scan needs no table of an earlier picture."""
    used = {tables >> 4 for tables in jpeg.scanned}
    if jpeg.kind in _BASELINE:
        used |= {0x10 | (tables & 15) for tables in jpeg.scanned}
    has_quantisers = jpeg.kind == _LOSSLESS or set(jpeg.quantisers_of) <= jpeg.quantisers
    return bool(jpeg.kind and jpeg.scanned) and has_quantisers and (not jpeg.coders or used <= jpeg.coders)


def _names(segment: bytes, length: Callable[[bytes, int], int]) -> set[int]:
    """The bytes that name the tables in a segment, given the length of each from what follows its name."""
    found = set()
    while segment:
        found.add(segment[0])
        segment = segment[1 + length(segment[1:], segment[0]) :]
    return found
