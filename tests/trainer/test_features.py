"""Training from features: the same as through the frozen network that they are of, without running it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.models.loaded import load_model
from tests.conftest import run_here
from tests.support.eyes import APPEARANCE, write_weights

pytestmark = [pytest.mark.process, pytest.mark.training]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("eye") / "eye.weights.h5")


@pytest.fixture(scope="module")
def features(dataset: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The features of `dataset`. Not to be changed."""
    output = tmp_path_factory.mktemp("features") / "out"
    words = ("--data", dataset, "--output", output, "--appearance", APPEARANCE, "--appearance-weights", weights)
    run_here("pipelines.features", *words, code=0)
    return output


def train(model: str, dataset: Path, weights: Path, output: Path, *more: object, code: int = 0) -> str:
    eye = ("--appearance", APPEARANCE, "--appearance-weights", weights)
    words = ("--model", model, *eye, "--data", dataset, "--output", output, "--epochs", 2, "--augment", "none", *more)
    return run_here("trainer.task", *words, code=code).stderr


def history(run: Path) -> np.ndarray:
    """The losses of training and validation, [epochs, 2]."""
    with open(run / "history.csv", newline="") as file:
        return np.array([[float(row[name]) for name in ("train_loss", "val_loss")] for row in csv.DictReader(file)])


@pytest.mark.parametrize("model", ["appearance", "lrcn"])
def test_it_learns_what_it_learns_through_the_network(
    model: str, dataset: Path, features: Path, weights: Path, tmp_path: Path
) -> None:
    single = () if model == "appearance" else ("--no-baseline",)
    train(model, dataset, weights, tmp_path / "through", *single)
    said = train(model, dataset, weights, tmp_path / "from", *single, "--features", features)
    assert f"what {APPEARANCE} sees is read from {features}" in said or model == "lrcn"
    np.testing.assert_allclose(history(tmp_path / "from"), history(tmp_path / "through"), rtol=5e-3)
    metrics = json.loads((tmp_path / "from" / "metrics.json").read_text())
    assert metrics["features"]["largest_difference"] < 1e-3 and metrics["features"]["checked_clips"] == 4
    assert (metrics["baselines"]["single_frame"] is None) == (model != "appearance")
    assert ("streams" in metrics) == (model == "lrcn")
    # The exported model has the network inside, and takes frames.
    clips = np.random.default_rng(0).integers(0, 256, (3, 4, 32, 32, 3), np.uint8)
    through, known = (load_model(tmp_path / name / "model").predict(clips) for name in ("through", "from"))
    np.testing.assert_allclose(known, through, atol=5e-3)
    assert "is complete" in train(model, dataset, weights, tmp_path / "from", *single, "--features", features)
    refused = train(model, dataset, weights, tmp_path / "from", *single, code=2)
    assert "belongs to a run with other settings: features was" in refused


def test_features_of_other_weights_end_a_run_before_it_trains(dataset: Path, features: Path, tmp_path: Path) -> None:
    other = write_weights(tmp_path / "other.weights.h5", seed=2)
    said = train("appearance", dataset, other, tmp_path / "run", "--features", features, code=2)
    assert "was made with other weights" in said and "Traceback" not in said


def test_folds(dataset: Path, features: Path, weights: Path, tmp_path: Path) -> None:
    eye = ("--appearance", APPEARANCE, "--appearance-weights", weights, "--features", features)
    words = ("--model", "appearance", *eye, "--data", dataset, "--output", tmp_path / "runs", "--epochs", 1)
    run_here("trainer.crossval", *words, "--folds", 2, "--no-baseline", code=0)
    summary = json.loads((tmp_path / "runs" / "crossval.json").read_text())
    assert summary["pooled"]["num_clips"] == 30
    assert json.loads((tmp_path / "runs" / "fold01-seed0" / "metrics.json").read_text())["features"]["fingerprint"]
