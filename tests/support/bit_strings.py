"""Made-up headers and packets, from strings of bits."""

from collections.abc import Iterable
from fractions import Fraction

import av


def packed(bits: str) -> bytes:
    """Bytes from a string of 0 and 1, ignoring blanks; zeros fill the last one."""
    bits = bits.replace(" ", "")
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def packets_of(contents: Iterable[bytes]) -> list[av.Packet]:
    """Packets that are shown in this order."""
    packets = []
    for place, content in enumerate(contents):
        packet = av.Packet(content)
        packet.pts, packet.time_base = place, Fraction(1, 25)
        packets.append(packet)
    return packets


def ue(number: int) -> str:
    """An Exp-Golomb code."""
    return f"{number + 1:b}".zfill(2 * (number + 1).bit_length() - 1)
