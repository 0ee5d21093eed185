"""Decoding in child processes: a video which hangs, crashes the decoder or exhausts memory costs one failure record.

The children also are the local parallelism: a `DecoderPool` of n children decodes n videos at a time, and yields the
results in the order of the requests, a few at most held back.
"""

import contextlib
import json
import math
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from pipelines.core.spec import ClipSpec, FrameEncoding

_T = TypeVar("_T")
_START_TIMEOUT_S = 120.0
_ALARM_GRACE_S = 30
_TRANSIENT = ("VideoReadError", "UnexpectedError")
"""A disk or network may be back, a defect of this software mended."""


@dataclass(frozen=True)
class DecodeLimits:
    """What one video may use.

    Attributes:
        time_s: seconds from opening the file to the finished clip.
        memory_mb: megabytes of address space above that of an idle decoder.
    """

    time_s: float = 300.0
    memory_mb: int = 2048

    def __post_init__(self) -> None:
        if not (math.isfinite(self.time_s) and self.time_s > 0):
            raise ValueError(f"the time limit must be a positive number of seconds, not {self.time_s!r}")
        if self.memory_mb < 64:
            raise ValueError(f"the memory limit must be at least 64 MB, not {self.memory_mb!r}")


@dataclass(frozen=True)
class DecodeJob:
    """What every request of a run has in common."""

    spec: ClipSpec
    encoding: FrameEncoding
    min_frames: int = 1
    limits: DecodeLimits = DecodeLimits()


@dataclass(frozen=True)
class DecodedClip:
    """A clip as it is stored: `frames` holds one part of raw pixels, or one encoded picture a frame."""

    frames: list[bytes]
    frame_indices: list[int]
    timestamps_s: list[float]
    num_source_frames: int
    duration_s: float
    damaged: bool
    strip: bytes | None = None


@dataclass(frozen=True)
class DecodeFailure:
    """Why there is no clip. `transient` reasons may be gone when the video is tried again."""

    stage: str
    type: str
    message: str
    transient: bool = False


@dataclass(frozen=True)
class DecodeFiltered:
    """A sound video that was not wanted."""

    reason: str


DecodeResult = DecodedClip | DecodeFailure | DecodeFiltered


class _Decoder:
    """One child process, started when first needed and again after it was lost. Used by one thread at a time."""

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def decode(self, path: str, job: DecodeJob, strip: bool) -> DecodeResult:
        """Decodes one video, within the limits, and never raises for what the video does."""
        request = {
            "path": path,
            "spec": job.spec.to_json(),
            "encoding": job.encoding.to_json(),
            "min_frames": job.min_frames,
            "strip": strip,
            "alarm_s": math.ceil(job.limits.time_s) + _ALARM_GRACE_S,
        }
        connection = self._start()
        try:
            connection.send_bytes(json.dumps(request).encode())
            if not connection.poll(job.limits.time_s):
                self.close()
                return DecodeFailure(
                    "decode", "DecodeTimeout", f"not decoded within {job.limits.time_s:g} s", transient=True
                )
            header = json.loads(connection.recv_bytes())
            parts = [connection.recv_bytes() for _ in range(header.pop("num_parts"))]
        except (EOFError, OSError):
            return self._lost()
        return self._result(header, parts, strip)

    def _result(self, header: dict[str, Any], parts: list[bytes], strip: bool) -> DecodeResult:
        status = header.pop("status")
        if status == "ok":
            return DecodedClip(frames=parts[:-1] if strip else parts, strip=parts[-1] if strip else None, **header)
        if status == "filtered":
            return DecodeFiltered(header["reason"])
        if status == "out_of_memory":
            self.close()  # its memory may be in pieces
            return DecodeFailure("decode", "DecodeOutOfMemory", f"needs more than {self._memory_mb} MB of memory")
        return DecodeFailure(**header, transient=header["type"] in _TRANSIENT)

    def _start(self) -> Connection:
        if self._connection is not None:
            return self._connection
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).parents[2])
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([root, *_python_path()]),
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [
            sys.executable, "-m", "pipelines.core.decode_child", str(theirs.fileno()), str(self._memory_mb << 20),
        ]  # fmt: skip
        with theirs, tempfile.TemporaryFile() as stderr:
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, stderr=stderr
            )
            theirs.close()
            connection = Connection(ours.detach())
            try:
                if not connection.poll(_START_TIMEOUT_S):
                    raise EOFError
                connection.recv_bytes()
            except (EOFError, OSError):
                self._process.kill()
                self._process.wait()
                stderr.seek(0)
                text = stderr.read().decode(errors="replace").strip()
                raise RuntimeError(f"a decoder process could not be started: {text or 'no answer'}") from None
        self._connection = connection
        return connection

    def _lost(self) -> DecodeFailure:
        """What became of a child that went away while it decoded."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        self.close()
        if code == -signal.SIGKILL:
            message = "the decoder was killed, perhaps by the system for want of memory"
            return DecodeFailure("decode", "DecoderKilled", message, transient=True)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return DecodeFailure("decode", "DecoderCrash", f"the decoder crashed ({how})")

    def close(self) -> None:
        """Ends the child at once."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _python_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


class DecoderPool:
    """`workers` decoders. Threads may share a pool; there never are more children than `workers`."""

    def __init__(self, workers: int, limits: DecodeLimits) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, not {workers}")
        self._workers = workers
        self._idle: queue.SimpleQueue[_Decoder] = queue.SimpleQueue()
        self._decoders = [_Decoder(limits.memory_mb) for _ in range(workers)]
        for decoder in self._decoders:
            self._idle.put(decoder)
        # Twice as many threads as children: while one video is decoded the next can be fetched from a remote store.
        self._threads = ThreadPoolExecutor(2 * workers, thread_name_prefix="decode")

    def map(
        self,
        items: Iterable[_T],
        job: DecodeJob,
        open_local: Callable[[_T], contextlib.AbstractContextManager[str]],
        wants_strip: Callable[[_T], bool] = lambda _: False,
    ) -> Iterator[tuple[_T, DecodeResult]]:
        """Yields each item with its result, in order.

        Args:
            items: what to decode.
            job: how.
            open_local: gives a local path for an item, for as long as it is decoded; its `OSError` is a failure of
                the stage `read`.
            wants_strip: whether a film strip is to come with the clip.
        """
        pending: deque[tuple[_T, Future[DecodeResult]]] = deque()
        try:
            for item in items:
                pending.append((item, self._threads.submit(self._decode, item, job, open_local, wants_strip(item))))
                if len(pending) > 2 * self._workers:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        finally:
            for _, future in pending:
                future.cancel()

    def _decode(
        self,
        item: _T,
        job: DecodeJob,
        open_local: Callable[[_T], contextlib.AbstractContextManager[str]],
        strip: bool,
    ) -> DecodeResult:
        with contextlib.ExitStack() as stack:
            try:
                path = stack.enter_context(open_local(item))
            except OSError as error:
                return DecodeFailure("read", type(error).__name__, error.strerror or str(error), transient=True)
            decoder = self._idle.get()
            try:
                return decoder.decode(path, job, strip)
            finally:
                self._idle.put(decoder)

    def close(self) -> None:
        """Ends all children, also those that are decoding."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for decoder in self._decoders:
            decoder.close()
