"""The pixels that OpenCV 4 reads from a frame, on which the models of public notebooks were trained.

OpenCV passes a frame to swscale without its metadata: colours are taken as BT.601 in limited range however they are
tagged (except for the formats `yuvj...`), interlaced fields aren't separated, and a chroma sample lies in the middle of
its pixels. (OpenCV 5 respects the tags. Most videos have none; then both versions read the same.)
"""

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter


def opencv_pixels(frame: "av.VideoFrame", reformatter: VideoReformatter) -> np.ndarray:
    """uint8 [H, W, 3] BGR at the frame's own size, not rotated; equal to what `cv2.VideoCapture.read` returns.

    There is one exception: with H.264 and HEVC of more than 8 bits and heights that aren't multiples of 16, OpenCV 4
    leaves the last two or three rows unfinished.
    """
    # BGR, not RGB: swscale rounds them differently.
    bgr = reformatter.reformat(_unmarked(frame), format="bgr24", interpolation=Interpolation.BICUBIC, threads=1)
    return bgr.to_ndarray()


def _unmarked(frame: "av.VideoFrame") -> "av.VideoFrame":
    """A copy of the frame with its samples but without metadata; RGB frames, to which none applies, as they are."""
    is_upside_down = any(plane.line_size < 0 for plane in frame.planes)  # its memory can't be read from the front
    if frame.format.is_rgb or frame.format.has_palette or is_upside_down:
        return frame
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for source, target in zip(frame.planes, copy.planes, strict=True):
        rows, into = (
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1) for plane in (source, target)
        )
        num_bytes = min(rows.shape[1], into.shape[1])
        into[:, :num_bytes] = rows[:, :num_bytes]
    return copy
