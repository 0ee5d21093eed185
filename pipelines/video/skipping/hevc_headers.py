"""Headers of HEVC (ITU-T H.265, ISO/IEC 23008-2), as far as they tell how pictures depend on each other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipelines.video.skipping.bits import Bits, NoPlan
from pipelines.video.skipping.h264 import split_nals, unescaped

LEADING = range(6, 10)
SKIPPED_LEADING = range(8, 10)
"""Leading pictures that refer to pictures in front of the one at which decoders may begin (RASL)."""
STARTS, IDR = range(16, 22), range(19, 21)
"""Pictures at which decoders may begin (IRAP): BLA, IDR and CRA."""
SLICES = range(32)
VPS, SPS, PPS, DELIMITER, END_OF_SEQUENCE, END_OF_BITSTREAM, FILLER, SEI, SEI_SUFFIX = range(32, 41)
_HEADER_BYTES = 48
"""More than the beginning of any ordinary slice header takes."""
_MOST_SETS, _MOST_DELTAS = 64, 16


def kind_of(nal: bytes) -> int:
    """The type of a NAL unit (table 7-1)."""
    return nal[0] >> 1 & 63


def layer_of(nal: bytes) -> int:
    """The layer of a NAL unit: 0, or that of another view or a transparency, which decoders leave out."""
    return (nal[0] & 1) << 5 | nal[1] >> 3


def temporal_layer_of(nal: bytes) -> int:
    """The temporal layer of a NAL unit; pictures refer to none of a higher one."""
    return (nal[1] & 7) - 1


def is_start(nals: Iterable[bytes]) -> bool:
    """Whether a decoder may begin with a packet's picture, given the packet's NAL units."""
    kinds = {kind_of(nal) for nal in nals if kind_of(nal) in SLICES and not layer_of(nal)}
    return bool(kinds) and kinds.issubset(STARTS)


class Sps(NamedTuple):
    """What slice headers need from a sequence parameter set.

    Attributes:
        order_bits: length of the low bits of picture order counts.
        separate_planes: slices name the colour that they hold.
        reference_sets: differences between the picture order counts of a picture and of those that it may refer to or
            keeps for later ones; negative ones first, nearest first.
        has_long_term: slice headers may list long-term references.
        num_long_term: number of long-term references that slices may name by their index.
    """

    order_bits: int
    separate_planes: bool
    reference_sets: tuple[tuple[int, ...], ...]
    has_long_term: bool
    num_long_term: int


class Pps(NamedTuple):
    """What slice headers need from a picture parameter set."""

    sps_id: int
    has_output_flag: bool
    num_extra_bits: int


class Slice(NamedTuple):
    """The first slice segment of a picture.

    Attributes:
        pps_id: its picture parameter set.
        low_order: the low bits of its picture order count.
        deltas: its reference picture set, as differences between picture order counts.
    """

    pps_id: int
    low_order: int
    deltas: tuple[int, ...]


def parse_extradata(extradata: bytes) -> tuple[int | None, set[bytes]]:
    """Bytes of the length field before each NAL unit (None: start codes), and parameter sets (14496-15, 8.3.3.1.2).

    Raises:
        NoPlan: the data end too early.
    """
    if extradata[:3] in (b"\x00\x00\x00", b"\x00\x00\x01", b""):
        units = split_nals(extradata, None)
        return None, {nal for nal in units if len(nal) > 2 and VPS <= kind_of(nal) <= PPS}
    bits = Bits(extradata)
    bits.u(21 * 8 + 6)
    length_size = bits.u(2) + 1
    parameters = set()
    for _ in range(bits.u(8)):
        kind = bits.u(8) & 63
        for _ in range(bits.u(16)):
            size = bits.u(16)
            nal = bits.u(8 * size).to_bytes(size, "big")
            if VPS <= kind <= PPS and size > 2:
                parameters.add(nal)
    return length_size, parameters


def parse_sps(nal: bytes) -> tuple[int, Sps]:
    """The id and content of a sequence parameter set (7.3.2.2)."""
    bits = Bits(unescaped(nal[2:]))
    bits.u(4)
    sub_layers = bits.u(3)
    bits.u(1)
    _skip_profile(bits, sub_layers)
    sps_id = bits.ue()
    separate_planes = bits.ue() == 3 and bits.u(1) == 1
    bits.ue()
    bits.ue()
    if bits.u(1):
        for _ in range(4):
            bits.ue()
    bits.ue()
    bits.ue()
    order_bits = bits.ue() + 4
    if order_bits > 16:
        raise NoPlan("picture order counts with more than 16 bits")
    for _ in range(3 * (sub_layers + 1 if bits.u(1) else 1)):
        bits.ue()
    for _ in range(6):
        bits.ue()
    if bits.u(1) and bits.u(1):
        _skip_scaling_lists(bits)
    bits.u(2)
    if bits.u(1):
        bits.u(4 + 4)
        bits.ue()
        bits.ue()
        bits.u(1)
    count = bits.ue()
    if count > _MOST_SETS:
        raise NoPlan("more than 64 reference picture sets")
    sets: list[tuple[int, ...]] = []
    for _ in range(count):
        sets.append(parse_reference_set(bits, sets, is_slice=False))
    has_long_term = bits.u(1) == 1
    return sps_id, Sps(order_bits, separate_planes, tuple(sets), has_long_term, bits.ue() if has_long_term else 0)


def _skip_profile(bits: Bits, sub_layers: int) -> None:
    bits.u(88 + 8)
    flags = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))
    for has_profile, has_level in flags:
        bits.u(88 * has_profile + 8 * has_level)


def _skip_scaling_lists(bits: Bits) -> None:
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if bits.u(1):
                for _ in range((size > 1) + min(64, 1 << (4 + 2 * size))):
                    bits.ue()  # signed codes are as long
            else:
                bits.ue()


def parse_reference_set(bits: Bits, earlier: Sequence[tuple[int, ...]], is_slice: bool) -> tuple[int, ...]:
    """A short-term reference picture set (7.3.7, 7.4.8), which may be coded relative to one of the `earlier` ones."""
    if earlier and bits.u(1):
        back = bits.ue() + 1 if is_slice else 1
        if back > len(earlier):
            raise NoPlan("a reference picture set that refers to none")
        sign = bits.u(1)
        delta = (bits.ue() + 1) * (1 - 2 * sign)
        candidates = [delta + base for base in (*earlier[-back], 0)]
        deltas = [candidate for candidate in candidates if bits.u(1) or bits.u(1)]
    else:
        counts = bits.ue(), bits.ue()
        if max(counts) >= _MOST_DELTAS:
            raise NoPlan("too many references")
        deltas = []
        for count, sign in zip(counts, (-1, 1), strict=True):
            place = 0
            for _ in range(count):
                place += sign * (bits.ue() + 1)
                bits.u(1)
                deltas.append(place)
    if 0 in deltas or len(set(deltas)) < len(deltas) or len(deltas) >= _MOST_DELTAS:
        raise NoPlan("a strange reference picture set")
    return (*sorted((delta for delta in deltas if delta < 0), reverse=True), *sorted(d for d in deltas if d > 0))


def parse_pps(nal: bytes) -> tuple[int, Pps]:
    """The id and content of a picture parameter set (7.3.2.3)."""
    bits = Bits(unescaped(nal[2:_HEADER_BYTES]))
    pps_id, sps_id = bits.ue(), bits.ue()
    bits.u(1)
    return pps_id, Pps(sps_id, bits.u(1) == 1, bits.u(3))


def parse_slice(nal: bytes, parameters: Mapping[int, tuple[Pps, Sps]]) -> Slice:
    """The first slice segment of a picture (7.3.6.1).

    Args:
        nal: the NAL unit.
        parameters: by their ids, picture parameter sets, each with its sequence parameter set.

    Raises:
        NoPlan: the picture isn't one of the ordinary cases.
    """
    kind = kind_of(nal)
    bits = Bits(unescaped(nal[2:_HEADER_BYTES]))
    bits.u(1)
    if kind in STARTS and bits.u(1):
        raise NoPlan("pictures that are dropped when a new sequence begins")
    pps_id = bits.ue()
    if pps_id not in parameters:
        raise NoPlan("an unknown picture parameter set")
    pps, sps = parameters[pps_id]
    bits.u(pps.num_extra_bits)
    bits.ue()
    if pps.has_output_flag and not bits.u(1):
        raise NoPlan("a picture that isn't shown")
    if sps.separate_planes:
        bits.u(2)
    if kind in IDR:
        return Slice(pps_id, 0, ())
    low_order = bits.u(sps.order_bits)
    if bits.u(1):
        index = bits.u(max(0, len(sps.reference_sets) - 1).bit_length())
        if index >= len(sps.reference_sets):
            raise NoPlan("a reference picture set that isn't there")
        deltas = sps.reference_sets[index]
    else:
        deltas = parse_reference_set(bits, sps.reference_sets, is_slice=True)
    if sps.has_long_term:
        by_index = bits.ue() if sps.num_long_term else 0
        if by_index or bits.ue():
            raise NoPlan("long-term references")
    return Slice(pps_id, low_order, deltas)
