"""Makes many calls that wait for a store at the same time."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")
_PARALLEL_REQUESTS = 32
_LOTS_AHEAD, _MAX_LOT = 2, 64
"""How many portions of work per thread may be pending or waiting to be taken, and the most items in a portion."""


def in_parallel(function: Callable[[_T], _R], items: Sequence[_T], num_threads: int = _PARALLEL_REQUESTS) -> list[_R]:
    """Results, in order, of a function that waits for a store; local calls gain little, remote ones a lot."""
    return list(each_in_parallel(function, items, num_threads))


def each_in_parallel(
    function: Callable[[_T], _R], items: Sequence[_T], num_threads: int = _PARALLEL_REQUESTS
) -> Iterator[_R]:
    """Like `in_parallel`, but yields the results. If there are many items, a thread gets several at a time, since
    handing one over can take longer than a call."""
    if len(items) < 2:
        yield from map(function, items)
        return
    size = max(1, min(_MAX_LOT, len(items) // (_LOTS_AHEAD * num_threads)))
    lots = (items[first : first + size] for first in range(0, len(items), size))
    waiting: deque[Future[list[_R]]] = deque()
    with ThreadPoolExecutor(num_threads) as threads:
        try:
            for lot in lots:
                waiting.append(threads.submit(lambda lot: list(map(function, lot)), lot))
                if len(waiting) == _LOTS_AHEAD * num_threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BaseException:  # an error, or no more results are wanted: calls that haven't started are cancelled
            threads.shutdown(wait=False, cancel_futures=True)
            raise
