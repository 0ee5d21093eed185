"""Training from bucket to bucket: permissions lost on the way, and mistakes, cost one clear line."""

import itertools
import json
import subprocess
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import run_here, run_tool
from tests.support.fault_proxy import Fault
from tests.support.gcs_server import silent_server, use_environment
from tests.support.store_tools import Place, TheError, is_content, lost_after, run_label
from tests.support.store_tools import place as place
from tests.support.store_tools import the_error as the_error
from trainer import compare
from trainer.training import checkpoint

SMALL = ("--model", "lrcn", "--variant", "reference", "--batch-size", 8, "--epochs", 1, "--no-baseline")


@pytest.fixture(scope="module")
def data(place: Place, dataset: Path) -> str:
    if place.root.startswith("s3") and find_spec("tensorflow_io") is None:
        pytest.skip("needs tensorflow-io, which the default set of versions alone has")
    uri = f"{place.root}/data/ds"
    for path in dataset.iterdir():
        if path.is_file():
            place.server.put(f"{uri}/{path.name}", path.read_bytes())
    return uri


def last_line(done: "subprocess.CompletedProcess[str]") -> str:
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr.splitlines()[-1]


def steps_of(place: Place, run: str, folder: Path) -> int:
    """Number of steps of the last checkpoint, which must be whole."""
    copy = folder / "last.npz"
    copy.write_bytes(place.server.get(f"{run}/checkpoints/last.npz"))
    found = checkpoint.load(str(copy))
    assert found is not None
    return found[1].global_step


@pytest.mark.timeout(600)
def test_a_run_in_a_bucket_goes_on_after_lost_permissions(
    place: Place, data: str, dataset: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = f"{place.root}/runs/one"
    words = [*SMALL, "--data", data, "--output", run, "--checkpoint-every-s", 0]
    writes_in_vain = place.root.startswith("gs")  # the same code for both, and training takes its time
    if writes_in_vain:
        with place.proxy.faulty(lost_after(2, "last.npz")):
            done = run_tool("trainer.task", *words, env=place.environment)
        assert done.returncode == 4
        said = last_line(done)
        assert said.startswith(f"error: cannot write {run}/checkpoints/last.npz: permission denied: somebody@example")
        assert said.endswith("then run the same command again to resume")
        assert steps_of(place, run, tmp_path) == 1  # the state at the start and that after the first step were stored

    lock, seen = threading.Lock(), itertools.count(1)
    checked = len(list(dataset.glob("*.tfrecord")))

    def deny_after_the_check(method: str, path: str) -> Fault | None:
        with lock:
            is_shard = ".tfrecord" in path and is_content(method, path)
            return Fault(status=403) if is_shard and next(seen) > checked else None

    with place.proxy.faulty(deny_after_the_check):
        done = run_tool("trainer.task", *words, env=place.environment)
    assert done.returncode == 4, done.stderr
    said = last_line(done)
    assert said.startswith(f"error: cannot read shards any more: cannot read {data}/"), said
    assert "permission denied" in said and said.endswith(
        "run the same command again to resume from the last checkpoint"
    )
    if writes_in_vain:
        assert steps_of(place, run, tmp_path) == 1

    done = run_tool("trainer.task", *words, env=place.environment)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(place.server.get(f"{run}/metrics.json"))
    assert metrics["training"]["epochs"] == 1 and metrics["training"]["steps"] == 3
    assert metrics["test"]["num_clips"] == 6
    rows = place.server.get(f"{run}/history.csv").decode().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1"]
    names = place.server.generations(run)
    assert [name for name in names if name.startswith("tensorboard/events.")]
    assert {"report.html", "predictions.jsonl", "model/model_info.json", "model/saved_model/saved_model.pb"} <= {*names}
    assert json.loads(place.server.get(f"{run}/model/model_info.json"))["labels"] == ["Jump", "Run", "Wave"]

    use_environment(place.environment, monkeypatch)
    again = run_here("trainer.task", *words)
    assert again.returncode == 0 and "is complete" in again.stderr
    assert compare.run([run]) == 0
    assert "lrcn" in capsys.readouterr().out
    output = f"{place.root}/labels"
    run_label(f"{run}/model", tree / "Jump", output, "--limit", 2)
    assert place.server.get(f"{output}/labels-00000-of-00001.jsonl").count(b"\n") == 2


def test_mistakes_and_stores_that_are_away_are_named_soon(
    place: Place, data: str, dataset: Path, tmp_path: Path, the_error: TheError, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_environment(place.environment, monkeypatch)

    def error_of(module: str, *words: object) -> str:
        code, error = the_error(module, *words)
        assert code in (1, 2)
        return error

    nowhere = place.root.replace("bucket", "nowhere")
    words = [*SMALL, "--data", dataset, "--output", f"{nowhere}/run"]
    missing = f"error: cannot use {nowhere}/run: there is no bucket nowhere. Create it or correct the name"
    assert error_of("trainer.task", *words) == missing
    assert error_of("trainer.compare", f"{nowhere}/run") == missing
    assert f"no run in {place.root}/data: metrics.json is missing (found ds)" in error_of(
        "trainer.compare", f"{place.root}/data"
    )
    words = [*SMALL, "--data", data, "--output", tmp_path / "run"]
    with place.proxy.faulty(lambda method, path: Fault(status=403)):
        assert f"{data}/dataset_info.json: permission denied" in error_of("trainer.task", *words)
    words[words.index(data)] = f"{place.root}/none"
    assert f"error: there is no folder {place.root}/none. Correct the path" in error_of("trainer.task", *words)
    words[words.index(f"{place.root}/none")] = data
    with silent_server() as silent:
        for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.setenv(name, f"http://{silent.address}")
        assert f"error: cannot use {data}: the store does not answer" in error_of("trainer.task", *words)
        assert len(silent.connections) <= 4
    if place.root.startswith("s3"):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        assert "Give credentials: AWS_ACCESS_KEY_ID" in error_of("trainer.task", *words)
