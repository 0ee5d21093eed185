"""What the process does in which videos are decoded; `decode_child` starts it.

It reads requests from a socket and answers each with one or more JSON headers, each followed by its binary parts;
`more` in a header tells whether another one will come. It imports little, so that it starts fast. It lowers its own
memory limit, so that a video that asks for more fails here and not in the worker.
"""

import contextlib
import itertools
import json
import resource
import signal
import socket
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import av.logging
import cv2

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.decoding.channel import receive_message, send_message
from pipelines.video.clip import read_clip
from pipelines.video.content import content_mark
from pipelines.video.errors import VideoDecodeError, VideoError, VideoReadError, VideoTooLong, VideoTooShort
from pipelines.video.images import encode_frames, film_strip
from pipelines.video.long_video import WindowClip, WindowFailure, read_windows
from pipelines.video.remarks import Shortfall, remark
from pipelines.video.source import read_source
from pipelines.video.survey import Piece, Survey, survey_in_steps
from pipelines.video.windows import Window, WindowSpec

Answer = tuple[dict[str, Any], list[bytes]]
"""A header with the key `status`, and binary parts."""
_BUSY: Answer = ({"status": "busy"}, [])
"""Said while something takes long: all is well."""


def answers(request: dict[str, Any]) -> Iterator[Answer]:
    """What a request asks for; an error of the video is an answer too, and the last one."""
    try:
        yield from (_clip if request["wanted"] == "clip" else _windows)(request)
    except VideoTooShort as short:
        yield {"status": "filtered", "reason": str(short)}, []
    except MemoryError:
        yield {"status": "out_of_memory"}, []
    except VideoError as error:
        stage = "read" if isinstance(error, VideoReadError) else "decode"
        yield _failure(stage, type(error).__name__, str(error))
    except cv2.error as error:
        yield _failure("encode", "EncodeError", str(error))
    except Exception as error:  # a defect here or in a library: still one record with the reason, and the next video
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        yield _failure("decode", "UnexpectedError", message)


def _failure(stage: str, kind: str, message: str) -> Answer:
    return {"status": "failed", "stage": stage, "type": kind, "message": message}, []


def _clip(request: dict[str, Any]) -> Iterator[Answer]:
    """A clip as it is stored."""
    clip = read_clip(request["path"], ClipSpec(**request["spec"]), request["min_frames"])
    parts = encode_frames(clip.frames, FrameEncoding.from_json(request["encoding"]))
    if request["strip"]:
        parts.append(film_strip(clip.frames))
    facts = {
        "frame_indices": clip.frame_indices,
        "timestamps_s": clip.timestamps_s,
        "num_source_frames": clip.num_source_frames,
        "duration_s": clip.duration_s,
        "damaged": clip.damaged,
        "remark": remark(clip.damage, clip.remarks, clip.num_source_frames),
        "content": _content(request["path"]),
    }
    if request.get("with_source"):
        facts["source"] = asdict(read_source(request["path"]))
    yield {"status": "clip", "strip": request["strip"], **facts}, parts


def _content(path: str) -> int:
    """The mark of the file's content: read last, when the system has the file at hand. The clip is as good without."""
    try:
        return content_mark(path)
    except OSError:
        return 0


def _windows(request: dict[str, Any]) -> Iterator[Answer]:
    """The windows of a video, or of a range of it; of a very long one, the ranges alone."""
    path, spec, windows = request["path"], ClipSpec(**request["spec"]), WindowSpec(**request["windows"])
    wanted = request["range"]
    if wanted is None:
        try:
            clip = read_clip(path, spec, max_duration_s=windows.whole_up_to_s)
        except VideoTooLong:
            video = yield from survey_in_steps(path, _BUSY)
            ranges = _ranges(video, windows, spec.by_time)
            if len(ranges) > 1:
                yield {"status": "cut", "ranges": ranges}, []
                return
            wanted = ranges[0]
        else:
            whole = Window(0, 0.0, clip.duration_s)
            clips = [WindowClip(whole, clip.frames, clip.damaged)]
            said = remark(clip.damage, clip.remarks, clip.num_source_frames)
            yield from _answers(clips, [whole], clip.duration_s, clip.missing, said)
            return
    piece = Piece.from_json(wanted)
    missing = Shortfall(**wanted["missing"]) if wanted["missing"] else None
    planned = [planned.window for planned in piece.windows]
    yield from _answers(read_windows(path, spec, piece), planned, wanted["duration_s"], missing, wanted["remark"])


