"""Training with a pretrained network from the command line: what a run leaves, what it starts from, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import UsageError
from pipelines.core.model_info import ModelInfo
from tests.conftest import run_here
from tests.support.store_tools import run_label
from trainer import flags
from trainer.config import TrainConfig
from trainer.files.initial import read_initial
from trainer.training import checkpoint

pytestmark = [pytest.mark.process, pytest.mark.training]

TINY = ("--batch-size", 8, "--epochs", 1, "--no-baseline")
EYE = "mobilenetv3-small"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as Keras has it, with random weights: nothing here depends on what they have learnt."""
    import keras

    keras.utils.set_random_seed(3)
    file = tmp_path_factory.mktemp("eye") / "small.weights.h5"
    keras.applications.MobileNetV3Small((32, 32, 3), include_top=False, weights=None, pooling="avg").save_weights(file)
    return file


@pytest.fixture(scope="module")
def run(dataset: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("training") / "two"
    eye = ("--appearance", EYE, "--appearance-weights", weights)
    words = ("--model", "lrcn", "--variant", "reference", *eye, "--train-appearance", "last")
    done = run_here("trainer.task", *words, *TINY, "--data", dataset, "--output", output, code=0)
    assert "WARNING: frames of 32x32 pixels are small for a pretrained network" in done.stderr
    assert "lrcn (reference) with mobilenetv3-small, its last stage trained, on" in done.stderr
    assert "Motion alone" in done.stdout and "Streams  " in done.stdout
    return output


def test_a_run_tells_what_each_stream_does(run: Path, tree: Path, tmp_path: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    streams, about = metrics["streams"], metrics["appearance"]
    assert streams["work"] in ("motion", "appearance", "both", "either", "unknown")
    for name in ("motion", "appearance"):
        assert 0 <= streams[name]["top1"]["value"] <= 1 and "worse_by" in streams[name]
        lines = (run / f"predictions_{name}.jsonl").read_text().splitlines()
        assert len(lines) == metrics["test"]["num_clips"]
    both, *alone = (
        np.array([json.loads(line)["logits"] for line in (run / f"predictions{name}.jsonl").open()])
        for name in ("", "_motion", "_appearance")
    )
    spread = (alone[0] + alone[1] - both).std(axis=0)
    np.testing.assert_allclose(spread, 0, atol=1e-4)  # the sum of what each says is both's, but for the bias
    assert (
        about["trained"] == "last" and about["source"] == "small.weights.h5" and len(about["source_fingerprint"]) == 16
    )
    info = ModelInfo.from_json((run / "model" / "model_info.json").read_text())
    assert info.appearance == about
    assert ">Streams<" in (run / "report.html").read_text()
    run_label(run / "model", tree / "Jump", tmp_path / "labels")
    assert json.loads((tmp_path / "labels" / "summary.json").read_text())["counts"]["labelled"] > 0


def test_a_checkpoint_holds_no_frozen_weights(run: Path) -> None:
    found = checkpoint.load(str(run / "checkpoints" / "last.npz"))
    assert found is not None
    info = ModelInfo.from_json((run / "model" / "model_info.json").read_text())
    # The eye has 939,120 weights; only those of its last stage are trained.
    assert info.parameters > 900_000
    best = checkpoint.load(str(run / "checkpoints" / "best.npz"))
    assert best is not None
    assert sum(array.size for array in best[0]) < info.parameters - 400_000


def test_a_finished_run_knows_its_weights_by_their_content(
    run: Path, weights: Path, dataset: Path, tmp_path: Path
) -> None:
    words = ["--model", "lrcn", "--variant", "reference", "--appearance", EYE, "--train-appearance", "last", *TINY]
    words += ["--data", dataset, "--output", run, "--appearance-weights"]
    moved = tmp_path / "moved.weights.h5"
    moved.write_bytes(weights.read_bytes())
    assert "is complete" in run_here("trainer.task", *words, moved, code=0).stderr
    moved.write_bytes(weights.read_bytes() + b"\0")
    said = run_here("trainer.task", *words, moved, code=2).stderr
    assert "appearance_weights was " in said and "other settings" in said
    words[words.index("last")] = "none"
    assert "train_appearance was 'last', now 'none'" in run_here("trainer.task", *words, weights, code=2).stderr


def test_a_network_of_one_stream_starts_from_one_of_two(run: Path) -> None:
    """As `--init` does it; that it trains then: test_task."""
    from trainer.export.start import Start
    from trainer.networks.build import build_model

    initial = read_initial(str(run), "lrcn", "reference")
    start = Start(initial, initial.info.labels, initial.info.clip_spec)
    start.load()
    shape, classes = initial.info.clip_spec.shape, len(initial.info.labels)
    network = start.started(lambda: build_model("lrcn", "reference", shape, classes))()
    assert network.count_params() < 100_000
    assert "logits" in start.taken.layers and not start.taken.new_layers


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model lrcn --train-appearance last", "--train-appearance last needs --appearance, which is none"),
        ("--model lrcn --appearance-weights setup.py", "needs --appearance, which is none"),
        ("--model appearance --appearance none", "--model appearance sees nothing without --appearance"),
        ("--model appearance --variant reference", "--model appearance has no --variant reference"),
        ("--model lrcn --appearance resnet", "resnet"),
        (f"--model lrcn --appearance {EYE} --appearance-weights gone.h5", "gone.h5 can't be read: No such file"),
        (f"--model lrcn --appearance {EYE} --appearance-weights gs://b/x.h5", "must be on this machine: copy"),
    ],
)
def test_what_is_refused(words: str, message: str, dataset: Path, tmp_path: Path) -> None:
    done = run_here("trainer.task", *words.split(), "--data", dataset, "--output", tmp_path / "run", code=2)
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_model_of_appearance_alone_takes_the_packaged_network() -> None:
    given = flags.parse(flags.make_parser("trainer.task", ""), ["--model", "appearance"])
    assert flags.make_config(given).appearance == flags.DEFAULT_EYE
    with pytest.raises(UsageError, match="model appearance sees nothing without appearance"):
        TrainConfig("appearance", "data", "out")
    plain = TrainConfig("lrcn", "data", "out").identity()
    assert not {"appearance", "train_appearance", "appearance_weights"} & set(plain)  # as before there were streams
