"""The model that training starts from: where it is, whether it can be, and what it has learnt from. No TensorFlow."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.core.errors import UsageError, UserError
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from trainer.files.initial import check_initial, initial_fingerprint, read_initial

INFO = ModelInfo("lrcn", "default", ClipSpec(), ("Jump", "Run"), fingerprint="f0")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run as far as it matters here."""
    folder = tmp_path / "run"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model_info.json").write_text(INFO.to_json())
    groups = {"train": ["g01", "g02"], "val": ["g03"], "test": ["g04"]}
    metrics = {"model": {"fingerprint": "f0"}, "dataset": {"groups": groups}, "init": None}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def change(run: Path, **values: object) -> None:
    file = run / "metrics.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_a_run_and_its_model_are_the_same(run: Path) -> None:
    for folder in (run, run / "model"):
        found = read_initial(str(folder), "lrcn", "default")
        assert (found.folder, found.info.fingerprint) == (str(run / "model"), "f0")
        assert found.groups == {"g01", "g02", "g03"}
        assert initial_fingerprint(str(folder)) == "f0"
    assert initial_fingerprint("") == ""
    assert found.seen(["g03", "g04", "g01"]) == ["g01", "g03"]


def test_groups_of_models_before_it_count_and_may_be_unknown(run: Path) -> None:
    change(run, init={"groups": ["g00"]})
    assert read_initial(str(run), "lrcn", "default").groups == {"g00", "g01", "g02", "g03"}
    change(run, init={"groups": None})
    assert read_initial(str(run), "lrcn", "default").groups is None
    change(run, init=None, model={"fingerprint": "of a later run"})
    assert read_initial(str(run / "model"), "lrcn", "default").groups is None
    change(run, model=3)
    with pytest.raises(UserError, match=r"metrics\.json is damaged: .* Run the training command of .*run again"):
        read_initial(str(run), "lrcn", "default")
    (run / "metrics.json").unlink()
    found = read_initial(str(run), "lrcn", "default")
    assert found.groups is None and found.seen(["g01"]) == []


def test_what_training_cannot_start_from_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"run is the network lrcn \(default\), not convlstm \(default\): give"):
        read_initial(str(run), "convlstm", "default")
    with pytest.raises(UsageError, match=r"not lrcn \(reference\): give --model lrcn --variant default"):
        read_initial(str(run), "lrcn", "reference")
    with pytest.raises(UsageError, match="--init: no model in .*nowhere: there is no such folder"):
        initial_fingerprint(str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="lies in --output .*run, which is written"):
        check_initial(str(run / "model"), str(run), "lrcn", "default")
    check_initial(str(run), str(tmp_path / "run2"), "lrcn", "default")
    check_initial("", str(run), "lrcn", "default")
    folds = tmp_path / "folds"
    folds.mkdir()
    (folds / "crossval.json").write_text("{}")
    with pytest.raises(UsageError, match="folds is a cross-validation: give the folder of one of its folds"):
        read_initial(str(folds), "lrcn", "default")
    foreign = replace(INFO, name="mine", variant="imported", imported={"layout": "x"})
    (run / "model" / "model_info.json").write_text(foreign.to_json())
    with pytest.raises(UsageError, match="is an imported model, mine: training can only start from models that"):
        read_initial(str(run), "lrcn", "default")
