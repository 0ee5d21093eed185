"""One decoder process, as seen from the worker that owns it. What runs in it is `server`."""

import json
import logging
import os
import pickle
import signal
import site
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pipelines.core.failure import Failure
from pipelines.decoding.channel import Channel
from pipelines.decoding.messages import Job

_START_TIMEOUT_S = 120.0
_SEND_BUFFER_BYTES = 1 << 20
_PASSED_ON = frozenset(
    (
        *("LANG", "LANGUAGE", "TZ"),
        *("PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
        *("PYTHONUTF8", "PYTHONIOENCODING", "PYTHONCOERCECLOCALE", "PYTHONWARNINGS", "PYTHONMALLOC"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "GLIBC_TUNABLES"),
    )
)
_PASSED_ON_PREFIXES = ("LC_", "OPENCV_", "OPENBLAS_", "OMP_", "MKL_", "MALLOC_")
_told_of_no_limit = threading.Event()


class NotStartedError(Exception):
    """A decoder process didn't start; the message gives the reason."""


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a decoder needs from the worker's environment: where Python and libraries are, and their settings.

    Nothing else: the rest may hold secrets, and the videos may come from anyone.
    """
    root = str(Path(__file__).parents[2])
    python_path = [os.path.abspath(path) for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {
        **{k: v for k, v in environment.items() if k in _PASSED_ON or k.startswith(_PASSED_ON_PREFIXES)},
        "PYTHONPATH": os.pathsep.join([root, *python_path]),
        "PYTHONUSERBASE": site.getuserbase(),  # otherwise found by HOME
        "OPENBLAS_NUM_THREADS": "1",
    }


class DecoderChild:
    """One decoder process. On Linux it ends no later than the thread that started it."""

    def __init__(self, memory_mb: int) -> None:
        """Starts the process.

        Raises:
            NotStartedError: it doesn't start.
        """
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise NotStartedError(error.strerror) from error
        # Libraries for object stores set a timeout for all new sockets, which would break the child.
        theirs.setblocking(True)
        # Room for a whole clip, so that the child continues with the next video before this clip has been taken.
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self.channel = Channel(ours, max_bytes=memory_mb << 20)
        self._job: Job | None = None
        with theirs:
            try:
                said = self._spawn(theirs.fileno(), memory_mb)
            except OSError as error:
                self.channel.close()
                raise NotStartedError(error.strerror) from error
        try:
            hello = json.loads(self.channel.receive(time.monotonic() + _START_TIMEOUT_S))
        except (EOFError, OSError, ValueError) as error:
            self.end()
            raise NotStartedError(self._why_not_started(error, said)) from None
        finally:
            os.close(said)
        if hello["no_limit"] and not _told_of_no_limit.is_set():
            _told_of_no_limit.set()
            logging.getLogger(__name__).warning(
                "decoders have no memory limit on this machine (%s): a video that needs too much memory may cost more "
                "than a failure record",
                hello["no_limit"],
            )

    def _spawn(self, descriptor: int, memory_mb: int) -> int:
        """Starts the process and returns the descriptor from which its stderr can be read. A full pipe blocks nothing.

        It runs in the root folder, where it keeps no file system busy and imports nothing from the user's folder.
        """
        said, stderr = os.pipe()
        try:
            os.set_blocking(stderr, False)
            numbers = map(str, (descriptor, memory_mb << 20, os.getpid()))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pipelines.decoding.child_main", *numbers],
                pass_fds=[descriptor],
                env=child_environment(os.environ),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        except OSError:
            os.close(said)
            raise
        finally:
            os.close(stderr)
        return said

    def _why_not_started(self, error: Exception, said: int) -> str:
        if isinstance(error, TimeoutError):
            return f"it wasn't ready within {_START_TIMEOUT_S:g} s"
        os.set_blocking(said, False)
        try:
            lines = os.read(said, 1 << 16).decode(errors="replace").strip().splitlines()
        except BlockingIOError:  # a child of that process still holds the pipe
            lines = []
        return lines[-1] if lines else _how_ended(self._process.returncode)

    def ask(self, job: Job, request: bytes) -> None:
        """Sends a pickled request, preceded by the job if the process doesn't have it yet."""
        if job != self._job:
            self.channel.send(pickle.dumps(job))
            self._job = job
        self.channel.send(request)

    def exit_code(self) -> int:
        """The exit code of the process, which has closed its channel; that of a killed one if it still doesn't end."""
        try:
            return self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL

    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kills the process, which also ends its channel."""
        self._process.kill()

    def end(self) -> None:
        """Kills the process and waits for it."""
        self.channel.close()
        self._process.kill()
        self._process.wait()


def why_lost(exit_code: int) -> Failure:
    """The failure of the video that a child was decoding when it ended with this code."""
    if exit_code == -signal.SIGKILL:
        message = "the decoder was killed, perhaps because the system ran out of memory"
        return Failure("decode", "DecoderKilled", message, transient=True)
    return Failure("decode", "DecoderCrash", f"the decoder crashed ({_how_ended(exit_code)})")


def _how_ended(exit_code: int) -> str:
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
