"""What the pixels of a clip tell: how bright it is, and how much moves."""

import numpy as np

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def brightness_and_motion(frames: np.ndarray) -> tuple[float, float | None]:
    """Mean luma, and the mean absolute difference of successive frames in luma, both from 0 to 255.

    Args:
        frames: uint8 [T, H, W, 3], RGB.

    Returns:
        Brightness and motion; motion is None for a clip of one frame.
    """
    luma = frames.astype(np.float32) @ _LUMA
    motion = float(np.abs(np.diff(luma, axis=0)).mean()) if len(luma) > 1 else None
    return float(luma.mean()), motion
