"""What goes wrong with Dataflow ends in one clear line and an exit code."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core import exceptions

from pipelines import label, preprocess
from pipelines.cli import tool
from pipelines.core.model_info import MODEL_INFO, ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.engines.dataflow import as_user_error, find_reason
from tests.support.dataflow_server import DataflowServer, dataflow_server, launching
from tests.support.gcs_server import GcsServer, gcs_server, use_environment
from tests.support.gcs_server import environment as environment

pytestmark = pytest.mark.process

AGAIN = "un the same command again"
NEEDED = {
    "--runner": "DataflowRunner",
    "--project": "a-project",
    "--region": "europe-west4",
    "--temp_location": "gs://bucket/tmp",
    "--sdk_container_image": "an/image:1",
    "--no_auth": "",
    "--experiments": "disable_logging_submission_environment",  # it takes a second and is not needed here
}


@pytest.fixture(scope="module")
def server(tree: Path) -> Iterator[GcsServer]:
    with gcs_server() as running:
        running.put_tree(tree / "Run", "gs://bucket/videos/Run")
        yield running


@pytest.fixture(autouse=True)
def here(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """This process uses the server."""
    use_environment(environment, monkeypatch)


@pytest.fixture
def dataflow() -> Iterator[DataflowServer]:
    with dataflow_server() as running:
        yield running


def words(given: dict[str, str]) -> list[str]:
    return [f"{flag}={value}" if value else flag for flag, value in given.items()]


def submit(dataflow: DataflowServer, output: str) -> list[str]:
    """The command line of a job."""
    endpoint = f"--dataflow_endpoint={dataflow.url}"
    return [*words(NEEDED), endpoint, "--input=gs://bucket/videos", f"--output={output}", "--splits=train=1"]


def error_of(arguments: list[str], capfd: pytest.CaptureFixture[str], code: int) -> str:
    """The single line with which a tool ends; there is no stack trace before it."""
    capfd.readouterr()
    assert tool.run_tool(preprocess.run, arguments) == code
    said = capfd.readouterr().err
    assert "Traceback" not in said and 'File "' not in said, said
    (error,) = (line for line in said.splitlines() if line.startswith("error: "))
    assert said.splitlines()[-1] == error, said
    return error


OF_A_WORKER = """\
Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1, in process
OSError: [Errno 13] denied

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "pipelines/files.py", line 1, in write_atomically
pipelines.core.errors.OutputError: cannot write gs://bucket/x: permission denied, then run the same command again \
[while running 'WriteShards/ParDo(_WriteShardFn)-ptransform-12']
"""
UNEXPECTED = """\
Traceback (most recent call last):
  File "apache_beam/runners/worker/sdk_worker.py", line 1, in _execute
  File "pipelines/transforms/worker.py", line 1, in shared_pool
