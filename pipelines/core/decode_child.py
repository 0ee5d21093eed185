"""The process in which videos are decoded, `python -m pipelines.core.decode_child FD MEMORY_BYTES`: see `isolation`.

It reads requests from a socket and answers each with a JSON header followed by binary parts. It imports little, so
that it starts fast, and lowers its own memory limit, so that a video that asks for more fails here and not in the
worker.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

import av.logging
import cv2
import numpy as np

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.core.video import Clip, VideoError, VideoReadError, VideoTooShort, read_clip

_STRIP_FRAMES = 8
_STRIP_HEIGHT = 64
_STRIP_QUALITY = 80


def encode_frames(frames: np.ndarray, encoding: FrameEncoding) -> list[bytes]:
    """Frames uint8 [T, H, W, 3] RGB as they are stored: one part of raw bytes, or T PNG or JPEG files."""
    if encoding.format == "raw":
        return [frames.tobytes()]
    options = [cv2.IMWRITE_JPEG_QUALITY, encoding.quality] if encoding.format == "jpeg" else []
    return [_encode_image(frame, f".{encoding.format}", options) for frame in frames]


def _encode_image(rgb: np.ndarray, extension: str, options: list[int]) -> bytes:
    ok, data = cv2.imencode(extension, rgb[..., ::-1], options)
    if not ok:
        raise cv2.error(f"a frame could not be encoded as {extension}")
    return data.tobytes()


def film_strip(frames: np.ndarray) -> bytes:
    """Some frames of a clip side by side, as a JPEG file of 64 pixels' height."""
    picks = [(2 * i + 1) * len(frames) // (2 * _STRIP_FRAMES) for i in range(_STRIP_FRAMES)]
    width = max(1, frames.shape[2] * _STRIP_HEIGHT // frames.shape[1])
    small = [cv2.resize(frames[i], (width, _STRIP_HEIGHT), interpolation=cv2.INTER_AREA) for i in sorted(set(picks))]
    return _encode_image(np.concatenate(small, axis=1), ".jpg", [cv2.IMWRITE_JPEG_QUALITY, _STRIP_QUALITY])


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Header and binary parts for a request; an error of the video is an answer too."""
    spec, encoding = ClipSpec(**request["spec"]), FrameEncoding.from_json(request["encoding"])
    try:
        clip = read_clip(request["path"], spec, request["min_frames"])
        parts = encode_frames(clip.frames, encoding)
        if request["strip"]:
            parts.append(film_strip(clip.frames))
    except VideoTooShort as short:
        return {"status": "filtered", "reason": str(short)}, []
    except MemoryError:
        return {"status": "out_of_memory"}, []
    except VideoError as error:
        stage = "read" if isinstance(error, VideoReadError) else "decode"
        return {"status": "failed", "stage": stage, "type": type(error).__name__, "message": str(error)}, []
    except cv2.error as error:
        return {"status": "failed", "stage": "encode", "type": "EncodeError", "message": str(error)}, []
    except Exception as error:  # a defect here or in a library: still one record with the reason, and the next video
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        return {"status": "failed", "stage": "decode", "type": "UnexpectedError", "message": message}, []
    return {"status": "ok", **_facts(clip)}, parts


def _facts(clip: Clip) -> dict[str, Any]:
    return {
        "frame_indices": clip.frame_indices,
        "timestamps_s": clip.timestamps_s,
        "num_source_frames": clip.num_source_frames,
        "duration_s": clip.duration_s,
        "damaged": clip.damaged,
    }


def _limit_memory(extra_bytes: int) -> None:
    """Lets this process grow by `extra_bytes` from here on; where the system has no such limit, it has none."""
    try:
        with open("/proc/self/statm") as statm:
            now = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + extra_bytes, now + extra_bytes))
    except (OSError, ValueError):
        pass  # not Linux: the time limit and the separate process remain


def serve(connection: Connection) -> None:
    """Answers requests until the other side goes away."""
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        # If the worker is gone it can't enforce the time limit: the kernel ends this process in its place.
        signal.alarm(request["alarm_s"])
        header, parts = answer(request)
        signal.alarm(0)
        connection.send_bytes(json.dumps({**header, "num_parts": len(parts)}).encode())
        for part in parts:
            connection.send_bytes(part)


def main() -> None:
    """Takes the socket from the worker and serves it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the worker decides
    av.logging.set_level(None)
    cv2.setNumThreads(1)
    _limit_memory(int(sys.argv[2]))
    connection = Connection(int(sys.argv[1]))
    connection.send_bytes(str(os.getpid()).encode())
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(connection)


if __name__ == "__main__":
    main()
