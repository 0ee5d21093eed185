"""Training from the command line: outputs, resuming after kills, folds, the random split, mistakes."""

import csv
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import UsageError
from pipelines.core.interval import Interval
from pipelines.reports.text import human_bytes
from tests import ROOT
from tests.conftest import preprocess, run_here, run_tool, write_video
from tests.support.document_runs import run_blocks
from tests.support.documents import read_blocks
from tests.support.format_examples import check_like_the_example
from tests.support.indexes import make_windows, rename_class
from trainer.config import TrainConfig
from trainer.data.check import open_dataset
from trainer.evaluation import results
from trainer.evaluation.card.keeping import is_edited
from trainer.export.conversion.folder import put
from trainer.export.conversion.forms import TFLITE
from trainer.export.conversion.source import find_model
from trainer.training import checkpoint

pytestmark = [pytest.mark.process, pytest.mark.training]

TINY = ("--model", "lrcn", "--variant", "reference", "--batch-size", 8)
SMALL = (*TINY, "--epochs", 3, "--deterministic")  # for processes of their own, as TensorFlow stays deterministic
SHORT = (*TINY, "--epochs", 1, "--no-baseline")


def command(data: Path, output: Path, *more: object) -> list[object]:
    return [*SMALL, "--data", data, "--output", output, *more]


def weights(run: Path) -> list[np.ndarray]:
    """All arrays of the last checkpoint and of the best one."""
    arrays = []
    for name in ("last.npz", "best.npz"):
        found = checkpoint.load(str(run / "checkpoints" / name))
        assert found is not None
        arrays += found[0]
    return arrays


def assert_same_weights(a: Path, b: Path) -> None:
    for mine, its in zip(weights(a), weights(b), strict=True):
        assert mine.dtype == its.dtype
        assert mine.tobytes() == its.tobytes()


