"""TensorFlow Datasets reads the shards of a dataset through its folder `tfds/`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipelines
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.opened import StoredClip
from pipelines.dataset.readers.tfds import shard_lengths
from pipelines.video.images import decode_frames
from tests.conftest import preprocess

pytestmark = pytest.mark.process


def check_clip(theirs: dict[str, Any], ours: StoredClip) -> None:
    """Compares all but the pixels."""
    texts = (theirs[name].decode() for name in ("label_name", "group"))
    assert (*texts, theirs["label"]) == (ours.label_name, ours.group, ours.label)
    assert tuple(theirs["frame_indices"]) == ours.frame_indices
    assert tuple(theirs["timestamps_s"].tolist()) == ours.timestamps_s
    assert theirs["num_source_frames"] == ours.num_source_frames


@pytest.mark.parametrize("name", ["raw", "png", "jpeg"])
def test_the_same_clips(name: str, kind: Callable[[str], Path], dataset: Path, tmp_path: Path) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    # Copied, as the folder must lead to the shards wherever it lies.
    place = shutil.copytree(dataset if name == "raw" else kind(name), tmp_path / "elsewhere")
    data = pipelines.open_dataset(place)
    builder = tfds.builder_from_directory(place / "tfds")
    as_stored = None if name == "raw" else {"frames": tfds.decode.SkipDecoding()}
    assert builder.info.features["label"].names == list(data.info.labels)
    for split, entry in data.info.splits.items():
        ours = {clip.video_id: clip for clip in data.clips(split)}
        assert builder.info.splits[split].num_examples == entry.num_examples == len(ours)
        theirs = {clip["video_id"].decode(): clip for clip in tfds.as_numpy(builder.as_dataset(split=split))}
        stored = tfds.as_numpy(builder.as_dataset(split=split, decoders=as_stored))
        assert theirs.keys() == ours.keys()
        for video_id, clip in theirs.items():
            check_clip(clip, ours[video_id])
            assert clip["frames"].dtype == np.uint8
            off = np.abs(clip["frames"].astype(int) - ours[video_id].frames).max()
            assert off <= 24 if name == "jpeg" else off == 0  # TFDS lets TensorFlow decode JPEG inexactly
        if name == "jpeg":
            for clip in stored:
                frames = decode_frames(list(clip["frames"]), data.info.clip_spec, data.info.encoding)
                np.testing.assert_array_equal(frames, ours[clip["video_id"].decode()].frames)
    frames, label = next(iter(builder.as_dataset(split="train", as_supervised=True)))
    assert frames.shape == (4, 32, 32, 3) and label.dtype == "int64"


def test_several_labels(kind: Callable[[str], Path]) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    data = pipelines.open_dataset(kind("several"))
    builder = tfds.builder_from_directory(kind("several") / "tfds")
    found = {
        clip["video_id"].decode(): tuple(clip["labels"])
        for split in data.info.splits
        for clip in tfds.as_numpy(builder.as_dataset(split=split))
    }
    assert found == {clip.video_id: clip.labels for split in data.info.splits for clip in data.clips(split)}
    assert max(map(len, found.values())) == 2
    with pytest.raises(ValueError, match="supervised"):
        builder.as_dataset(split="train", as_supervised=True)  # one label of several would be wrong


def test_no_folder_for_compressed_shards_and_why(kind: Callable[[str], Path], tree: Path) -> None:
    output = kind("gzip")
    assert not (output / "tfds").exists()
    why = "TensorFlow Datasets doesn't read shards of --compression gzip"
    assert f"{why}." in (output / "README.md").read_text()
    words = (
        "--num-frames",
        4,
        "--size",
        32,
        "--shards",
        3,
        "--limit",
        12,
        "--compression",
        "gzip",
        "--encoding",
        "png",
    )
    said = preprocess("--input", tree, "--output", output, *words, code=0).stdout
    assert f"no folder tfds: {why}" in said and "3 tar files in webdataset" in said


def test_lengths_of_shards(dataset: Path) -> None:
    info = DatasetInfo.read(str(dataset))
    text = (dataset / "tfds" / "dataset_info.json").read_text()
    assert shard_lengths(text) == {
        name: [shard.num_examples for shard in split.shards] for name, split in info.splits.items()
    }
    for wrong in ("[]", "{}", json.dumps({"splits": [{"name": "train"}]}), "not JSON"):
        with pytest.raises(ValueError, match=r"TFDS|Expecting"):
            shard_lengths(wrong)
