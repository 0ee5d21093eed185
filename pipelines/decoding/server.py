"""What runs in the process that decodes videos; `child_main` starts it.

It reads jobs and requests from a socket and answers each request with one or more JSON headers, each followed by its
binary parts; `more` in a header tells whether another one will follow. It imports little, so that it starts fast. It
limits its own memory, so that a video that needs more fails here and not in the worker.
"""

import contextlib
import itertools
import json
import math
import pickle
import resource
import signal
import socket
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import av.error
import av.logging
import cv2

from pipelines.core.failure import Failure
from pipelines.decoding.channel import receive_message, send_message
from pipelines.decoding.lent_file import Lend, LentFile
from pipelines.decoding.messages import DecodeJob, Job, LentBlocks, Request, WindowJob
from pipelines.video.clip import Clip, read_clip
from pipelines.video.content import content_mark, provided
from pipelines.video.errors import VideoError, VideoReadError, VideoTooShort
from pipelines.video.images import encode_frames, film_strip
from pipelines.video.long_video import WindowClip, lost_window, read_windows
from pipelines.video.pieces import Piece, Range
from pipelines.video.remarks import remark
from pipelines.video.source import read_source
from pipelines.video.survey import clip_or_survey
from pipelines.video.windows import Window

Answer = tuple[dict[str, Any], list[bytes]]
"""A header with the key `status`, and binary parts."""
_ALARM_GRACE_S = 30
_PASSED_ON = ("frame_indices", "timestamps_s", "num_source_frames", "duration_s", "damaged")
_BUSY: Answer = ({"status": "busy"}, [])
"""Sent while something takes long, to show that the process is working."""


def answers(job: Job, request: Request) -> Iterator[Answer]:
    """The answers to a request about a video that can be opened; an error of the video is an answer too, and the last
    one."""
    try:
        yield from _clip(job, request) if isinstance(job, DecodeJob) else _windows(job, request)
    except VideoTooShort as short:
        yield {"status": "filtered", "reason": str(short)}, []
    except MemoryError:
        yield {"status": "out_of_memory"}, []
    except VideoReadError as error:  # the disk or network may recover
        yield _failed(Failure("read", type(error).__name__, str(error), transient=True))
    except VideoError as error:
        yield _failed(Failure("decode", type(error).__name__, str(error)))
    except cv2.error as error:
        yield _failed(Failure("encode", "EncodeError", str(error)))
    except Exception as error:  # a bug here or in a library costs only this video
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        yield _failed(Failure("decode", "UnexpectedError", message, transient=True))  # a later version may fix it


def _failed(failure: Failure) -> Answer:
    return {"status": "failed", "failure": failure.to_json()}, []


def _clip(job: DecodeJob, request: Request) -> Iterator[Answer]:
    """A clip as it is stored."""
    clip = read_clip(request.path, job.spec, job.min_frames)
    parts = encode_frames(clip.frames, job.encoding)
    if request.strip:
        parts.append(film_strip(clip.frames))
    facts = {
        **{name: getattr(clip, name) for name in _PASSED_ON},
        "remark": remark(clip.damage, clip.remarks, clip.num_source_frames),
        "content": _content(request),
    }
    if job.with_source:
        facts["source"] = asdict(read_source(request.path))
    yield {"status": "clip", "strip": request.strip, **facts}, parts


def _content(request: Request) -> int:
    """The mark of the file's content, computed last, when the file is cached; 0, without harm, if it can't be read."""
    if request.lent is not None and request.lent.mark is not None:
        return request.lent.mark
    try:
        return content_mark(request.path)
    except OSError:
        return 0


def _windows(job: WindowJob, request: Request) -> Iterator[Answer]:
    """The windows of a video or of a range of it; for a very long video, only its ranges."""
    path, spec, wanted = request.path, job.spec, request.range
    if wanted is None:
        video = yield from clip_or_survey(path, _BUSY, spec, job.windows.whole_up_to_s)
        if isinstance(video, Clip):
            whole = Window(0, 0.0, video.duration_s)
            said = remark(video.damage, video.remarks, video.num_source_frames)
            alone = Range(0, 1, video.duration_s, {}, video.missing, said)
            yield from _answers([WindowClip(whole, video.frames, video.damaged)], alone)
            return
        ranges = video.ranges(job.windows, spec.by_time)
        if len(ranges) > 1:
            yield {"status": "cut", "ranges": list(map(asdict, ranges))}, []
            return
        wanted = ranges[0]
    yield from _answers(read_windows(path, spec, Piece.from_json(wanted.piece)), wanted)


