"""`pipelines.features` as a user runs it, on generated videos."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.appearance.eyes import build_eye, eye_fingerprint
from pipelines.core.errors import UserError
from pipelines.core.stored.sealed import seal, unseal
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.opened import open_dataset
from pipelines.dataset.tfrecord import read_records
from pipelines.featurizing.info import FEATURES_INFO, FeaturesInfo
from pipelines.featurizing.records import FEATURES, decode_features, parse
from tests.conftest import contents, preprocess, run_here, run_tool
from tests.support.eyes import APPEARANCE, write_weights

pytestmark = pytest.mark.process


def compute(data: Path, output: Path, *more: object, code: int = 0) -> "subprocess.CompletedProcess[str]":
    return run_here("pipelines.features", "--data", data, "--output", output, *more, code=code)


def all_features(folder: Path) -> dict[str, np.ndarray]:
    info = FeaturesInfo.read(str(folder))
    found = {}
    for split in info.splits.values():
        for shard in split.shards:
            with open(folder / shard.name, "rb") as file:
                for record in read_records(file):
                    clip, values = decode_features(record, info.clip_spec.num_frames, info.size)
                    found[clip.video_id] = values
    return found


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tfrecord")}


def test_they_are_what_the_network_sees(dataset: Path, features: Path) -> None:
    eye = build_eye("efficientnet-lite0", 32, 32)
    info = FeaturesInfo.read(str(features))
    assert (info.appearance, info.weights, info.size) == (
        "efficientnet-lite0",
        eye_fingerprint(eye),
        eye.output_shape[-1],
    )
    found, data = all_features(features), open_dataset(dataset)
    assert sorted(data.info.splits) == sorted(info.splits)
    count = 0
    for split in data.info.splits:
        for clip in data.clips(split):
            seen = eye(clip.frames, training=False).numpy()
            np.testing.assert_allclose(found[clip.video_id], seen, rtol=2e-3, atol=1e-6)
            count += 1
    assert count == len(found) == data.info.counts["written"] == 30
    assert not (features / "_state" / "eye.keras").exists() and not (features / "_state" / "plan.jsonl").exists()


def test_tensorflow_reads_a_record_as_numpy_does(features: Path) -> None:
    info = FeaturesInfo.read(str(features))
    with open(features / info.splits["train"].shards[0].name, "rb") as file:
        record = next(read_records(file))
    clip, values = decode_features(record, 4, info.size)
    parsed = parse(record, 4, info.size)
    assert np.array_equal(parsed[FEATURES].numpy(), values.astype(np.float32))
    assert (parsed["video_id"].numpy().decode(), parsed["label"].numpy()) == (clip.video_id, clip.label)


def test_again_computes_nothing(dataset: Path, features: Path) -> None:
    before = stamps(features), contents(features)
    done = compute(dataset, features)
    assert "already computed" in done.stderr and "Time" not in done.stdout
    assert (stamps(features), contents(features)) == before


def test_what_is_missing_or_damaged_is_made_again(dataset: Path, features: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(features, tmp_path / "features"))
    first, second, *others = sorted(output.glob("*.tfrecord"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1] + b"\xff")
    kept = {name: time_ns for name, time_ns in stamps(output).items() if name != second.name}
    done = compute(dataset, output)
    assert f"{len(others)} of {len(others) + 2} shards already computed" in done.stderr
    assert f"ignoring 1 file in {output}, damaged" in done.stderr
    assert contents(output) == contents(features)
    assert {name: stamps(output)[name] for name in kept} == kept


def test_a_killed_job_resumes_to_the_same_bytes(dataset: Path, features: Path, tmp_path: Path) -> None:
    output = tmp_path / "features"
    command = [sys.executable, "-m", "pipelines.features", "--data", str(dataset), "--output", str(output)]
    for _ in range(5):  # on a busy machine, this process may look too late
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 200
        while not list(output.glob("*.tfrecord")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if not (output / FEATURES_INFO).exists():
            break
        shutil.rmtree(output)
    assert list(output.glob("*.tfrecord")) and not (output / FEATURES_INFO).exists()
    kept = len(list(output.glob("_state/shards/*.json")))
    done = compute(dataset, output)
    assert not kept or f"{kept} of " in done.stderr
    assert contents(output) == contents(features)


def test_two_workers_give_the_same_bytes(dataset: Path, features: Path, tmp_path: Path) -> None:
    """Each of them loads the copy of the network, and has half of the threads."""
    several = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")
    done = run_tool("pipelines.features", "--data", dataset, "--output", tmp_path / "features", *several)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "features") == contents(features)


def test_encodings_and_several_labels_and_only_changed_shards_are_computed(tree: Path, tmp_path: Path) -> None:
    videos = Path(shutil.copytree(tree, tmp_path / "videos"))
    command = ("--input", videos, "--output", tmp_path / "ds", "--num-frames", 2, "--size", 32, "--shards", 8)
    command += ("--multi-label", "--encoding", "png", "--compression", "gzip")
    preprocess(*command, code=0)
    output = tmp_path / "features"
    compute(tmp_path / "ds", output)
    before, found = stamps(output), all_features(output)
    eye = build_eye("efficientnet-lite0", 32, 32)
    clips = [clip for split in ("train", "val", "test") for clip in open_dataset(tmp_path / "ds").clips(split)]
    assert {clip.video_id for clip in clips} == found.keys() and len(found) == 30
    for clip in clips[::5]:
        np.testing.assert_allclose(found[clip.video_id], eye(clip.frames).numpy(), rtol=2e-3, atol=1e-6)
    fingerprint = FeaturesInfo.read(str(output)).fingerprint()
    next(videos.rglob("*_g01_c01.avi")).unlink()
    preprocess(*command, code=0)
    done = compute(tmp_path / "ds", output)
    changed = {name for name, time_ns in stamps(output).items() if before[name] != time_ns}
    assert len(changed) == 1 and "7 of 8 shards already computed" in done.stderr
    assert len(all_features(output)) == 29 and FeaturesInfo.read(str(output)).fingerprint() != fingerprint


def test_damaged_shards_of_the_dataset_are_named_and_the_others_kept(
    copy: Path, features: Path, tmp_path: Path
) -> None:
    first, second, *others = sorted(copy.glob("*.tfrecord"))
    whole = first.read_bytes(), second.read_bytes()
    first.unlink()
    second.write_bytes(whole[1][:-40])
    output = tmp_path / "features"
    done = compute(copy, output, code=4)
    assert f"2 shards of {copy} can't be used:\n  {first.name}: missing\n  {second.name}: ends within" in done.stderr
    assert "run the same pipelines.preprocess command again" in done.stderr
    assert sorted(stamps(output)) == [path.name for path in others] and not (output / FEATURES_INFO).exists()
    first.write_bytes(whole[0])
    second.write_bytes(whole[1])
    compute(copy, output)
    assert {name: data for name, data in contents(output).items() if name != FEATURES_INFO} == {
        name: data for name, data in contents(features).items() if name != FEATURES_INFO
    }


def test_another_network_is_refused_or_replaces_all(dataset: Path, features: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(features, tmp_path / "features"))
    other = ("--appearance", APPEARANCE, "--appearance-weights", write_weights(tmp_path / "eye.weights.h5"))
    done = compute(dataset, output, *other, code=2)
    assert f"{output} holds features that were made otherwise (the network: efficientnet-lite0 there" in done.stderr
    assert contents(output) == contents(features)
    compute(dataset, output, *other, "--overwrite")
    found = FeaturesInfo.read(str(output))
    assert (found.appearance, found.size) == (APPEARANCE, 576)
    assert {values.shape for values in all_features(output).values()} == {(4, 576)}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def rewrite(path: Path, name: str, value: str) -> None:
    """Gives the first text with a name in a JSON file another value; a sealed file is sealed again."""
    text = path.read_text()
    sealed = path.parent.name == "_state"
    changed = re.sub(rf'("{name}": )".*?"', rf'\1"{value}"', unseal(text.encode()) if sealed else text, count=1)
    path.write_text(seal(changed) if sealed else changed)


FIRST, LAST = "test-00000-of-00002.tfrecord", "val-00001-of-00002.tfrecord"
AGAIN = "run the same pipelines.features command again"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: flip(f / FIRST), f"{FIRST}: wrong checksum of the record at byte"),
        (lambda f: flip(f / FIRST), f"{FIRST}: the content differs from the checksum in features_info.json"),
        (lambda f: os.truncate(f / LAST, 999), f"{LAST}: ends within the record at byte"),
        (lambda f: (f / LAST).unlink(), f"{LAST}: the file is missing"),
        (lambda f: shutil.copy(f / FIRST, f / LAST), "2 videos occur more than once"),
        (lambda f: shutil.copy(f / FIRST, f / "a.tfrecord"), "1 file belongs to no split, for example a.tfrecord"),
        (lambda f: rewrite(f / "_state" / "features_layout.json", "weights", "0" * 16), "features_info.json describes"),
        (lambda f: rewrite(f / FEATURES_INFO, "weights", "0" * 16), f"{FIRST}: made from another shard of the dataset"),
        (lambda f: rewrite(f / FEATURES_INFO, "fingerprint", "0" * 16), ", not 0000000000000000 as features_info.json"),
    ],
)
def test_verify_finds_what_is_wrong_with_features(
    change: Callable[[Path], object], says: str, dataset: Path, features: Path, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(features, tmp_path / "features"))
    rewrite(output / FEATURES_INFO, "uri", os.path.relpath(dataset, output))
    sound = run_here("pipelines.verify", output, code=0).stdout
    assert f"All 30 records of {output} are intact, and of efficientnet-lite0 (" in sound and "note" not in sound
    change(output)
    done = run_here("pipelines.verify", output, code=1)
    assert says in done.stderr
    assert AGAIN in done.stderr and (FIRST not in says or "remove these" in done.stderr)


def test_verify_tells_of_features_alone_and_of_unfinished_ones(features: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(features, tmp_path / "a" / "b", ignore=shutil.ignore_patterns("_state")))
    done = run_here("pipelines.verify", output, code=0).stdout
    assert "note: the features could not be compared with their dataset: there is no folder" in done
    assert done.endswith(f"All 30 records of {output} are intact.\n")
    output = Path(shutil.copytree(features, tmp_path / "unfinished", ignore=shutil.ignore_patterns(FEATURES_INFO)))
    assert "which python -m pipelines.features writes last. Run" in run_here("pipelines.verify", output, code=2).stderr


def test_a_dry_run_writes_nothing(dataset: Path, tmp_path: Path) -> None:
    done = compute(dataset, tmp_path / "features", "--dry-run")
    assert "WARNING: frames of 32x32 pixels are small" in done.stderr
    assert "30 clips in 8 shards to compute, 0 already done" in done.stdout
    assert "clips a second in one worker on this machine" in done.stdout and not (tmp_path / "features").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--appearance", "none"), "none"),
        (("--data", "/nowhere"), "/nowhere"),
        (("--appearance-weights", "/nowhere.pth"), "/nowhere.pth"),
        (("--appearance-weights", "s3://b/x.h5"), "--appearance-weights s3://b/x.h5 must be on this machine: copy it"),
        (("--no-such-flag",), "--no-such-flag"),
    ],
)
def test_mistakes_are_named(dataset: Path, tmp_path: Path, more: tuple[str, ...], says: str) -> None:
    done = compute(dataset, tmp_path / "features", *more, code=2)
    assert says in done.stderr and "Traceback" not in done.stderr and not (tmp_path / "features").exists()


def test_the_output_may_not_be_the_dataset_nor_another_folder(copy: Path, tmp_path: Path) -> None:
    assert "lies in --data" in compute(copy, copy / "features", code=2).stderr
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    assert "is not empty and holds no features" in compute(copy, tmp_path / "mine", code=2).stderr


def test_a_description_that_is_damaged_or_contradicts_itself_is_refused(dataset: Path, features: Path) -> None:
    text = (features / FEATURES_INFO).read_text()
    info = FeaturesInfo.from_json(text)
    assert info.to_json() == text and info.dataset["uri"] == os.path.relpath(dataset, features)
    assert replace(info, weights="0" * 16).fingerprint() != info.fingerprint()
    value = json.loads(text)
    for change in (
        {"dtype": "float32"}, {"size": 0}, {"splits": {**value["splits"], "train": {"num_examples": 1, "shards": []}}},
        {"schema_version": 2}, {"more": 1},
    ):  # fmt: skip
        with pytest.raises(UserError, match="features"):
            FeaturesInfo.from_json(json.dumps({**value, **change}))
    assert DatasetInfo.read(str(dataset)).counts["written"] == 30
