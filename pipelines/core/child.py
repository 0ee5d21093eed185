"""One decoder process, as seen from the worker that owns it. What runs in it is `decode_child`."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from pipelines.core.decode_types import DecodeFailure

_START_TIMEOUT_S = 120.0
_SEND_BUFFER_BYTES = 1 << 20


class DecoderChild:
    """One decoder process."""

    def __init__(self, memory_mb: int) -> None:
        """Starts the process.

        Raises:
            RuntimeError: it doesn't come up; with what it printed.
        """
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(True)  # libraries of stores set a time limit for all sockets; here it would break the child
        # Room for a whole clip, so that the child goes on with the next video before this one has been fetched.
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        root = str(Path(__file__).parents[2])
        python_path = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([root, *python_path]),
            "OPENBLAS_NUM_THREADS": "1",
        }
        module, descriptor = "pipelines.core.decode_child", theirs.fileno()
        command = [sys.executable, "-m", module, str(descriptor), str(memory_mb << 20)]
        with theirs, tempfile.TemporaryFile() as stderr:
            try:
                self._process = subprocess.Popen(
                    command, pass_fds=[descriptor], env=environment, stdin=subprocess.DEVNULL, stderr=stderr
                )
            except OSError as error:
                ours.close()
                raise RuntimeError(f"a decoder process could not be started: {error.strerror}") from error
            theirs.close()
            self.connection = Connection(ours.detach())
            try:
                if not self.connection.poll(_START_TIMEOUT_S):
                    raise EOFError
                self.connection.recv_bytes()
            except (EOFError, OSError):
                self.end()
                stderr.seek(0)
                text = stderr.read().decode(errors="replace").strip()
                raise RuntimeError(f"a decoder process could not be started: {text or 'no answer'}") from None

    def exit_code(self) -> int:
        """How the process ended after it went away; that of a killed one if it hangs even now."""
        try:
            return self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL

    def has_ended(self) -> bool:
        """Whether the process went away."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """Ends the process; its connection then ends too."""
        self._process.kill()

    def end(self) -> None:
        """Ends the process at once and waits for it."""
        self.connection.close()
        self._process.kill()
        self._process.wait()


def why_lost(exit_code: int) -> DecodeFailure:
    """The failure of the video that a child was decoding when it ended with this code."""
    if exit_code == -signal.SIGKILL:
        message = "the decoder was killed, perhaps by the system for want of memory"
        return DecodeFailure("decode", "DecoderKilled", message, transient=True)
    how = signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
    return DecodeFailure("decode", "DecoderCrash", f"the decoder crashed ({how})")
