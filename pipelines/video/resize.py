"""From a decoded frame to a picture of the clip's size: upright, RGB, averaged over areas or scaled as by OpenCV."""

import errno

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from pipelines.core.spec import ClipSpec
from pipelines.video.errors import VideoDecodeError
from pipelines.video.opencv_pixels import opencv_pixels
from pipelines.video.orientation import Turn, angle_remark, display_matrix, orientation
from pipelines.video.remarks import RECOLOURED

AREA = Interpolation.AREA | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
"""Area average with chroma at full resolution (without that flag, chroma has half the resolution of the *target*),
rounded the same way on every processor. benchmarks/README.md compares it with OpenCV: the mean error is smaller, and it
is faster."""

_UNSPECIFIED, _BT2020, _BT2020_CONSTANT = 2, 9, 10
_UNSUPPORTED = {
    8: "YCgCo",
    _BT2020_CONSTANT: "BT.2020 with constant luminance",
    11: "SMPTE ST 2085",
    12: "chromaticity-derived",
    13: "chromaticity-derived with constant luminance",
    14: "ICtCp",
    15: "IPT-PQ-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
"""Colour matrices (ITU-T H.273, 8.3) that swscale refuses. Others that it refuses have no meaning."""


def scaled_size(spec: ClipSpec, width: int, height: int) -> tuple[int, int]:
    """Width and height to which an upright picture is scaled before it is cropped or padded to the clip's size."""
    if spec.resize == "stretch":
        return spec.width, spec.height
    wider_than_clip = width * spec.height >= height * spec.width
    if wider_than_clip == (spec.resize == "crop"):
        return max(1, (width * spec.height + height // 2) // height), spec.height
    return spec.width, max(1, (height * spec.width + width // 2) // width)


class Resizer:
    """Turns decoded frames of one video into uint8 [H, W, 3] RGB, upright, by the interpolation of the clip spec.

    Attributes:
        remarks: at what angle they stay, as they are turned by quarters only, and by what matrix their colours are read
            in place of an unsupported one; usually empty.
    """

    def __init__(self, spec: ClipSpec) -> None:
        self._spec = spec
        self._reformatter = VideoReformatter()  # keeps the filter tables from frame to frame
        # Cached by rotation, which is cheap to read; reading side data keeps a frame alive until garbage is collected.
        self._turns: dict[float, Turn] = {}
        self.remarks: tuple[str, ...] = ()

    def __call__(self, frame: "av.VideoFrame") -> np.ndarray:
        """The picture of a frame.

        Raises:
            VideoDecodeError: its pixel format can't be converted.
        """
        turn = self._turns.get(frame.rotation)
        if turn is None:
            matrix = display_matrix(frame)
            turn = self._turns[frame.rotation] = orientation(matrix)
            if (said := angle_remark(matrix)) and not self.remarks:
                self.remarks = (said,)
        try:
            return self._resized(frame, turn)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return self._resized_by_another_matrix(frame, turn)

    def _resized_by_another_matrix(self, frame: "av.VideoFrame", turn: Turn) -> np.ndarray:
        """The picture of a frame that swscale refuses, by the matrix that FFmpeg took before it refused."""
        matrix = int(frame.colorspace)
        frame.colorspace, name = (_BT2020, "BT.2020") if matrix == _BT2020_CONSTANT else (_UNSPECIFIED, "BT.601")
        try:
            picture = self._resized(frame, turn)
        except OSError as error:
            raise VideoDecodeError(f"pictures of the format {frame.format.name} can't be converted to RGB") from error
        if matrix in _UNSUPPORTED:
            said = f"{RECOLOURED}{_UNSUPPORTED[matrix]} are read as {name}"
            self.remarks = self.remarks if said in self.remarks else (*self.remarks, said)
        return picture

    def _resized(self, frame: "av.VideoFrame", turn: Turn) -> np.ndarray:
        if self._spec.interpolation == "bilinear":
            return self._like_opencv(frame, turn)
        width, height = frame.width, frame.height
        if turn.swap:
            width, height = height, width
        width, height = scaled_size(self._spec, width, height)
        if turn.swap:
            width, height = height, width
        scaled = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=AREA, threads=1).to_ndarray()
        return _fit(turn(scaled), self._spec.height, self._spec.width)

    def _like_opencv(self, frame: "av.VideoFrame", turn: Turn) -> np.ndarray:
        # Turned first, as OpenCV does: its rounding differs between rows and columns.
        upright = np.ascontiguousarray(turn(opencv_pixels(frame, self._reformatter)))
        size = scaled_size(self._spec, upright.shape[1], upright.shape[0])
        scaled = cv2.resize(upright, size, interpolation=cv2.INTER_LINEAR)
        return _fit(scaled, self._spec.height, self._spec.width)[..., ::-1]


def _fit(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Crops a picture to its centre, or centres it on black: uint8 [height, width, 3]."""
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    if top >= 0 and left >= 0:
        return picture[top : top + height, left : left + width]
    padded = np.zeros((height, width, 3), np.uint8)
    padded[-top : -top + picture.shape[0], -left : -left + picture.shape[1]] = picture
    return padded
