"""The pictures of an MPEG-1 or MPEG-2 video (ISO/IEC 11172-2, ISO/IEC 13818-2): DVDs, broadcasts, camcorders."""

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

import av

from pipelines.video.skipping.bits import Bits, CodedPicture, NoPlan, payload

_START_CODE = re.compile(rb"\x00\x00\x01([\x00\xb0-\xff])", re.DOTALL)
"""Start codes of everything but slices."""
_START, _FIRST_SLICE = b"\x00\x00\x01", b"\x00\x00\x01\x01"
_PICTURE, _USER, _SEQUENCE, _EXTENSION, _END, _GROUP = 0x00, 0xB2, 0xB3, 0xB5, 0xB7, 0xB8
_OF_SEQUENCE, _OF_QUANTISERS, _OF_PICTURE = 1, 3, 8
"""Kinds of extensions that matter: of a sequence header, of its matrices, and of a picture header."""
_LONGEST_EXTENSION = 16
_WHOLE_FRAME = 3
_I, _P, _B = 1, 2, 3
_COUNTS = 1024
"""Temporal references are counted modulo this."""


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, and the pictures in decoding order.

    I-pictures refer to nothing, P to the last I or P before them (their anchor), B to the last two anchors. A B-picture
    is shown at once, while an anchor is shown when the next anchor comes. Whether a group of pictures is closed matters
    only for B-pictures at the start of the video: an I-picture that begins an open group refers to nothing either.

    Decoders don't look at temporal references, which count the pictures of a group in display order. Where they
    disagree, a picture is missing, or isn't what its header says.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    sequence = _sequence(_units(extradata)) if extradata else ()
    coded: list[CodedPicture] = []
    shown: list[int] = []
    counts: list[tuple[int, int]] = []  # of each picture, its group and its temporal reference
    anchors: tuple[int, ...] = ()
    kinds = _Kinds(False, False)
    group = 0
    ended = False
    for position, packet in enumerate(packets):
        if ended:
            raise NoPlan("a sequence that has ended goes on")
        header = _parse_header(payload(packet))
        if header.sequence:
            if sequence and header.sequence != sequence:
                raise NoPlan("parameters that change")
            sequence = header.sequence
        if position == 0:
            kinds = _parse_sequence(sequence)
        if kinds.has_extensions != (header.structure is not None):
            raise NoPlan("MPEG-1 and MPEG-2 mixed")
        if header.structure not in (None, _WHOLE_FRAME):
            raise NoPlan("a picture that is a field")
        if packet.pts is None:
            raise NoPlan("no presentation time")
        group += header.begins_group
        ended = header.ends_sequence
        if header.kind == _B:
            if len(anchors) < 2 or kinds.low_delay:
                raise NoPlan("a B-picture without its anchors")
            coded.append(CodedPicture(anchors, packet.pts))
            shown.insert(-1, position)
        else:
            if header.kind != _I and not anchors:
                raise NoPlan("the first picture refers to another")
            coded.append(CodedPicture(anchors[-1:] if header.kind != _I else (), packet.pts))
            shown.append(position)
            anchors = (*anchors[-1:], position)
        counts.append((group, header.reference))
    _check_order(shown, coded, counts)
    return shown, coded


def _check_order(shown: list[int], coded: list[CodedPicture], counts: list[tuple[int, int]]) -> None:
    """Raises NoPlan unless the container's times and the temporal references confirm the display order."""
    for before, after in itertools.pairwise(shown):
        (group, count), (next_group, next_count) = counts[before], counts[after]
        if next_group < group or (next_group == group and next_count != (count + 1) % _COUNTS):
            raise NoPlan("a gap in the temporal references")
        first, second = coded[before].pts, coded[after].pts
        if first is None or second is None or first >= second:
            raise NoPlan("the container and the pictures disagree about their order")


class _Unit(NamedTuple):
    """What follows a start code, and where it begins."""

    code: int
    begin: int
    data: bytes


def _units(data: bytes) -> list[_Unit]:
    """What the headers of a packet hold, and the start codes that follow its slices."""
    found = [(match[1][0], match.start()) for match in _START_CODE.finditer(data)]
    ends = [*(begin for _, begin in found), len(data)][1:]
    return [
        _Unit(code, begin, data[begin + 4 : min(end, begin + 1024)])
        for (code, begin), end in zip(found, ends, strict=True)
    ]


