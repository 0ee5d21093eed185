"""Datasets before training: unusable ones are refused with a reason, damage is found and named."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import UsageError, UserError
from tests import ROOT
from tests.conftest import settle
from trainer.data.check import check_shards, class_counts, num_clips, open_dataset

HEADER_BYTES = 12


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Changes the description of a dataset."""
    path = folder / "dataset_info.json"
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(settle(value)))


def shards(folder: Path, split: str = "train") -> list[Path]:
    """Shards of a split that have at least two records, by size."""
    return sorted(
        (path for path in folder.glob(f"{split}-*.tfrecord") if len(record_starts(path)) > 1),
        key=lambda path: (path.stat().st_size, path.name),
    )


def record_starts(path: Path) -> list[int]:
    """Position of each record."""
    data, starts, position = path.read_bytes(), [], 0
    while position < len(data):
        starts.append(position)
        position += 16 + struct.unpack_from("<Q", data, position)[0]
    return starts


def flip(path: Path, position: int) -> None:
    """Changes one byte."""
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def problems(folder: Path, full: bool | None = None) -> str:
    """What checking the shards reports; empty where all is well."""
    opened = open_dataset(str(folder))
    try:
        check_shards(opened, opened.info.splits, full)
    except UserError as error:
        return str(error)
    return ""


def test_what_a_dataset_says(dataset: Path) -> None:
    opened = open_dataset(f"{dataset}/", ("train", "val", "test"))
    assert opened.uri == str(dataset)
    assert sum(num_clips(opened, split) for split in opened.info.splits) == 30
    assert num_clips(opened, "other") == 0 and class_counts(opened, "other") == {"Jump": 0, "Run": 0, "Wave": 0}
    for split in opened.info.splits:
        assert list(class_counts(opened, split)) == ["Jump", "Run", "Wave"]
        assert sum(class_counts(opened, split).values()) == num_clips(opened, split)


def test_fingerprint_is_that_of_the_content(dataset: Path, copy: Path) -> None:
    original = open_dataset(str(dataset)).fingerprint
    change(copy, lambda v: v["versions"].update(av="0"))
    assert open_dataset(str(copy)).fingerprint == original
    change(copy, lambda v: v["splits"]["test"]["shards"][0].update(sha256="0"))
    changed = open_dataset(str(copy)).fingerprint
    assert changed != original
    change(copy, lambda v: v.update(labels=["Jump", "Run", "Walk"]))
    assert open_dataset(str(copy)).fingerprint not in (original, changed)


def one_group(value: dict[str, Any]) -> None:
    """Leaves the split train alone, and one group in it."""
    value["splits"] = {"train": {**value["splits"]["train"], "groups": ["g"]}}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v.update(labels=["Jump"]), "has only one class (Jump)"),
        (lambda v: v["splits"]["train"].update(num_examples_by_class={"Run": 3}), "has only one class in the split"),
        (lambda v: v["splits"].pop("val"), "has no clips in the split 'val' (clips: train "),
        (lambda v: v["splits"]["val"].update(shards=[]), "has no clips in the split 'val' (clips: train "),
        (lambda v: v["splits"].pop("train"), "has no clips in the split 'train' (clips: val "),
        (one_group, "has no clips in the split 'val' (clips: train 18). All clips are of one group,"),
    ],
)  # fmt: skip
def test_datasets_that_are_no_use(copy: Path, edit: Callable[[dict[str, Any]], object], message: str) -> None:
    change(copy, edit)
    with pytest.raises(UsageError) as caught:
        open_dataset(str(copy), ("train", "val"))
    assert str(caught.value).startswith(f"{copy} {message}") and "reprocess" in str(caught.value)


def test_a_dataset_without_any_clip(copy: Path) -> None:
    def empty(info: dict[str, Any]) -> None:
        for split in info["splits"].values():
            split.update(shards=[], num_examples_by_class={})
        info["counts"].update(written=0, filtered=4)

    change(copy, empty)
    with pytest.raises(UsageError, match=r"has no clips at all \(videos: listed .*filtered 4\)"):
        open_dataset(str(copy), ("train", "val"))


def test_only_the_splits_that_are_asked_for_matter(copy: Path) -> None:
    change(copy, lambda v: v["splits"].pop("val"))
    assert num_clips(open_dataset(str(copy)), "val") == 0
    change(copy, lambda v: v["splits"].pop("train"))
    assert num_clips(open_dataset(str(copy), ()), "test") > 0


