"""Executes a job that was submitted to the Dataflow stand-in, from what it staged and nothing else.

Beam's FnApiRunner, in the process of the test, plays the service. A process in a fresh environment plays the worker: it
has the packages of the lock file, as an image would, and gets this software from the staged package.
"""

import hashlib
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_provision_api_pb2, beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from tests import ROOT
from tests.support.dataflow_server import Job
from tests.support.gcs_server import GcsServer


@dataclass(frozen=True)
class Worker:
    """A machine that could be a worker."""

    folder: Path  # working directory of its processes
    python: Path  # the interpreter of its environment
    variables: dict[str, str]  # environment variables of its processes, in addition to those of this process

    def command(self, *arguments: object) -> str:
        """The shell command that runs the worker's interpreter."""
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        words = ["env", "-u", "PYTHONPATH", *variables, self.python, *arguments]
        return f"cd {shlex.quote(str(self.folder))} && exec {shlex.join(map(str, words))}"

    def run(self, *arguments: object) -> str:
        """Runs the worker's interpreter, and returns its output."""
        done = subprocess.run(self.command(*arguments), shell=True, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


def make_worker(folder: Path, variables: dict[str, str]) -> Worker:
    """A worker with only the packages of this environment's lock file."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--seed", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    ours = f"\napache-beam=={version('apache-beam')} "
    (file,) = (path for path in ROOT.glob("requirements*.lock") if ours in path.read_text())
    lock = ["--require-hashes", "-r", file]
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, "--no-deps", *lock], check=True)
    _share_bytecode(Path(sysconfig.get_path("purelib")), next((folder / "venv").glob("lib/python*/site-packages")))
    (folder / "work").mkdir()
    return Worker(folder / "work", python, variables)


def _share_bytecode(own: Path, other: Path) -> None:
    """Spares the other environment compiling the same files again, at every start if it may not write."""
    for cache in own.rglob("__pycache__"):
        target = other / cache.relative_to(own)
        if target.parent.is_dir() and not target.exists():
            shutil.copytree(cache, target)


def pipeline_of(server: GcsServer, job: Job) -> beam_runner_api_pb2.Pipeline:
    """The pipeline that a job staged."""
    return beam_runner_api_pb2.Pipeline.FromString(server.get(job.options["pipelineUrl"]))


def artifacts_of(server: GcsServer, pipeline: beam_runner_api_pb2.Pipeline, hashed: bool = False) -> dict[str, bytes]:
    """The artifacts of a pipeline's environments, by their names on the worker.

    With `--enable_artifact_caching` their hashes are given, too, and are checked here.
    """
    found: dict[str, bytes] = {}
    for environment in pipeline.components.environments.values():
        for artifact in environment.dependencies:
            assert artifact.type_urn == common_urns.artifact_types.URL.urn
            assert artifact.role_urn == common_urns.artifact_roles.STAGING_TO.urn
            place = beam_runner_api_pb2.ArtifactUrlPayload.FromString(artifact.type_payload)
            role = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(artifact.role_payload)
            found[role.staged_name] = server.get(place.url)
            assert not hashed or place.sha256 == hashlib.sha256(found[role.staged_name]).hexdigest()
    return found


def install(worker: Worker, artifacts: dict[str, bytes]) -> None:
    """Installs the staged package, once, with the command of Beam's own start script."""
    if (worker.python.parent / "har").exists():
        return
    package = worker.folder / "workflow.tar.gz"
    package.write_bytes(artifacts[package.name])
    worker.run("-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", package)


def execute(pipeline: beam_runner_api_pb2.Pipeline, job: Job, worker: Worker) -> None:
    """Runs a pipeline to its end; its functions run in a process of the worker.

    Raises:
        RuntimeError: the pipeline fails.
    """
    command = worker.command("-m", "apache_beam.runners.worker.sdk_worker_main")
    local = beam_runner_api_pb2.Pipeline()
    local.CopyFrom(pipeline)
    for environment in local.components.environments.values():
        assert environment.urn == common_urns.environments.DOCKER.urn
        environment.urn, environment.payload = python_urns.SUBPROCESS_SDK, command.encode()
        del environment.dependencies[:]  # already installed
    provision = beam_provision_api_pb2.ProvisionInfo(
        pipeline_options=JobServiceHandle.encode_pipeline_options(job.options)
    )
    runner = fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(provision))
    assert runner.run_via_runner_api(local, PipelineOptions([])).wait_until_finish() == "DONE"
