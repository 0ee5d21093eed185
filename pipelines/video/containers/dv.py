"""Whether DV frames (IEC 61834, SMPTE ST 314) hold what they should: decoders show anything without a word."""

import numpy as np

_BLOCK_BYTES = 80
_HEADER, _SUBCODE, _VAUX, _SOUND, _PICTURE = range(5)
_KINDS = np.array([_HEADER, *2 * [_SUBCODE], *3 * [_VAUX], *9 * [_SOUND, *15 * [_PICTURE]]], np.uint8)
"""uint8 [150], the kinds of the blocks of a sequence; a frame has 10 or more sequences."""


def is_whole(data: bytes) -> bool:
    """Whether all blocks of a frame are of the kinds that belong to their places."""
    if not data or len(data) % (_BLOCK_BYTES * len(_KINDS)):
        return False
    kinds = np.frombuffer(data, np.uint8)[::_BLOCK_BYTES] >> 5
    return bool((kinds.reshape(-1, len(_KINDS)) == _KINDS).all())
