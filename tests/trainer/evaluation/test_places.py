"""What a folder holds, and where a run may be written."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.core.errors import UsageError
from tests.conftest import run_here
from trainer.evaluation.places import CROSS_VALIDATION, RUN, check_output, kind_of, refuse_other_folder

EVENTS = "events.out.tfevents.1795909429019217.5056.v2"
FOLDERS = {
    "": ["readme.txt"],
    ", but event files of another program": ["events.out.tfevents.1700000000.host.12.0.v2"],
    RUN: ["metrics.json", "model/model_info.json", "_state/lock"],
    "a training run, begun": [EVENTS, "_state/lock"],
    "a training run, begun and tracked": [EVENTS, "tracking.json", "_state/lock"],
    "a training run, begun by an earlier version": ["tensorboard/events", "_state/lock"],
    "a training run, with nothing but a model": ["model/model_info.json", "notes.txt"],
    "a training run, in its first epoch": ["checkpoints/last.npz", EVENTS],
    CROSS_VALIDATION: ["crossval.json", "predictions.jsonl"],
    "a cross-validation, begun": ["fold01-seed0/checkpoints/last.npz", "_state/lock"],
    "a model": ["model_info.json", "saved_model/saved_model.pb"],
    "a dataset": ["dataset_info.json", "train-00000-of-00001.tfrecord", "_state/layout.json"],
    "a dataset, not complete": ["_state/layout.json", "_state/lock"],
    "a SavedModel": ["saved_model.pb"],
    "labels": ["labels-00000-of-00001.jsonl", "summary.json", "_state/label_layout.json"],
}


def fill(folder: Path, names: Sequence[str]) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return str(folder)


@pytest.mark.parametrize(("what", "names"), FOLDERS.items())
def test_a_folder_is_called_what_it_is_and_takes_only_its_kind(what: str, names: list[str], tmp_path: Path) -> None:
    folder = fill(tmp_path, names)
    kind = what.partition(",")[0]
    assert kind_of(folder) == kind
    for wanted in (RUN, CROSS_VALIDATION):
        if kind == wanted:
            check_output(folder, wanted)
            continue
        with pytest.raises(UsageError, match=f"holds {kind or 'no run of this software'}.*Choose another --output"):
            check_output(folder, wanted)


@pytest.mark.parametrize("names", [[], ["_state/lock"], [".DS_Store"]])
def test_an_empty_folder_is_good_for_either(names: list[str], tmp_path: Path) -> None:
    folder = fill(tmp_path, names)
    check_output(folder, RUN)
    check_output(folder, CROSS_VALIDATION)
    check_output(str(tmp_path / "new"), RUN)


def test_other_folders_are_refused_before_anything_is_trained(dataset: Path, tmp_path: Path) -> None:
    fill(tmp_path, ["checkpoints/last.npz", "model/notes.txt"])
    foreign = run_here("trainer.task", "--model", "lrcn", "--data", dataset, "--output", tmp_path)
    assert foreign.returncode == 2
    assert "model already exists and is not a model" in foreign.stderr
    crossval = run_here("trainer.crossval", "--model", "lrcn", "--folds", 2, "--data", dataset, "--output", tmp_path)
    assert crossval.returncode == 2
    assert "holds a training run, so a cross-validation can't be written there" in crossval.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "model"]


def test_a_model_never_takes_the_place_of_a_file_or_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for place in ("pipe", "file", "/dev/null"):
        with pytest.raises(UsageError, match="already exists and is not a model"):
            refuse_other_folder(str(tmp_path / place))
    for place in ("empty", "missing"):
        refuse_other_folder(str(tmp_path / place))


@pytest.mark.process
def test_a_cross_validation_has_a_default_folder_of_its_own() -> None:
    assert "(default: runs/MODEL-crossval)" in run_here("trainer.crossval", "--help").stdout
    assert "(default: runs/MODEL)" in run_here("trainer.task", "--help").stdout


def test_nothing_is_written_into_a_dataset(tmp_path: Path) -> None:
    check_output(f"{tmp_path}/data-runs", RUN, f"{tmp_path}/data")
    for place in ("data", "data/sub", "data/a/b/"):
        with pytest.raises(UsageError, match="lies in --data"):
            check_output(f"{tmp_path}/{place}", RUN, f"{tmp_path}/data/")
