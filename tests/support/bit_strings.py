"""Writes headers of videos as text: strings of 0 and 1, in which blanks separate fields."""


def pack(bits: str) -> bytes:
    """Bytes from a string of 0 and 1, ignoring blanks."""
    bits = bits.replace(" ", "")
    return int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")


def ue(number: int) -> str:
    """An Exp-Golomb code."""
    return f"{number + 1:b}".zfill(2 * (number + 1).bit_length() - 1)
