"""Decoding in child processes: a video which hangs, crashes the decoder or exhausts memory costs one failure record.

The children also are the local parallelism: a `DecoderPool` of n children decodes n videos at a time. It yields clips
in the order of the requests, a few at most held back, and windows in the order in which they come.
"""

import contextlib
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from pipelines.decoding.decoder import Decoder
from pipelines.decoding.messages import ClipResult, DecodeJob, DecodeLimits, Request, WindowJob, WindowResult
from pipelines.decoding.sinks import Arrivals, OneResult, ToArrivals
from pipelines.decoding.task import Task
from pipelines.video.pieces import Range

_T = TypeVar("_T")
_LOOK_AHEAD = 4
"""Results for each child that may wait for an earlier one; memory is bounded by it."""


class DecoderPool:
    """`workers` decoders. Threads may share a pool; there never are more children than `workers`."""

    def __init__(self, workers: int, limits: DecodeLimits) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, not {workers}")
        self._workers = workers
        self._tasks: queue.Queue[Task | None] = queue.Queue()
        self._decoders = [Decoder(self._tasks, limits.memory_mb, workers) for _ in range(workers)]
        for decoder in self._decoders:
            decoder.start()

    def map(
        self,
        items: Iterable[_T],
        job: DecodeJob,
        open_local: Callable[[_T], contextlib.AbstractContextManager[str]],
        wants_strip: Callable[[_T], bool] = lambda _: False,
    ) -> Iterator[tuple[_T, ClipResult]]:
        """Yields each item with its clip, in order.

        Args:
            items: what to decode.
            job: how.
            open_local: gives a local path for an item, for as long as it is decoded; its `OSError` is a failure of
                the stage `read`, unless this machine is short of something.
            wants_strip: whether a film strip is to come with the clip.

        Raises:
            WorkerError: decoder processes can't be started at all, or this machine is short of something, also after
                some tries.
        """
        pending: deque[tuple[_T, Future[Any]]] = deque()
        try:
            for item in items:
                sink, wanted = OneResult(), Request(strip=wants_strip(item))
                self._tasks.put(Task(job, wanted, partial(open_local, item), sink))
                pending.append((item, sink.future))
                if len(pending) > _LOOK_AHEAD * self._workers:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        finally:
            for _, future in pending:
                future.cancel()

    def stream(
        self,
        items: Iterable[_T],
        job: WindowJob,
        open_local: Callable[[_T], contextlib.AbstractContextManager[str]],
        range_of: Callable[[_T], Range | None] = lambda _: None,
        hold: int = 16,
    ) -> Iterator[tuple[_T, WindowResult | None, bool]]:
        """Yields windows as they are decoded, of several items at a time, and whether it was the item's last result.

        The last result is None where everything went well: then all windows have come before.

        Args:
            items: what to decode.
            job: how.
            open_local: as in `map`.
            range_of: which range of an item is wanted; None for all of it, or to learn of how it is to be cut.
            hold: results that may wait here; beyond it decoders wait.

        Raises:
            WorkerError: decoder processes can't be started at all, or this machine is short of something, also after
                some tries.
        """
        arrivals, running = Arrivals(hold), 0
        try:
            for item in items:
                wanted = Request(range=range_of(item))
                self._tasks.put(Task(job, wanted, partial(open_local, item), ToArrivals(arrivals, item)))
                running += 1
                # While the caller is busy with a batch, the decoders must not run out of work.
                while running > max(hold, _LOOK_AHEAD * self._workers):
                    arrived = arrivals.get()
                    running -= arrived[2]
                    yield arrived
            while running:
                arrived = arrivals.get()
                running -= arrived[2]
                yield arrived
        finally:
            arrivals.give_up()

    def close(self) -> None:
        """Ends all children, also those that are decoding."""
        for _ in self._decoders:
            self._tasks.put(None)
        for decoder in self._decoders:
            decoder.close()
        for decoder in self._decoders:
            decoder.join()
        while not self._tasks.empty():  # nobody may wait for what nobody will do
            task = self._tasks.get()
            if task is not None and task.sink.wanted():
                task.sink.fail(RuntimeError("the decoders were closed"))
