"""Both jobs are submitted to a stand-in for Dataflow, and run from nothing but the files that they staged."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import label
from tests.conftest import contents
from tests.support.dataflow_server import DataflowServer, Job, dataflow_server, launching
from tests.support.gcs_server import GcsServer
from tests.support.gcs_server import bucket_of_videos as bucket_of_videos
from tests.support.gcs_server import environment as environment
from tests.support.gcs_server import server as server
from tests.support.label_model import make_model
from tests.support.staged_job import ROOT, Worker, artifacts_of, execute, install, make_worker, pipeline_of
from tests.support.store_tools import with_place, write_greys

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