RuntimeError: a decoder process could not be started: no answer [while running 'WriteShards/ParDo']
"""
GAVE_UP = "Workflow failed. Causes: S01:PlanFile failed., The work item was attempted on these workers: a, b"
NO_QUOTA = "Startup of the worker pool in zone x failed to bring up any of the desired 1 workers. QUOTA_EXCEEDED"


@pytest.mark.parametrize(
    ("fate", "message"),
    [
        (("JOB_STATE_FAILED", OF_A_WORKER, GAVE_UP), "cannot write gs://bucket/x: permission denied, then run the"),
        (("JOB_STATE_CANCELLED",), "the job ended on Dataflow as CANCELLED. Run the same command again to resume. The"),
        (("JOB_STATE_DONE",), "not written: 1 shard, for example train-00000-of-00001.tfrecord; run"),
    ],
    ids=["failed", "cancelled", "nothing done"],
)
def test_how_a_job_ends(
    dataflow: DataflowServer, capfd: pytest.CaptureFixture[str], fate: tuple[str, ...], message: str
) -> None:
    dataflow.fate = fate
    error = error_of(submit(dataflow, "gs://bucket/ended/out"), capfd, code=4)
    assert message in error and AGAIN in error


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            UNEXPECTED,
            ": RuntimeError: a decoder process could not be started: no answer [while running 'WriteShards/ParDo']",
        ),
        (NO_QUOTA, f": {NO_QUOTA}"),
        ("None", ""),
    ],
    ids=["stack trace", "one line", "none"],
)
def test_the_reason_is_found(text: str, reason: str) -> None:
    assert find_reason(f"Dataflow pipeline failed. State: FAILED, Error:\n{text}") == reason


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((403, "(1a): Permission dataflow.jobs.create denied."), "Permission dataflow.jobs.create denied. Fix that,"),
        ((400, "(2b): The network x doesn't exist."), "submitted to Dataflow: (2b): The network x doesn't exist. Fix"),
    ],
)
def test_a_job_that_is_refused(
    dataflow: DataflowServer, capfd: pytest.CaptureFixture[str], refusal: tuple[int, str], message: str
) -> None:
    dataflow.refuse = refusal
    error = error_of(submit(dataflow, "gs://bucket/refused/out"), capfd, code=4)
    assert message in error and AGAIN in error


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (403, "(1a): Permission denied.", "submitted to Dataflow: (1a): Permission denied. Fix that"),
        (409, "(3c): There is already an active job", "the job a-job is already running"),
    ],
)
@pytest.mark.parametrize("request_line", ["", "POST https://dataflow.googleapis.com/v1b3/projects/x/jobs: "])
def test_what_newer_versions_of_beam_raise(request_line: str, status: int, text: str, message: str) -> None:
    error = exceptions.from_http_status(status, request_line + text)
    options = PipelineOptions(["--job_name=a-job"])
    assert message in str(as_user_error(error, options, ""))


def test_one_job_at_a_time_for_an_output(
    dataflow: DataflowServer, environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = submit(dataflow, "gs://bucket/twice/out")
    with launching(dataflow, environment, "preprocess", *arguments) as first:
        job = first.job
        job.state = "JOB_STATE_RUNNING"
        error = error_of(arguments, capfd, code=2)
        assert f"the job {job.request['name']} is already running. Wait for its end or cancel it" in error
        dataflow.refuse = (409, "(3c): The workflow could not be created. There is already an active job")
        assert "is already running" in error_of(submit(dataflow, "gs://bucket/another/out"), capfd, code=2)

        first.process.send_signal(signal.SIGINT)  # its job would continue, and nothing would check what it wrote
        code, said = first.end()
    assert code == 130 and said.splitlines()[-2:] == [
        "cancelling the job; what it has finished is kept",
        "interrupted; run the same command again to resume",
    ]
    assert (job.state, len(dataflow.jobs)) == ("JOB_STATE_CANCELLED", 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--project": None}, "DataflowRunner needs a project: --project PROJECT"),
        ({"--temp_location": None}, "needs a place for temporary files: --temp_location gs://BUCKET/FOLDER"),
        ({"--temp_location": "/tmp/x"}, "--temp_location gs://BUCKET/FOLDER, not /tmp/x"),
        ({"--sdk_container_image": None}, "need this software: --setup_file ./setup.py, or --sdk_container_image"),
        ({"--setup_file": "nowhere/setup.py"}, "no such file: --setup_file nowhere/setup.py"),
        ({"--streaming": ""}, "--streaming can't be used: this is a batch job"),
        ({"--template_location": "gs://bucket/t"}, "--template_location can't be used: this program waits for the job"),
        ({"--no_auth": None}, "DataflowRunner needs Google credentials (an emulator needs none): `gcloud auth"),
        ({"--output": "/tmp/out"}, "--output /tmp/out is on this machine, where workers of DataflowRunner can't reach"),
        ({"--input": None}, "data/sample-videos is on this machine, where workers of DataflowRunner can't reach it"),
        ({"--machin_type": "n2"}, "unknown flag --machin_type; did you mean --machine_type?"),
        ({"--num_workers": "many"}, "argument --num_workers: invalid int value: 'many'. See Beam's documentation"),
        ({"--num_workers": "9", "--max_num_workers": "3"}, "num_workers (9) cannot exceed max_num_workers (3)"),
        ({"--job_name": "A Job"}, "Invalid job_name (A Job)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_is_missing_is_asked_for_at_once(
    server: GcsServer, capfd: pytest.CaptureFixture[str], changes: dict[str, str | None], message: str
) -> None:
    """Before anything is staged."""
    given = {**NEEDED, "--input": "gs://bucket/videos", "--output": "gs://bucket/none/out", **changes}
    before = server.generations("gs://bucket")
    error = error_of(words({flag: value for flag, value in given.items() if value is not None}), capfd, code=2)
    assert message in error and server.generations("gs://bucket") == before


def test_what_workers_cannot_reach_is_refused(
    server: GcsServer, tree: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = [*words(NEEDED), f"--input={tree}", "--output=gs://bucket/none/out"]
    assert f"--input {tree}/" in (error := error_of(given, capfd, code=2)) and "is on this machine" in error
    (tmp_path / "model").mkdir()
    info = ModelInfo("tiny", "none", ClipSpec(num_frames=4, height=32, width=32), ("Jump", "Run"), fingerprint="f")
    (tmp_path / "model" / MODEL_INFO).write_text(info.to_json())
    assert tool.run_tool(label.run, [*given, f"--model={tmp_path}/model"]) == 2
    assert f"--model {tmp_path}/model is on this machine" in capfd.readouterr().err
    assert not server.generations("gs://bucket/none")
