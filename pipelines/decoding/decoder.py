"""One decoder as a thread of the worker: it hands videos to its child process and passes the results on."""

import contextlib
import json
import queue
import threading
import time
from collections import deque
from typing import Any

from pipelines.core.errors import WorkerError, as_shortage
from pipelines.core.failure import Failure
from pipelines.decoding.child import DecoderChild, NotStartedError, why_lost
from pipelines.decoding.messages import CutVideo, DecodedClip, DecodedWindow, DecodeFiltered
from pipelines.decoding.sinks import AnyResult
from pipelines.decoding.task import Task
from pipelines.video.pieces import Range
from pipelines.video.source import Source
from pipelines.video.windows import Window

_PARTS_GRACE_S = 30.0
"""What a child has announced must follow at once, but the machine may be busy."""
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Between two tries to start a child, or to fetch a video for which there was no room."""
_PIPELINE = 2
"""Videos that a child holds at a time: the one that it decodes and the next."""


class Decoder(threading.Thread):
    """Takes tasks from a queue to a child of its own, which is started when first needed and again when it was lost.

    While the child is busy with one video the next is fetched and handed over, so that it never waits for this process.
    """

    def __init__(self, tasks: "queue.Queue[Task | None]", memory_mb: int, workers: int) -> None:
        super().__init__(name="decoder", daemon=True)
        self._tasks = tasks
        self._memory_mb = memory_mb
        self._workers = workers
        self._child: DecoderChild | None = None
        self._handed_over: deque[Task] = deque()
        self._since = 0.0
        self._closing = threading.Event()

    def run(self) -> None:
        """Decodes until None comes out of the queue, or the pool is closed."""
        try:
            while not self._closing.is_set():
                try:
                    self._decode_all()
                    return
                except Exception as error:  # no child can be started, or a defect: nobody may wait for ever
                    self._give_up(as_shortage(error))
        finally:
            self._give_up(RuntimeError("the decoders were closed"))

    def _give_up(self, error: Exception) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None
        while self._handed_over:
            self._handed_over.popleft().fail(error)

    def _decode_all(self) -> None:
        while not self._closing.is_set():
            # A second task is taken ahead only where the other decoders find work too.
            ahead = bool(self._handed_over)
            if not ahead or (len(self._handed_over) < _PIPELINE and self._tasks.qsize() >= self._workers):
                with contextlib.suppress(queue.Empty):
                    task = self._tasks.get(block=not ahead)
                    if task is None:
                        return
                    if task.sink.wanted() and self._open(task):
                        self._hand_over(task)
                    continue
            self._finish_first()

    def _open(self, task: Task) -> bool:
        """Opens a task's video, again where this machine lacked something: room is made when another one is done."""
        pauses = iter(_PAUSES_S)
        try:
            while True:
                try:
                    return task.open()
                except WorkerError as error:
                    if self._handed_over:
                        self._finish_first()
                    elif (pause := next(pauses, None)) is None or self._closing.wait(pause):
                        task.fail(error)
                        return False
        except Exception as error:  # of another task, perhaps
            task.fail(as_shortage(error))
            raise

    def close(self) -> None:
        """Ends the child, also if it is decoding."""
        self._closing.set()
        if self._child is not None:
            self._child.kill()

    def _hand_over(self, task: Task) -> None:
        self._handed_over.append(task)
        self._send(task)
        if len(self._handed_over) == 1:
            self._since = time.monotonic()  # now that the child is there: starting it isn't the video's time

    def _send(self, task: Task) -> None:
        if self._child is not None and len(self._handed_over) == 1 and self._child.has_ended():
            self._child.end()  # it went while it had nothing to do: that is not this video's failure
            self._child = None
        if self._child is None:
            self._child = self._start_child()
        self._child.ask(task.job, task.request)

    def _start_child(self) -> DecoderChild:
        """A new child, after some tries: one may be killed while it starts, or the machine may be short of something.

        Raises:
            WorkerError: none comes up.
        """
        for pause in (*_PAUSES_S, None):
            try:
                return DecoderChild(self._memory_mb)
            except NotStartedError as error:
                if pause is None or self._closing.wait(pause):
                    times = len(_PAUSES_S) + 1
                    raise WorkerError(
                        f"a decoder process could not be started, {times} times: {error}. Look into that, then run the "
                        "same command again"
                    ) from error
        raise AssertionError("unreachable")

    def _finish_first(self) -> None:
        """Awaits the results of the first task that was handed over; after a loss, the others go to a new child."""
        task, child = self._handed_over[0], self._child
        assert child is not None
        result, more, lost = self._await(task, child)
        while more:
            task.sink.put(result, last=False)
            self._since = time.monotonic()  # the time in which nobody took the result is not the video's
            result, more, lost = self._await(task, child)
        self._handed_over.popleft()
        task.finish(result)
        if lost and not self._closing.is_set():
            child.end()
            self._child = None
            for other in self._handed_over:
                self._send(other)
        self._since = time.monotonic()

    def _await(self, task: Task, child: DecoderChild) -> tuple[AnyResult | None, bool, bool]:
        """The next result, whether more will come, and whether the child can't be used any more."""
        time_s = task.job.limits.time_s
        try:
            while (header := json.loads(child.channel.receive(self._since + time_s)))["status"] == "busy":
                self._since = time.monotonic()
            parts_by = time.monotonic() + _PARTS_GRACE_S
            parts = [child.channel.receive(parts_by) for _ in range(header.pop("num_parts"))]
        except TimeoutError:
            message = f"not decoded within {time_s:g} s"
            return Failure("decode", "DecodeTimeout", message, transient=True), False, True
        except (EOFError, OSError):
            return why_lost(child.exit_code()), False, True
        status, more = header.pop("status"), header.pop("more")
        if status == "out_of_memory":  # what it has left may be in pieces
            message = f"needs more than {self._memory_mb} MB of memory"
            return Failure("decode", "DecodeOutOfMemory", message, transient=True), False, True
        return _result(status, header, parts), more, False


def _result(status: str, header: dict[str, Any], parts: list[bytes]) -> AnyResult | None:
    if status == "end":
        return None
    if status == "clip":
        strip = parts.pop() if header.pop("strip") else None
        source = Source(**said) if (said := header.pop("source", None)) else None
        return DecodedClip(frames=parts, strip=strip, source=source, **header)
    if status == "window":
        window, failure = Window(*header.pop("window")), header.pop("failure")
        failure = failure and Failure.from_json(failure)
        return DecodedWindow(window=window, frames=parts[0], failure=failure, **header)
    if status == "cut":
        return CutVideo(tuple(map(Range.from_json, header["ranges"])))
    if status == "filtered":
        return DecodeFiltered(header["reason"])
    return Failure.from_json(header["failure"])