def _answers(results: Iterable[WindowClip], wanted: Range) -> Iterator[Answer]:
    """The results of a range's windows, and a failure for what is missing after the last one."""
    missing, lost = wanted.missing, []
    if missing and missing.seconds_behind(wanted.duration_s):
        lost.append(lost_window(Window(wanted.end, wanted.duration_s, missing.end_s), missing.message))
    common = {"status": "window", "num_windows": wanted.num_windows, "duration_s": wanted.duration_s}
    for result in itertools.chain(results, lost):
        failure = result.failure
        of_window = {
            "window": (result.window.index, result.window.start_s, result.window.end_s),
            "damaged": failure is None and (result.damaged or missing is not None),
            "remark": wanted.remark if failure is None else "",
            "failure": failure and failure.to_json(),
        }
        yield {**common, **of_window}, [result.frames.tobytes()]


def _limit_memory(extra_bytes: int) -> str:
    """Limits the further growth of this process to `extra_bytes`. Returns why it can't be limited, empty if it can:
    without a limit, the time limit and the separate process still protect the worker."""
    try:
        with open("/proc/self/statm") as statm:
            now = int(statm.read().split()[0]) * resource.getpagesize()
        hardest = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = now + extra_bytes
        if hardest != resource.RLIM_INFINITY:  # a limit has already been set from outside
            limit = min(limit, hardest)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except OSError as error:
        return f"{error.filename or 'setrlimit'}: {error.strerror}"
    except ValueError as error:
        return str(error)
    return ""


class _Worker:
    """The worker that asks, and is asked for blocks of videos in between."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._said: deque[Any] = deque()

    def next(self) -> Any:
        """The next job or request.

        Raises:
            EOFError: the worker is gone.
        """
        return self._said.popleft() if self._said else pickle.loads(receive_message(self.connection))

    def lend(self, first: int, count: int) -> tuple[int, ...] | None:
        """Asks for blocks of the video that is being decoded. Meanwhile, the time limit doesn't apply."""
        left_s = signal.alarm(0)
        _send(self.connection, {"status": "need", "blocks": (first, count)}, [])
        while not isinstance(said := pickle.loads(receive_message(self.connection)), LentBlocks):
            self._said.append(said)  # what comes after this request
        signal.alarm(left_s)
        return said.places


def serve(connection: socket.socket) -> None:
    """Answers requests until the other side goes away."""
    job: Job | None = None
    worker = _Worker(connection)
    while True:
        try:
            said = worker.next()
        except EOFError:
            return
        if isinstance(said, Request):
            assert job is not None
            _answer(worker, job, said)
        else:
            job = said


def all_answers(lend: Lend, job: Job, request: Request) -> Iterator[Answer]:
    """Like `answers`, also about a video of which the worker lends blocks. If it can't get one, an answer that says so
    is the last one, whatever was made of the end of the data."""
    if request.lent is None:
        yield from answers(job, request)
        return
    with contextlib.ExitStack() as stack:
        try:
            file = LentFile(request.lent, lend)
        except OSError as error:
            yield _failed(Failure("read", type(error).__name__, f"blocks of it: {error.strerror}", transient=True))
            return
        stack.callback(file.close)
        stack.enter_context(provided(request.path, file.open))
        stack.callback(_forget_errors)
        for answer in answers(job, request):
            if file.lost:
                yield {"status": "lost"}, []
                return
            yield answer


def _forget_errors() -> None:
    """PyAV raises an error of a read at its next call, which must not be about another video."""
    with contextlib.suppress(Exception):
        av.error.err_check(0)


def _answer(worker: _Worker, job: Job, request: Request) -> None:
    # A worker that is gone can't enforce the time limit; the kernel then ends this process instead.
    connection = worker.connection
    alarm_s = math.ceil(job.limits.time_s) + _ALARM_GRACE_S
    signal.alarm(alarm_s)
    more = isinstance(job, WindowJob)
    for header, parts in all_answers(worker.lend, job, request):
        signal.alarm(0)  # sending waits until the worker takes the answer
        more = more and header["status"] in ("window", "busy")
        _send(connection, {**header, "more": more}, parts)
        signal.alarm(alarm_s)
    if more:
        _send(connection, {"status": "end", "more": False}, [])
    signal.alarm(0)


def _send(connection: socket.socket, header: dict[str, Any], parts: list[bytes]) -> None:
    send_message(connection, json.dumps({**header, "num_parts": len(parts)}).encode())
    for part in parts:
        send_message(connection, part)


def run(descriptor: int, memory_bytes: int) -> None:
    """Takes the socket from the worker and serves it, with at most `memory_bytes` more memory than now."""
    av.logging.set_level(None)
    cv2.setNumThreads(1)
    no_limit = _limit_memory(memory_bytes)
    connection = socket.socket(fileno=descriptor)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        send_message(connection, json.dumps({"no_limit": no_limit}).encode())
        serve(connection)
