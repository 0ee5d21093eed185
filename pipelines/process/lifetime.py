"""A process that never outlives the one it works for. It imports nothing that takes time."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Has the kernel end this process when the thread that started it ends; on Linux alone.

    Args:
        parent: the process that started this one. Where it has ended already, so does this one, with exit code 1.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