def _ranges(video: Survey, windows: WindowSpec, by_time: bool) -> list[dict[str, Any]]:
    """The ranges of a video; the last one has what is missing behind it, which counts as one more window."""
    said = remark(video.missing.message if video.missing else "", video.remarks, video.num_frames)
    common = {"duration_s": video.duration_s, "missing": None, "remark": said}
    pieces = video.pieces(windows, by_time)
    ranges = [{**piece.to_json(), **common, "num_windows": len(piece.windows)} for piece in pieces]
    if video.missing:
        ranges[-1]["missing"] = asdict(video.missing)
        ranges[-1]["num_windows"] += bool(video.missing.seconds_behind(video.duration_s))
    return ranges


def _answers(
    results: Iterable[WindowClip | WindowFailure],
    planned: list[Window],
    duration_s: float,
    missing: Shortfall | None,
    said: str,
) -> Iterator[Answer]:
    """The results of the windows, and the failure of what is missing behind the last one."""
    lost = []
    if missing and missing.seconds_behind(duration_s):
        place = Window(planned[-1].index + 1, duration_s, missing.end_s)
        lost.append(WindowFailure(place, VideoDecodeError.__name__, missing.message))
    common = {"num_windows": len(planned) + len(lost), "duration_s": duration_s}
    for result in itertools.chain(results, lost):
        window = {"window": (result.window.index, result.window.start_s, result.window.end_s), **common}
        if isinstance(result, WindowClip):
            damaged = result.damaged or missing is not None
            yield {"status": "window", **window, "damaged": damaged, "remark": said}, [result.frames.tobytes()]
        else:
            yield {"status": "window_failed", **window, "type": result.type, "message": result.message}, []


def _limit_memory(extra_bytes: int) -> str:
    """Lets this process grow by `extra_bytes` from here on. Returns why that can't be had, empty where it can: then the
    time limit and the separate process remain."""
    try:
        with open("/proc/self/statm") as statm:
            now = int(statm.read().split()[0]) * resource.getpagesize()
        hardest = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = now + extra_bytes
        if hardest != resource.RLIM_INFINITY:  # somebody has set one already
            limit = min(limit, hardest)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except OSError as error:
        return f"{error.filename or 'setrlimit'}: {error.strerror}"
    except ValueError as error:
        return str(error)
    return ""


def serve(connection: socket.socket) -> None:
    """Answers requests until the other side goes away."""
    while True:
        try:
            request = json.loads(receive_message(connection))
        except EOFError:
            return
        # If the worker is gone it can't enforce the time limit: the kernel ends this process in its place.
        signal.alarm(request["alarm_s"])
        more = request["wanted"] == "windows"
        for header, parts in answers(request):
            signal.alarm(0)  # sending waits until the worker has use for it
            more = more and header["status"] in ("window", "window_failed", "busy")
            _send(connection, {**header, "more": more}, parts)
            signal.alarm(request["alarm_s"])
        if more:
            _send(connection, {"status": "end", "more": False}, [])
        signal.alarm(0)


def _send(connection: socket.socket, header: dict[str, Any], parts: list[bytes]) -> None:
    send_message(connection, json.dumps({**header, "num_parts": len(parts)}).encode())
    for part in parts:
        send_message(connection, part)


def run(descriptor: int, memory_bytes: int) -> None:
    """Takes the socket from the worker and serves it, with so much more memory than now."""
    av.logging.set_level(None)
    cv2.setNumThreads(1)
    no_limit = _limit_memory(memory_bytes)
    connection = socket.socket(fileno=descriptor)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        send_message(connection, json.dumps({"no_limit": no_limit}).encode())
        serve(connection)
