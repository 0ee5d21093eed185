"""Frames as files: raw bytes, PNG and JPEG, and film strips and animations for people to look at."""

import base64
import io
from collections.abc import Sequence
from fractions import Fraction
from html import escape

import av
import cv2
import numpy as np

from pipelines.core.spec import STRIP_FRAMES, ClipSpec, FrameEncoding

_STRIP_HEIGHT = 64
_STRIP_QUALITY = 80
_WIDEST_JPEG = 65_500
_SHOWN_HEIGHT = 128
_MOST_SHOWN, _MOST_WIDTH = 60, 1024


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
    picks = [(2 * i + 1) * len(frames) // (2 * STRIP_FRAMES) for i in range(STRIP_FRAMES)]
    width = max(1, min(frames.shape[2] * _STRIP_HEIGHT // frames.shape[1], _WIDEST_JPEG // STRIP_FRAMES))
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


def animation(frames: np.ndarray, duration_s: float) -> bytes:
    """Up to 60 frames of a clip, uint8 [T, H, W, 3] RGB, as an animated WebP picture 128 pixels high.

    It plays endlessly, once in `duration_s`.
    """
    count = min(len(frames), _MOST_SHOWN)
    picks = [(2 * i + 1) * len(frames) // (2 * count) for i in range(count)]
    width = frames.shape[2] * _SHOWN_HEIGHT // frames.shape[1]
    size = min(max(width, 1), _MOST_WIDTH), _SHOWN_HEIGHT
    way = cv2.INTER_AREA if frames.shape[1] > _SHOWN_HEIGHT else cv2.INTER_CUBIC
    shown = [cv2.resize(frames[i], size, interpolation=way) for i in picks]
    times_s = [duration_s * i / count for i in range(count)]
    return encode_video(np.stack(shown), times_s, "webp", "libwebp_anim", {"quality": "80"}, {"loop": "0"})


def encode_video(
    frames: np.ndarray,
    times_s: Sequence[float],
    container: str,
    codec: str,
    codec_options: dict[str, str],
    container_options: dict[str, str] | None = None,
) -> bytes:
    """Encodes frames uint8 [T, H, W, 3] RGB, each with the time in seconds at which it is first shown."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=container_options or {}) as file:
        stream = file.add_stream(codec, options=codec_options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.thread_count = 1
        for picture, time_s in zip(frames, times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def data_uri(data: bytes, media_type: str) -> str:
    """Bytes as an address that holds them, for pages that load nothing."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def clip_html(frames: np.ndarray, duration_s: float, caption: str) -> str:
    """A clip for a notebook: its frames in motion, some of them side by side, and a line of plain text below."""
    said = escape(caption)
    moving = data_uri(animation(frames, duration_s), "image/webp")
    strip = data_uri(film_strip(frames), "image/jpeg")
    return (
        f'<figure style="margin: 8px 0"><img src="{moving}" alt="{said}"> <img src="{strip}" alt="Film strip">'
        f"<figcaption>{said}</figcaption></figure>"
    )
