"""The loop with which the public notebooks on UCF50 read a video, for comparison; imports only OpenCV and NumPy."""

import cv2
import numpy as np


def notebook_frames(path: str, num_frames: int, height: int, width: int) -> np.ndarray:
    """The frames, uint8 [at most num_frames, height, width, 3] BGR; fewer where OpenCV finds no more."""
    capture = cv2.VideoCapture(path)
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    skip = max(int(count / num_frames), 1)
    frames = []
    for counter in range(num_frames):
        capture.set(cv2.CAP_PROP_POS_FRAMES, counter * skip)
        success, frame = capture.read()
        if not success:
            break
        frames.append(cv2.resize(frame, (width, height)))
    capture.release()
    return np.array(frames)
