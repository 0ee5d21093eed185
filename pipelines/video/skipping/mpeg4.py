"""The pictures of an MPEG-4 Part 2 video (ISO/IEC 14496-2): DivX, XviD and the like."""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import av

from pipelines.video.skipping.bits import Bits, CodedPicture, NoPlan, Part, payload

_START = b"\x00\x00\x01"
_VOP, _GOV = _START + b"\xb6", _START + b"\xb3"
_VOL = re.compile(_START + b"[\x20-\x2f]")
_PACKED = re.compile(_START + rb"\xb2DivX\d+(?:b|Build)\d+p")
_I, _B = 0, 2
_LONGEST_PLACEHOLDER = 19
"""Most bytes of a packet that only fills a gap; the limit that FFmpeg uses."""


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, and the pictures in decoding order.

    I-VOPs refer to nothing, P and S to the last I, P or S before them (their anchor), B to the last two anchors. A
    B-VOP is shown at once, while an anchor is shown when the next anchor comes.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    vol: Vol | None = None
    known: set[bytes] = set()
    coded: list[CodedPicture] = []
    shown: list[int] = []
    anchors: tuple[int, ...] = ()
    base_before, base, time_before, time = 0, 0, 0, 0  # of the last two anchors: whole seconds, and times in ticks
    singles = _single_vops(packets, packed=_PACKED.search(extradata) is not None)
    for position, (packet, data, part) in enumerate(singles):
        start = data.find(_VOP)
        if start or vol is None:  # a header precedes the picture
            header, _, time_code = data[:start].partition(_GOV)
            if vol is None:
                config = header if _VOL.search(header) else extradata
                vol, known = parse_vol(config), {b"", header, config}
            elif header not in known:
                raise NoPlan("parameters that change")
            if time_code:
                base = _parse_time_code(time_code)
        kind, seconds, ticks = _parse_vop(data[start + len(_VOP) : start + 32], vol)
        if kind == _B:
            # Decoders skip a B-VOP whose time isn't between those of its anchors: times are all they know of the order.
            between = time_before < (base_before + seconds) * vol.ticks_per_s + ticks < time
            if len(anchors) < 2 or vol.low_delay or not between:
                raise NoPlan("a B-VOP without its anchors")
            coded.append(CodedPicture(anchors, packet.pts, part))
            shown.insert(-1, position)
        else:
            if kind != _I and not anchors:
                raise NoPlan("the first VOP refers to another")
            base_before, time_before = base, time
            base += seconds
            time = base * vol.ticks_per_s + ticks
            if anchors and time <= time_before:
                raise NoPlan("a VOP that is shown before its anchor")
            coded.append(CodedPicture(anchors[-1:] if kind != _I else (), packet.pts, part))
            shown.append(position)
            anchors = (*anchors[-1:], position)
    return shown, coded


def _single_vops(packets: Iterable["av.Packet"], packed: bool) -> Iterator[tuple["av.Packet", bytes, Part | None]]:
    """For each packet its VOP, with the headers before it.

    AVI can't express that frames are shown in another order than stored. DivX and XviD therefore put a P-VOP and the
    first of its B-VOPs into one packet, delay each further B-VOP by one packet, and fill the last packet with a P-VOP
    that is "not coded". As in FFmpeg's decoder, a VOP takes the times of the packet in whose place it is decoded.
    """
    waiting, part = b"", None
    for packet in packets:
        data = payload(packet)
        start = data.find(_VOP)
        if not 0 <= start < len(data) - len(_VOP):
            raise NoPlan("a packet without a VOP")
        second = data.find(_VOP, start + len(_VOP)) if packed else -1  # otherwise decoders don't read a second one
        if second >= 0:
            if waiting or data.rfind(_VOP) != second:
                raise NoPlan("more VOPs than places for them")
            yield packet, data[:second], Part(False, 0, second)
            waiting, part = data[second:], Part(True, second, len(data))
        elif waiting:
            yield packet, waiting, part
            is_b = data[start + len(_VOP)] >> 6 == _B
            if not is_b and len(data) > _LONGEST_PLACEHOLDER:
                raise NoPlan("no place for a packed B-VOP")
            waiting, part = data if is_b else b"", Part(True, 0, len(data))
        else:
            yield packet, data, None
    # A VOP that still waits at the end has no place and is never shown. Clips cut from longer videos often end so.


