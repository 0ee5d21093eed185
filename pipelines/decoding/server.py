"""What runs in the process that decodes videos; `child_main` starts it.

It reads jobs and requests from a socket and answers each request with one or more JSON headers, each followed by its
binary parts; `more` in a header tells whether another one will follow. It imports little, so that it starts fast. It
limits its own memory, so that a video that needs more fails here and not in the worker.
"""

import contextlib
import json
import math
import pickle
import resource
import signal
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

import av.error
import av.logging
import cv2

from pipelines.core.failure import Failure
from pipelines.decoding.answers import answers
from pipelines.decoding.channel import receive_message, send_message
from pipelines.decoding.clip_answers import Answer, failed
from pipelines.decoding.lent_file import Lend, LentFile
from pipelines.decoding.messages import Job, LentBlocks, Request, WindowJob
from pipelines.video.content import provided

_ALARM_GRACE_S = 30


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
            yield failed(Failure("read", type(error).__name__, f"blocks of it: {error.strerror}", transient=True))
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
    more = isinstance(job, WindowJob) or bool(request.ranges or job.dense)
    for header, parts in all_answers(worker.lend, job, request):
        signal.alarm(0)  # sending waits until the worker takes the answer
        more = more and (header["status"] in ("window", "busy") or "part" in header)
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
