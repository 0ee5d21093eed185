"""The pictures of an AV1 video (AV1 Bitstream & Decoding Process Specification, 7.20 and 7.21)."""

from collections.abc import Iterable

import av

from pipelines.video.skipping.av1_headers import (
    FRAME,
    FRAME_HEADER,
    METADATA,
    PADDING,
    SEQUENCE_HEADER,
    TEMPORAL_DELIMITER,
    Frame,
    Sequence,
    parse_frame,
    parse_sequence,
    units,
)
from pipelines.video.skipping.bits import CodedPicture, NoPlan, Part, Shown, payload

_WITHOUT_FRAME = frozenset((TEMPORAL_DELIMITER, METADATA, PADDING))


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, and the pictures in decoding order.

    A packet has one frame that is shown, and any number of hidden ones. All that decoders remember is in eight slots: a
    frame needs those in the slots that it refers to, and nothing else. A hidden frame is shown later by a header that
    repeats it, which for the decoder is a picture, too.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    coded: list[CodedPicture] = []
    shown = Shown()
    slots = _Slots()
    headers = _Headers()
    for number, packet in enumerate(packets):
        frames = headers.frames(payload(packet))
        if sum(frame.is_shown for frame, _, _ in frames) != 1:
            raise NoPlan("not one shown frame in a packet")
        for frame, part, has_sequence in frames:
            position = len(coded)
            needs = slots.store(position, frame)
            if not (needs or has_sequence):
                needs = (0,)  # the sequence header is there
            coded.append(CodedPicture(needs, packet.pts, part, packet=number))
            if frame.is_shown:
                shown.add(position, packet.pts)
    return shown.positions, coded


class _Slots:
    """Follows which pictures decoders remember."""

    def __init__(self) -> None:
        self._held: list[int | None] = [None] * 8
        self._keys: set[int] = set()

    def store(self, position: int, frame: Frame) -> tuple[int, ...]:
        """Stores a picture, and returns the positions of those that it refers to."""
        needs: set[int] = set()
        for slot in frame.refers_to:
            held = self._held[slot]
            if held is None:
                raise NoPlan("a frame that refers to nothing")
            needs.add(held)
        refreshes = frame.refreshes
        is_key = frame.is_key or (frame.repeats is not None and needs <= self._keys)
        if is_key:
            self._keys.add(position)
            if frame.is_shown:  # also where a hidden one is repeated
                refreshes = 0xFF
        if refreshes:
            self._held = [position if refreshes >> slot & 1 else held for slot, held in enumerate(self._held)]
        return tuple(sorted(needs))


class _Headers:
    """Reads the headers of packets, one after the other."""

    def __init__(self) -> None:
        self._sequence: Sequence | None = None
        self._known = b""

    def frames(self, data: bytes) -> list[tuple[Frame, Part, bool]]:
        """The frames of a packet, each with its bytes and whether the sequence header is among these."""
        found: list[tuple[Frame, Part, bool]] = []
        begin, has_sequence = 0, False
        for unit in units(data):
            content = data[unit.begin : unit.end]
            if unit.kind == SEQUENCE_HEADER:
                self._note_sequence(content)
                has_sequence = True
            elif unit.kind in (FRAME, FRAME_HEADER):
                if self._sequence is None:
                    raise NoPlan("a frame before the first sequence header")
                frame = parse_frame(content, self._sequence, unit.layers)
                if (unit.kind == FRAME_HEADER) != (frame.repeats is not None):
                    raise NoPlan("a frame in several units")
                found.append((frame, Part(False, begin, unit.end), has_sequence))
                begin, has_sequence = unit.end, False
            elif unit.kind not in _WITHOUT_FRAME:
                raise NoPlan("a rare kind of unit")
        if begin < len(data) and found:
            frame, part, has_sequence = found[-1]
            found[-1] = frame, part._replace(end=len(data)), has_sequence
        return found

    def _note_sequence(self, header: bytes) -> None:
        if self._sequence is None:
            self._sequence, self._known = parse_sequence(header), header
        elif header != self._known:
            raise NoPlan("parameters that change")


def is_start(data: bytes) -> bool:
    """Whether a packet begins with a key frame that is shown at once, and has all parameters.

    Raises:
        NoPlan: the packet isn't one of the ordinary cases.
    """
    for frame, _, has_sequence in _Headers().frames(data)[:1]:
        return frame.is_key and frame.is_shown and has_sequence
    return False
