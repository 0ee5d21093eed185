"""What is specific to `gs://`: kills and faults in the middle of a job, and uploads in parts."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import contents, run_tool
from tests.support.gcs_server import GcsServer, silent_server, use_environment
from tests.support.gcs_server import bucket_of_videos as bucket_of_videos
from tests.support.gcs_server import environment as environment
from tests.support.gcs_server import server as server
from tests.support.store_tools import SIZE, run_label, run_preprocess, store_model, with_place
from tests.support.store_tools import greys as greys

pytestmark = pytest.mark.server


@pytest.fixture
def here(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """This process uses the server."""
    use_environment(environment, monkeypatch)


@pytest.fixture(scope="module")
def model(server: GcsServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_model(server, tmp_path_factory.mktemp("model"), "gs://bucket/model")


@pytest.mark.usefixtures("here")
def test_a_killed_job_goes_on(
    server: GcsServer, environment: dict[str, str], bucket_of_videos: str, tree: Path, dataset: Path
) -> None:
    output, uploads = "gs://bucket/killed/out", []
    arguments = [*("--input", bucket_of_videos, "--output", output), *map(str, SIZE)]
    command = [sys.executable, "-m", "pipelines.preprocess", *arguments]

    def kill_in_the_middle(method: str, path: str) -> None:
        if method == "POST" and path.startswith("/upload") and uploads.append(path) is None and len(uploads) == 12:
            os.killpg(process.pid, signal.SIGKILL)

    with server.intervening(kill_in_the_middle):
        process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
        assert process.wait(120) == -signal.SIGKILL
    before = server.generations(output)
    whole = [name for name in before if name.startswith("_state/shards/")]
    assert 0 < len(whole) < 8 and "dataset_info.json" not in before
    run_preprocess(bucket_of_videos, output)
    assert server.contents(output) == with_place(contents(dataset), tree, bucket_of_videos)
    after = server.generations(output)
    assert all(before[name] == after[name] for name in whole)
    assert not [name for name in after if "/tmp/" in name]


@pytest.mark.usefixtures("here")
def test_a_pattern_finds_videos_in_the_whole_bucket(server: GcsServer, model: Path, greys: Path) -> None:
    server.put_tree(greys / "a", "gs://bucket/p/q")
    server.put("gs://bucket/p/notes.txt", b"nothing")
    run_label(model, "gs://bucket/p/**.mp4", "gs://bucket/found")
    rows = [json.loads(line) for line in server.get("gs://bucket/found/labels-00000-of-00001.jsonl").splitlines()]
    assert [(row["video"], row["label"]) for row in rows] == [("q/jump.mp4", "Jump"), ("q/run [1].mp4", "Run")]


def vanishing(server: GcsServer, uri: str) -> object:
    """The object vanishes when it is requested by its name, after it was listed."""

    def intervene(method: str, path: str) -> None:
        if method == "GET" and f"/o/{uri.removeprefix('gs://bucket/')}" in path and uri.rpartition("/")[2] in names():
            server.delete(uri)

    def names() -> dict[str, str]:
        return server.generations(uri.rpartition("/")[0])

    return server.intervening(intervene)


@pytest.mark.usefixtures("here")
def test_a_video_that_goes_after_listing_is_a_record(server: GcsServer, model: Path, greys: Path, tree: Path) -> None:
    server.put_tree(greys / "a", "gs://bucket/v/greys")
    with vanishing(server, "gs://bucket/v/greys/jump.mp4"):  # type: ignore[attr-defined]
        run_label(model, "gs://bucket/v/greys", "gs://bucket/v/labels")
    (failure,) = map(json.loads, server.get("gs://bucket/v/labels/failures.jsonl").splitlines())
    assert failure["video"] == "jump.mp4"
    assert (failure["stage"], failure["type"]) == ("read", "FileNotFoundError")
    assert failure["message"] == "No such file or directory"

    server.put_tree(tree, "gs://bucket/v/ucf")
    gone = "Run/v_Run_g02_c01.avi"
    with vanishing(server, f"gs://bucket/v/ucf/{gone}"):  # type: ignore[attr-defined]
        run_preprocess("gs://bucket/v/ucf", "gs://bucket/v/out")
    (failure,) = map(json.loads, server.get("gs://bucket/v/out/failures.jsonl").splitlines())
    assert gone in failure["uri"] and (failure["stage"], failure["type"]) == ("read", "FileNotFoundError")


def test_without_network_and_credentials_it_ends_soon(environment: dict[str, str], model: Path, tmp_path: Path) -> None:
    with silent_server() as silent:
        env = {**environment, "GCE_METADATA_IP": silent.address, "HTTPS_PROXY": f"http://{silent.address}"}
        del env["STORAGE_EMULATOR_HOST"]
        places = ("--model", model, "--input", "gs://bucket/videos", "--output", tmp_path / "out")
        done = run_tool("pipelines.label", *places, env=env)
    assert done.returncode == 2 and len(silent.connections) <= 4
    (error,) = done.stderr.splitlines()
    assert "cannot use gs://bucket/videos: the store does not answer (" in error and "Check the network" in error
    assert "default credentials were not found" in error and "GOOGLE_APPLICATION_CREDENTIALS" in error
