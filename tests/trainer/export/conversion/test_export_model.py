"""`har export-model`: what it writes agrees with the SavedModel on real clips, or isn't written."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import pipelines
from pipelines.core.model_info import MODEL_INFO, ModelInfo
from tests import ROOT
from tests.conftest import run_here
from tests.support.converted_models import network, patches, untrained
from trainer.evaluation import results
from trainer.export.conversion import job
from trainer.export.conversion.child import to_tflite
from trainer.export.conversion.clips import read_clips
from trainer.export.conversion.forms import TFLITE, WEIGHTS_ALONE, Form
from trainer.export.conversion.graph import write_convertible
from trainer.export.conversion.source import find_model
from trainer.export.keras_model import export_model
from trainer.export.model_folder import write_saved_model

pytestmark = [pytest.mark.training, pytest.mark.process]


@pytest.fixture(scope="module")
def model(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of `dataset`. Not to be changed."""
    folder = tmp_path_factory.mktemp("run") / "model"
    untrained(dataset, folder, "lrcn", "reference")
    return folder


@pytest.fixture
def own(model: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    return Path(shutil.copytree(model, tmp_path / "run" / "model"))


def info_of(model: Path) -> ModelInfo:
    return ModelInfo.from_json((model / MODEL_INFO).read_text())


def contents(model: Path) -> dict[str, bytes]:
    return {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()}


def export(model: Path, *arguments: object, code: int = 0) -> "subprocess.CompletedProcess[str]":
    return run_here("trainer.export", model, *arguments, code=code)


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> "tuple[Path, subprocess.CompletedProcess[str]]":
    """A copy with both forms of TensorFlow Lite, and what was printed. Not to be changed."""
    folder = Path(shutil.copytree(model, tmp_path_factory.mktemp("exported") / "model"))
    return folder, export(folder, "--to", "tflite", "--int8", "--clips", 6)


def test_in_float32_and_in_8_bits(
    model: Path, exported: "tuple[Path, subprocess.CompletedProcess[str]]", dataset: Path
) -> None:
    own, done = exported
    before, saved = info_of(model), contents(model)
    info = info_of(own)
    assert info == replace(before, exports=info.exports) and [*info.exports] == ["tflite", "tflite_int8"]
    assert saved.items() - {MODEL_INFO: saved[MODEL_INFO]}.items() <= contents(own).items()
    for key, entry in info.exports.items():
        data = (own / entry["file"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest() and entry["size_bytes"] == len(data), key
        assert entry["kind"] == "tflite" and entry["operators"]["FULLY_CONNECTED"] >= 4
        assert entry["versions"]["tensorflow"] == tf.__version__
        agreement = entry["agreement"]
        assert agreement["clips"] == 6 and agreement["dataset"]["fingerprint"] == info.dataset["fingerprint"]
        assert (own / agreement["dataset"]["uri"]).samefile(dataset)
    exact, int8 = (info.exports[key] for key in ("tflite", "tflite_int8"))
    assert exact["agreement"]["largest_difference"] < 1e-5 < int8["agreement"]["largest_difference"]
    assert int8["size_bytes"] < 0.6 * exact["size_bytes"] and exact["activations"] == "float32"
    assert int8["activations"] == ("int8" if "QUANTIZE" in int8["operators"] else "float32")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows[2:]] == ["saved_model", "model.tflite", "model_int8.tflite"]
    assert "converting to TensorFlow Lite, int8, calibrated with" in done.stderr
    assert pipelines.load_model(own).info == info  # as labelling loads it


@pytest.fixture(scope="module")
def wrong(model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a converter might make of the model that loses its weights: as many others, in the same order."""
    info, folder = info_of(model), tmp_path_factory.mktemp("wrong")
    export_model(network(info, patches(info, 9), seed=1), str(folder / "other"), info, patches(info, 2))
    write_convertible(str(folder / "other"), info, str(folder / "convertible"), 1)
    return to_tflite(str(folder / "convertible"))


def test_another_model_is_not_written(own: Path, wrong: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(own)
    monkeypatch.setattr(job, "convert", lambda *_: wrong)
    done = export(own, "--to", "tflite", "--clips", 3, code=1)
    assert "error: model.tflite was not written: on 3 clips its probabilities differ" in done.stderr
    assert contents(own) == before


def test_activations_stay_float32_where_int8_changes_the_result(
    own: Path, exported: "tuple[Path, subprocess.CompletedProcess[str]]", wrong: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = (exported[0] / "model.tflite").read_bytes()
    asked: list[str] = []

    def convert(form: Form, _: str, how: str) -> bytes:
        asked.append(how and Path(how).name)
        return right if how in ("", WEIGHTS_ALONE) else wrong

    monkeypatch.setattr(job, "convert", convert)
    done = export(own, "--to", "tflite", "--int8", "--clips", 3)
    assert asked == ["", "calibration.npy", WEIGHTS_ALONE]
    assert "with activations in int8 a probability differs by" in done.stderr
    entry = info_of(own).exports["tflite_int8"]
    assert entry["activations"] == "float32" and entry["agreement"]["largest_difference"] < 1e-4


def test_operators_that_tensorflow_lite_lacks(own: Path) -> None:
    info = info_of(own)
    shutil.rmtree(own / "saved_model")
    (own / "model.keras").unlink()

    def logits(frames: tf.Tensor) -> tf.Tensor:
        return tf.math.igamma(1.0, tf.reduce_mean(tf.cast(frames, tf.float32), [1, 2, 3]))

    write_saved_model(str(own / "saved_model"), logits, [], info)
    before = contents(own)
    done = export(own, "--to", "tflite", "--clips", 3, code=1)
    assert "can't be converted to TensorFlow Lite: Igamma is not among its built-in operators" in done.stderr
    assert done.stderr.count("\n") == 2 and contents(own) == before


KILLED = """
import os, signal, sys
from trainer.evaluation import results
from trainer.export.conversion import folder
from trainer.export.conversion.forms import TFLITE
from trainer.export.conversion.source import find_model
calls = 0
def counted(function, last):
    def call(*arguments):
        global calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call
for number, model in enumerate(sys.argv[1:], 1):
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    folder.storage.write_bytes = counted(folder.storage.write_bytes, number)
    folder.storage.delete = counted(folder.storage.delete, number)
    folder.put(find_model(model), TFLITE, b"new", {"kind": "tflite"})
    os._exit(calls)
"""
CALLS = 5
"""That write or delete something."""


def test_killed_half_way(model: Path, tmp_path: Path) -> None:
    """Wherever it is killed, the description tells of the old file, of the new one, or of none."""
    models = [Path(shutil.copytree(model, tmp_path / str(number) / "model")) for number in range(1, CALLS + 2)]
    info = info_of(model)
    old = {"file": TFLITE.file, "sha256": hashlib.sha256(b"old").hexdigest(), "size_bytes": 3}
    for own in models:
        (own.parent / "metrics.json").write_text(json.dumps({"model": {"fingerprint": info.fingerprint}}))
        (own / TFLITE.file).write_bytes(b"old")
        (own / MODEL_INFO).write_text(replace(info, exports={"tflite": old}).to_json())
        (own.parent / "checkpoints").mkdir()
        results.prove(str(own.parent))
    done = subprocess.run([sys.executable, "-c", KILLED, *models], capture_output=True, text=True, check=False)
    assert list(map(int, done.stdout.split())) == [-9] * CALLS + [CALLS], done.stderr
    for number, own in enumerate(models, 1):
        found, run = info_of(own), str(own.parent)
        assert replace(found, exports={}) == info, number
        if found.exports:
            assert found.exports["tflite"]["sha256"] == hashlib.sha256((own / TFLITE.file).read_bytes()).hexdigest()
        assert results.is_proven(run) == (number in (1, CALLS + 1))
        assert not results.damaged_files(results._proof(run), run)  # nothing to be made again


def test_what_is_refused(own: Path, dataset: Path, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        done = export(*arguments, code=2)  # type: ignore[arg-type]
        assert done.stderr.count("\n") == 1 and not done.stdout
        return done.stderr

    assert "these are missing: --to" in refused(own)
    assert "--to must be one of tflite, onnx, not 'coreml'" in refused(own, "--to", "coreml")
    assert "--int8 goes with --to tflite only" in refused(own, "--to", "onnx", "--int8")
    assert "--clips must be at least 1, not 0" in refused(own, "--to", "tflite", "--clips", 0)
    assert "no model in" in refused(tmp_path, "--to", "tflite")
    assert "--data: " in refused(own, "--to", "tflite", "--data", tmp_path)
    assert "--data is empty" in refused(own, "--to", "tflite", "--data", "")
    info = info_of(own)
    (own / MODEL_INFO).write_text(replace(info, dataset={**info.dataset, "uri": "../../gone"}).to_json())
    assert "isn't there any more" in (said := refused(own, "--to", "tflite")) and "--data FOLDER" in said
    (own / MODEL_INFO).write_text(replace(info, dataset={}).to_json())
    assert "doesn't say which dataset it was trained on" in refused(own, "--to", "tflite")
    spec = replace(info.clip_spec, num_frames=5)
    (own / MODEL_INFO).write_text(replace(info, clip_spec=spec).to_json())
    assert "num_frames is 4, the model's 5" in refused(own, "--to", "tflite")
    (own / MODEL_INFO).write_text(replace(info, labels=("Jump", "Run", "Walk")).to_json())
    assert "has the label Wave, which the model doesn't know" in refused(own, "--to", "tflite")
    (tmp_path / "crossval.json").write_text("{}")
    assert "is a cross-validation: give the folder of one of its folds" in refused(tmp_path, "--to", "tflite")


@pytest.mark.skipif(bool(find_spec("tf2onnx")), reason="tf2onnx is installed")
def test_onnx_needs_packages(own: Path) -> None:
    done = export(own, "--to", "onnx", code=2)
    assert "tf2onnx and ONNX Runtime, which aren't installed: pip install 'har-pipelines[onnx]'" in done.stderr


def test_a_fold_is_checked_on_its_own_test_clips(own: Path, dataset: Path) -> None:
    """They are others than those of the split test, and none of them is calibrated with."""
    info, run = info_of(own), own.parent
    tested = sorted(clip.video_id for clip in pipelines.open_dataset(dataset).clips("train"))[:3]
    (run / "metrics.json").write_text(json.dumps({"model": {"fingerprint": info.fingerprint}}))
    (run / "predictions.jsonl").write_text("".join(json.dumps({"video_id": name}) + "\n" for name in tested))
    clips = read_clips(find_model(str(run)), "", 500, True)
    data = pipelines.open_dataset(dataset)
    everything = [clip for split in ("train", "val", "test") for clip in data.clips(split)]

    def sorted_bytes(frames: Iterable[np.ndarray]) -> list[bytes]:
        return sorted(clip.tobytes() for clip in frames)

    assert sorted_bytes(clips.frames) == sorted_bytes(clip.frames for clip in everything if clip.video_id in tested)
    others = sorted_bytes(clip.frames for clip in everything if clip.video_id not in tested)
    assert sorted_bytes(clips.calibration) == others and len(others) == 27
    (run / "metrics.json").write_text(json.dumps({"model": {"fingerprint": "another"}}))
    assert "split test" in read_clips(find_model(str(own)), "", 500, False).sentence


def test_the_example_labels_like_the_job(
    exported: "tuple[Path, subprocess.CompletedProcess[str]]", tree: Path, tmp_path: Path
) -> None:
    """With OpenCV and the file alone."""
    model, _ = exported
    run_here("pipelines.label", "--model", model, "--input", tree, "--output", tmp_path / "labels", code=0)
    rows = [json.loads(line) for path in (tmp_path / "labels").glob("labels-*.jsonl") for line in path.open()]
    paths = [tree / row["video"] for row in rows]
    command = [sys.executable, ROOT / "examples" / "tflite_label.py", model / "model.tflite", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert len(rows) == 30 and len({row["label"] for row in rows}) > 1
    for row, path, line in zip(rows, paths, done.stdout.splitlines(), strict=True):
        name, label, score = line.rsplit(maxsplit=2)
        assert (name, label) == (str(path), row["label"])
        assert abs(float(score) - row["score"]) < 0.02