@pytest.fixture(scope="module")
def finished(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run. Not to be changed."""
    output = tmp_path_factory.mktemp("training") / "run"
    done = run_tool("trainer.task", *command(dataset, output))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert str(output / "report.html") in done.stdout
    return output


@pytest.fixture(scope="module")
def random_split(
    dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> "tuple[Path, subprocess.CompletedProcess[str]]":
    """A run in this process, whose clips are split at random, and what it printed. Not to be changed."""
    output = tmp_path_factory.mktemp("random") / "run"
    return output, run_here("trainer.task", *at_random(dataset, output), code=0)


def at_random(data: Path, output: Path) -> list[object]:
    return [*SHORT, "--data", data, "--output", output, "--split", "random"]


def test_a_run_leaves_what_it_promises(dataset: Path, finished: Path) -> None:
    from tensorboard.backend.event_processing import event_accumulator

    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["model"]["parameters"] > 70_000
    assert metrics["dataset"]["leaky"] is False
    assert metrics["test"]["num_clips"] == sum(map(sum, metrics["test"]["confusion"])) == 6
    assert metrics["baselines"]["single_frame"]["top1"]["value"] >= 0
    assert metrics["configuration"]["global_batch_size"] == 8
    assert metrics["unfamiliar"]["reason"].startswith("the model was validated on 6 clips of 1 group; to tell which")
    assert metrics["training"]["epochs"] == 3
    with open(finished / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert int(rows[-1]["step"]) == metrics["training"]["steps"] == 9
    (events,) = (path for path in finished.iterdir() if results.is_event_file(path.name))
    read = event_accumulator.EventAccumulator(str(events))
    read.Reload()
    assert sorted(read.Tags()["tensors"]) == [
        "accuracy/train", "accuracy/val", "loss/train", "loss/val", "optimizer/learning_rate", "speed/clips_per_s",
        "test/confusion",
    ]  # fmt: skip
    assert [event.step for event in read.Tensors("accuracy/val")] == [1, 2, 3]
    assert len((finished / "predictions.jsonl").read_text().splitlines()) == 6
    assert "<svg" in (finished / "report.html").read_text()
    for path in finished.rglob("*"):  # everything in it may be shared
        if path.is_file():
            assert str(finished.parent).encode() not in path.read_bytes(), path
            assert platform.node() not in path.name.split(".")
    assert (finished / metrics["dataset"]["uri"]).resolve() == dataset
    for name in ("metrics.json", "predictions.jsonl", "model_info.json"):
        check_like_the_example(name, (finished / ("model" if name == "model_info.json" else "") / name).read_text())
    info = json.loads((finished / "model" / "model_info.json").read_text())
    assert (finished / "model" / info["dataset"]["uri"]).resolve() == dataset


def test_the_exported_model_says_what_the_evaluation_says(dataset: Path, finished: Path) -> None:
    """Parity between training and serving: the clips of the shards through the SavedModel."""
    import tensorflow as tf

    from pipelines.core.model_info import ModelInfo
    from pipelines.dataset.example import decode
    from pipelines.dataset.info import DatasetInfo
    from pipelines.dataset.tfrecord import read_records
    from pipelines.video.images import decode_frames

    info = DatasetInfo.from_json((dataset / "dataset_info.json").read_text())
    model_info = ModelInfo.from_json((finished / "model" / "model_info.json").read_text())
    assert model_info.clip_spec == info.clip_spec
    assert model_info.labels == info.labels
    serve = tf.saved_model.load(str(finished / "model" / "saved_model")).signatures["serving_default"]
    lines = (finished / "predictions.jsonl").read_text().splitlines()
    said = {row["video_id"]: row for row in map(json.loads, lines)}
    for shard in info.splits["test"].shards:
        with open(dataset / shard.name, "rb") as file:
            for record in read_records(file):
                example = decode(record)
                frames = decode_frames(example.frames, info.clip_spec, info.encoding)
                given = serve(frames=tf.constant(frames[np.newaxis]))["probabilities"].numpy()[0]
                row = said.pop(example.video_id)
                assert row["predicted"] == info.labels[given.argmax()]
                assert row["score"] == pytest.approx(given.max(), abs=1e-4)
    assert not said


def test_the_model_card_has_the_figures_and_its_programs_run(finished: Path, tmp_path: Path) -> None:
    """Beside the folder of the model, as a reader of the card would run them."""
    model = shutil.copytree(finished / "model", tmp_path / "model")
    card = (model / "README.md").read_text()
    metrics = json.loads((finished / "metrics.json").read_text())
    info = json.loads((model / "model_info.json").read_text())
    assert (
        str(Interval.from_json(metrics["test"]["top1"])) in card and f"| Fingerprint | {info['fingerprint']} |" in card
    )
    assert f"{info['parameters']:,}, {human_bytes(metrics['model']['size_bytes'])}" in card
    write_video(tmp_path / "video.mp4", 30)
    write_video(tmp_path / "videos" / "a.mp4", 30)
    blocks = read_blocks(model / "README.md")
    assert [block.language for block in blocks] == ["bash", "python", "python", "python"]
    run_blocks(blocks, tmp_path)
    assert (tmp_path / "labels" / "summary.json").exists()


def test_a_converted_model_is_on_the_card(dataset: Path, finished: Path, tmp_path: Path) -> None:
    """The rest of the card stays, and a card that somebody has edited as a whole."""
    run = shutil.copytree(finished, tmp_path / "run")
    before = (run / "model" / "README.md").read_text()
    run_here("trainer.export", run, "--to", "tflite", "--clips", 4, "--data", dataset, code=0)
    card = (run / "model" / "README.md").read_text()
    section = re.compile(r"## Other formats\n.*?(?=## )", re.S)
    assert (
        "| Tflite, file | model.tflite |" in card
        and "| Tflite, agreement, largest difference |" in card
        and not is_edited(card.encode())
    )
    assert section.sub("", card).partition("<!-- card")[0] == before.partition("<!-- card")[0]
    (run / "model" / "README.md").write_text(f"{card}mine")
    put(find_model(str(run)), TFLITE, b"another", {"kind": "tflite"})  # as `trainer.export` does at its end
    assert (run / "model" / "model.tflite").read_bytes() == b"another"
    assert (run / "model" / "README.md").read_text() == f"{card}mine"


def without_tensorflow(folder: Path) -> dict[str, str]:
    """The environment of a process that fails if it loads TensorFlow, which takes seconds."""
    (folder / "tensorflow.py").write_text("raise SystemExit('TensorFlow was loaded')")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def test_a_finished_run_is_not_trained_again(dataset: Path, finished: Path, tmp_path: Path) -> None:
    before = (finished / "metrics.json").stat().st_mtime_ns
    again = run_tool("trainer.task", *command(dataset, finished), env=without_tensorflow(tmp_path))
    assert again.returncode == 0, again.stderr
    assert "is complete" in again.stderr
    assert (finished / "metrics.json").stat().st_mtime_ns == before
    other = run_here("trainer.task", *command(dataset, finished, "--epochs", 4))
    assert other.returncode == 2
    assert "epochs was 3, now 4" in other.stderr


def test_a_finished_run_whose_files_are_damaged_is_written_again(
    dataset: Path, random_split: "tuple[Path, subprocess.CompletedProcess[str]]", tmp_path: Path
) -> None:
    """From its checkpoints, without training; without these it is refused, and nothing is trained unasked. A model card
    may be edited, and isn't lost."""
    finished, output = random_split[0], tmp_path / "run"
    shutil.copytree(finished, output)
    (output / "model" / "README.md").write_text("# Mine\n")
    assert finished_here(dataset, output) is not None
    for name in ("predictions.jsonl", "history.csv", "model/model_info.json", "metrics.json"):
        content = (output / name).read_bytes()
        (output / name).write_bytes(content[: len(content) // 2])
    (output / "model" / "saved_model" / "saved_model.pb").unlink()
    again = run_here("trainer.task", *at_random(dataset, output), code=0)
    assert "metrics.json, predictions.jsonl, history.csv, " in again.stderr and "epoch" not in again.stderr
    assert "has damaged files, which are made again from its checkpoints: " in again.stderr
    for name in ("predictions.jsonl", "history.csv"):
        assert (output / name).read_bytes() == (finished / name).read_bytes()
    assert json.loads((output / "model" / "model_info.json").read_text())["labels"] == ["Jump", "Run", "Wave"]
    assert finished_here(dataset, output) is not None
    assert "model/README.md was edited. It is now README.edited.md" in again.stderr
    assert (output / "model" / "README.edited.md").read_text() == "# Mine\n"
    assert not is_edited((output / "model" / "README.md").read_bytes())

    (output / "metrics.json").write_text("[" * 100_000)
    (output / "checkpoints" / "last.npz").unlink()
    with pytest.raises(UsageError, match=r"has damaged files and no checkpoint: metrics\.json\. Train again"):
        finished_here(dataset, output)
    (output / "checkpoints" / "finished.json").unlink()  # as earlier versions leave it
    with pytest.raises(UsageError, match=r"has damaged files and no checkpoint: metrics\.json\. Train again"):
        finished_here(dataset, output)


def finished_here(dataset: Path, output: Path) -> object:
    """The metrics of a finished run, read without TensorFlow."""
    config = TrainConfig("lrcn", str(dataset), str(output), variant="reference", batch_size=8, epochs=1)
    return results.finished(replace(config, baseline=False, split="random"), open_dataset(str(dataset)))


def test_it_goes_on_from_a_model_with_other_classes_and_tests_by_video(
    copy: Path, finished: Path, tmp_path: Path
) -> None:
    """Windows of videos, and a class that the model doesn't know; the folder of the model is part of the run."""
    make_windows(copy)
    rename_class(copy, "Wave", "Zoom")
    output = tmp_path / "run"
    arguments = [*SHORT, "--data", copy, "--output", output]
    arguments += ["--layer-decay", 0.5]
    done = run_here("trainer.task", *arguments, "--init", finished, code=0)
    assert "learning rates from 0.031 of the full one (Conv2D 1) to 1 (logits)" in done.stderr
    assert "all layers; 2 known classes: Jump, Run; 1 new class: Zoom; 1 dropped class: Wave" in done.stderr
    assert "one clip of each video and class, another one each epoch: 9 of 18, as most" in done.stderr
    assert "3 videos of 1 group" in done.stdout and "By clip " in done.stdout
    metrics = json.loads((output / "metrics.json").read_text())
    assert (metrics["training"]["windows"], metrics["training"]["clips_per_epoch"]) == ("one", 9)
    assert metrics["training"]["steps"] == 2
    assert metrics["tested"] == {"clips": 6, "videos": 3, "segments": 0}
    assert (metrics["test"]["num_clips"], metrics["test_by_clip"]["num_clips"]) == (3, 6)
    model = json.loads((output / "model" / "model_info.json").read_text())
    before = json.loads((finished / "metrics.json").read_text())
    assert model["init"]["fingerprint"] == metrics["init"]["fingerprint"] == before["model"]["fingerprint"]
    assert (output / "model" / model["init"]["uri"]).resolve() == finished / "model"
    assert metrics["init"]["groups"] == sorted(
        before["dataset"]["groups"]["train"] + before["dataset"]["groups"]["val"]
    )
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert metrics["init"]["in_test"] == [] and len(warnings) == 1
    assert warnings[0].startswith("WARNING: videos of the same content with different labels: ")
    assert metrics["dataset"]["warnings"] == [warnings[0].removeprefix("WARNING: ")]
    assert metrics["init"]["layer_decay"] == model["init"]["layer_decay"] == 0.5
    assert list(metrics["init"]["rates"].values()) == [0.5**5, 0.5**4, 0.5**3, 0.25, 0.5, 1]
    report = (output / "report.html").read_text()
    assert "With a layer decay of 0.5, 6 layers of the model that training started from learnt at" in report
    assert "Test is by video: 3 videos, each by the mean" in report and "By clip, top-1 is" in report
    compared = run_here("trainer.compare", finished, output, code=0).stdout
    assert "on the" not in compared, "clips and videos can't be paired"

    again = run_here("trainer.task", *arguments, "--init", finished / "model", code=0)
    assert "is complete" in again.stderr
    other = run_here("trainer.task", *arguments, "--init", finished, "--layer-decay", 1, code=2)
    assert "layer_decay was 0.5, now 1.0" in other.stderr
    other = run_here("trainer.task", *arguments[:-2], code=2)
    assert f"init was '{metrics['init']['fingerprint']}', now ''" in other.stderr
    other = run_here("trainer.task", *arguments, "--init", finished, "--windows", "all", code=2)
    assert "windows was 'auto', now 'all'" in other.stderr
    refused = run_here("trainer.task", *arguments, "--init", finished, "--model", "convlstm", code=2)
    assert "is the network lrcn (reference), not convlstm (reference)" in refused.stderr


def interrupt(arguments: Sequence[object], run: Path, step: int, number: int) -> int:
    """Starts a run, sends it a signal once a checkpoint of it has reached a step, and returns its exit code."""

    def reached() -> int:  # the metrics of an earlier run go last: a checkpoint without them is a new one
        found = None if (run / "metrics.json").exists() else checkpoint.load(str(run / "checkpoints" / "last.npz"))
        return found[1].global_step if found else -1

    step = max(step, reached() + 1)  # the process must have entered its loop
    command = [sys.executable, "-m", "trainer.task", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if reached() >= step:
            process.send_signal(number)
            break
        time.sleep(0.01)
    return process.wait(120)


@pytest.mark.timeout(900)  # three processes with TensorFlow, one after the other
def test_a_run_goes_on_bit_by_bit(dataset: Path, finished: Path, tmp_path: Path) -> None:
    """After SIGKILL and SIGTERM. A finished run is overwritten, once: the same command resumes."""
    output = tmp_path / "run"
    shutil.copytree(finished, output)
    mark = output / "checkpoints" / "mark"
    mark.touch()  # a run that starts over removes the folder
    arguments = command(dataset, output, "--checkpoint-every-s", 0, "--no-baseline", "--overwrite")
    steps = sorted(random.Random(9).sample(range(1, 7), 2))
    assert interrupt(arguments, output, steps[0], signal.SIGKILL) == -signal.SIGKILL
    assert not (output / "metrics.json").exists() and not mark.exists()
    mark.touch()
    assert interrupt(arguments, output, steps[1], signal.SIGTERM) == 75
    done = run_tool("trainer.task", *arguments)
    assert done.returncode == 0, done.stderr
    assert_same_weights(output, finished)
    mine, its = ((run / "history.csv").read_text().splitlines()[3].split(",")[:7] for run in (output, finished))
    assert mine == its
    assert mark.exists()


def test_official_splits_without_val_are_kept_and_train(tree: Path, tmp_path: Path) -> None:
    """From folders `Train` and `testing` to a model: clips stay where they are, some groups of train validate."""
    videos = tmp_path / "wrapped" / "videos"
    for path in sorted(tree.rglob("*.avi")):
        split = "testing" if "_g05_" in path.name else "Train"
        copy = videos / split / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(path)
    (videos / "Train" / "Empty").mkdir()
    data, run = tmp_path / "data", tmp_path / "run"
    size = ("--num-frames", 4, "--size", 32, "--shards", 4)
    done = preprocess("--input", tmp_path / "wrapped", "--output", data, *size, code=0)
    said = (
        "the classes are folders below videos",
        "no videos in videos/Train/Empty: this is not used as a class",
        "official splits kept, according to its folders: train 24, test 6. "
        "--splits train=0.8,val=0.1,test=0.1 overrides them",
        "no videos are in the split val: the trainer takes some groups of train instead",
    )
    info = json.loads((data / "dataset_info.json").read_text())
    assert info["notes"][: len(said)] == list(said)  # what is found later comes after
    assert info["configuration"]["splits"] == "official"
    assert {name: entry["groups"] for name, entry in info["splits"].items()} == {
        "train": ["g01", "g02", "g03", "g04"], "test": ["g05"],
    }  # fmt: skip
    page = (data / "preview.html").read_text()
    for sentence in said:
        assert f"note: {sentence}\n" in done.stderr
        assert sentence[1:] in page and sentence.split(":")[0] in " ".join(done.stdout.split())
    done = run_here("trainer.task", *SHORT, "--data", data, "--output", run, code=0)
    metrics = json.loads((run / "metrics.json").read_text())["dataset"]
    assert metrics["num_clips"] == {"train": 18, "val": 6, "test": 6}
    assert set(metrics["groups"]["train"] + metrics["groups"]["val"]) == {"g01", "g02", "g03", "g04"}
    assert metrics["note"].startswith("the dataset has no split val: 6 of the 24 clips of train, of 1 of its 4 groups,")
    assert f"note: {metrics['note']}" in done.stderr
    assert metrics["warnings"] == [note[9:] for note in info["notes"] if note.startswith("WARNING: ")]
    assert metrics["warnings"][0].startswith("videos of the same content with different labels: ")
    for warning in metrics["warnings"]:
        assert f"WARNING: {warning}\n" in done.stderr and f"{warning}\n" in done.stdout
    for name in ("report.html", "model/README.md"):
        assert "ideos of the same content with different labels" in (run / name).read_text()
    assert (metrics["leaky"], metrics["missing_classes"]) == (False, {})


def test_a_random_split_is_called_leaky_everywhere(
    random_split: "tuple[Path, subprocess.CompletedProcess[str]]",
) -> None:
    output, done = random_split
    assert "random split" in done.stderr
    assert "random split" in done.stdout
    assert json.loads((output / "metrics.json").read_text())["dataset"]["leaky"] is True
    assert "both sides" in (output / "report.html").read_text()


@pytest.mark.timeout(600)
def test_cross_validation_tests_every_clip_once_and_keeps_finished_folds(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.training import session

    arguments = [*SHORT, "--data", dataset, "--output", tmp_path, "--folds", 2]
    done = run_here("trainer.crossval", *arguments, code=0)
    summary = json.loads((tmp_path / "crossval.json").read_text())
    assert summary["pooled"]["num_clips"] == 30
    assert summary["pooled"]["num_groups"] == 5
    assert len(summary["fold_top1"]) == 2
    assert summary["training"]["epochs"] == {"fewest": 1, "most": 1}
    report = (tmp_path / "report.html").read_text()
    assert 'href="fold01-seed0/report.html"' in report and f"Report       {tmp_path / 'report.html'}" in done.stdout
    tested = [json.loads((fold / "metrics.json").read_text())["dataset"]["groups"] for fold in tmp_path.glob("fold*")]
    assert sorted(group for groups in tested for group in groups["test"]) == ["g01", "g02", "g03", "g04", "g05"]
    for groups in tested:
        assert not set(groups["test"]) & set(groups["train"] + groups["val"])
        assert not set(groups["val"]) & set(groups["train"])

    def stamps() -> dict[str, int]:
        return {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("fold*/metrics.json")}

    before = stamps()
    (tmp_path / "fold02-seed0" / "metrics.json").unlink()
    run_here("trainer.crossval", *arguments, code=0)
    assert json.loads((tmp_path / "crossval.json").read_text())["pooled"] == summary["pooled"]
    assert [name for name, time_ns in stamps().items() if before[name] != time_ns] == ["fold02-seed0"]
    (tmp_path / "crossval.json").unlink()  # as if it had been killed under --overwrite, with both folds done
    before = stamps()
    run_here("trainer.crossval", *arguments, "--overwrite", code=0)
    assert json.loads((tmp_path / "crossval.json").read_text())["pooled"] == summary["pooled"]
    assert stamps() == before

    def stop(config: TrainConfig, *_: object) -> None:
        raise UsageError(f"stopped at fold {config.fold}")

    monkeypatch.setattr(session, "train_on", stop)  # of a finished one, nothing is left when training starts
    assert "stopped at fold 1/2" in run_here("trainer.crossval", *arguments, "--overwrite", code=2).stderr
    assert not stamps() and not (tmp_path / "crossval.json").exists() and not list(tmp_path.rglob("*.npz"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "--model convlstm, --model lrcn or --model appearance"),
        ("--config train.yaml", "did you mean learning_rate?"),
    ],
)
def test_mistakes_are_one_line(arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.yaml").write_text("model: lrcn\nlearning_rates: 0.1\n")
    done = run_here("trainer.task", *arguments.split())
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["convlstm", "lrcn"])
def test_the_configurations_that_come_along_are_valid(name: str) -> None:
    from trainer.flags import make_config, make_parser, parse

    parser = make_parser("trainer.task", "")
    file = ROOT / "configs" / f"train_{name}.yaml"
    config = make_config(parse(parser, ["--config", str(file), "--epochs", "7"]))
    assert (config.model, config.epochs) == (name, 7)


@pytest.mark.parametrize("name", ["convlstm", "lrcn"])
def test_the_protocol_of_ucf50_is_valid_for_each_network(name: str) -> None:
    from trainer import crossval
    from trainer.flags import make_config, parse
    from trainer.training.choices import choose_batch, choose_rate

    file = ROOT / "configs" / "ucf50_protocol.yaml"
    given = parse(crossval.make_parser(), ["--config", str(file), "--folds", "logo", "--model", name])
    config = make_config(given, "runs/MODEL-crossval")
    assert given.others["folds"] == 0  # one for each group
    assert (config.model, config.variant, config.split, config.fold) == (name, "default", "groups", "")
    on_gpu, on_cpu = (choose_batch(config.batch_size, gpu, 1, 6681, 20 * 64 * 64 * 3) for gpu in (True, False))
    assert on_gpu == on_cpu == 64 and config.epochs == 40
    assert config.learning_rate == pytest.approx(choose_rate(0.0, 0, config.batch_size), rel=0.02)


def test_a_corrupt_shard_is_named_before_training_starts(dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "data"
    shutil.copytree(dataset, copy)
    shard = next(copy.glob("train-00001*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    done = run_tool("trainer.task", *command(copy, tmp_path / "run"), env=without_tensorflow(tmp_path))
    assert done.returncode == 1, done.stderr
    assert shard.name in done.stderr
    assert "Traceback" not in done.stderr
