"""Decoding in child processes: a video which hangs, crashes the decoder or exhausts memory costs one failure record.

The children also are the local parallelism: a `DecoderPool` of n children decodes n videos at a time, and yields the
results in the order of the requests, a few at most held back.
"""

import contextlib
import json
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pipelines.core.child import DecoderChild, why_lost
from pipelines.core.decode_types import (
    DecodedClip,
    DecodeFailure,
    DecodeFiltered,
    DecodeJob,
    DecodeLimits,
    DecodeResult,
)

_T = TypeVar("_T")
_ALARM_GRACE_S = 30
_PIPELINE = 2
"""Videos that a child holds at a time: the one that it decodes and the next."""
_LOOK_AHEAD = 4
"""Results for each child that may wait for an earlier one; memory is bounded by it."""
_TRANSIENT = ("VideoReadError", "UnexpectedError")
"""A disk or network may be back, a defect of this software mended."""


@dataclass(eq=False)
class _Task:
    """A video on its way through a decoder; `open_local` is entered when its turn comes, and left when it is done."""

    job: DecodeJob
    open_local: Callable[[], contextlib.AbstractContextManager[str]]
    strip: bool
    result: "Future[DecodeResult]" = field(default_factory=Future)
    request: bytes = b""
    opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def open(self) -> bool:
        """Makes the request; False where the source can't be read, which then is the result."""
        try:
            path = self.opened.enter_context(self.open_local())
        except OSError as error:
            message = error.strerror or str(error)
            self.finish(DecodeFailure("read", type(error).__name__, message, transient=True))
            return False
        except Exception as error:
            self.result.set_exception(error)
            return False
        request = {
            "path": path,
            "spec": self.job.spec.to_json(),
            "encoding": self.job.encoding.to_json(),
            "min_frames": self.job.min_frames,
            "strip": self.strip,
            "alarm_s": math.ceil(self.job.limits.time_s) + _ALARM_GRACE_S,
        }
        self.request = json.dumps(request).encode()
        return True

    def finish(self, result: DecodeResult) -> None:
        """Hands over the result."""
        self.opened.close()
        self.result.set_result(result)


class _Decoder(threading.Thread):
    """Takes tasks from a queue to a child of its own, which is started when first needed and again when it was lost.

    While the child is busy with one video the next is fetched and handed over, so that it never waits for this process.
    """

    def __init__(self, tasks: "queue.Queue[_Task | None]", memory_mb: int, workers: int) -> None:
        super().__init__(name="decoder", daemon=True)
        self._tasks = tasks
        self._memory_mb = memory_mb
        self._workers = workers
        self._child: DecoderChild | None = None
        self._handed_over: deque[_Task] = deque()
        self._since = 0.0
        self._closed = False

    def run(self) -> None:
        """Decodes until None comes out of the queue, or the pool is closed."""
        try:
            while not self._closed:
                try:
                    self._decode_all()
                    return
                except Exception as error:  # no child can be started, or a defect: nobody may wait for ever
                    self._give_up(error)
        finally:
            self._give_up(RuntimeError("the decoders were closed"))

    def _give_up(self, error: Exception) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None
        for task in self._handed_over:
            task.opened.close()
            task.result.set_exception(error)
        self._handed_over.clear()

    def _decode_all(self) -> None:
        while not self._closed:
            # A second task is taken ahead only where the other decoders find work too.
            ahead = bool(self._handed_over)
            if not ahead or (len(self._handed_over) < _PIPELINE and self._tasks.qsize() >= self._workers):
                with contextlib.suppress(queue.Empty):
                    task = self._tasks.get(block=not ahead)
                    if task is None:
                        return
                    if task.result.set_running_or_notify_cancel() and task.open():
                        self._hand_over(task)
                    continue
            self._finish_first()

    def close(self) -> None:
        """Ends the child, also if it is decoding."""
        self._closed = True
        if self._child is not None:
            self._child.kill()

    def _hand_over(self, task: _Task) -> None:
        if not self._handed_over:
            self._since = time.monotonic()
        self._handed_over.append(task)
        self._send(task)

    def _send(self, task: _Task) -> None:
        if self._child is None:
            self._child = DecoderChild(self._memory_mb)
        with contextlib.suppress(OSError):  # it is lost: found out when its answer is awaited
            self._child.connection.send_bytes(task.request)

    def _finish_first(self) -> None:
        """Awaits the answer to the first task that was handed over; after a loss, the others go to a new child."""
        task, child = self._handed_over[0], self._child
        assert child is not None
        time_s = task.job.limits.time_s
        try:
            left = time_s - (time.monotonic() - self._since)
            if child.connection.poll(max(0.0, left)):
                header = json.loads(child.connection.recv_bytes())
                parts = [child.connection.recv_bytes() for _ in range(header.pop("num_parts"))]
                result, lost = self._result(header, parts, task.strip)
            else:
                result, lost = (
                    DecodeFailure("decode", "DecodeTimeout", f"not decoded within {time_s:g} s", transient=True),
                    True,
                )
        except (EOFError, OSError):
            result, lost = why_lost(child.exit_code()), True
        self._handed_over.popleft()
        self._since = time.monotonic()
        task.finish(result)
        if lost and not self._closed:
            child.end()
            self._child = None
            for other in self._handed_over:
                self._send(other)

    def _result(self, header: dict[str, Any], parts: list[bytes], strip: bool) -> tuple[DecodeResult, bool]:
        """The result, and whether the child can't be used any more."""
        status = header.pop("status")
        if status == "ok":
            clip = DecodedClip(frames=parts[:-1] if strip else parts, strip=parts[-1] if strip else None, **header)
            return clip, False
        if status == "filtered":
            return DecodeFiltered(header["reason"]), False
        if status == "out_of_memory":  # what it has left may be in pieces
            message = f"needs more than {self._memory_mb} MB of memory"
            return DecodeFailure("decode", "DecodeOutOfMemory", message, transient=True), True
        return DecodeFailure(**header, transient=header["type"] in _TRANSIENT), False


class DecoderPool:
    """`workers` decoders. Threads may share a pool; there never are more children than `workers`."""

    def __init__(self, workers: int, limits: DecodeLimits) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, not {workers}")
        self._workers = workers
        self._tasks: queue.Queue[_Task | None] = queue.Queue()
        self._decoders = [_Decoder(self._tasks, limits.memory_mb, workers) for _ in range(workers)]
        for decoder in self._decoders:
            decoder.start()

    def map(
        self,
        items: Iterable[_T],
        job: DecodeJob,
        open_local: Callable[[_T], contextlib.AbstractContextManager[str]],
        wants_strip: Callable[[_T], bool] = lambda _: False,
    ) -> Iterator[tuple[_T, DecodeResult]]:
        """Yields each item with its result, in order.

        Args:
            items: what to decode.
            job: how.
            open_local: gives a local path for an item, for as long as it is decoded; its `OSError` is a failure of
                the stage `read`.
            wants_strip: whether a film strip is to come with the clip.

        Raises:
            RuntimeError: decoder processes can't be started at all.
        """
        pending: deque[tuple[_T, Future[DecodeResult]]] = deque()
        try:
            for item in items:
                task = _Task(job, partial(open_local, item), wants_strip(item))
                self._tasks.put(task)
                pending.append((item, task.result))
                if len(pending) > _LOOK_AHEAD * self._workers:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        finally:
            for _, future in pending:
                future.cancel()

    def close(self) -> None:
        """Ends all children, also those that are decoding."""
        for _ in self._decoders:
            self._tasks.put(None)
        for decoder in self._decoders:
            decoder.close()
        for decoder in self._decoders:
            decoder.join()
