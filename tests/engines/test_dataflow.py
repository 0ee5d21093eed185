"""Both jobs are submitted to a stand-in for Dataflow, and run from nothing but the files that they staged."""

import hashlib
import io
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_provision_api_pb2, beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from pipelines import label
from tests import ROOT
from tests.conftest import contents
from tests.support.dataflow_server import DataflowServer, Job, dataflow_server, launching
from tests.support.gcs_server import GcsServer
from tests.support.gcs_server import bucket_of_videos as bucket_of_videos
from tests.support.gcs_server import environment as environment
from tests.support.gcs_server import server as server
from tests.support.label_model import make_model
from tests.support.store_tools import with_place, write_greys


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
    for described in pipeline.components.environments.values():
        for artifact in described.dependencies:
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
    for described in local.components.environments.values():
        assert described.urn == common_urns.environments.DOCKER.urn
        described.urn, described.payload = python_urns.SUBPROCESS_SDK, command.encode()
        del described.dependencies[:]  # already installed
    provision = beam_provision_api_pb2.ProvisionInfo(
        pipeline_options=JobServiceHandle.encode_pipeline_options(job.options)
    )
    runner = fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(provision))
    assert runner.run_via_runner_api(local, PipelineOptions([])).wait_until_finish() == "DONE"


pytestmark = pytest.mark.process

CONFIG, GPU = ROOT / "configs" / "dataflow.yaml", ROOT / "configs" / "dataflow_gpu.yaml"
OURS = ("--project=a-project", "--temp_location=gs://bucket/tmp")
SIZE = ("--num-frames", "4", "--size", "32", "--shards", "8")
INSTALLED = "from importlib.metadata import distributions; print(*sorted({d.name for d in distributions()}), sep='\\n')"


@pytest.fixture(scope="module")
def dataflow() -> Iterator[DataflowServer]:
    with dataflow_server() as running:
        yield running


@pytest.fixture(scope="module")
def worker(server: GcsServer, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """A worker without this software, which each job brings along."""
    return make_worker(tmp_path_factory.mktemp("worker"), {"STORAGE_EMULATOR_HOST": server.url})


@pytest.mark.timeout(600)
def test_a_dataset_is_made_from_what_was_staged(
    server: GcsServer,
    dataflow: DataflowServer,
    environment: dict[str, str],
    worker: Worker,
    bucket_of_videos: str,
    tree: Path,
    dataset: Path,
) -> None:
    places = ("--input", bucket_of_videos, "--output", "gs://bucket/My_Data/out")
    setup = "--setup_file=setup.py"
    arguments = ("--config", CONFIG, *OURS, *places, *SIZE, setup)
    with launching(dataflow, environment, "preprocess", *arguments) as launcher:
        job = launcher.job
        job.state = "JOB_STATE_RUNNING"
        check_request(server, job)
        pipeline = pipeline_of(server, job)
        artifacts = artifacts_of(server, pipeline)
        assert set(artifacts) == {package["name"] for package in job.pool["packages"]}
        check_package(artifacts["workflow.tar.gz"])

        before = worker.run("-c", INSTALLED).split()
        assert "har-pipelines" not in before and {"apache-beam", "tensorflow"} <= set(before)
        install(worker, artifacts)
        assert worker.run("-c", INSTALLED).split() == sorted([*before, "har-pipelines"])  # the lock has all it needs
        where = worker.run("-c", "import pipelines; print(pipelines.__file__)")
        assert Path(where).is_relative_to(worker.python.parents[1])

        execute(pipeline, job, worker)
        assert "dataset_info.json" not in server.contents("gs://bucket/My_Data/out")
        job.end("JOB_STATE_DONE")
        code, said = launcher.end()
    assert code == 0, said
    assert f"https://console.cloud.google.com/dataflow/jobs/europe-west4/{job.job_id}?project=a-project" in said
    assert "Traceback" not in said
    assert server.contents("gs://bucket/My_Data/out") == with_place(contents(dataset), tree, bucket_of_videos)


def check_request(server: GcsServer, job: Job) -> None:
    """The request has the values of the configuration and the command line."""
    environment, pool, options = job.request["environment"], job.pool, job.options
    assert (job.project, job.region, job.request["type"]) == ("a-project", "europe-west4", "JOB_TYPE_BATCH")
    assert job.request["name"].startswith("preprocess-out-") and len(job.request["name"]) == 15 + 16
    assert "use_runner_v2" in environment["experiments"] and "use_multiple_sdk_containers" in environment["experiments"]
    assert environment["serviceAccountEmail"] == "har-worker@my-project.iam.gserviceaccount.com"
    assert environment["version"] == {"job_type": "FNAPI_BATCH", "major": "8"}
    staging = f"bucket/tmp/{job.request['name']}."
    assert environment["tempStoragePrefix"].startswith(f"storage.googleapis.com/{staging}")
    assert (pool["kind"], pool["machineType"], pool["diskSizeGb"]) == ("harness", "n2-highcpu-8", 30)
    assert pool["autoscalingSettings"] == {"algorithm": "AUTOSCALING_ALGORITHM_BASIC", "maxNumWorkers": 20}
    assert pool["subnetwork"] == "regions/europe-west4/subnetworks/my-subnetwork"
    assert pool["ipConfiguration"] == "WORKER_IP_PRIVATE"
    image = "europe-west4-docker.pkg.dev/my-project/har/worker:0.1.0"
    assert pool["workerHarnessContainerImage"] == image
    (of_sdk,) = pool["sdkHarnessContainerImages"]
    assert of_sdk["containerImage"] == image and of_sdk["useSingleCorePerContainer"]
    assert options["pipelineUrl"].startswith(f"gs://{staging}") and options["pipelineUrl"].endswith("/pipeline.pb")
    assert (options["runner"], options["save_main_session"], options["streaming"]) == ("DataflowRunner", False, False)
    for package in pool["packages"]:
        uri = package["location"].replace("storage.googleapis.com/", "gs://")
        assert uri.startswith(f"gs://{staging}") and server.get(uri)


def check_package(data: bytes) -> None:
    """The package that workers install is the one here, including files other than Python."""
    with tarfile.open(fileobj=io.BytesIO(data)) as package:
        found = {
            member.name.partition("/")[2]: package.extractfile(member).read()  # type: ignore[union-attr]
            for member in package.getmembers()
            if member.isfile()
        }
    ours = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for folder in ("pipelines", "trainer")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name: found.get(name) for name in ours} == ours
    assert {"setup.py", "pyproject.toml"} <= set(found)


