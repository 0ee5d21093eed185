"""`pytest --quick`: what is done soon, without other processes and servers."""

import socket
import sys
from collections.abc import Iterator
from typing import Any

import numpy.testing  # noqa: F401 - which asks another process about the processor
import pytest

NOT_QUICK = ("process", "server", "engine", "training", "slow")
"""Marks of tests that are left out."""
_WATCHED = {
    **dict.fromkeys(("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.system"), "process"),
    "socket.bind": "server",
}


class Quick:
    """Leaves the other tests out, and fails those that do what only others may: a mark can't be forgotten."""

    def __init__(self) -> None:
        self._running = False
        self._seen: list[str] = []
        sys.addaudithook(self._watch)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._running or event not in _WATCHED:
            return
        if event == "socket.bind" and arguments[0].family == socket.AF_UNIX:
            return  # as a file
        if event == "subprocess.Popen" and arguments[0] == "grep":
            return  # takes what TensorFlow announces while it is imported
        self._seen.append(f"{event} in a test without the mark {_WATCHED[event]}: {arguments!r:.200}")
        raise PermissionError(self._seen[-1])  # which the code under test may take for another failure

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in NOT_QUICK)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        self._running = True
        try:
            return (yield)
        finally:
            self._running = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        try:
            return (yield)
        finally:
            seen, self._seen = self._seen, []
            if seen:
                pytest.fail("\n".join(seen))
