"""Encodes frames as a video whose bytes depend on the frames alone."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import Flags

from pipelines.samples.drawing import HEIGHT_PX, WIDTH_PX, Pixels

_SECONDS_BETWEEN_KEY_FRAMES = 2
_QUANTIZER_UNIT = 118  # FF_QP2LAMBDA of FFmpeg


@dataclass(frozen=True)
class VideoForm:
    """Size of the frames, their rate, and either of two kinds of quality.

    Attributes:
        width_px, height_px: of the frames.
        frames_per_second: their rate.
        bits_per_second: a constant bit rate, so that a file's size does not reveal how much moves in it.
        quantizer: from 1, the best, to 31; instead of a bit rate, so that how much a place takes up doesn't change how
            exactly motion is shown. 0 for the bit rate.
    """

    width_px: int
    height_px: int
    frames_per_second: Fraction
    bits_per_second: int
    quantizer: int = 0


CLIPS = VideoForm(WIDTH_PX, HEIGHT_PX, Fraction(25), 380_000)
CLIPS_OF_PLACES = VideoForm(WIDTH_PX, HEIGHT_PX, Fraction(25), 0, quantizer=4)


def encode_avi(frames: Iterable[Pixels], b_frames: int, form: VideoForm = CLIPS) -> bytes:
    """An MPEG-4 AVI file, without date or version: equal frames, equal bytes.

    Args:
        frames: uint8 [H * 3 / 2, W], planar YUV 4:2:0.
        b_frames: most B-frames in a row.
        form: sizes and rates.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="avi", options={"fflags": "+bitexact"}) as container:
        quality = {"flags": "+qscale", "global_quality": str(form.quantizer * _QUANTIZER_UNIT)}
        options = quality if form.quantizer else None
        stream = container.add_stream("mpeg4", rate=form.frames_per_second, options=options)
        codec = stream.codec_context
        codec.width, codec.height, codec.pix_fmt = form.width_px, form.height_px, "yuv420p"
        codec.codec_tag = "XVID"
        if not form.quantizer:
            codec.bit_rate = form.bits_per_second
        codec.gop_size = int(_SECONDS_BETWEEN_KEY_FRAMES * form.frames_per_second)
        codec.max_b_frames = b_frames
        codec.thread_count = 1  # each thread would encode its own slice, so their number would change the bytes
        codec.flags |= Flags.bitexact
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
