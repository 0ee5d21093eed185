"""Tar files of WebDataset: the clips of the shards, written once, found again, checked."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apache_beam as beam
import cv2
import numpy as np
import pytest
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to

import pipelines
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.readers.webdataset import TarSettings, key_of, tar_name
from pipelines.transforms.tars import WriteTars
from tests.conftest import contents, make_tree, preprocess, run_here, write_video
from tests.dataset.readers.conftest import ODD

ARGUMENTS = ("--num-frames", 4, "--size", 32, "--shards", 8)
ALSO = ("--also", "webdataset")


@pytest.mark.parametrize(
    ("video_id", "key"),
    [
        ("Swing/v_Swing_g03_c02", "Swing/v_Swing_g03_c02"),
        ("a.b/clip.1@2.5-4", "a%2Eb/clip%2E1@2%2E5-4"),
        ("50%/x y", "50%25/x y"),
        ("günther\n", "g%C3%BCnther%0A"),
        ("__x__/y", "%5F_x__/y"),
        ("x\udcff", "x%FF"),
    ],
)
def test_keys(video_id: str, key: str) -> None:
    assert key_of(video_id) == key


def test_names() -> None:
    assert tar_name("train-00003-of-00013.tfrecord", "none") == "train-00003.tar"
    assert tar_name("val-100000-of-100001.tfrecord", "gzip") == "val-100000.tar.gz"


def samples(path: Path) -> Iterator[dict[str, bytes]]:
    """The clips of a tar file as WebDataset groups its files, with their key as `key`."""
    sample: dict[str, bytes] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname, member.mode) == (0, 0, 0, "", 0o644)
            start, _, end = member.name.rpartition("/")
            base, _, extension = end.partition(".")
            key = f"{start}/{base}".lstrip("/").encode()
            if sample and sample["key"] != key:
                yield sample
                sample = {}
            file = tar.extractfile(member)
            assert file
            sample |= {"key": key, extension: file.read()}
    if sample:
        yield sample


def pixels(sample: dict[str, bytes]) -> np.ndarray:
    """uint8 [T, H, W, 3] RGB."""
    if "npy" in sample:
        return np.load(io.BytesIO(sample["npy"]))
    parts = [sample[name] for name in sorted(sample) if name.endswith((".jpg", ".png"))]
    return np.stack([cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for part in parts])


def check_tars(output: Path) -> int:
    """Compares the tar files with the shards, clip by clip, and returns the number of clips."""
    data = pipelines.open_dataset(output)
    count = 0
    for split, tars in data.info.webdataset.items():
        found = [sample for tar in tars for sample in samples(output / "webdataset" / tar.name)]
        for sample, clip in zip(found, data.clips(split), strict=True):
            facts = json.loads(sample["json"])
            assert sample["key"].decode() == key_of(clip.video_id)
            assert (facts["video_id"], facts["group"], facts["label"]) == (clip.video_id, clip.group, clip.label)
            assert tuple(np.float32(facts["timestamps_s"]).tolist()) == clip.timestamps_s
            assert facts.get("labels", []) == list(clip.labels)
            assert sample.get("cls") == (None if clip.labels else str(clip.label).encode())
            np.testing.assert_array_equal(pixels(sample), clip.frames)
            count += 1
    return count


@pytest.mark.process
@pytest.mark.parametrize(("name", "clips"), [("png", 12), ("jpeg", 12), ("gzip", 12), ("several", len(ODD))])
def test_the_same_clips(name: str, clips: int, kind: Callable[[str], Path]) -> None:
    assert check_tars(kind(name)) == clips
    assert run_here("pipelines.verify", kind(name), code=0).stdout.endswith("its 3 files in webdataset.\n")


def test_added_to_a_dataset_kept_and_made_again(tree: Path, copy: Path, tmp_path: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in copy.glob("*.tfrecord")}
    command = ("--input", tree, "--output", copy, *ARGUMENTS)
    preprocess(*command, *ALSO, code=0)
    assert before == {path.name: path.stat().st_mtime_ns for path in copy.glob("*.tfrecord")}
    assert check_tars(copy) == 30
    at_once = tmp_path / "at-once"
    preprocess("--input", tree, "--output", at_once, *ARGUMENTS, *ALSO, code=0)
    found, wanted = contents(copy), contents(at_once)
    assert found.pop("preview.html") != wanted.pop("preview.html")  # whose title is the folder's name
    assert found == wanted
    times = {path: path.stat().st_mtime_ns for path in (copy / "webdataset").iterdir()}
    # Cut off, and one that belongs to no shard: a run without the flag, too, keeps what the dataset has in order.
    train, val, extra = (copy / "webdataset" / f"{name}.tar" for name in ("train-00001", "val-00000", "val-00009"))
    train.write_bytes(train.read_bytes()[:-512])
    shutil.copy(val, extra)
    said = run_here("pipelines.verify", copy, code=1).stderr
    assert (
        "webdataset/train-00001.tar: the content differs" in said
        and "1 file belongs to no split, for example val-0" in said
    )
    assert "remove these files from" in said
    preprocess(*command, code=0)
    assert [path for path, time_ns in times.items() if path.stat().st_mtime_ns != time_ns] == [train]
    after = contents(copy)
    del after["preview.html"]
    assert after == wanted
    # Damage that leaves size and time as they are is found by reading.
    status, damaged = val.stat(), bytearray(val.read_bytes())
    damaged[3000] ^= 1
    val.write_bytes(damaged)
    os.utime(val, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "webdataset/val-00000.tar: the content differs" in run_here("pipelines.verify", copy, code=1).stderr
    val.unlink()
    preprocess(*command, code=0)
    assert run_here("pipelines.verify", copy, code=0)


@pytest.mark.process
def test_tar_files_follow_the_videos(tmp_path: Path) -> None:
    videos, output = make_tree(tmp_path / "videos", ("Jump", "Run"), groups=3, clips=1), tmp_path / "out"
    command = ("--input", videos, "--output", output, "--num-frames", 4, "--size", 32)
    preprocess(*command, *ALSO, code=0)
    write_video(videos / "Run" / "v_Run_g02_c09.avi", 20)
    preprocess(*command, code=0)
    assert check_tars(output) == 7
    preprocess(*command, "--split-seed", 1, "--overwrite", code=0)
    assert not list((output / "webdataset").iterdir()) and not (output / "_state" / "webdataset").exists()


def test_a_damaged_shard_is_named(tree: Path, copy: Path) -> None:
    shard = next(copy.glob("train-*.tfrecord"))
    status, data = shard.stat(), bytearray(shard.read_bytes())
    data[500] ^= 1
    shard.write_bytes(data)
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))
    said = preprocess("--input", tree, "--output", copy, *ARGUMENTS, *ALSO, code=4).stderr
    assert f"the shard {shard.name}" in said and "is damaged: wrong checksum of the record" in said
    assert "Remove it, then run the same command again" in said


@pytest.mark.process
def test_killed_and_run_again(tree: Path, dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    words = ("--input", tree, "--output", output, *ARGUMENTS, *ALSO)
    command = [sys.executable, "-m", "pipelines.preprocess", *map(str, words)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list((output / "_state" / "webdataset").glob("*.json")):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (output / "dataset_info.json").exists()
    preprocess(*words, code=0)
    assert check_tars(output) == 30
    assert run_here("pipelines.verify", output, code=0)


def test_the_transform(dataset: Path, copy: Path) -> None:
    settings = TarSettings(ClipSpec(num_frames=4, height=32, width=32), FrameEncoding())
    shards = [path.name for path in copy.glob("val-*.tfrecord")]
    with test_pipeline.TestPipeline() as pipeline:
        written = pipeline | beam.Create(shards) | WriteTars(str(copy), settings)
        assert_that(written, equal_to([tar_name(shard, "none") for shard in shards]))
    clips = [sample for shard in shards for sample in samples(copy / "webdataset" / tar_name(shard, "none"))]
    assert len(clips) == 6


@pytest.mark.parametrize("name", ["png", "gzip", "several"])
def test_the_package_reads_them(name: str, kind: Callable[[str], Path]) -> None:
    webdataset = pytest.importorskip("webdataset", reason="needs the package webdataset")
    pytest.importorskip("PIL", reason="needs Pillow, with which WebDataset decodes pictures")
    data = pipelines.open_dataset(kind(name))
    for split in data.info.splits:
        paths = [str(kind(name) / "webdataset" / tar.name) for tar in data.info.webdataset[split]]
        ours = {clip.video_id: clip for clip in data.clips(split)}
        for sample in webdataset.WebDataset(paths, shardshuffle=False).decode("rgb8"):
            clip = ours.pop(sample["json"]["video_id"])
            frames = sample["npy"] if "npy" in sample else [sample[f"{number:04d}.png"] for number in range(4)]
            np.testing.assert_array_equal(frames, clip.frames)
            assert sample.get("cls", clip.label) == clip.label and sample["__key__"] == key_of(clip.video_id)
        assert not ours


def test_only_known_forms(tree: Path, tmp_path: Path) -> None:
    done = preprocess("--input", tree, "--output", tmp_path / "out", "--also", "zip", code=2)
    assert "--also must be one of webdataset, not 'zip'" in done.stderr
