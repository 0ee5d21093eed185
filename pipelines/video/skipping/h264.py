"""The pictures of an H.264 video (ITU-T H.264, ISO/IEC 14496-10)."""

import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import av

from pipelines.video.skipping.bits import Bits, CodedPicture, NoPlan, payload

_START = b"\x00\x00\x01"
_SLICE, _IDR, _SEI, _SPS, _PPS, _DELIMITER, _FILLER = 1, 5, 6, 7, 8, 9, 12
_PLAIN_NALS = frozenset((_SLICE, _IDR, _SEI, _SPS, _PPS, _DELIMITER, _FILLER))
_HIGH_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 134, 135, 138, 139))


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, and the pictures in decoding order.

    A picture may refer to every reference picture since the last IDR picture, and to nothing else (7.4.1.2.4). So it is
    enough to record that each needs the reference picture before it. Display order, from one IDR picture to the next,
    is that of the picture order counts (8.2.1), and the container must confirm it. Frame numbers count the reference
    pictures (7.4.3): where they don't agree, a picture is missing, or isn't what its header says.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    length_size, parameters = parse_extradata(extradata)
    sps: _Sps | None = None
    coded: list[CodedPicture] = []
    orders: list[tuple[int, int]] = []
    times: list[int] = []
    idr, reference, reference_order, reference_number = -1, -1, 0, -1
    for position, packet in enumerate(packets):
        nals = list(split_nals(payload(packet), length_size))
        found = {nal for nal in nals if nal[0] & 31 in (_SPS, _PPS)}
        if sps is None:
            parameters = found or parameters
            sps = _only_sps(parameters)
        elif not found <= parameters:
            raise NoPlan("parameters that change")
        first_slice, is_reference, is_idr = _picture_kind(nals)
        if is_idr:
            idr, reference_order, reference_number = position, 0, -1
        elif idr < 0:
            raise NoPlan("the first picture isn't an IDR picture")
        frame_number, order = _parse_slice(first_slice, sps, reference_order)
        if frame_number != (reference_number + 1) % (1 << sps.frame_num_bits):
            raise NoPlan("a gap in the frame numbers")
        if packet.pts is None:
            raise NoPlan("no presentation time")
        coded.append(CodedPicture(() if is_idr else (reference,), packet.pts, None))
        orders.append((idr, position if order is None else order))
        times.append(packet.pts)
        if is_reference:
            reference, reference_order, reference_number = position, order or 0, frame_number
    shown = sorted(range(len(orders)), key=orders.__getitem__)
    if any(orders[a] == orders[b] or times[a] >= times[b] for a, b in itertools.pairwise(shown)):
        raise NoPlan("the container and the pictures disagree about their order")
    return shown, coded


def _picture_kind(nals: list[bytes]) -> tuple[bytes, bool, bool]:
    """The first slice of a packet's picture, and whether the picture is a reference and an IDR picture (7.4.1)."""
    if any(nal[0] & 31 not in _PLAIN_NALS for nal in nals):
        raise NoPlan("a rare kind of NAL unit")
    slices = [nal for nal in nals if nal[0] & 31 in (_SLICE, _IDR)]
    # A picture begins with the slice of macroblock 0, a number that is coded as a single 1 bit.
    begins = [nal[1:2] >= b"\x80" for nal in slices]
    kinds = {(nal[0] & 0x60 != 0, nal[0] & 31 == _IDR) for nal in slices}
    if sum(begins) != 1 or not begins[0] or len(kinds) != 1:
        raise NoPlan("not one picture in a packet")
    is_reference, is_idr = kinds.pop()
    if is_idr and not is_reference:
        raise NoPlan("an IDR picture that nothing may refer to")
    return slices[0], is_reference, is_idr


class _Sps(NamedTuple):
    """Lengths in bits of fields in slice headers; `order_bits` is None where pictures are shown in decoding order."""

    frame_num_bits: int
    order_bits: int | None


def _parse_slice(nal: bytes, sps: _Sps, reference_order: int) -> tuple[int, int | None]:
    """The frame number and, if there is one, the picture order count from a picture's first slice (7.3.3).

    The header holds the low bits of the count; the full one is the nearest to the last reference picture's (8.2.1.1).
    """
    bits = Bits(unescaped(nal[1:40]))
    for _ in range(3):
        bits.ue()
    frame_number = bits.u(sps.frame_num_bits)
    if sps.order_bits is None:
        return frame_number, None
    if nal[0] & 31 == _IDR:
        bits.ue()
    half = 1 << (sps.order_bits - 1)
    lowest = reference_order - half + 1
    return frame_number, lowest + (bits.u(sps.order_bits) - lowest) % (2 * half)