def is_single(data: bytes, extradata: bytes) -> bool:
    """Whether a packet holds exactly one coded VOP; also True for a long packet so damaged that it holds none."""
    if len(data) > _LONGEST_PLACEHOLDER:
        return data.count(_VOP) <= 1
    try:
        _parse_vop(data[data.index(_VOP) + len(_VOP) :], parse_vol(extradata or data))
    except (NoPlan, ValueError):
        return False
    return True


class Vol(NamedTuple):
    """What the header of a video object layer says about its pictures: their clock, and whether there are no B-VOPs."""

    ticks_per_s: int
    low_delay: bool


def parse_vol(config: bytes) -> Vol:
    """Parses the header of a video object layer (ISO/IEC 14496-2, 6.2.3) as far as needed.

    Raises:
        NoPlan: its pictures are of a kind that isn't supported, such as interlaced ones.
    """
    found = list(_VOL.finditer(config))
    if len(found) != 1:
        raise NoPlan(f"{len(found)} video object layers")
    bits = Bits(config[found[0].end() :])
    bits.u(1 + 8)
    version = 1
    if bits.u(1):
        version = bits.u(4)
        bits.u(3)
    if bits.u(4) == 15:  # extended_PAR
        bits.u(8 + 8)
    low_delay = False
    if bits.u(1):
        bits.u(2)
        low_delay = bits.u(1) == 1
        if bits.u(1):
            bits.u(79)
    if bits.u(2) != 0:
        raise NoPlan("pictures that are not rectangular")
    bits.marker()
    ticks_per_s = bits.u(16)
    bits.marker()
    if ticks_per_s == 0:
        raise NoPlan("a clock that does not tick")
    if bits.u(1):
        bits.u(_tick_bits(ticks_per_s))
    for size_bits in (13, 13, 0):
        bits.marker()
        bits.u(size_bits)
    if bits.u(1):
        # FFmpeg predicts fields from times since the start and since the first B-VOP: every picture would be needed.
        raise NoPlan("interlaced pictures")
    bits.u(1)
    if bits.u(1 if version == 1 else 2) == 1:
        raise NoPlan("a static sprite")
    return Vol(ticks_per_s, low_delay)


@functools.cache
def _tick_bits(ticks_per_s: int) -> int:
    return max(1, (ticks_per_s - 1).bit_length())


def _parse_time_code(data: bytes) -> int:
    """Seconds in the header of a group of VOPs (6.2.4) whose start code has been read."""
    if _START in data:
        raise NoPlan("further headers after the time code")
    bits = Bits(data)
    hours, minutes = bits.u(5), bits.u(6)
    bits.marker()
    return (hours * 60 + minutes) * 60 + bits.u(6)


def _parse_vop(data: bytes, vol: Vol) -> tuple[int, int, int]:
    """Kind, whole seconds (relative to an earlier VOP) and ticks of a VOP (6.2.5) whose start code has been read."""
    # This runs for each picture of each video: reading bit by bit would take three times as long.
    value, left = int.from_bytes(data, "big"), 8 * len(data) - 2
    kind = value >> left & 3 if left >= 0 else 0
    start = left
    while left > 0 and value >> (left - 1) & 1:
        left -= 1
    seconds = start - left
    num_bits = _tick_bits(vol.ticks_per_s)
    left -= 1 + 1 + num_bits + 1 + 1  # the end of the seconds, a marker, the ticks, a marker, whether it is coded
    if left < 0:
        raise NoPlan("a header that ends too early")
    fields = value >> left
    if not (fields >> (num_bits + 2) & 1 and fields >> 1 & 1):
        raise NoPlan("a marker bit is 0")
    if not fields & 1:
        raise NoPlan("a VOP that is not coded: decoders show nothing for it")
    return kind, seconds, fields >> 2 & ((1 << num_bits) - 1)
