"""The pictures of an HEVC video (ITU-T H.265, ISO/IEC 23008-2)."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import av

from pipelines.video.skipping import hevc_headers as headers
from pipelines.video.skipping.bits import CodedPicture, NoPlan, payload
from pipelines.video.skipping.h264 import split_nals, unescaped

_IGNORED = frozenset((headers.DELIMITER, headers.FILLER, 62, 63))
"""Kinds of NAL units that change no pixel; the last two are used by Dolby Vision."""
_ENDS = (headers.END_OF_SEQUENCE, headers.END_OF_BITSTREAM)
_HARMLESS_SEI = frozenset((0, 1, 4, 5, 6, 45, 128, 129, 130, 132, 133, 136, 137, 144))
"""SEI messages that are about time, brightness, checksums or the encoder. Others may add grain or turn pictures."""
_REGISTERED, _AV1_GRAIN = 4, b"\xb5\x58\x90"


class _Picture(NamedTuple):
    """A picture as its headers describe it."""

    kind: int
    temporal_layer: int
    slice: headers.Slice

    @property
    def sets_order(self) -> bool:
        """Whether the order counts of later pictures are coded relative to this one's (8.3.1)."""
        return self.temporal_layer == 0 and self.kind not in headers.LEADING and (self.kind % 2 == 1 or self.kind > 15)


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, and the pictures in decoding order.

    Each picture lists those that it may refer to, and those that later ones may. FFmpeg's decoder gives up a picture if
    one of either is missing, so all are recorded as needed. Display order, from one IDR picture to the next, is that of
    the picture order counts (8.3.1), and the container must confirm it.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    length_size, known = headers.parse_extradata(extradata)
    parameters = _parse_parameters(known)
    sps_ids: set[int] = set()
    sequence = _Sequence()
    coded: list[CodedPicture] = []
    times: list[int] = []
    ended = False
    for packet in packets:
        if ended:
            raise NoPlan("several sequences")
        if packet.pts is None:
            raise NoPlan("no presentation time")
        picture, ended = _parse_packet(payload(packet), length_size, known, parameters)
        pps, sps = parameters[picture.slice.pps_id]
        sps_ids.add(pps.sps_id)
        needs = sequence.add(picture, sps.order_bits)
        coded.append(CodedPicture(needs, packet.pts, None, picture.kind in headers.STARTS))
        times.append(packet.pts)
    orders = sequence.orders
    shown = sorted(range(len(orders)), key=orders.__getitem__)
    if any(orders[a] == orders[b] or times[a] >= times[b] for a, b in itertools.pairwise(shown)):
        raise NoPlan("the container and the pictures disagree about their order")
    if len(sps_ids) > 1:
        raise NoPlan("parameters that change")
    return shown, coded


def _parse_parameters(nals: Iterable[bytes]) -> dict[int, tuple[headers.Pps, headers.Sps]]:
    """Picture parameter sets by their ids, each with its sequence parameter set."""
    found = sorted(nals, key=headers.kind_of)
    if any(headers.layer_of(nal) for nal in found):
        raise NoPlan("several layers")
    sps = [headers.parse_sps(nal) for nal in found if headers.kind_of(nal) == headers.SPS]
    pps = [headers.parse_pps(nal) for nal in found if headers.kind_of(nal) == headers.PPS]
    sps_of = dict(sps)
    if len(sps_of) < len(sps) or len({number for number, _ in pps}) < len(pps):
        raise NoPlan("parameters that change")
    return {number: (content, sps_of[content.sps_id]) for number, content in pps if content.sps_id in sps_of}


def _parse_packet(
    data: bytes,
    length_size: int | None,
    known: set[bytes],
    parameters: Mapping[int, tuple[headers.Pps, headers.Sps]],
) -> tuple[_Picture, bool]:
    """The picture of a packet, and whether the sequence ends after it."""
    slices = []
    ended = False
    for nal in split_nals(data, length_size):
        if len(nal) < 3 and headers.kind_of(nal) not in _ENDS:
            raise NoPlan("a NAL unit that is cut off")
        if headers.layer_of(nal):
            raise NoPlan("several layers")
        kind = headers.kind_of(nal)
        if kind in headers.SLICES:
            if ended:
                raise NoPlan("several sequences")
            slices.append(nal)
        elif kind in (headers.VPS, headers.SPS, headers.PPS):
            if nal not in known:
                raise NoPlan("parameters that change")
        elif kind in (headers.SEI, headers.SEI_SUFFIX):
            _check_sei(unescaped(nal[2:]))
        elif kind in _ENDS:
            ended = True
        elif kind not in _IGNORED:
            raise NoPlan("a rare kind of NAL unit")
    # The first slice segment of a picture has a 1 as its first bit.
    if not slices or [nal[2] >> 7 for nal in slices] != [1] + [0] * (len(slices) - 1):
        raise NoPlan("not one picture in a packet")
    kinds = {nal[:2] for nal in slices}
    kind = headers.kind_of(slices[0])
    if len(kinds) > 1 or not (kind in headers.STARTS or kind < 10):
        raise NoPlan("a rare kind of picture")
    return _Picture(kind, headers.temporal_layer_of(slices[0]), headers.parse_slice(slices[0], parameters)), ended


