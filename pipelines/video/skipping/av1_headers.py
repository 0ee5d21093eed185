"""Headers in AV1 videos (AV1 Bitstream & Decoding Process Specification, 5.3 to 5.9)."""

from collections.abc import Iterator
from typing import NamedTuple

from pipelines.video.skipping.bits import Bits, NoPlan

SEQUENCE_HEADER, TEMPORAL_DELIMITER, FRAME_HEADER, METADATA, FRAME, PADDING = 1, 2, 3, 5, 6, 15
"""Kinds of units."""

_KEY, _INTRA_ONLY, _SWITCH = 0, 2, 3
"""Kinds of frames; 1 is a frame that refers to others."""
_NUM_SLOTS = 8
_ALL_SLOTS = 0xFF
_BY_FRAME = 2
"""A sequence header leaves the choice of a tool to the headers of frames."""
_HEADER_BYTES = 96
"""More bytes than what is read of a frame header takes."""


class Unit(NamedTuple):
    """A unit ("OBU") of a packet.

    Attributes:
        kind: what it holds.
        begin: where its payload begins, in bytes.
        end: where it ends.
        layers: a bit for its temporal and one for its spatial layer, at their places in a mask of layers; 0 for all.
    """

    kind: int
    begin: int
    end: int
    layers: int


class Sequence(NamedTuple):
    """What a sequence header says about the headers of frames. Lengths are in bits, and 0 for fields that are absent.

    Attributes:
        points: for each operating point the layers that it has, as a mask (0: all), and whether buffers are timed.
        time_bits: the time at which a frame is shown.
        removal_bits: the time at which it is removed from a buffer; absent if there is no model of a decoder.
        has_decoder_model: there is such a model.
        id_bits: the number of a frame.
        id_difference_bits: the difference between two of them.
        screen_tools: 0 or 1 for whether tools for screen content are used, or `_BY_FRAME`.
        whole_motion: likewise for motion in whole pixels.
        order_bits: the place of a frame in display order.
    """

    points: tuple[tuple[int, bool], ...]
    time_bits: int
    removal_bits: int
    has_decoder_model: bool
    id_bits: int
    id_difference_bits: int
    screen_tools: int
    whole_motion: int
    order_bits: int


class Frame(NamedTuple):
    """What the header of a frame tells.

    Attributes:
        is_key: it is a key frame.
        is_shown: it is shown when it is decoded.
        refers_to: the slots of the frames that it refers to.
        refreshes: a bit for each slot, the lowest for the first: whether this frame is stored there.
        repeats: the slot whose frame is shown; None for a frame of its own.
    """

    is_key: bool
    is_shown: bool
    refers_to: tuple[int, ...]
    refreshes: int
    repeats: int | None = None


def units(data: bytes) -> Iterator[Unit]:
    """The units of a packet (5.3).

    Raises:
        NoPlan: a unit is cut off, or isn't as the specification wants it.
    """
    place = 0
    while place < len(data):
        header, place = data[place], place + 1
        if header & 0x81:
            raise NoPlan("a reserved bit is 1")
        layers = 0
        if header & 4:
            extension = data[place] if place < len(data) else 0
            layers, place = 1 << (extension >> 5) | 0x100 << (extension >> 3 & 3), place + 1
        size = len(data) - place
        if header & 2:
            size, place = _parse_size(data, place)
        if size < 0 or place + size > len(data):
            raise NoPlan("a unit that is cut off")
        yield Unit(header >> 3, place, place + size, layers)
        place += size


def _parse_size(data: bytes, place: int) -> tuple[int, int]:
    """A number of up to eight groups of 7 bits (4.10.5), and where it ends."""
    size = 0
    for number, byte in enumerate(data[place : place + 8]):
        size |= (byte & 127) << 7 * number
        if not byte & 128:
            return size, place + number + 1
    raise NoPlan("a size that doesn't end")