class FrameNumbers:
    """Follows the frame numbers of a video's pictures (7.4.3), from packet to packet.

    Where the video's parameters aren't supported, it finds no gaps.
    """

    def __init__(self, extradata: bytes) -> None:
        self._reference: int | None = None
        self._sps: _Sps | None = None
        try:
            self._length_size, self._parameters = parse_extradata(extradata)
            self._sps = _only_sps(self._parameters)
        except NoPlan:
            pass

    @property
    def are_known(self) -> bool:
        """Whether the parameters are supported, of which one is that no picture is a field."""
        return self._sps is not None

    def is_gap(self, packet: "av.Packet") -> bool:
        """Whether reference pictures are missing before the picture of the next packet."""
        if self._sps is None:
            return False
        try:
            nal = self._first_slice(bytes(packet))
            number = None if nal is None or self._sps is None else _parse_slice(nal, self._sps, 0)[0]
        except (NoPlan, IndexError):  # the decoder will notice that, too
            return False
        if nal is None or number is None:
            return False
        before = -1 if nal[0] & 31 == _IDR else self._reference
        if nal[0] & 0x60:
            self._reference = number
        if before is None or self._sps is None:
            return False
        # A picture may reset all references; it then counts as number 0, and the next one is 1.
        return number not in ((before + 1) % (1 << self._sps.frame_num_bits), 1)

    def _first_slice(self, data: bytes) -> bytes | None:
        for nal in split_nals(data, self._length_size):
            kind = nal[0] & 31
            if kind in (_SLICE, _IDR):
                return nal
            if kind in (_SPS, _PPS) and nal not in self._parameters:
                self._sps = None
                return None
        return None


def _only_sps(parameters: Collection[bytes]) -> _Sps:
    parsed = {_parse_sps(nal) for nal in parameters if nal[0] & 31 == _SPS}
    if len(parsed) != 1:
        raise NoPlan(f"{len(parsed)} different sequence parameter sets")
    return parsed.pop()


def _parse_sps(nal: bytes) -> _Sps:
    """Parses a sequence parameter set (7.3.2.1.1) as far as needed."""
    bits = Bits(unescaped(nal[1:]))
    profile = bits.u(8)
    bits.u(8 + 8)
    bits.ue()
    if profile in _HIGH_PROFILES:
        if bits.ue() == 3:
            bits.u(1)
        bits.ue()
        bits.ue()
        bits.u(1)
        if bits.u(1):
            raise NoPlan("scaling matrices")
    frame_num_bits = bits.ue() + 4
    order_type = bits.ue()
    if order_type not in (0, 2):
        raise NoPlan("an expected cycle of picture order counts")
    order_bits = bits.ue() + 4 if order_type == 0 else None
    bits.ue()
    if bits.u(1):
        raise NoPlan("frame numbers with gaps")
    bits.ue()
    bits.ue()
    if not bits.u(1):
        raise NoPlan("pictures that may be fields")
    return _Sps(frame_num_bits, order_bits)


def unescaped(data: bytes) -> bytes:
    """The data without the bytes that keep start codes from occurring within a NAL unit (7.4.1)."""
    return data.replace(b"\x00\x00\x03", b"\x00\x00")


def parse_extradata(extradata: bytes) -> tuple[int | None, set[bytes]]:
    """Bytes of the length field before each NAL unit (None: start codes), and parameter sets (14496-15, 5.2.4.1)."""
    if extradata[:1] != b"\x01":
        return None, {nal for nal in split_nals(extradata, None) if nal[0] & 31 in (_SPS, _PPS)}
    bits = Bits(extradata)
    bits.u(4 * 8 + 6)
    length_size = bits.u(2) + 1
    bits.u(3)
    parameters = set()
    for count_bits in (5, 8):
        for _ in range(bits.u(count_bits)):
            size = bits.u(16)
            parameters.add(bits.u(8 * size).to_bytes(size, "big"))
    return length_size, parameters - {b""}


def split_nals(data: bytes, length_size: int | None) -> Iterator[bytes]:
    """The NAL units of a packet, found by the lengths before them or by start codes (Annex B).

    Raises:
        NoPlan: a NAL unit is cut off.
    """
    if length_size is None:
        for unit in data.split(_START)[1:]:
            if nal := unit.rstrip(b"\x00"):
                yield nal
        return
    offset = 0
    while offset < len(data):
        size = int.from_bytes(data[offset : offset + length_size], "big")
        offset += length_size
        if not 0 < size <= len(data) - offset:
            raise NoPlan("a NAL unit that is cut off")
        yield data[offset : offset + size]
        offset += size
