"""The pictures of a VP8 video (RFC 6386)."""

from collections.abc import Iterable
from typing import NamedTuple

import av

from pipelines.video.skipping.bits import CodedPicture, NoPlan, Shown, payload

_SYNC_CODE = b"\x9d\x01\x2a"
_TAG_BYTES, _KEY_BYTES = 3, 10
_HEADER_BYTES = 48
"""More bytes than what is read of a header takes."""


class Frame(NamedTuple):
    """What the header of a frame tells.

    Attributes:
        is_key: it needs nothing, and resets all that decoders remember.
        is_shown: it is shown, and not only referred to by others.
        is_disposable: it leaves nothing behind that a later frame could use.
        has_segments: its macroblocks belong to segments.
        keeps_map: to those to which they belonged in the frame before.
    """

    is_key: bool
    is_shown: bool
    is_disposable: bool
    has_segments: bool
    keeps_map: bool


def pictures(extradata: bytes, packets: Iterable["av.Packet"]) -> tuple[list[int], list[CodedPicture]]:
    """The positions of the pictures in display order, which is that of decoding, and the pictures in that order.

    Nearly every frame changes something that the next one uses: one of three reference frames, the probabilities of
    symbols, filter levels, or segments. Those that don't can be left out; the others need the last one that did.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    coded: list[CodedPicture] = []
    shown = Shown()
    needed = -1
    had_segments = False
    for position, packet in enumerate(packets):
        frame = parse_frame(payload(packet))
        if not frame.is_key and needed < 0:
            raise NoPlan("the first frame isn't a key frame")
        if frame.keeps_map and (frame.is_key or not had_segments):
            raise NoPlan("segments of a frame that has none")  # whose map decoders don't fill in
        coded.append(CodedPicture(() if frame.is_key else (needed,), packet.pts))
        if frame.is_shown:
            shown.add(position, packet.pts)
        if not frame.is_disposable:
            needed = position
        had_segments = frame.has_segments
    return shown.positions, coded


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
    has_segments, has_new_map, has_new_data = bools.u(1) == 1, False, False
    if has_segments:
        has_new_map, has_new_data = bools.u(1) == 1, bools.u(1) == 1
        _skip_segments(bools, has_new_map, has_new_data)
    keeps_map = has_segments and not has_new_map
    if is_key:
        return Frame(True, is_shown, False, has_segments, keeps_map)
    bools.u(1 + 6 + 3)
    has_new_levels = bools.u(1) == 1 and bools.u(1) == 1
    if has_new_levels:
        _skip_each(bools, (7,) * 8)
    bools.u(2 + 7)
    _skip_each(bools, (5,) * 5)
    replaces = [bools.u(1), bools.u(1)]  # the golden and the alternate frame, by this one
    replaces += [bools.u(2) for is_replaced in tuple(replaces) if not is_replaced]  # by another one
    bools.u(2)
    keeps_probabilities, replaces_last = bools.u(1), bools.u(1)
    changes = any(replaces) or keeps_probabilities or replaces_last or has_segments or has_new_levels
    return Frame(False, is_shown, not changes, has_segments, keeps_map)


def _skip_segments(bools: "_Bools", has_new_map: bool, has_new_data: bool) -> None:
    """Skips the quantizers and filter levels of segments, and the probabilities of the map (9.3)."""
    if has_new_data:
        bools.u(1)
        _skip_each(bools, (8,) * 4 + (7,) * 4)
    if has_new_map:
        _skip_each(bools, (8,) * 3)


def _skip_each(bools: "_Bools", sizes: Iterable[int]) -> None:
    """Skips numbers of these sizes in bits, each of which is there only if a flag before it is set."""
    for size in sizes:
        if bools.u(1):
            bools.u(size)


class _Bools:
    """Reads arithmetically coded bits, all of them as likely to be 0 as 1 (7.3)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data.ljust(_HEADER_BYTES, b"\0"), "big")  # decoders read zeros behind the end
        self._left = 8 * (_HEADER_BYTES - 1)
        self._range = 255

    def u(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        number = 0
        for _ in range(count):
            split = (self._range + 1) >> 1
            limit = split << self._left
            bit = self._value >= limit
            if bit:
                self._value -= limit
                split = self._range - split
            shift = 8 - split.bit_length()
            self._range = split << shift
            self._left -= shift
            if self._left < 0:
                raise NoPlan("a header that ends too late")
            number = 2 * number + bit
        return number
