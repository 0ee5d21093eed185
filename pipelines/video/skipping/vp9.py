"""The pictures of a VP9 video (VP9 Bitstream & Decoding Process Specification, 6.2 and annex B)."""

from collections.abc import Iterable
from typing import NamedTuple

import av

from pipelines.video.skipping.bits import Bits, CodedPicture, NoPlan, Shown, key_groups, payload

_SYNC_CODE = 0x498342
_ALL_SLOTS = 0xFF
_HEADER_BYTES = 16
"""More bytes than what is read of a header takes."""


class Frame(NamedTuple):
    """What the header of a frame tells.

    Attributes:
        is_key: it needs nothing, and resets all that decoders remember.
        is_shown: it is shown, and not only referred to by others.
        is_independent: it uses nothing that decoders remember but the frames that it refers to.
        refers_to: the slots of the frames that it refers to.
        refreshes: a bit for each slot, the lowest for the first: whether this frame is stored there.
        repeats: the slot whose frame is shown; None for a frame of its own.
    """

    is_key: bool
    is_shown: bool
    is_independent: bool
    refers_to: tuple[int, ...]
    refreshes: int
    repeats: int | None = None


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, which is that of decoding, and the pictures in that order.

    A picture is what is in one packet: the frame that is shown, and hidden ones that are stored with it.

    Frames refer to others in eight slots. But decoders also remember the probabilities of symbols, filter levels,
    a map of segments, and the motion of the frame before: a frame needs the one before it for these. Frames that are
    made to survive losses reset all that, as key frames do. It is left in place for others that may follow. Therefore,
    only where all frames from one key frame to the next survive losses, they need no others than those in the slots.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    coded: list[CodedPicture] = []
    shown = Shown()
    contents = ((packet, _frames(packet)) for packet in packets)
    for group in key_groups(contents, lambda item: item[1][0].is_key):
        is_chain = not all(frame.is_independent for _, frames in group for frame in frames)
        slots = [len(coded)] * 8  # the key frame
        for packet, frames in group:
            position = len(coded)
            needs = {position - 1} if is_chain and not frames[0].is_key else set()
            for frame in frames:
                needs.update(slots[slot] for slot in frame.refers_to)
                if frame.refreshes:
                    slots = [position if frame.refreshes >> slot & 1 else held for slot, held in enumerate(slots)]
            coded.append(CodedPicture(tuple(sorted(needs - {position})), packet.pts))
            shown.add(position, packet.pts)
    return shown.positions, coded


def _frames(packet: "av.Packet") -> list[Frame]:
    """The frames of a packet, of which one is shown; only the first may be a key frame."""
    frames = [parse_frame(data) for data in split_superframe(payload(packet))]
    if sum(frame.is_shown for frame in frames) != 1:
        raise NoPlan("not one shown frame in a packet")
    if any(frame.is_key for frame in frames[1:]):
        raise NoPlan("a key frame that is not the first frame of its packet")
    return frames


def is_start(data: bytes) -> bool:
    """Whether a packet begins with a key frame.

    Raises:
        NoPlan: the packet isn't one of the ordinary cases.
    """
    return parse_frame(split_superframe(data)[0]).is_key


def split_superframe(data: bytes) -> list[bytes]:
    """The frames of a packet, which an index at its end may tell apart (annex B).

    Raises:
        NoPlan: the index doesn't describe the packet.
    """
    marker = data[-1]
    if marker >> 5 != 0b110:
        return [data]
    count, size_bytes = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = data[-2 - count * size_bytes :]
    if len(data) < 2 + count * size_bytes or index[0] != marker:
        raise NoPlan("a frame that looks like a superframe")
    frames = []
    offset = 0
    for number in range(count):
        size = int.from_bytes(index[1 + number * size_bytes : 1 + (number + 1) * size_bytes], "little")
        frames.append(data[offset : offset + size])
        offset += size
    if offset != len(data) - len(index) or not all(frames):
        raise NoPlan("a superframe whose frames don't fill it")
    return frames


def parse_frame(data: bytes) -> Frame:
    """Parses the header of a frame (6.2, `uncompressed_header`) as far as needed.

    Raises:
        NoPlan: it is damaged, or of a profile that isn't supported.
    """
    bits = Bits(data[:_HEADER_BYTES])
    if bits.u(2) != 0b10:
        raise NoPlan("a frame marker is wrong")
    profile = bits.u(1) + 2 * bits.u(1)
    if profile == 3 and bits.u(1):
        raise NoPlan("an unknown profile")
    if bits.u(1):
        slot = bits.u(3)
        return Frame(False, True, True, (slot,), 0, repeats=slot)
    is_key, is_shown, survives_losses = not bits.u(1), bits.u(1) == 1, bits.u(1) == 1
    if is_key:
        _check_sync_code(bits)
        return Frame(True, is_shown, True, (), _ALL_SLOTS)
    is_intra = not is_shown and bits.u(1) == 1
    if not survives_losses:
        bits.u(2)
    if is_intra:
        _check_sync_code(bits)
        if profile > 0:
            _skip_colours(bits, profile)
        return Frame(False, is_shown, survives_losses, (), bits.u(8))
    refreshes, slots = bits.u(8), bits.u(12)  # each slot is followed by a flag
    return Frame(False, is_shown, survives_losses, (slots >> 9, slots >> 5 & 7, slots >> 1 & 7), refreshes)


def _check_sync_code(bits: Bits) -> None:
    if bits.u(24) != _SYNC_CODE:
        raise NoPlan("a sync code is wrong")


def _skip_colours(bits: Bits, profile: int) -> None:
    """Skips bit depth, colour space, range and subsampling (6.2.2)."""
    is_rgb_space = 7
    if profile >= 2:
        bits.u(1)
    if bits.u(3) != is_rgb_space:
        bits.u(1)
        if profile in (1, 3):
            bits.u(3)
    elif profile in (1, 3):
        bits.u(1)
    else:
        raise NoPlan("RGB in a profile without it")
