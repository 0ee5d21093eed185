"""The pixels that OpenCV 4 reads of a frame, on which models of public notebooks were trained.

OpenCV hands a frame to swscale without what the video says about it: colours are BT.601 in limited range whatever they
are marked as (but for the formats `yuvj...`), fields aren't told apart, and a colour sample lies in the middle of its
pixels. (OpenCV 5 heeds the marks. Where a video has none, as most have, both read the same.)
"""

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter


def opencv_pixels(frame: "av.VideoFrame", reformatter: VideoReformatter) -> np.ndarray:
    """uint8 [H, W, 3] BGR of the frame's own size, not turned; equal to `cv2.VideoCapture.read`.

    With one exception: of H.264 and HEVC with more than 8 bits, in heights that aren't multiples of 16, OpenCV 4 leaves
    the last two or three rows unfinished.
    """
    # BGR, not RGB: swscale rounds them differently.
    bgr = reformatter.reformat(_unmarked(frame), format="bgr24", interpolation=Interpolation.BICUBIC, threads=1)
    return bgr.to_ndarray()


def _unmarked(frame: "av.VideoFrame") -> "av.VideoFrame":
    """A frame with the same samples and nothing else; RGB, where there is nothing to be said about them, as it is."""
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
