"""Messages between a worker and a decoder process: a length and that many bytes, over a socket pair.

Either side may have more to send than the socket holds. The decoder simply blocks until its messages are taken. The
worker never waits without a time limit: what it sends is queued and goes out while it listens, so that both can send
any amount at the same time without a deadlock.
"""

import errno
import select
import socket
import struct
import time
from collections import deque

_LENGTH = struct.Struct("!Q")
_LONGEST_POLL_S = 3600.0


def send_message(connection: socket.socket, data: bytes) -> None:
    """Sends a message from the decoder's side, and waits until the worker has taken it.

    Raises:
        BrokenPipeError, ConnectionResetError: the worker is gone.
    """
    connection.sendall(_LENGTH.pack(len(data)))
    connection.sendall(data)


def receive_message(connection: socket.socket) -> bytes:
    """Waits for a message on the decoder's side.

    Raises:
        EOFError, ConnectionResetError: the worker is gone.
    """
    return _receive_all(connection, _LENGTH.unpack(_receive_all(connection, _LENGTH.size))[0])


def _receive_all(connection: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class Channel:
    """The worker's side, for use by one thread."""

    def __init__(self, connection: socket.socket, max_bytes: int) -> None:
        """Takes over one end of a socket pair.

        Args:
            connection: this end.
            max_bytes: longer messages are refused, since the decoder of a hostile video may send anything.
        """
        connection.setblocking(False)
        self._socket = connection
        self._max_bytes = max_bytes
        self._unsent: deque[memoryview] = deque()
        self._poll = select.poll()

    def send(self, data: bytes) -> None:
        """Sends what fits at once; the rest follows while a message is awaited. Never waits and never fails: a decoder
        that is gone is noticed when its answer is awaited."""
        self._unsent.append(memoryview(_LENGTH.pack(len(data)) + data))
        self._flush()

    def receive(self, deadline: float) -> bytes:
        """The next message.

        Args:
            deadline: how long to wait for all of it, by `time.monotonic`; what has arrived is read even after that.

        Raises:
            TimeoutError: the message didn't arrive in time.
            EOFError, OSError: the decoder is gone, or the message is longer than allowed.
        """
        (size,) = _LENGTH.unpack(self._receive(_LENGTH.size, deadline))
        if size > self._max_bytes:
            raise OSError(errno.EMSGSIZE, f"a message of {size} bytes")
        return bytes(self._receive(size, deadline))

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def _receive(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            try:
                count = self._socket.recv_into(view)
            except BlockingIOError:
                self._wait(deadline)
                continue
            if not count:
                raise EOFError
            view = view[count:]
        return data

    def _wait(self, deadline: float) -> None:
        """Waits until something has arrived, and sends what is unsent meanwhile."""
        while True:
            wanted = select.POLLIN | (select.POLLOUT if self._unsent else 0)
            self._poll.register(self._socket, wanted)
            left = deadline - time.monotonic()
            ready = self._poll.poll(max(0.0, min(left, _LONGEST_POLL_S)) * 1000)
            if not ready and left <= _LONGEST_POLL_S:
                raise TimeoutError
            for _, event in ready:
                if event & select.POLLOUT:
                    self._flush()
                if event & ~select.POLLOUT:
                    return

    def _flush(self) -> None:
        try:
            while self._unsent:
                rest = self._unsent[0][self._socket.send(self._unsent[0]) :]
                if rest:
                    self._unsent[0] = rest
                else:
                    self._unsent.popleft()
        except BlockingIOError:
            pass
        except OSError:  # the decoder is gone
            self._unsent.clear()