@pytest.mark.timeout(600)
def test_labels_are_made_from_what_was_staged(
    server: GcsServer, dataflow: DataflowServer, environment: dict[str, str], worker: Worker, tmp_path: Path
) -> None:
    write_greys(tmp_path / "greys")
    make_model(tmp_path / "model", durations_s={"min": 0.4, "median": 1.0, "max": 1.0})
    settings = ("--max-failure-rate", "1", "--range-s", "2", "--webvtt")
    here = {"--model": tmp_path / "model", "--input": tmp_path / "greys", "--output": tmp_path / "labels"}
    assert label.run([*(str(word) for pair in here.items() for word in pair), *settings]) == 0
    server.put_tree(tmp_path / "model", "gs://bucket/model")
    server.put_tree(tmp_path / "greys", "gs://bucket/greys")

    places = ("--model", "gs://bucket/model", "--input", "gs://bucket/greys", "--output", "gs://bucket/labels")
    more = ("--config", CONFIG, "--config", GPU, *OURS, f"--setup_file={ROOT}/setup.py", "--enable_artifact_caching")
    with launching(dataflow, environment, "label", *more, *places, *settings, "--workers=2", cwd=tmp_path) as launcher:
        job = launcher.job
        job.state = "JOB_STATE_RUNNING"
        pool, requested = job.pool, job.request["environment"]
        assert (pool["machineType"], pool["diskSizeGb"]) == ("g2-standard-8", 60)
        assert pool["workerHarnessContainerImage"].endswith("/worker-gpu:0.1.0")
        assert (pool["numThreadsPerWorker"], pool["autoscalingSettings"]["maxNumWorkers"]) == (2, 4)
        assert requested["serviceOptions"] == ["worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"]
        assert "no_use_multiple_sdk_containers" in requested["experiments"]
        assert "use_multiple_sdk_containers" not in requested["experiments"]
        pipeline = pipeline_of(server, job)
        artifacts = artifacts_of(server, pipeline, hashed=True)
        install(worker, artifacts)
        execute(pipeline, job, worker)
        assert "summary.json" not in server.contents("gs://bucket/labels")
        job.end("JOB_STATE_DONE")
        code, said = launcher.end()
    assert code == 0, said
    assert "Traceback" not in said
    expected = with_place(contents(tmp_path / "labels"), tmp_path / "greys", "gs://bucket/greys")
    found = server.contents("gs://bucket/labels")
    assert set(found) == set(expected)
    varying = ("summary.json", "report.html")  # how long it took, and where
    assert {name: found[name] for name in found if name not in varying} == {
        name: expected[name] for name in expected if name not in varying
    }
    assert found["labels-00000-of-00001.jsonl"].count(b"\n") >= 4 and b"broken.mp4" in found["failures.jsonl"]
