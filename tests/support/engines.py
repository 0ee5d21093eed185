"""Beam's engines for tests: started by `scripts/engines`, as by a user, in their own folder."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

SCRIPT = str(ROOT / "scripts" / "engines")
MISSING, NOT_FETCHED = 2, 3


@dataclass(frozen=True)
class Engines:
    """Engines, each started at its first use."""

    folder: Path  # folder of their logs and process ids

    def start(self, engine: str) -> str:
        """The address of an engine's job service. Skips the test where the engine isn't available."""
        done = self._call("start", engine)
        if done.returncode in (MISSING, NOT_FETCHED):
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def state(self, engine: str) -> dict[str, Any]:
        """What `scripts/engines` records about an engine: process ids by name, addresses."""
        state: dict[str, Any] = json.loads((self.folder / engine / "state.json").read_text())
        return state

    def stop(self) -> None:
        """Stops all running engines."""
        done = self._call("stop")
        assert done.returncode == 0, done.stderr

    def _call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, SCRIPT, *arguments, f"--run-folder={self.folder}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=800)


@contextmanager
def running_engines(folder: Path) -> Iterator[Engines]:
    """Engines for the block, stopped at its end."""
    engines = Engines(folder)
    try:
        yield engines
    finally:
        engines.stop()


def job_flags(endpoint: str) -> list[str]:
    """Beam's flags for a job whose workers are threads of the process that submits it."""
    return ["--runner=PortableRunner", f"--job_endpoint={endpoint}", "--environment_type=LOOPBACK"]
