"""The ways of getting 20 frames out of a video that `benchmarks.decoding` compares, each at its best in one thread.

Each takes a path and returns uint8 [20, 64, 64, 3] RGB; the last one, for comparison, returns the number of frames. A
method whose package is missing raises ImportError when it is made.
"""

import atexit
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.decoding.messages import DecodedClip, DecodeJob, DecodeLimits
from pipelines.decoding.pool import DecoderPool
from pipelines.video.clip import read_clip
from pipelines.video.resize import AREA

SPEC = ClipSpec(num_frames=20, height=64, width=64)
NOTEBOOK_SPEC = ClipSpec(num_frames=20, height=64, width=64, sampling="notebook")
_SIZE = (SPEC.width, SPEC.height)

Run = Callable[[str], "np.ndarray | int"]
Shrink = Callable[[av.VideoFrame], np.ndarray]


def _with_opencv(interpolation: int) -> Shrink:
    return lambda frame: cv2.resize(frame.to_ndarray(format="rgb24"), _SIZE, interpolation=interpolation)


def _with_ffmpeg(flags: int) -> Shrink:
    return lambda frame: frame.reformat(SPEC.width, SPEC.height, "rgb24", interpolation=flags).to_ndarray()


LIKE_OPENCV_LINEAR = _with_opencv(cv2.INTER_LINEAR)
LIKE_OPENCV_AREA = _with_opencv(cv2.INTER_AREA)
LIKE_DECORD = _with_ffmpeg(Interpolation.BICUBIC)
LIKE_TORCH = _with_ffmpeg(Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT)
LIKE_OURS = _with_ffmpeg(AREA)


@dataclass(frozen=True)
class Method:
    """A row of the comparison.

    Attributes:
        name: name in the table.
        make: returns the function that is measured.
        spec: which frames the method must return.
        shrink: resizes a frame much as the method does, so that its frames can be distinguished from their neighbours.
    """

    name: str
    make: Callable[[], Run]
    spec: ClipSpec = SPEC
    shrink: Shrink = LIKE_OPENCV_AREA


def _capture(path: str) -> cv2.VideoCapture:
    # Without this, FFmpeg's frame threads start in every capture and cost OpenCV up to a third more CPU time.
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if not capture.isOpened():
        raise OSError(f"OpenCV cannot open {path}")
    return capture


def _notebook() -> Run:
    def run(path: str) -> np.ndarray:
        """As published, but without the division by 255, and with the swap to RGB, which is often left out."""
        frames = []
        capture = _capture(path)
        skip = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) // SPEC.num_frames, 1)
        for counter in range(SPEC.num_frames):
            capture.set(cv2.CAP_PROP_POS_FRAMES, counter * skip)
            ok, frame = capture.read()
            if not ok:
                break
            frames.append(cv2.cvtColor(cv2.resize(frame, _SIZE), cv2.COLOR_BGR2RGB))
        capture.release()
        return np.array(frames)

    return run


def _shrink(bgr: np.ndarray) -> np.ndarray:
    # Small first, so that few pixels are left whose channels must be swapped.
    return cv2.cvtColor(cv2.resize(bgr, _SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def _opencv(skips: bool) -> Run:
    """Every frame is read, or (`skips`) those that aren't needed are grabbed without being converted."""

    def run(path: str) -> np.ndarray:
        capture = _capture(path)
        needed = SPEC.sample(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        pictures = {}
        for index in range(needed[-1] + 1):
            if not (capture.grab() if skips else (found := capture.read())[0]):
                break
            if index in needed:
                pictures[index] = _shrink((capture.retrieve() if skips else found)[1])
        capture.release()
        return np.stack([pictures[index] for index in needed])

    return run


def _decord() -> Run:
    import decord

    def run(path: str) -> np.ndarray:
        # Its own resizing is faster than resizing afterwards.
        reader = decord.VideoReader(path, ctx=decord.cpu(0), width=SPEC.width, height=SPEC.height, num_threads=1)
        frames: np.ndarray = reader.get_batch(list(SPEC.sample(len(reader)))).asnumpy()
        return frames

    return run


def _torchcodec(seek_mode: str) -> Run:
    import torch
    from torch.nn.functional import interpolate

    try:
        from torchcodec.decoders import VideoDecoder
    except (OSError, RuntimeError) as error:  # it is installed, but FFmpeg's libraries are not
        raise ImportError(str(error)) from error
    torch.set_num_threads(1)

    def run(path: str) -> np.ndarray:
        decoder = VideoDecoder(path, num_ffmpeg_threads=1, seek_mode=seek_mode)
        frames = decoder.get_frames_at(list(SPEC.sample(decoder.metadata.num_frames))).data
        # Faster than cv2.resize of each frame, and than the decoder's own Resize transform.
        small = interpolate(frames, (SPEC.height, SPEC.width), mode="bilinear", antialias=True)
        result: np.ndarray = small.permute(0, 2, 3, 1).numpy()
        return result

    return run


def _ours() -> Run:
    return lambda path: read_clip(path, SPEC).frames


def _ours_isolated() -> Run:
    pool = DecoderPool(1, DecodeLimits())
    atexit.register(pool.close)
    job = DecodeJob(SPEC, FrameEncoding())

    def run(path: str) -> np.ndarray:
        ((_, result),) = pool.map([path], job, contextlib.nullcontext)
        if not isinstance(result, DecodedClip):
            raise OSError(str(result))
        return np.frombuffer(result.frames[0], np.uint8).reshape(SPEC.shape)

    return run


def _full_decode() -> Run:
    def run(path: str) -> int:
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            return sum(1 for _ in container.decode(stream))

    return run


NOTEBOOK = "notebooks: seek to each frame"
FULL_DECODE = "every frame decoded, none converted"
OURS = "ours: read_clip"
IN_PROCESS = "ours, in a decoder process"

METHODS = (
    Method(NOTEBOOK, _notebook, NOTEBOOK_SPEC, LIKE_OPENCV_LINEAR),
    Method("OpenCV, read every frame", lambda: _opencv(skips=False)),
    Method("OpenCV, grab and retrieve", lambda: _opencv(skips=True)),
    Method("decord, batch", _decord, shrink=LIKE_DECORD),
    Method("torchcodec, exact", lambda: _torchcodec("exact"), shrink=LIKE_TORCH),
    Method("torchcodec, approximate", lambda: _torchcodec("approximate"), shrink=LIKE_TORCH),
    Method(OURS, _ours, shrink=LIKE_OURS),
    Method(IN_PROCESS, _ours_isolated, shrink=LIKE_OURS),
    Method(FULL_DECODE, _full_decode),
)