class _Header(NamedTuple):
    """The headers of a packet.

    Attributes:
        sequence: the sequence header with its extensions; empty if there is none.
        begins_group: whether temporal references begin anew.
        kind: of the picture.
        reference: its temporal reference.
        structure: whether it is a frame or a field; None in MPEG-1.
        ends_sequence: nothing may follow.
    """

    sequence: "_Sequence"
    begins_group: bool
    kind: int
    reference: int
    structure: int | None
    ends_sequence: bool


def _parse_header(data: bytes) -> _Header:
    units = _units(data)
    ends = bool(units) and units[-1].code == _END
    if ends:
        units.pop()
    _refuse_rare(units)
    codes = [unit.code for unit in units]
    if not units or units[0].begin != 0 or codes.count(_PICTURE) != 1 or codes.count(_GROUP) > 1:
        raise NoPlan("not one picture in a packet")
    # Decoders read headers in any place: here, all must be in front of the slices, the first of which is at the top.
    slices = data.find(_START, units[-1].begin + len(_START))
    if slices < 0 or not data.startswith(_FIRST_SLICE, slices):
        raise NoPlan("a picture that doesn't begin at its top")
    place = codes.index(_PICTURE)
    group = codes.index(_GROUP) if _GROUP in codes else place
    if any(code != _USER for code in codes[group + 1 : place]):
        raise NoPlan("headers in an unusual order")
    bits = Bits(units[place].data[:2])
    count, kind = bits.u(10), bits.u(3)
    if kind not in (_I, _P, _B):
        raise NoPlan("a rare kind of picture")
    return _Header(
        _sequence(units[:group]) if group else (),
        place > 0,
        kind,
        count,
        _structure(units[place + 1 :]),
        ends,
    )


_Sequence = tuple[tuple[int, bytes], ...]
"""A sequence header and its extensions: their start codes, and their data without the zeros at its end."""


def _sequence(units: list[_Unit]) -> _Sequence:
    """The sequence header and its extensions, from the units in front of a group or a picture."""
    if not units or units[0].code != _SEQUENCE:
        raise NoPlan("headers in an unusual order")
    for unit in units[1:]:
        if unit.code not in (_EXTENSION, _USER):
            raise NoPlan("headers in an unusual order")
    return tuple((unit.code, unit.data.rstrip(b"\x00")) for unit in units)


def _structure(units: list[_Unit]) -> int | None:
    """The structure of a picture from its extension, one of the units behind its header; None if there is none."""
    structure = None
    for unit in units:
        if unit.code == _USER:
            continue
        if unit.code != _EXTENSION or unit.data[:1] < b"\x10":
            raise NoPlan("headers in an unusual order")
        kind = unit.data[0] >> 4
        if kind == _OF_SEQUENCE or (kind == _OF_PICTURE and structure is not None):
            raise NoPlan("headers in an unusual order")
        if kind == _OF_PICTURE:
            bits = Bits(unit.data[:3])
            bits.u(4 + 16 + 2)
            structure = bits.u(2)
    return structure


def _refuse_rare(units: list[_Unit]) -> None:
    """Refuses what changes how later pictures are decoded: other matrices, and an encoder whose bug decoders know."""
    for unit in units:
        if unit.code == _EXTENSION and unit.data[:1] and unit.data[0] >> 4 == _OF_QUANTISERS:
            raise NoPlan("matrices that change")
        if unit.code == _USER and b"TMPGEXS" in unit.data:
            raise NoPlan("an encoder with a known bug")


class _Kinds(NamedTuple):
    """Whether a sequence is MPEG-2, whose headers have extensions, and whether it has no B-pictures."""

    has_extensions: bool
    low_delay: bool


def _parse_sequence(sequence: _Sequence) -> _Kinds:
    if not sequence:
        raise NoPlan("no sequence header")
    for code, data in sequence[1:]:
        bits = Bits(data.ljust(_LONGEST_EXTENSION, b"\x00"))
        if code == _EXTENSION and bits.u(4) == _OF_SEQUENCE:
            bits.u(8 + 1 + 2 + 2 + 2 + 12 + 1 + 8)
            return _Kinds(True, bits.u(1) == 1)
    return _Kinds(False, False)
