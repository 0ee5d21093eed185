"""Where the results of decoding go, and who waits for them.

A sink has three methods: `wanted` tells whether results are still wanted, and is asked once, before the task starts;
`put` delivers a result, or None if the task ends without another one; `fail` says that there is no result, and why.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.decoding.messages import ClipResult, DecodedPart, WindowResult

_GIVEN_UP_POLL_S = 0.1
AnyResult = ClipResult | DecodedPart | WindowResult
Arrived = tuple[Any, Any, bool]
"""An item, one of its results or None, and whether it was the last."""


class Backlog:
    """Results of several tasks that wait until those of earlier tasks have been taken.

    Altogether at most `hold` of them, so that memory is bounded; producers wait while there are as many. Only the task
    whose results are being taken may always deliver one.
    """

    def __init__(self, hold: int) -> None:
        self.changed = threading.Condition()
        self.hold = hold
        self.held = 0
        self.first: InOrder | None = None
        self.is_given_up = False

    def give_up(self) -> None:
        """Tells producers that results are no longer wanted."""
        with self.changed:
            self.is_given_up = True
            self.changed.notify_all()


class InOrder:
    """The results of one task, to be taken before those of later ones."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._results: deque[tuple[ClipResult | DecodedPart | Exception | None, bool]] = deque()

    def wanted(self) -> bool:
        return not self._backlog.is_given_up

    def put(self, result: AnyResult | None, last: bool) -> None:
        backlog = self._backlog
        with backlog.changed:
            while backlog.held >= backlog.hold and not backlog.is_given_up and not self._is_awaited():
                backlog.changed.wait()
            self._add(result, last)

    def fail(self, error: Exception) -> None:
        """Never waits: decoders that are closed fail all tasks, also where nobody takes the results any more."""
        with self._backlog.changed:
            self._add(error, True)

    def _add(self, result: Any, last: bool) -> None:
        self._results.append((result, last))
        self._backlog.held += 1
        self._backlog.changed.notify_all()

    def _is_awaited(self) -> bool:
        return self._backlog.first is self and not self._results

    def take(self) -> Iterator[ClipResult | DecodedPart | None]:
        """Yields the results as they arrive, up to the last one.

        Raises:
            Exception: the one that the task ended with.
        """
        backlog, is_last = self._backlog, False
        while not is_last:
            with backlog.changed:
                backlog.first = self
                backlog.changed.notify_all()
                while not self._results:
                    backlog.changed.wait()
                result, is_last = self._results.popleft()
                backlog.held -= 1
                backlog.changed.notify_all()
            if isinstance(result, Exception):
                raise result
            yield result


class Arrivals:
    """A bounded queue of results of many tasks, in the order in which they arrive; producers wait while it is full."""

    def __init__(self, hold: int) -> None:
        self._results: queue.Queue[Arrived | Exception] = queue.Queue(hold)
        self._given_up = threading.Event()

    def get(self) -> Arrived:
        arrived = self._results.get()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    def put(self, arrived: Arrived | Exception) -> None:
        while not self._given_up.is_set():
            with contextlib.suppress(queue.Full):
                self._results.put(arrived, timeout=_GIVEN_UP_POLL_S)
                return

    def wanted(self) -> bool:
        return not self._given_up.is_set()

    def give_up(self) -> None:
        """Tells producers that results are no longer wanted."""
        self._given_up.set()


@dataclass(frozen=True)
class ToArrivals:
    """Puts the results of one task among those of others."""

    arrivals: Arrivals
    item: Any

    def wanted(self) -> bool:
        return self.arrivals.wanted()

    def put(self, result: AnyResult | None, last: bool) -> None:
        self.arrivals.put((self.item, result, last))

    def fail(self, error: Exception) -> None:
        self.arrivals.put(error)


Sink = InOrder | ToArrivals
