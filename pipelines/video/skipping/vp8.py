"""The pictures of a VP8 video (RFC 6386)."""

from collections.abc import Iterable
from typing import NamedTuple

import av

from pipelines.video.skipping.bits import CodedPicture, NoPlan, Shown, key_groups, payload

_SYNC_CODE = b"\x9d\x01\x2a"
_TAG_BYTES, _KEY_BYTES = 3, 10
_HEADER_BYTES = 48
"""More bytes than what is read of a header takes."""

_UNCHANGED = (None,) * 8


class Frame(NamedTuple):
    """What the header of a frame tells.

    Attributes:
        is_key: it needs nothing, and resets all that decoders remember.
        is_shown: it is shown, and not only referred to by others.
        changes: it leaves something behind for the next frame: a reference or probabilities.
        levels: changes to eight filter levels, as they are coded; None for those that stay.
        has_segments: its macroblocks belong to segments.
        keeps_map: to those to which they belonged in the frame before.
        keeps_data: the segments' quantizers and filter levels are those from before.
    """

    is_key: bool
    is_shown: bool
    changes: bool
    levels: tuple[int | None, ...] = _UNCHANGED
    has_segments: bool = False
    keeps_map: bool = False
    keeps_data: bool = False


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, which is that of decoding, and the pictures in that order.

    Nearly every frame changes something that the next one uses. Those that don't can be left out; each needs the last
    that did. What frames tell about segments counts as such a change only if a frame uses what was told before.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    coded: list[CodedPicture] = []
    shown = Shown()
    frames = ((packet, parse_frame(payload(packet))) for packet in packets)
    for group in key_groups(frames, lambda item: item[1].is_key):
        is_chain = any(frame.keeps_map or frame.keeps_data for _, frame in group)
        needed, had_segments, levels = -1, False, [0] * 8  # as key frames set them
        for packet, frame in group:
            if frame.keeps_map and not had_segments:
                raise NoPlan("segments of a frame that has none")  # whose map decoders don't fill in
            position = len(coded)
            coded.append(CodedPicture(() if frame.is_key else (needed,), packet.pts))
            if frame.is_shown:
                shown.add(position, packet.pts)
            levels_before = levels
            levels = [old if new is None else new for old, new in zip(levels, frame.levels, strict=True)]
            if frame.changes or is_chain or levels != levels_before:
                needed = position
            had_segments = frame.has_segments
    return shown.positions, coded


def is_start(data: bytes) -> bool:
    """Whether a packet holds a key frame that uses nothing from before.

    Raises:
        NoPlan: it is damaged.
    """
    frame = parse_frame(data)
    return frame.is_key and not frame.keeps_map


def parse_frame(data: bytes) -> Frame:
    """Parses the header of a frame (9.2 to 9.11, 19.2) as far as needed.

    Raises:
        NoPlan: it is damaged.
    """
    if len(data) <= _KEY_BYTES:
        raise NoPlan("a frame that is too short")
    is_key, is_shown = not data[0] & 1, data[0] & 0x10 != 0
    if is_key and data[_TAG_BYTES : _TAG_BYTES + len(_SYNC_CODE)] != _SYNC_CODE:
        raise NoPlan("a sync code is wrong")
    start, size = _KEY_BYTES if is_key else _TAG_BYTES, int.from_bytes(data[:_TAG_BYTES], "little") >> 5
    bools = _Bools(data[start : start + min(size, _HEADER_BYTES)])
    if is_key:
        bools.u(2)
    segments = _parse_segments(bools)
    bools.u(1 + 6 + 3)
    has_new_levels = bools.u(1) == 1 and bools.u(1) == 1
    levels = _parse_each(bools, (7,) * 8) if has_new_levels else _UNCHANGED
    if is_key:
        return Frame(True, is_shown, True, levels, *segments)
    bools.u(2 + 7)
    _parse_each(bools, (5,) * 5)
    replaces = [bools.u(1), bools.u(1)]  # the golden and the alternate frame, by this one
    replaces += [bools.u(2) for is_replaced in tuple(replaces) if not is_replaced]  # by another one
    bools.u(2)
    keeps_probabilities, replaces_last = bools.u(1), bools.u(1)
    changes = any(replaces) or keeps_probabilities == 1 or replaces_last == 1
    return Frame(False, is_shown, changes, levels, *segments)


def _parse_segments(bools: "_Bools") -> tuple[bool, bool, bool]:
    """Whether there are segments, and whether these keep their map and their data (9.3)."""
    if not bools.u(1):
        return False, False, False
    has_new_map, has_new_data = bools.u(1) == 1, bools.u(1) == 1
    if has_new_data:
        bools.u(1)
        _parse_each(bools, (8,) * 4 + (7,) * 4)
    if has_new_map:
        _parse_each(bools, (8,) * 3)
    return True, not has_new_map, not has_new_data


def _parse_each(bools: "_Bools", sizes: Iterable[int]) -> tuple[int | None, ...]:
    """Numbers of these sizes in bits, each of which is there only if a flag before it is set."""
    return tuple(bools.u(size) if bools.u(1) else None for size in sizes)


class _Bools:
    """Reads arithmetically coded bits, all of them as likely to be 0 as 1 (7.3)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data.ljust(_HEADER_BYTES, b"\0"), "big")  # decoders read zeros behind the end
        self._left = 8 * (_HEADER_BYTES - 1)
        self._range = 255

    def u(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        number, value, left, size = 0, self._value, self._left, self._range
        if left < 2 * count:  # more than so many bits take
            raise NoPlan("a header that ends too late")
        for _ in range(count):
            split = (size + 1) >> 1
            limit = split << left
            if value >= limit:
                value -= limit
                size -= split
                number += number + 1
            else:
                size = split
                number += number
            while size < 128:
                size <<= 1
                left -= 1
        self._value, self._left, self._range = value, left, size
        return number
