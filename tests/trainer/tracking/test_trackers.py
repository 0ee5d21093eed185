"""Runs in MLflow and Weights & Biases: what arrives there, once, and that their troubles don't end a training."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import ROOT
from tests.conftest import run_here
from tests.support.mlflow_server import ENVIRONMENT, Mlflow, mlflow_server, needs_mlflow

SHORT = ("--model", "lrcn", "--variant", "reference", "--batch-size", "8", "--epochs", "2", "--no-baseline")
WANDB = os.environ.get("HAR_WANDB", "") or (sys.prefix if find_spec("wandb") else "")
RESUMED = """
import sys
from pathlib import Path
from trainer.config import TrainConfig
from trainer.tracking.tracking import read_history, tracking_of
folder, kill = sys.argv[1:]
config = TrainConfig("lrcn", "data", folder, track="mlflow")
history = read_history(Path(folder, "history.csv").read_text())
settings = {"model": "lrcn", "epochs": 2}
if kill == "stop":
    from pipelines.core.errors import PreemptedError
    try:
        with tracking_of(config, settings, "d0") as tracking:
            tracking.epochs(history[:1])
            raise PreemptedError("asked to stop")
    except PreemptedError:
        sys.exit()
with tracking_of(config, settings, "d0") as tracking:
    import json, os, signal
    tracking.epochs(history[:1])
    if kill != "no":
        os.killpg(int(kill), signal.SIGKILL)
    tracking.epochs(history)
    tracking.epochs(history)
    tracking.finish(json.loads(Path(folder, "metrics.json").read_text()))
"""


def start(environment: str, *words: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A process in another environment."""
    told = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    command = [f"{environment}/bin/python", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=told, cwd=ROOT, timeout=600, check=False)


def train(environment: str, data: Path, output: Path, *words: str, **variables: str) -> str:
    done = start(environment, "-m", "trainer.task", *SHORT, "--data", data, "--output", output, *words, **variables)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.skipif(find_spec("mlflow") is not None, reason="MLflow is installed here")
def test_a_missing_package_is_told_before_anything_else(tmp_path: Path) -> None:
    for tool, more in (("trainer.task", ()), ("trainer.crossval", ("--folds", 2))):
        done = run_here(tool, "--model", "lrcn", "--data", tmp_path, "--track", "mlflow", *more, code=2)
        assert "this needs MLflow, which isn't installed: pip install 'har-pipelines[mlflow]'" in done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="module")
