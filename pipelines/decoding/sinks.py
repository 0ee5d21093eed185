"""Where the results of decoding go, and who waits for them.

A sink has three methods: `wanted` tells whether results are still wanted, and is asked once, before the task starts;
`put` delivers a result, or None if the task ends without another one; `fail` says that there is no result, and why.
"""

import contextlib
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from pipelines.decoding.messages import ClipResult, WindowResult

_GIVEN_UP_POLL_S = 0.1
AnyResult = ClipResult | WindowResult
Arrived = tuple[Any, Any, bool]
"""An item, one of its results or None, and whether it was the last."""


class OneResult:
    """The one result of a clip."""

    def __init__(self) -> None:
        self.future: Future[Any] = Future()

    def wanted(self) -> bool:
        return self.future.set_running_or_notify_cancel()

    def put(self, result: AnyResult | None, last: bool) -> None:
        self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        self.future.set_exception(error)


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


Sink = OneResult | ToArrivals