def test_description_that_is_no_text(copy: Path) -> None:
    (copy / "dataset_info.json").write_bytes(b"\xff\x00")
    with pytest.raises(UserError, match=f"{copy}/dataset_info.json is damaged"):
        open_dataset(str(copy))


def test_folders_that_are_no_dataset(tree: Path, copy: Path, tmp_path: Path) -> None:
    def refusal(uri: Path) -> str:
        with pytest.raises(UsageError) as caught:
            open_dataset(str(uri))
        return str(caught.value)

    make = "python -m pipelines.preprocess --input VIDEOS --output"
    none, empty = tmp_path / "none", tmp_path / "empty"
    empty.mkdir()
    assert refusal(none) == f"there is no folder {none}. Correct the path, or make a dataset there: {make} {none}"
    assert f"{empty} is not a dataset: it has no dataset_info.json" in refusal(empty) and make in refusal(empty)
    for videos in (tree, tree / "Run"):
        assert refusal(videos).startswith(f"{videos} is a folder of videos, not a dataset.")
        assert f"python -m pipelines.preprocess --input {videos} --output DATASET" in refusal(videos)
    assert "is a file. Give the folder" in refusal(copy / "dataset_info.json")
    (copy / "dataset_info.json").unlink()
    assert refusal(copy).startswith(f"the dataset in {copy} is incomplete") and "run the same command" in refusal(copy)


@pytest.mark.parametrize("full", [True, False])
def test_whole_shards_pass(dataset: Path, full: bool) -> None:
    check_shards(open_dataset(str(dataset)), ("train", "test", "other"), full)


@pytest.mark.parametrize("full", [True, False])
def test_missing_and_cut_off_shards_are_named_together(copy: Path, full: bool) -> None:
    first, second = shards(copy)[:2]
    size = second.stat().st_size
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    message = problems(copy, full)
    assert f"2 of 8 shards of {copy} do not match dataset_info.json:" in message
    assert f"\n  {first.name}: missing\n" in message
    assert f"\n  {second.name}: {size - 1} bytes instead of {size}\n" in message
    assert f"python -m pipelines.verify {copy}" in message


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_any_changed_byte_is_found(copy: Path, share: float) -> None:
    path = shards(copy)[0]
    position = int(share * path.stat().st_size)
    flip(path, position)
    assert f"1 of 8 shards of {copy}" in problems(copy)
    flip(path, position)
    assert problems(copy) == ""


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (lambda starts, size: 0, "wrong checksum of the length of the record at byte 0"),
        (lambda starts, size: HEADER_BYTES + 5, "wrong checksum of the record at byte 0"),
        (lambda starts, size: starts[1], "wrong length of a record at or before byte"),
        (lambda starts, size: starts[1] + 7, "wrong length of a record at or before byte"),
        (lambda starts, size: starts[-1] + 9, "wrong checksum of the length"),
        (lambda starts, size: size - 1, "wrong checksum of the record"),
    ],
)
def test_framing_without_reading_everything(copy: Path, where: Callable[[list[int], int], int], message: str) -> None:
    path = shards(copy)[-1]
    flip(path, where(record_starts(path), path.stat().st_size))
    assert f"{path.name}: damaged, {message}" in problems(copy, full=False)


def test_wrong_number_of_records(copy: Path) -> None:
    name = shards(copy)[0].name
    change(copy, lambda v: [s.update(num_examples=9) for s in v["splits"]["train"]["shards"] if s["name"] == name])
    assert f"{name}: damaged, {len(record_starts(copy / name))} records instead of 9" in problems(copy, full=False)


def test_at_most_ten_shards_are_named(copy: Path) -> None:
    opened = open_dataset(str(copy))
    template = opened.info.splits["train"].shards[0]
    more = [{"name": f"x{i}", "num_examples": 1, "size_bytes": 1, "sha256": template.sha256} for i in range(13)]
    change(copy, lambda v: v["splits"]["val"]["shards"].extend(more))
    message = problems(copy)
    assert "13 of 21 shards" in message and message.count(": missing") == 10 and "\n  and 3 more\n" in message


@pytest.mark.process
def test_tensorflow_is_not_loaded_for_local_datasets(dataset: Path) -> None:
    code = (
        "import sys; from trainer.data.check import *; d = open_dataset(sys.argv[1]); check_shards(d, d.info.splits); "
        "print([name for name in ('tensorflow', 'apache_beam', 'keras') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(dataset)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
