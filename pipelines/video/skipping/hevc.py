"""The pictures of an HEVC video (ITU-T H.265, ISO/IEC 23008-2)."""

import itertools
from collections.abc import Collection, Iterable, Iterator

import av

from pipelines.video.skipping import hevc_headers as headers
from pipelines.video.skipping.bits import CodedPicture, NoPlan, payload
from pipelines.video.skipping.h264 import split_nals, unescaped
from pipelines.video.skipping.hevc_sequence import Sequence

_IGNORED = frozenset((headers.DELIMITER, headers.FILLER, 62, 63))
"""Kinds of NAL units that change no pixel; the last two are used by Dolby Vision."""
_ENDS = (headers.END_OF_SEQUENCE, headers.END_OF_BITSTREAM)
_HARMLESS_SEI = frozenset((0, 1, 4, 5, 6, 45, 128, 129, 130, 132, 133, 136, 137, 144))
"""SEI messages that are about time, brightness, checksums or the encoder. Others may add grain or turn pictures."""
_REGISTERED, _AV1_GRAIN = 4, b"\xb5\x58\x90"


def pictures(
    extradata: bytes, packets: Iterable["av.Packet"], wanted: Collection[int] | None = None
) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, and the pictures in decoding order.

    Each picture lists those that it may refer to, and those that later ones may. FFmpeg's decoder gives up a picture if
    one of either is missing, so all are recorded as needed. Display order, from one IDR picture to the next, is that of
    the picture order counts (8.3.1), and the container must confirm it.

    Args:
        extradata: the codec parameters that the container holds, if any.
        packets: all packets of the video, in decoding order.
        wanted: display indices of the only pictures that will be asked for; what the others need may be left empty.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    length_size, known = headers.parse_extradata(extradata)
    parameters = _parse_parameters(known)
    sps_ids: set[int] = set()
    slices: list[bytes] = []
    times: list[int] = []
    sequence = Sequence()
    ended = False
    for packet in packets:
        if ended:
            raise NoPlan("several sequences")
        if packet.pts is None:
            raise NoPlan("no presentation time")
        first, ended = _first_slice(payload(packet), length_size, known)
        pps_id, low_order = headers.parse_order(first, parameters)
        pps, sps = parameters[pps_id]
        sps_ids.add(pps.sps_id)
        sequence.add(headers.kind_of(first), headers.temporal_layer_of(first), low_order, sps.order_bits)
        slices.append(first)
        times.append(packet.pts)
    if len(sps_ids) > 1:
        raise NoPlan("parameters that change")
    orders = sequence.orders
    shown = sorted(range(len(orders)), key=orders.__getitem__)
    if any(orders[a] == orders[b] or times[a] >= times[b] for a, b in itertools.pairwise(shown)):
        raise NoPlan("the container and the pictures disagree about their order")
    asked = None if wanted is None else [shown[index] for index in wanted if index < len(shown)]
    needs = sequence.needs(lambda position: headers.parse_reference_set(slices[position], parameters), asked)
    starts = sequence.is_start
    return shown, [CodedPicture(needs[i], time, None, starts[i]) for i, time in enumerate(times)]


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


def _first_slice(data: bytes, length_size: int | None, known: set[bytes]) -> tuple[bytes, bool]:
    """The beginning of a packet's first slice segment, and whether the sequence ends after the packet's picture."""
    first, ended = b"", False
    for nal in split_nals(data, length_size):
        kind = headers.kind_of(nal)
        if len(nal) < 3 and kind not in _ENDS:
            raise NoPlan("a NAL unit that is cut off")
        if headers.layer_of(nal):
            raise NoPlan("several layers")
        if kind in headers.SLICES:
            if ended:
                raise NoPlan("several sequences")
            if (nal[2] >= 0x80) != (not first):  # the first slice segment of a picture has a 1 as its first bit
                raise NoPlan("not one picture in a packet")
            if (first and nal[:2] != first[:2]) or not (kind in headers.STARTS or kind <= headers.LEADING[-1]):
                raise NoPlan("a rare kind of picture")
            first = first or nal[: headers.BEGINNING]
        elif kind in (headers.VPS, headers.SPS, headers.PPS):
            if nal not in known:
                raise NoPlan("parameters that change")
        elif kind in (headers.SEI, headers.SEI_SUFFIX):
            _check_sei(unescaped(nal[2:]))
        elif kind in _ENDS:
            ended = True
        elif kind not in _IGNORED:
            raise NoPlan("a rare kind of NAL unit")
    if not first:
        raise NoPlan("not one picture in a packet")
    return first, ended


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