def parse_sequence(data: bytes) -> Sequence:
    """Parses a sequence header (5.5) as far as needed.

    Raises:
        NoPlan: it is damaged, or that of a still picture or of spatial layers.
    """
    bits = Bits(data)
    bits.u(3 + 1)
    if bits.u(1):
        raise NoPlan("a still picture")
    time_bits, removal_bits, delay_bits, has_model = 0, 0, 0, False
    if bits.u(1):
        bits.u(32 + 32)
        is_even = bits.u(1)
        if is_even:
            bits.ue()
        has_model = bits.u(1) == 1
        if has_model:
            delay_bits = bits.u(5) + 1
            bits.u(32)
            removal_bits = bits.u(5) + 1
            shown_bits = bits.u(5) + 1
            time_bits = 0 if is_even else shown_bits
    points = _parse_points(bits, has_model, delay_bits)
    size_bits = bits.u(4) + bits.u(4) + 2
    bits.u(size_bits)
    id_bits, id_difference_bits = 0, 0
    if bits.u(1):
        id_difference_bits = bits.u(4) + 2
        id_bits = id_difference_bits + bits.u(3) + 1
    bits.u(3 + 4)
    has_order = bits.u(1)
    if has_order:
        bits.u(2)
    screen_tools = _BY_FRAME if bits.u(1) else bits.u(1)
    whole_motion = _BY_FRAME
    if screen_tools and not bits.u(1):
        whole_motion = bits.u(1)
    order_bits = bits.u(3) + 1 if has_order else 0
    return Sequence(points, time_bits, removal_bits, has_model, id_bits, id_difference_bits, screen_tools, whole_motion,
                    order_bits)  # fmt: skip


def _parse_points(bits: Bits, has_model: bool, delay_bits: int) -> tuple[tuple[int, bool], ...]:
    """The operating points, of which decoders take the first."""
    points = []
    has_delay = bits.u(1)
    for _ in range(bits.u(5) + 1):
        layers, is_timed = bits.u(12), False
        if bits.u(5) > 7:
            bits.u(1)
        if has_model:
            is_timed = bits.u(1) == 1
            if is_timed:
                bits.u(delay_bits + delay_bits + 1)
        if has_delay and bits.u(1):
            bits.u(4)
        points.append((layers, is_timed))
    if points[0][0] >> 9:
        raise NoPlan("spatial layers")  # of which decoders show the highest that is there
    return tuple(points)


def parse_frame(data: bytes, sequence: Sequence, layers: int) -> Frame:
    """Parses the header of a frame (5.9.2) as far as needed.

    Raises:
        NoPlan: it is damaged or of a rare kind, or of layers that aren't decoded.
    """
    if not _is_in(layers, sequence.points[0][0]):
        raise NoPlan("layers that are not decoded")
    bits = Bits(data[:_HEADER_BYTES])
    if bits.u(1):
        slot = bits.u(3)
        return Frame(False, True, (slot,), 0, repeats=slot)
    kind, is_shown = bits.u(2), bits.u(1) == 1
    is_intra, refreshes_all = kind in (_KEY, _INTRA_ONLY), kind == _SWITCH or (kind == _KEY and is_shown)
    bits.u(sequence.time_bits if is_shown else 1)
    survives_losses = refreshes_all or bits.u(1) == 1
    bits.u(1)
    screen_tools = bits.u(1) if sequence.screen_tools == _BY_FRAME else sequence.screen_tools
    if screen_tools and sequence.whole_motion == _BY_FRAME:
        bits.u(1)
    # The number of the frame, whether it has a size of its own, its order, and the one of its references from which
    # probabilities and more are taken.
    bits.u(sequence.id_bits + (kind != _SWITCH) + sequence.order_bits + 3 * (not (is_intra or survives_losses)))
    if sequence.has_decoder_model and bits.u(1):
        bits.u(sequence.removal_bits * sum(timed and _is_in(layers, mask) for mask, timed in sequence.points))
    refreshes = _ALL_SLOTS if refreshes_all else bits.u(_NUM_SLOTS)
    if survives_losses and not (is_intra and refreshes == _ALL_SLOTS):
        bits.u(_NUM_SLOTS * sequence.order_bits)
    if is_intra:
        return Frame(kind == _KEY, is_shown, (), refreshes)
    return Frame(False, is_shown, _parse_references(bits, sequence), refreshes)


def _parse_references(bits: Bits, sequence: Sequence) -> tuple[int, ...]:
    if sequence.order_bits and bits.u(1):
        raise NoPlan("references that follow from the order of frames")
    size = 3 + sequence.id_difference_bits
    fields = bits.u(7 * size)
    return tuple(fields >> place * size + sequence.id_difference_bits & 7 for place in range(6, -1, -1))


def _is_in(layers: int, mask: int) -> bool:
    return not mask or layers & mask == layers
