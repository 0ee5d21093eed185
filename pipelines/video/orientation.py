"""How a picture is turned upright: by its display matrix, in eight orientations."""

import math
import struct
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import Type

from pipelines.video.remarks import TURNED

_MATRIX = struct.Struct("=9i")
_UPRIGHT = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_TOLERANCE_DEGREES = 1.0
"""As FFmpeg's command line has it."""


def _unnamed(cls: type[Type], value: int) -> Type:
    """A member for a kind of side data that PyAV has no name for, such as EXIF: without it, a frame's can't be read."""
    member = object.__new__(cls)
    member._name_ = f"UNNAMED_{value}"
    member._value_ = value  # type: ignore[assignment]
    return cls._value2member_map_.setdefault(value, member)  # type: ignore[return-value]


Type._missing_ = classmethod(_unnamed)  # type: ignore[assignment, method-assign]


class Turn(NamedTuple):
    """Whether to transpose a picture, then to flip it vertically, then to flip it horizontally."""

    swap: bool = False
    mirror_rows: bool = False
    mirror_columns: bool = False

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """The picture [H, W, C], turned; a view."""
        if self.swap:
            picture = picture.transpose(1, 0, 2)
        return picture[:: -1 if self.mirror_rows else 1, :: -1 if self.mirror_columns else 1]


def orientation(matrix: tuple[int, ...]) -> Turn:
    """The turn that a display matrix asks for, as FFmpeg's command line does it (autorotate).

    FFmpeg also turns by other angles and fills the corners; here, the nearest quarter counts.

    Args:
        matrix: its nine numbers, row by row.
    """
    a, c, d = matrix[0], matrix[3], matrix[4]
    quarter = round(_clockwise(matrix) / 90) % 4
    if quarter == 1:
        return Turn(swap=True, mirror_columns=c <= 0)
    if quarter == 2:
        return Turn(mirror_rows=d < 0, mirror_columns=a < 0)
    if quarter == 3:
        return Turn(swap=True, mirror_rows=True, mirror_columns=c < 0)
    return Turn(mirror_rows=a > 0 > d)


def angle_remark(matrix: tuple[int, ...]) -> str:
    """Says by how much a picture is turned in place of the angle that its display matrix asks for; empty where both are
    the same."""
    clockwise = _clockwise(matrix)
    quarter = 90 * round(clockwise / 90)
    if abs(clockwise - quarter) <= _TOLERANCE_DEGREES:
        return ""
    return f"{TURNED}{quarter % 360}° in place of {clockwise % 360:.0f}°"


def _clockwise(matrix: tuple[int, ...]) -> float:
    """The angle of a display matrix in degrees; 0 for one that doesn't tell."""
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    across, down = math.hypot(a, c), math.hypot(b, d)
    return math.degrees(math.atan2(b / down, a / across)) if across and down else 0.0


def display_matrix(frame: "av.VideoFrame") -> tuple[int, ...]:
    """The nine numbers of a frame's display matrix; without one, of that which changes nothing."""
    data = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    return _UPRIGHT if data is None else _MATRIX.unpack(bytes(data)[: _MATRIX.size])


def frame_orientation(frame: "av.VideoFrame") -> Turn:
    """The `orientation` of a frame."""
    return orientation(display_matrix(frame))
