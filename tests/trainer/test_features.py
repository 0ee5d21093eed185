"""Training from features: the same as through the frozen network that they are of, without running it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import UsageError
from pipelines.featurizing.info import FeaturesInfo
from tests.conftest import run_here
from trainer.config import ALONE, TrainConfig
from trainer.data.check import open_dataset
from trainer.data.features import Features
from trainer.training.devices import make_devices
from trainer.training.predict import Trained
from trainer.training.run import Run

pytestmark = [pytest.mark.process, pytest.mark.training]
EYE = "efficientnet-lite0"


def fit(
    model: str, dataset: Path, folder: Path, features: Features | None = None, single: bool = False
) -> tuple[np.ndarray, Trained]:
    """The losses of training and validation, [epochs, 2], and the trained network."""
    config = TrainConfig(model, str(dataset), str(folder), appearance=EYE, augment="none", epochs=2)
    run = Run(config, open_dataset(str(dataset)), make_devices("cpu", "float32"), features=features)
    trained = run.fit(str(folder / "checkpoints"), single_frame=single)
    return np.array([[row[name] for name in ("train_loss", "val_loss")] for row in trained.state.history]), trained


@pytest.mark.parametrize(("model", "single"), [(ALONE, True), ("lrcn", False)])
def test_it_learns_what_it_learns_through_the_network(
    model: str, single: bool, dataset: Path, features: Path, tmp_path: Path
) -> None:
    known = Features(str(features), FeaturesInfo.read(str(features)), alone=model == ALONE)
    through, whole = fit(model, dataset, tmp_path / "through", single=single)
    of_features, quick = fit(model, dataset, tmp_path / "from", known, single)
    np.testing.assert_allclose(of_features, through, rtol=2e-3)
    np.testing.assert_allclose(quick.test.logits, whole.test.logits, atol=2e-2)
    assert quick.alone.keys() == whole.alone.keys() == ({"motion", "appearance"} if model == "lrcn" else set())
    for name, predictions in quick.alone.items():
        np.testing.assert_allclose(predictions.logits, whole.alone[name].logits, atol=2e-2)
    resumed, _ = fit(model, dataset, tmp_path / "from", known, single)
    np.testing.assert_array_equal(resumed, of_features)


def test_features_of_other_weights_end_a_run_before_it_trains(dataset: Path, features: Path, tmp_path: Path) -> None:
    info = replace(FeaturesInfo.read(str(features)), weights="0" * 16)
    with pytest.raises(UsageError, match="was made with other weights of efficientnet-lite0"):
        fit(ALONE, dataset, tmp_path, Features(str(features), info, alone=True))
    assert not list(tmp_path.rglob("*.npz"))


def test_folds_and_their_models(dataset: Path, features: Path, tmp_path: Path) -> None:
    words = ("--model", ALONE, "--data", dataset, "--epochs", 1, "--no-baseline")
    runs = tmp_path / "runs"
    known = ("--features", features)
    done = run_here("trainer.crossval", *words, *known, "--output", runs, "--folds", 2, code=0)
    assert f"what {EYE} sees is read from {features}: there is no augmentation" in done.stderr
    assert json.loads((runs / "crossval.json").read_text())["pooled"]["num_clips"] == 30
    fold = runs / "fold01-seed0"
    found = json.loads((fold / "metrics.json").read_text())["features"]
    assert found["fingerprint"] == FeaturesInfo.read(str(features)).fingerprint()
    # The exported model takes frames: it was compared with what was predicted from features.
    assert found["checked_clips"] == 4 and 0 < found["largest_difference"] < 1e-3
    again = ("--output", fold, "--fold", "1/2")
    assert "is complete" in run_here("trainer.task", *words, *known, *again, code=0).stderr
    refused = run_here("trainer.task", *words, *again, code=2).stderr
    assert "belongs to a run with other settings: features was" in refused
