"""The process in which videos are decoded, `python -m pipelines.decoding.child_main FD MEMORY_BYTES WORKER_PID`: see
`server`.

It binds itself to its worker before it imports anything slow, so that it never outlives the worker. On systems other
than Linux, it ends when it finds its connection closed, or by the alarm of a request.
"""

import signal
import sys

from pipelines.process.lifetime import end_with_parent


def main() -> None:
    """Binds the process to its worker, and decodes for it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the worker decides
    descriptor, memory_bytes, worker = map(int, sys.argv[1:])
    end_with_parent(worker)
    from pipelines.decoding import server

    server.run(descriptor, memory_bytes)


if __name__ == "__main__":
    main()
