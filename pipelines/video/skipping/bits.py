"""What the parsers of headers share: bits, packets, and giving up on anything out of the ordinary."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

import av

_F = TypeVar("_F")


class NoPlan(Exception):
    """Packets hold something beyond the ordinary cases that are supported here; the message names it."""


class Part(NamedTuple):
    """The bytes from `begin` up to but not including `end` of a packet, or of the packet before it."""

    of_packet_before: bool
    begin: int
    end: int


class CodedPicture(NamedTuple):
    """A picture as its packet and headers describe it; the attributes are those of `drop_plan.Picture`."""

    needs: tuple[int, ...]
    pts: int | None
    part: Part | None = None
    restarts: bool = False
    packet: int | None = None


class Shown:
    """Collects the pictures that are shown, of a codec that shows them in the order in which they are decoded.

    Attributes:
        positions: their positions in decoding order.
    """

    def __init__(self) -> None:
        self.positions: list[int] = []
        self._pts: int | None = None

    def add(self, position: int, pts: int | None) -> None:
        """Adds the next one.

        Raises:
            NoPlan: the container has it shown at another place.
        """
        if pts is None or (self._pts is not None and pts <= self._pts):
            raise NoPlan("the container and the pictures disagree about their order")
        self.positions.append(position)
        self._pts = pts


def key_groups(frames: Iterable[_F], is_key: Callable[[_F], bool]) -> Iterator[list[_F]]:
    """Cuts frames at key frames, which reset all that decoders remember.

    Raises:
        NoPlan: the first one is none.
    """
    group: list[_F] = []
    for frame in frames:
        if is_key(frame) and group:
            yield group
            group = []
        if not (group or is_key(frame)):
            raise NoPlan("the first frame isn't a key frame")
        group.append(frame)
    if group:
        yield group


def payload(packet: "av.Packet") -> bytes:
    # Edit lists cause packets whose pictures aren't shown; a second sample description arrives as side data.
    if packet.is_discard or packet.is_corrupt:
        raise NoPlan("a packet that is damaged or not to be shown")
    for side in packet.iter_sidedata():
        if side.data_type in ("new_extradata", "param_change"):
            raise NoPlan("parameters that change")
    return bytes(packet)


class Bits:
    """Reads bytes bit by bit, most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._bits = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if data else ""  # faster than shifting numbers
        self._place = 0

    def u(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        begin, end = self._place, self._place + count
        if end > len(self._bits):
            raise NoPlan("a header that ends too early")
        self._place = end
        return int(self._bits[begin:end], 2) if count else 0

    def ue(self) -> int:
        """An unsigned Exp-Golomb code (H.264, 9.1)."""
        one = self._bits.find("1", self._place)
        end = 2 * one - self._place + 1
        if one < 0 or end > len(self._bits):
            raise NoPlan("a header that ends too early")
        begin, self._place = one, end
        return int(self._bits[begin:end], 2) - 1

    def marker(self) -> None:
        """Reads a bit that must be 1; decoders that find a 0 start guessing."""
        if not self.u(1):
            raise NoPlan("a marker bit is 0")
