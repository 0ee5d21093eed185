"""`pytest --quick`: only tests that are fast and need no other processes or servers."""

import socket
import sys
from collections.abc import Iterator
from typing import Any

import numpy.testing  # noqa: F401 - its import starts a process to query the processor
import pytest

NOT_QUICK = ("process", "server", "engine", "training", "slow")
"""Marks of the tests that are left out."""
_WATCHED = {
    **dict.fromkeys(("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.system"), "process"),
    "socket.bind": "server",
}


class Quick:
    """Leaves marked tests out, and fails others that do what only these may, so that no mark can be forgotten."""

    def __init__(self) -> None:
        self._running = False
        self._seen: list[str] = []
        sys.addaudithook(self._watch)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._running or event not in _WATCHED:
            return
        if event == "socket.bind" and arguments[0].family == socket.AF_UNIX:
            return  # bound to a file, not to a port
        if event == "subprocess.Popen" and arguments[0] == "grep":
            return  # filters what TensorFlow prints while it is imported
        self._seen.append(f"{event} in a test without the mark {_WATCHED[event]}: {arguments!r:.200}")
        raise PermissionError(self._seen[-1])  # the code under test may handle it as another failure

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