def _check_sei(data: bytes) -> None:
    """Raises `NoPlan` if an SEI unit (7.3.5) has a message that may change pixels."""
    for kind, content in _messages(data):
        if kind not in _HARMLESS_SEI or (kind == _REGISTERED and content.startswith(_AV1_GRAIN)):
            raise NoPlan("a message that may change pictures")


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 2 < len(data):
        numbers = []
        for _ in range(2):
            number = 0
            while data[place : place + 1] == b"\xff":
                number, place = number + 255, place + 1
            numbers.append(number + int.from_bytes(data[place : place + 1], "big"))
            place += 1
        kind, size = numbers
        yield kind, data[place : place + size]
        place += size


class _Sequence:
    """Follows picture order counts and the pictures that a decoder keeps as references.

    Attributes:
        orders: for each picture, the number of its IDR picture and its order count.
    """

    def __init__(self) -> None:
        self.orders: list[tuple[int, int]] = []
        self._kept: dict[int, int] = {}  # positions of the pictures that the decoder keeps, by their order counts
        self._start = self._idr = -1  # positions of the last picture at which decoding may begin, and of the last IDR
        self._setters: list[int] = []  # positions of the pictures that set order counts
        self._anchors: list[int] = []  # for each picture, the last setter that is decoded whenever the picture is

    def add(self, picture: _Picture, order_bits: int) -> tuple[int, ...]:
        """The positions of those pictures that the next picture needs."""
        position = len(self.orders)
        order = self._order(picture, order_bits)
        needs = self._needs(position, picture, order)
        if picture.kind in headers.STARTS:
            self._start, anchor = position, position
        else:
            half = 1 << (order_bits - 1)
            before = [self._anchors[need] for need in needs if need < self._start]
            if before:  # then decoding doesn't begin at the start
                self._check(self.orders[self._start][1], max(before), self._start, half)
            anchor = max(self._anchors[need] for need in needs)
            self._check(order, anchor, position, half)
        self._kept[order] = position
        self.orders.append((self._idr, order))
        if picture.sets_order:
            self._setters.append(position)
            anchor = position
        self._anchors.append(anchor)
        return needs

    def _order(self, picture: _Picture, order_bits: int) -> int:
        """The picture order count. The header holds its low bits; it is the nearest to that of the last setter."""
        if picture.kind in headers.IDR:
            self._idr = len(self.orders)
            return 0
        last = self.orders[self._setters[-1]][1] if self._setters else 0
        lowest = last - (1 << (order_bits - 1)) + 1
        return lowest + (picture.slice.low_order - lowest) % (1 << order_bits)

    def _needs(self, position: int, picture: _Picture, order: int) -> tuple[int, ...]:
        """Updates the pictures that the decoder keeps, and returns what a picture needs."""
        wanted = [order + delta for delta in picture.slice.deltas]
        if picture.kind in headers.STARTS:
            if position and picture.kind < headers.IDR.start:
                raise NoPlan("a broken link")
            self._kept = {count: self._kept[count] for count in wanted if count in self._kept}
            return ()
        if self._start < 0:
            raise NoPlan("the first picture isn't one at which decoding can begin")
        if any(count not in self._kept for count in wanted):
            raise NoPlan("a picture that refers to a missing one")
        self._kept = {count: self._kept[count] for count in wanted}
        needs = {self._start, *self._kept.values()}
        if picture.kind in headers.SKIPPED_LEADING:
            # Decoders skip it where they began with its start: then they must begin before.
            if self._start in (0, self._idr):
                raise NoPlan("a picture that isn't shown")
            if min(needs) == self._start:
                needs.add(max(setter for setter in self._setters if setter < self._start))
        return tuple(sorted(needs))

    def _check(self, order: int, anchor: int, position: int, half: int) -> None:
        """Raises `NoPlan` if the order of a picture isn't found relative to every setter from the anchor on."""
        for setter in reversed(self._setters):
            if setter < anchor:
                return
            if setter < position and not -half < order - self.orders[setter][1] <= half:
                raise NoPlan("order counts that can't be told when pictures are left out")
