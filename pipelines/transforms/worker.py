"""The decoder processes of a Beam worker."""

import atexit
import threading

from pipelines.decoding.messages import DecodeLimits
from pipelines.decoding.pool import DecoderPool

_pools: dict[tuple[int, DecodeLimits], DecoderPool] = {}
_pools_lock = threading.Lock()


def shared_pool(workers: int, limits: DecodeLimits) -> DecoderPool:
    """The decoders of this process: the threads of a worker share them, and they outlive a bundle."""
    with _pools_lock:
        if (workers, limits) not in _pools:
            _pools[workers, limits] = DecoderPool(workers, limits)
        return _pools[workers, limits]


def start_decoders(workers: int, limits: DecodeLimits, videos: int) -> None:
    """Starts the processes of `shared_pool` before they are needed, but no more than there are videos."""
    shared_pool(workers, limits).start(min(workers, videos))


@atexit.register
def close_pools() -> None:
    """Ends the decoders of this process."""
    with _pools_lock:
        for pool in _pools.values():
            pool.close()
        _pools.clear()
