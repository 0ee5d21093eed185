"""Runs one of several workers in a child process, so that it can be stopped while it waits for the others.

Until all workers are there, TensorFlow waits in native code, in which no Python runs, and handles SIGTERM itself: the
worker would obey neither Ctrl-C nor SIGTERM. The process that the user started stays outside and attends to it.
"""

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from pipelines.core.errors import EXIT_INTERRUPTED, EXIT_PREEMPTED
from pipelines.process import interrupts
from pipelines.process.lifetime import end_with_parent

_TERMINATED = "error: asked to stop; run the same command again to resume"
_PATIENCE = 3
"""Number of signals after which a worker is killed: it should have ended, but may be waiting for a lost one."""
_meeting: int | None = None


def run_attended() -> None:
    """Returns in a child process. This process waits for the child, passes signals on, and ends with its exit code.

    To be called before anything has started a thread.
    """
    global _meeting
    ours, theirs = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    if child := os.fork():
        os.close(theirs)
        _attend(child, ours)
    os.close(ours)
    os.setpgid(0, 0)  # the terminal's Ctrl-C reaches the outer process alone, which passes it on
    end_with_parent(parent)
    _meeting = theirs


def all_are_there() -> None:
    """Tells the process outside that this one obeys signals again."""
    global _meeting
    if _meeting is not None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # TensorFlow had taken it over
        os.write(_meeting, b"1")
        os.close(_meeting)
        _meeting = None


def _attend(child: int, meeting: int) -> NoReturn:
    os.set_blocking(meeting, False)
    received: list[int] = []
    met = False

    def pass_on(number: int, _: FrameType | None) -> None:
        nonlocal met
        with contextlib.suppress(BlockingIOError):
            met = met or bool(os.read(meeting, 1))
        received.append(number)
        os.kill(child, number if met and len(received) < _PATIENCE else signal.SIGKILL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0 and received:
        interrupted = received[0] == signal.SIGINT
        print(interrupts.MESSAGE if interrupted else _TERMINATED, file=sys.stderr, flush=True)
        code = EXIT_INTERRUPTED if interrupted else EXIT_PREEMPTED
    os._exit(code if code >= 0 else 128 - code)
