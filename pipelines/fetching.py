"""Fetching a file from a store, within a time limit."""

import contextlib
import errno
import queue
import threading
from typing import BinaryIO

from pipelines import remote

_STALLED_S = 300.0
"""A file is no longer fetched where so long nothing more of it has come. A store that answers with errors, or lets a
connection rest, is given up before; this one is for those who send a byte now and then."""


def fetch(uri: str, copy: BinaryIO) -> None:
    """Copies a remote file into an open one. A thread reads it, since nothing can interrupt a read that doesn't end.

    Raises:
        OSError: it can't be read, or nothing more of it comes.
    """
    arrived: queue.Queue[bytes | Exception] = queue.Queue(4)
    given_up = threading.Event()

    def read() -> None:
        try:
            with remote.open_read(uri) as source:
                data = None
                while data != b"" and not given_up.is_set():
                    data = source.read(1 << 20)
                    arrived.put(data)
        except Exception as error:  # for the one who waits
            arrived.put(error)

    threading.Thread(target=read, name="fetch", daemon=True).start()
    try:
        while data := arrived.get(timeout=_STALLED_S):
            if isinstance(data, Exception):
                raise data
            copy.write(data)
    except queue.Empty:
        reason = f"nothing more came within {_STALLED_S:g} s. Check the network"
        raise TimeoutError(errno.ETIMEDOUT, reason, uri) from None
    finally:
        given_up.set()
        with contextlib.suppress(queue.Empty):
            while True:  # so that the thread can put down its last and end
                arrived.get_nowait()