def tracked(dataset: Path, server: Mlflow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that was tracked. Not to be changed."""
    output = tmp_path_factory.mktemp("runs") / "first"
    said = train(ENVIRONMENT, dataset, output, "--track", "mlflow", MLFLOW_TRACKING_URI=server.uri)
    assert f"tracked by mlflow: {server.uri}/#/experiments/0/runs/" in said and "WARNING" not in said
    return output


def run_of(server: Mlflow, folder: Path) -> str:
    run_id: str = json.loads((folder / "tracking.json").read_text())["mlflow"]["run"]
    assert run_id in {run["info"]["run_id"] for run in server.runs()}
    return run_id


@needs_mlflow
@pytest.mark.server
@pytest.mark.process
@pytest.mark.training
@pytest.mark.timeout(900)
def test_a_run_arrives_with_everything_and_only_once(dataset: Path, server: Mlflow, tracked: Path) -> None:
    metrics = json.loads((tracked / "metrics.json").read_text())
    run_id = run_of(server, tracked)
    (run,) = (run for run in server.runs() if run["info"]["run_id"] == run_id)
    assert (run["info"]["run_name"], run["info"]["status"]) == ("first", "FINISHED")
    params = {item["key"]: item["value"] for item in run["data"]["params"]}
    assert {name: str(value) for name, value in metrics["configuration"].items()} == params
    tags = {item["key"]: item["value"] for item in run["data"]["tags"]}
    assert tags["dataset_fingerprint"] == metrics["dataset"]["fingerprint"] and tags["leaky"] == "false"
    assert tags["model_fingerprint"] == metrics["model"]["fingerprint"]
    figures = {item["key"]: item["value"] for item in run["data"]["metrics"]}
    assert figures["test/top1"] == pytest.approx(metrics["test"]["top1"]["value"])
    assert figures["test/top1_low"] == pytest.approx(metrics["test"]["top1"]["low"])
    assert [step for step, _ in server.curve(run_id, "accuracy/val")] == [1, 2]
    kept = {"report.html", "metrics.json", "history.csv", "confusion.png", "model"}
    assert server.artefacts(run_id) == kept
    assert server.artefacts(run_id, "model") >= {f"model/{name}" for name in ("README.md", "model_info.json")}

    said = train(ENVIRONMENT, dataset, tracked, "--track", "mlflow", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "is complete" in said and "tracked by" not in said  # it isn't even asked
    assert [step for step, _ in server.curve(run_id, "test/top1")] == [0]


@needs_mlflow
@pytest.mark.server
@pytest.mark.process
@pytest.mark.training
@pytest.mark.timeout(900)
def test_a_resumed_run_goes_on_and_a_finished_one_can_be_sent_later(
    server: Mlflow, tracked: Path, dataset: Path, tmp_path: Path
) -> None:
    output = tmp_path / "later"
    shutil.copytree(tracked, output)
    (output / "tracking.json").unlink()
    place = {"MLFLOW_TRACKING_URI": server.uri}
    assert start(ENVIRONMENT, "-c", RESUMED, output, "stop", **place).returncode == 0
    run_id = run_of(server, output)
    assert [run["info"]["status"] for run in server.runs() if run["info"]["run_id"] == run_id] == ["KILLED"]
    assert server.curve(run_id, "loss/val")[-1][0] == 1
    said = train(ENVIRONMENT, dataset, output, "--track", "mlflow", **place)
    assert "is complete" in said and f"runs/{run_id}" in said
    assert [step for step, _ in server.curve(run_id, "loss/val")] == [1, 2]
    assert [run["info"]["status"] for run in server.runs() if run["info"]["run_id"] == run_id] == ["FINISHED"]


@needs_mlflow
@pytest.mark.server
@pytest.mark.process
@pytest.mark.training
@pytest.mark.timeout(900)
def test_a_server_that_goes_away_ends_nothing(tracked: Path, dataset: Path, tmp_path: Path) -> None:
    output, folder = tmp_path / "lost", tmp_path / "server"
    folder.mkdir()
    shutil.copytree(tracked, output)
    (output / "tracking.json").unlink()
    with mlflow_server(folder) as server:
        place = {"MLFLOW_TRACKING_URI": server.uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        done = start(ENVIRONMENT, "-c", RESUMED, output, server.group, **place)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("WARNING: mlflow can't be reached") == 2, done.stderr  # once, and at the end
        assert "training continues" in done.stderr and "Run the same command again to send the rest" in done.stderr
        assert json.loads((output / "tracking.json").read_text())["mlflow"]["epochs"] == 1
        server.start()
        train(ENVIRONMENT, dataset, output, "--track", "mlflow", **place)
        assert [step for step, _ in server.curve(run_of(server, output), "accuracy/train")] == [1, 2]


@needs_mlflow
@pytest.mark.process
@pytest.mark.training
@pytest.mark.timeout(600)
def test_a_server_that_is_not_there_is_an_error_before_training(dataset: Path, tmp_path: Path) -> None:
    words = ["-m", "trainer.task", *SHORT, "--data", dataset, "--output", tmp_path / "run", "--track", "mlflow"]
    done = start(ENVIRONMENT, *words, MLFLOW_TRACKING_URI="http://127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: --track mlflow cannot begin a run: " in done.stderr and "MLFLOW_TRACKING_URI names" in done.stderr
    assert not (tmp_path / "run" / "history.csv").exists()


@pytest.mark.skipif(not WANDB, reason="the package wandb isn't installed, and HAR_WANDB names no environment with it")
@pytest.mark.process
@pytest.mark.training
@pytest.mark.timeout(900)
def test_weights_and_biases_without_a_network(dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    place = {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path)}
    said = train(WANDB, dataset, output, "--track", "wandb", **place)
    (kept,) = (tmp_path / "wandb").glob("offline-run-*")
    assert f"tracked by wandb: {kept}" in said and "WARNING" not in said
    data = next(kept.glob("*.wandb")).read_bytes()
    for name in (b"accuracy/val", b"test/top1", b"dataset_fingerprint", b"report"):
        assert name in data
    run_id = json.loads((output / "tracking.json").read_text())["wandb"]["run"]
    assert kept.name.endswith(run_id)
    train(WANDB, dataset, output, "--track", "wandb", **place)
    assert [*(tmp_path / "wandb").glob("offline-run-*")] == [kept]
