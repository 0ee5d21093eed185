"""A stand-in for the Dataflow service on loopback: it accepts jobs and reports their states, but runs none."""

import contextlib
import errno
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import ROOT
from tests.support.gcs_server import answer_json, serving

_JOBS = re.compile(r"/sandbox/v1b3/projects/([^/]+)/locations/([^/]+)/jobs(?:/([^/]+))?(?:/(\w+))?")
_HEARS_CTRL_C = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # processes that are started in the background ignore it
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
_NAMES = {
    "type": {1: "JOB_TYPE_BATCH"},
    "algorithm": {2: "AUTOSCALING_ALGORITHM_BASIC"},
    "ipConfiguration": {2: "WORKER_IP_PRIVATE"},
    "requestedState": {5: "JOB_STATE_CANCELLED"},
}
"""See https://cloud.google.com/dataflow/docs/reference/rest/v1b3/projects.locations.jobs."""
_ENDED = ("JOB_STATE_DONE", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED")


@dataclass
class Job:
    """A job that was submitted."""

    project: str  # project in which it was submitted
    region: str  # where it should run
    request: dict[str, Any]  # the job as it was sent
    job_id: str  # the service's id of it
    state: str = "JOB_STATE_PENDING"  # its state, as reported
    errors: list[str] = field(default_factory=list)  # the errors in its log

    @property
    def options(self) -> dict[str, Any]:
        """The pipeline's options as its workers receive them."""
        options: dict[str, Any] = self.request["environment"]["sdkPipelineOptions"]["options"]
        return options

    @property
    def pool(self) -> dict[str, Any]:
        """The only worker pool."""
        (pool,) = self.request["environment"]["workerPools"]
        return dict(pool)

    def end(self, state: str, *errors: str) -> None:
        """Ends the job in this state, with these errors."""
        self.errors = list(errors)
        self.state = state

    def described(self) -> dict[str, Any]:
        """The job as the service describes it."""
        answer = {key: self.request[key] for key in ("name", "type", "clientRequestId")}
        return {**answer, "id": self.job_id, "projectId": self.project, "currentState": self.state}

    def messages(self) -> list[dict[str, str]]:
        """Its log."""
        return [
            {"id": str(number), "time": "2026-01-01T00:00:00Z", "messageImportance": "JOB_MESSAGE_ERROR",
             "messageText": text}
            for number, text in enumerate(self.errors)
        ]  # fmt: skip


@dataclass
class DataflowServer:
    """A running stand-in."""

    url: str = ""  # where it listens, for `--dataflow_endpoint`
    jobs: list[Job] = field(default_factory=list)  # the submitted jobs, the latest last
    refuse: tuple[int, str] | None = None  # status and message with which jobs are refused; None to accept them
    fate: tuple[str, ...] = ()  # state and errors with which every job ends once it is queried
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, project: str, region: str, request: dict[str, Any]) -> Job:
        """Accepts a job; returns an unfinished one of the same name instead, as the service does."""
        with self._lock:
            for job in self.jobs:
                if job.request["name"] == request["name"] and job.state not in _ENDED:
                    return job
            self.jobs.append(Job(project, region, request, f"job-{len(self.jobs)}"))
            return self.jobs[-1]

    def wait_for_job(self, number: int, goes_on: Callable[[], bool], timeout_s: float = 180.0) -> Job:
        """The job with this number, from 0, once it has been submitted; waits only while `goes_on`."""
        end = time.monotonic() + timeout_s
        while goes_on() and time.monotonic() < end:
            if len(self.jobs) > number:
                return self.jobs[number]
            time.sleep(0.1)
        raise RuntimeError(f"job {number} was not submitted")


def _read(body: bytes) -> dict[str, Any]:
    """Reads a request of older or newer versions of Beam: newer ones send numbers for enum names, and options in a
    protobuf `Struct`, which has no integers."""

    def named(value: dict[str, Any]) -> dict[str, Any]:
        return {
            key: _NAMES[key].get(item, item) if key in _NAMES and isinstance(item, int) else item
            for key, item in value.items()
        }

    def number(text: str) -> float:
        return int(float(text)) if float(text).is_integer() else float(text)

    found: dict[str, Any] = json.loads(body, object_hook=named, parse_float=number)
    return found


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, served: DataflowServer, *arguments: Any) -> None:
        self._served = served
        super().__init__(*arguments)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match = _JOBS.fullmatch(urlsplit(self.path).path)
        if not match:
            answer_json(self, 404, {"error": {"code": 404, "message": f"no such thing: {self.path}"}})
            return
        project, region, job_id, what = match.groups()
        if self.command == "POST" and not job_id:
            if self._served.refuse:
                status, message = self._served.refuse
                answer_json(self, status, {"error": {"code": status, "message": message}})
            else:
                answer_json(self, 200, self._served.submit(project, region, _read(body)).described())
            return
        job = next(job for job in self._served.jobs if job.job_id == job_id)
        if self._served.fate and not what:
            job.end(*self._served.fate)
        if self.command == "PUT":
            job.end(_read(body)["requestedState"])
        answer_json(self, 200, {"jobMessages": job.messages()} if what == "messages" else job.described())

    do_GET = do_POST = do_PUT = _handle

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@dataclass(frozen=True)
class Launcher:
    """A tool that was started as a user would start it, and waits for its job."""

    process: "subprocess.Popen[str]"
    job: Job

    def end(self) -> tuple[int, str]:
        """Its exit code and output, once it has ended."""
        _, said = self.process.communicate(timeout=120)
        return self.process.returncode, said


@contextlib.contextmanager
def launching(
    dataflow: DataflowServer, environment: dict[str, str], tool: str, *arguments: object, cwd: Path = ROOT
) -> Iterator[Launcher]:
    """Starts a tool and waits until it has submitted its job."""
    command = [sys.executable, "-c", _HEARS_CTRL_C, f"pipelines.{tool}", "--no_auth"]
    command += [f"--dataflow_endpoint={dataflow.url}", *map(str, arguments)]
    number = len(dataflow.jobs)
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=cwd)
    try:
        yield Launcher(process, dataflow.wait_for_job(number, lambda: process.poll() is None))
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def dataflow_server() -> Iterator[DataflowServer]:
    """Starts a stand-in, and stops it at the end of the block.

    Beam accepts an endpoint with a port only for `localhost`, where it would skip what it does only for the service. So
    each stand-in listens on port 80 of its own address; the test is skipped where that is not allowed. Newer versions
    of Beam speak gRPC over TLS, but HTTP with an endpoint whose name contains `sandbox`.
    """
    server = DataflowServer()
    with serving(_listen(server)) as url:
        server.url = f"{url.removesuffix(':80')}/sandbox"
        yield server


def _listen(server: DataflowServer) -> ThreadingHTTPServer:
    for _ in range(50):
        address = f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(2, 255)}"
        try:
            return ThreadingHTTPServer((address, 80), partial(_Handler, server))
        except PermissionError:
            pytest.skip("needs the right to listen at port 80 of the loopback interface")
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:  # not on Linux, where all of 127.0.0.0/8 exists
                pytest.skip("needs a loopback interface with more than one address")
    raise RuntimeError("no free address")
