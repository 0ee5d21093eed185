"""Ids, groups and labels from a dataset's indexes: they agree with the shards, and no shard is read."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipelines.dataset.info import DatasetInfo
from tests.conftest import run_here
from tests.support.indexes import forget_indexes, rewrite_index
from trainer.config import TrainConfig
from trainer.data.check import open_dataset
from trainer.data.clips import Clips, Reading
from trainer.data.index import index_of, read_index
from trainer.data.parts import Index, Part, cut_parts, indexed_splits
from trainer.files.storage import join
from trainer.training.devices import make_devices
from trainer.training.run import Run

CONFIG = TrainConfig("lrcn", "data", "runs")


def rows(index: Index | None) -> list[tuple[str, str, int]]:
    assert index is not None and index.labels.dtype == np.int64
    return list(zip(index.video_ids, index.groups, index.labels.tolist(), strict=True))


@pytest.mark.parametrize("change", [{}, {"fold": "2/5"}, {"split": "random"}], ids=str)
def test_an_index_says_what_the_records_say(dataset: Path, change: dict[str, str]) -> None:
    opened = open_dataset(str(dataset))
    stored = partial(read_index, opened.uri, opened.info)

    def records(part: Part) -> Index:
        return Clips(opened.info, part, Reading(1)).index()

    def lines(part: Part) -> Index:
        found = index_of(part, stored)
        assert found is not None
        return found

    config = replace(CONFIG, **change)  # type: ignore[arg-type]
    for read in (records, lines):
        parts = cut_parts(opened.info, partial(join, opened.uri), config, read).sides
        assert sum(len(rows(lines(part))) for part in parts.values()) == 30
        for part in parts.values():
            assert rows(lines(part)) == rows(records(part))


def test_no_shard_is_read_for_ids(copy: Path) -> None:
    """The shards of val and test are gone, and everything is still known; without indexes, they are needed."""
    opened = open_dataset(str(copy))
    before = {
        name: rows(Clips(opened.info, part, Reading(1)).index()) for name, part in sides(opened.info, copy).items()
    }
    forget = Path(shutil.copytree(copy, copy.parent / "earlier"))
    forget_indexes(forget)
    whole = Run(replace(CONFIG, data=str(forget)), open_dataset(str(forget)), make_devices("cpu", "float32"))
    assert {name: rows(index) for name, index in whole.indices.items()} == before
    for folder in (copy, forget):
        for path in (*folder.glob("val-*.tfrecord"), *folder.glob("test-*.tfrecord")):
            path.unlink()
    run = Run(replace(CONFIG, data=str(copy)), opened, make_devices("cpu", "float32"))
    assert {name: rows(index) for name, index in run.indices.items()} == before
    with pytest.raises(Exception, match="No such file"):
        Run(replace(CONFIG, data=str(forget)), open_dataset(str(forget)), make_devices("cpu", "float32"))


def sides(info: DatasetInfo, folder: Path) -> dict[str, Part]:
    def never(part: Part) -> Index:
        raise AssertionError(part)

    parts = cut_parts(info, partial(join, str(folder)), CONFIG, never).sides
    return {name: parts[name] for name in ("val", "test")}


def test_parts_without_an_index(dataset: Path) -> None:
    opened = open_dataset(str(dataset))
    (val, test) = sides(opened.info, dataset).values()
    assert index_of(replace(val, splits=()), partial(read_index, opened.uri, opened.info)) is None
    both = replace(val, splits=("val", "test"))
    known = read_index(opened.uri, opened.info, "val")
    assert index_of(both, lambda split: known if split == "val" else None) is None
    assert read_index(opened.uri, opened.info, "none") is None
    assert test.splits == ("test",)


def test_which_splits_need_an_index(dataset: Path) -> None:
    info = open_dataset(str(dataset)).info
    assert indexed_splits(info, CONFIG) == ("train", "val", "test")
    assert set(indexed_splits(info, replace(CONFIG, fold="1/3"))) == {"train", "val", "test"}
    assert set(indexed_splits(info, replace(CONFIG, split="random"))) == {"train", "val", "test"}
    without = replace(info, splits={name: info.splits[name] for name in ("test", "train")})
    assert indexed_splits(without, CONFIG) == ("train", "test")


@pytest.mark.parametrize("tool", [("task",), ("crossval", "--folds", "2")])
def test_a_wrong_index_is_refused_in_a_line(copy: Path, tool: tuple[str, ...]) -> None:
    def refusal() -> str:
        name, *more = tool
        done = run_here(f"trainer.{name}", "--model", "lrcn", "--data", copy, "--output", copy.parent / "run", *more)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 1 and not (copy.parent / "run" / "checkpoints").exists()
        assert line.endswith(
            "run the same pipelines.preprocess command again, which writes it again and keeps the shards"
        )
        return line

    start = f"error: {copy}/index-test.jsonl does not match dataset_info.json: "
    path = rewrite_index(copy, "test", lambda lines: lines[1:])
    assert refusal().startswith(f"{start}5 lines for 6 records. ")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Run", b"Rum", 1))
    assert refusal().startswith(f"{start}damaged, the checksum differs. ")
    path.write_bytes(data[:-1])
    assert refusal().startswith(f"{start}{len(data) - 1} bytes instead of {len(data)}. ")
    path.unlink()
    assert refusal().startswith(f"{start}missing. ")
