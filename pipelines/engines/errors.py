"""How the errors of a Beam job reach the user: once, and without a stack trace where there is a message for people."""

import contextlib
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

import grpc
from apache_beam.runners.worker.sdk_worker import SdkHarness

from pipelines.cli.tool import lost_store
from pipelines.core.errors import SHORTAGES, OutputError, WorkerError, shortage
from pipelines.transforms.worker import close_pools

_LATE_S, _POLL_S = 10.0, 0.05

_FOR_PEOPLE = (OutputError.__name__, WorkerError.__name__)
_OUTPUT_ERROR = re.compile(
    rf"^(?:{re.escape(OutputError.__module__)}\.)?(?:{'|'.join(_FOR_PEOPLE)}): (.+?)(?: \[while running|$)", re.M
)
_STORE_ERROR = re.compile(r"(?:^|: )(?:FileNotFound|Permission|OS)Error: \[Errno \d+\] (.+): '(\w+://[^']+)'", re.M)
_NUMBERS = "|".join(map(str, SHORTAGES))
_SHORTAGE = re.compile(
    rf"(?:^|: )(?:\S*MemoryError\b|OSError: \[Errno (?:{_NUMBERS})\] (.+?)(?:: '| \[while running|$))", re.M
)
_JAVA_CALL = re.compile(r"\s+at [\w.$/]+\(.*\)$|\s*\.\.\. \d+ more$|Driver stacktrace:$")
_TABLE_ERROR = re.compile(  # a load that went wrong, or a request for it
    r"BigQuery job \S+ failed.*? message: (['\"])(.+?)\1\n"
    r"|HttpError accessing <\S+/bigquery/.*?\"message\": ()\"(.+?)\"",
    re.S,
)


def known_message(text: str) -> str:
    """The message for people in what a failed job says, empty if there is none."""
    if match := _OUTPUT_ERROR.search(text):
        return match[1]
    if match := _STORE_ERROR.search(text):
        return lost_store(match[2], match[1])
    if match := _SHORTAGE.search(text):
        return str(shortage(match[1] or "no memory is left"))
    if match := _TABLE_ERROR.search(text):
        reason = match[2] or match[4]
        return f"the table can't be loaded: {reason}. Fix that, then run the same command again: labels are kept"
    return ""


def reason(error: Exception) -> str:
    """An engine's message about a failed job, without the Java stack frames, which are in the engine's log."""
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return f"lost contact with the job server ({error.details()})"
    text = str(error).strip() or type(error).__name__
    lines = (line for line in text.splitlines() if line.strip() and not _JAVA_CALL.match(line))
    return "\n".join(dict.fromkeys(lines))


class _WithoutTraces:
    """A stream that leaves out stack traces whose message the user sees anyway."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._dropped = False
        self.drops_all = False

    def write(self, text: str) -> int:
        is_known = text.startswith("Traceback") and (self.drops_all or bool(known_message(text)))
        dropped, self._dropped = self._dropped, is_known
        if self._dropped or (dropped and text == "\n"):  # `print` writes the newline separately
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def errors_once(loopback: bool) -> Iterator[None]:
    """Shows each error once. A failing worker's stack trace would appear up to three times: from the worker, from the
    runner, and from this program, which also reports what a job server says of a failed job.

    Args:
        loopback: whether the workers are threads of this process for another engine. They write their traces to the
            standard error output, not to the log. After the job has failed they may still be working, only to fail
            with errors of no interest, so this waits a while for their end.
    """
    runners = logging.getLogger("apache_beam.runners")
    level = runners.level

    def is_news(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        is_known = any(name in text for name in _FOR_PEOPLE) or bool(known_message(text))
        return record.module != "portable_runner" and not is_known

    stderr, sys.stderr = sys.stderr, (stream := _WithoutTraces(sys.stderr))
    runners.setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(is_news)  # what other processes log arrives at the root logger
    try:
        yield
    except BaseException:
        if loopback:
            stream.drops_all = True
            _wait_for_workers()
        raise
    finally:
        logging.getLogger().removeFilter(is_news)
        runners.setLevel(level)
        sys.stderr = stderr


def _wait_for_workers() -> None:
    """Waits until no thread of this process works for another engine, but no longer than `_LATE_S` seconds."""
    close_pools()  # what waits for a decoder fails at once
    end = time.monotonic() + _LATE_S
    while any(map(_is_at_work, threading.enumerate())) and time.monotonic() < end:
        time.sleep(_POLL_S)


def _is_at_work(thread: threading.Thread) -> bool:
    task = getattr(getattr(thread, "_work_item", None), "_fn", None)  # of Beam's thread pool, which never ends
    return thread.name.startswith("run_worker_") or SdkHarness.__qualname__ in getattr(task, "__qualname__", "")


def ignore_hang_ups() -> None:
    """Suppresses the stack traces of workers that lose their engine. Workers that are threads of this process end that
    way, before the job's end or after it; a job that fails has its own error."""
    hook = threading.excepthook

    def without_hang_ups(arguments: threading.ExceptHookArgs) -> None:
        if not issubclass(arguments.exc_type, grpc.RpcError):
            hook(arguments)

    threading.excepthook = without_hang_ups
