"""A real MLflow server on loopback, from an environment that has MLflow, and what it says of runs.

MLflow doesn't resolve beside the locks, so tests need an environment that also has what this project needs,
with importlib-metadata < 10; the variable HAR_MLFLOW names its folder.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = os.environ.get("HAR_MLFLOW", "")
needs_mlflow = pytest.mark.skipif(not ENVIRONMENT, reason="HAR_MLFLOW names no environment with MLflow")


class Mlflow:
    """A server that can be stopped and started again, at the same address and with the same runs.

    Args:
        folder: of its database and artefacts.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.uri, self._folder = f"http://127.0.0.1:{self.port}", folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            f"{ENVIRONMENT}/bin/mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self._folder}/runs.sqlite",
            "--artifacts-destination", f"{self._folder}/artefacts",
        ]  # fmt: skip
        with open(self._folder / "server.log", "ab") as log:
            told = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # a dozen processes that aren't needed
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=told, start_new_session=True)
        for _ in range(1200):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=10):
                return
            time.sleep(0.2)
        raise AssertionError((self._folder / "server.log").read_text())

    @property
    def group(self) -> int:
        """The group of its processes."""
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"{self.uri}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the oldest first."""
        found = self.ask("runs/search", experiment_ids=["0"], order_by=["attributes.start_time ASC"])
        return list(found.get("runs", []))

    def curve(self, run_id: str, name: str) -> list[tuple[int, float]]:
        """Steps and values of all points that a curve has been given."""
        found = self.ask(f"metrics/get-history?run_id={run_id}&metric_key={name}")
        return [(int(point["step"]), float(point["value"])) for point in found.get("metrics", [])]

    def artefacts(self, run_id: str, path: str = "") -> set[str]:
        found = self.ask(f"artifacts/list?run_id={run_id}&path={path}")
        return {file["path"] for file in found.get("files", [])}


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[Mlflow]:
    server = Mlflow(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
