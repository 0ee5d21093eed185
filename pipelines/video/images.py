"""Frames as files: raw bytes, PNG and JPEG, and film strips for people to look at."""

import cv2
import numpy as np

from pipelines.core.spec import ClipSpec, FrameEncoding

_STRIP_FRAMES = 8
_STRIP_HEIGHT = 64
_STRIP_QUALITY = 80


def encode_frames(frames: np.ndarray, encoding: FrameEncoding) -> list[bytes]:
    """Encodes frames uint8 [T, H, W, 3] RGB for storage: one part of raw bytes, or T PNG or JPEG files.

    Raises:
        cv2.error: a frame could not be encoded.
    """
    if encoding.format == "raw":
        return [frames.tobytes()]
    options = [cv2.IMWRITE_JPEG_QUALITY, encoding.quality] if encoding.format == "jpeg" else []
    return [_encode_image(frame, f".{encoding.format}", options) for frame in frames]


def as_stored(clip: bytes, spec: ClipSpec, encoding: FrameEncoding) -> bytes:
    """A raw clip as it would be read back from a dataset of this encoding: with the losses of JPEG."""
    frames = np.frombuffer(clip, np.uint8).reshape(spec.shape)
    return decode_frames(encode_frames(frames, encoding), spec, encoding).tobytes()


def film_strip(frames: np.ndarray) -> bytes:
    """Up to 8 frames of a clip, uint8 [T, H, W, 3] RGB, side by side in a JPEG file 64 pixels high.

    Raises:
        cv2.error: the film strip could not be encoded.
    """
    picks = [(2 * i + 1) * len(frames) // (2 * _STRIP_FRAMES) for i in range(_STRIP_FRAMES)]
    width = max(1, frames.shape[2] * _STRIP_HEIGHT // frames.shape[1])
    small = [cv2.resize(frames[i], (width, _STRIP_HEIGHT), interpolation=cv2.INTER_AREA) for i in sorted(set(picks))]
    return _encode_image(np.concatenate(small, axis=1), ".jpg", [cv2.IMWRITE_JPEG_QUALITY, _STRIP_QUALITY])


def _encode_image(rgb: np.ndarray, extension: str, options: list[int]) -> bytes:
    ok, data = cv2.imencode(extension, rgb[..., ::-1], options)
    if not ok:
        raise cv2.error(f"a frame could not be encoded as {extension}")
    return data.tobytes()


def decode_frames(frames: list[bytes], spec: ClipSpec, encoding: FrameEncoding) -> np.ndarray:
    """The pixels of a record: uint8 [T, H, W, 3] RGB.

    Raises:
        ValueError: the stored frames don't have the shape of `spec`.
    """
    if encoding.format == "raw":
        if len(frames) != 1 or len(frames[0]) != spec.num_bytes:
            raise ValueError(f"{sum(map(len, frames))} bytes of frames instead of {spec.num_bytes} for {spec.shape}")
        return np.frombuffer(frames[0], np.uint8).reshape(spec.shape)
    pictures = [cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR) for frame in frames]
    shapes = [None if picture is None else picture.shape for picture in pictures]
    if shapes != [spec.shape[1:]] * spec.num_frames:
        raise ValueError(f"frames of the shapes {sorted(set(map(str, shapes)))} instead of {spec.shape}")
    return np.stack([picture[..., ::-1] for picture in pictures])
