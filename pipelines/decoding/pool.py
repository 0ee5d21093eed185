"""Decoding in child processes: a video that hangs, crashes the decoder or exhausts memory costs one failure record.

The children also provide the local parallelism: a `DecoderPool` of n children decodes n videos at a time. It yields
clips in the order of the requests, holding back a few at most, and windows in the order in which they are decoded.
"""

import queue
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from pipelines.core.failure import Failure
from pipelines.decoding.decoder import Decoder
from pipelines.decoding.lent_file import Opened
from pipelines.decoding.messages import (
    ClipResult,
    DecodedPart,
    DecodeJob,
    DecodeLimits,
    Request,
    WindowJob,
    WindowResult,
)
from pipelines.decoding.sinks import Arrivals, Backlog, InOrder, ToArrivals
from pipelines.decoding.task import Start, Task
from pipelines.video.pieces import Range

_T = TypeVar("_T")
_LOOK_AHEAD = 4
"""Requests per child that may wait for an earlier one, which bounds memory ..."""
_HELD_BYTES = 128 << 20
"""... as does the size of all clips that wait, where a request gives many."""


class DecoderPool:
    """A pool of `workers` decoders, which threads may share. There are never more children than `workers`."""

    def __init__(self, workers: int, limits: DecodeLimits) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, not {workers}")
        self._workers = workers
        self._tasks: queue.Queue[Task | Start | None] = queue.Queue()
        self._decoders = [Decoder(self._tasks, limits.memory_mb, workers) for _ in range(workers)]
        for decoder in self._decoders:
            decoder.start()

    def start(self, count: int) -> None:
        """Starts `count` processes, which takes a moment, before there is work for them."""
        for _ in range(count):
            self._tasks.put(Start())

    def map(
        self,
        items: Iterable[_T],
        job: DecodeJob,
        open_local: Callable[[_T], Opened],
        wants_strip: Callable[[_T], bool] = lambda _: False,
    ) -> Iterator[tuple[_T, ClipResult]]:
        """Yields each item with its clip, in order.

        Args:
            items: what to decode.
            job: how to decode it.
            open_local: gives a local path for an item while it is decoded, or what lends blocks of it; an `OSError`
                becomes a failure of the stage `read`, unless this machine is short of a resource.
            wants_strip: whether an item's clip should come with a film strip.

        Raises:
            WorkerError: decoder processes can't be started, or this machine remains short of a resource after several
                attempts.
        """
        wanted = (((item,), Request(strip=wants_strip(item))) for item in items)
        for item, part in self.map_ranges(wanted, job, open_local):
            assert part.result is not None, "a whole video has one result"
            yield item, part.result

    def map_ranges(
        self, wanted: Iterable[tuple[Sequence[_T], Request]], job: DecodeJob, open_local: Callable[[_T], Opened]
    ) -> Generator[tuple[_T, DecodedPart], None, None]:
        """Yields items with their results, in order: one for each item or, of dense windows, several.

        Args:
            wanted: items that are ranges of the same video, with a request that names these ranges in the same order;
                or one item that is a whole video. A request becomes one task of one decoder.
            job: how to decode them.
            open_local: as in `map`, for the first item of a request.

        Raises:
            WorkerError: as in `map`.
        """
        ahead = _LOOK_AHEAD * self._workers
        backlog = Backlog(max(ahead + 1, _HELD_BYTES // job.spec.num_bytes))
        pending: deque[tuple[Sequence[_T], InOrder]] = deque()
        try:
            for items, request in wanted:
                sink = InOrder(backlog)
                self._tasks.put(Task(job, request, partial(open_local, items[0]), sink))
                pending.append((items, sink))
                if len(pending) > ahead:
                    yield from _of_items(*pending.popleft())
            while pending:
                yield from _of_items(*pending.popleft())
        finally:
            backlog.give_up()

    def stream(
        self,
        items: Iterable[_T],
        job: WindowJob,
        open_local: Callable[[_T], Opened],
        range_of: Callable[[_T], Range | None] = lambda _: None,
        hold: int = 16,
    ) -> Iterator[tuple[_T, WindowResult | None, bool]]:
        """Yields the windows of several items as they are decoded, and whether each is the item's last result.

        The last result is None if everything went well: all windows have then been yielded before.

        Args:
            items: what to decode.
            job: how to decode it.
            open_local: as in `map`.
            range_of: which range of an item is wanted; None for all of it, or to learn how it should be cut.
            hold: how many results may wait to be taken before decoders wait.

        Raises:
            WorkerError: decoder processes can't be started, or this machine remains short of a resource after several
                attempts.
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
        """Ends all children, including those that are decoding."""
        for _ in self._decoders:
            self._tasks.put(None)
        for decoder in self._decoders:
            decoder.close()
        for decoder in self._decoders:
            decoder.join()
        while not self._tasks.empty():  # tells those who wait for these tasks that they won't be done
            task = self._tasks.get()
            if isinstance(task, Task) and task.sink.wanted():
                task.sink.fail(RuntimeError("the decoders were closed"))


def _of_items(items: Sequence[_T], sink: InOrder) -> Iterator[tuple[_T, DecodedPart]]:
    """The results of a request's items. One that ends the request is that of all items that have none yet."""
    left = deque(items)
    for result in sink.take():
        if not isinstance(result, DecodedPart):
            missing = Failure("decode", "UnexpectedError", "the decoder didn't answer", transient=True)
            for item in left:
                yield item, DecodedPart(result or missing)
            left.clear()
        elif left:
            yield left[0], result
            if not result.more:
                left.popleft()
