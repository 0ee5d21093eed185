"""One decoder, a thread of the worker that hands videos to its child process and passes the results on."""

import contextlib
import json
import pickle
import queue
import threading
import time
from collections import deque
from typing import Any

from pipelines.core.errors import WorkerError, as_shortage
from pipelines.core.failure import Failure
from pipelines.decoding.child import DecoderChild, NotStartedError, why_lost
from pipelines.decoding.messages import CutVideo, DecodedClip, DecodedPart, DecodedWindow, DecodeFiltered, LentBlocks
from pipelines.decoding.sinks import AnyResult
from pipelines.decoding.task import Start, Task
from pipelines.video.pieces import Range
from pipelines.video.source import Source
from pipelines.video.windows import Window

_PARTS_GRACE_S = 30.0
"""What a child has announced should follow at once, but the machine may be busy."""
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Pauses between attempts to start a child, or to fetch a video for which there was no room."""
_PIPELINE = 2
"""How many videos a child holds at a time: the one that it decodes and the next."""


class Decoder(threading.Thread):
    """Takes tasks from a queue to its own child, which is started when first needed or asked to, and after a loss.

    While the child decodes one video, the next is fetched and handed over, so that it never waits for this process.
    """

    def __init__(self, tasks: "queue.Queue[Task | Start | None]", memory_mb: int, workers: int) -> None:
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
                except Exception as error:  # no child can be started, or a bug: callers must not wait for ever
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
            # A second task is taken ahead only if that leaves work for the other decoders.
            ahead = bool(self._handed_over)
            if not ahead or (len(self._handed_over) < _PIPELINE and self._tasks.qsize() >= self._workers):
                with contextlib.suppress(queue.Empty):
                    task = self._tasks.get(block=not ahead)
                    if task is None:
                        return
                    if isinstance(task, Start):
                        self._child = self._child or self._start_child()
                        continue
                    begun = time.monotonic()
                    if task.sink.wanted() and self._open(task):
                        self._hand_over(task)
                    if ahead and self._handed_over and self._handed_over[0].lender is not None:
                        self._since += time.monotonic() - begun  # its decoder may have waited for blocks
                    continue
            self._finish_first()

    def _open(self, task: Task) -> bool:
        """Opens a task's video, again if this machine is short of a resource, which another finished task may free."""
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
        except Exception as error:  # perhaps another task's
            task.fail(as_shortage(error))
            raise

    def close(self) -> None:
        """Ends the child, even if it is decoding."""
        self._closing.set()
        for task in list(self._handed_over):
            task.cancel()
        if self._child is not None:
            self._child.kill()

    def _hand_over(self, task: Task) -> None:
        self._handed_over.append(task)
        self._send(task)
        if len(self._handed_over) == 1:
            self._since = time.monotonic()  # the time to start the child doesn't count against the video

    def _send(self, task: Task) -> None:
        if self._child is not None and len(self._handed_over) == 1 and self._child.has_ended():
            self._child.end()  # it ended while idle, which is not this video's failure
            self._child = None
        if self._child is None:
            self._child = self._start_child()
        self._child.ask(task.job, task.request)

    def _start_child(self) -> DecoderChild:
        """Starts a child, in several attempts: it may be killed while starting, or the machine be short of a resource.

        Raises:
            WorkerError: no child can be started.
        """
        for pause in (*_PAUSES_S, None):
            try:
                return DecoderChild(self._memory_mb)
            except NotStartedError as error:
                if pause is None or self._closing.wait(pause):
                    times = len(_PAUSES_S) + 1
                    raise WorkerError(
                        f"a decoder process could not be started in {times} attempts: {error}. Fix that, then run the "
                        "same command again"
                    ) from error
        raise AssertionError("unreachable")

    def _finish_first(self) -> None:
        """Awaits the results of the task handed over first; if the child is lost, the others go to a new one."""
        task, child = self._handed_over[0], self._child
        assert child is not None
        result, more, lost = self._await(task, child)
        while more:
            task.sink.put(result, last=False)
            self._since = time.monotonic()  # time spent waiting for the result to be taken doesn't count
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
        """The next result, whether more will follow, and whether the child is lost."""
        time_s = task.job.limits.time_s
        try:
            while (header := json.loads(child.channel.receive(self._since + time_s)))["status"] in ("busy", "need"):
                if header["status"] == "need":
                    self._lend(task, child, header)
                else:
                    self._since = time.monotonic()
            parts_by = time.monotonic() + _PARTS_GRACE_S
            parts = [child.channel.receive(parts_by) for _ in range(header.pop("num_parts"))]
        except TimeoutError:
            message = f"not decoded within {time_s:g} s"
            return Failure("decode", "DecodeTimeout", message, transient=True), False, True
        except (EOFError, OSError):
            return why_lost(child.exit_code()), False, True
        status, more = header.pop("status"), header.pop("more")
        if status == "out_of_memory":  # the child's state may be corrupt
            message = f"needs more than {self._memory_mb} MB of memory"
            return Failure("decode", "DecodeOutOfMemory", message, transient=True), False, True
        return _result(status, header, parts), more, False

    def _lend(self, task: Task, child: DecoderChild, header: dict[str, Any]) -> None:
        """Answers a child that asks for blocks of its video; the time that this takes doesn't count."""
        begun = time.monotonic()
        for pause in (*_PAUSES_S, None):
            try:
                lent = task.lend(header.get("blocks"))
                break
            except WorkerError as error:
                if pause is None or self._closing.wait(pause):
                    task.lost, lent = error, LentBlocks(None)
                    break
        child.channel.send(pickle.dumps(lent))
        self._since += time.monotonic() - begun


def _result(status: str, header: dict[str, Any], parts: list[bytes]) -> AnyResult | None:
    if place := header.pop("part", None):
        result = None if status == "done" else _result(status, header, parts)
        start_s, end_s = map(float, place["range_s"] or (0, 0))
        range_s = (start_s, end_s) if place["range_s"] else None
        return DecodedPart(result, range_s, place["more"])  # type: ignore[arg-type]
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
    if status == "lost":
        return Failure("read", "VideoReadError", "blocks of it can't be had", transient=True)  # `Task.lost` tells why
    return Failure.from_json(header["failure"])
