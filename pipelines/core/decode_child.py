"""The process in which videos are decoded, `python -m pipelines.core.decode_child FD MEMORY_BYTES WORKER_PID`: see
`isolation`.

It binds itself to its worker before it imports what takes time, so that it never outlives it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _end_with(worker: int) -> None:
    """Has the kernel end this process when the worker's thread that started it ends. Elsewhere than on Linux, it ends
    when it finds that nobody listens, or by the alarm of a request."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != worker:  # it ended before it was asked for
        os._exit(1)


def main() -> None:
    """Binds the process to the worker, and decodes for it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the worker decides
    descriptor, memory_bytes, worker = map(int, sys.argv[1:])
    _end_with(worker)
    from pipelines.core import decode_server

    decode_server.run(descriptor, memory_bytes)


if __name__ == "__main__":
    main()
