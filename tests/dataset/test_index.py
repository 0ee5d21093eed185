"""The index of a split: line k is record k; a lost index is made again, and a wrong one is refused."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.dataset.index import index_lines, read_index
from pipelines.dataset.info import DatasetInfo, WrittenVideo
from tests.conftest import contents, preprocess, run_here
from tests.support.indexes import forget_indexes, rewrite_index

SMALL = ("--num-frames", 4, "--size", 32, "--shards", 8)


def describe(folder: Path) -> DatasetInfo:
    return DatasetInfo.from_json((folder / "dataset_info.json").read_text())


def test_ids_that_are_no_unicode_are_kept(copy: Path) -> None:
    name = "Run/\udcff\u2028é"
    (line,) = index_lines([WrittenVideo(name, "Run", "g\n", 1, 0.1, False)])
    assert line.isascii() and line.count("\n") == 1
    rewrite_index(copy, "val", lambda lines: [line.replace("g\\n", json.loads(lines[0])["group"]), *lines[1:]])
    info = json.loads((copy / "dataset_info.json").read_text())
    info["splits"]["val"]["num_examples_by_class"] = count_labels(copy / "index-val.jsonl")
    (copy / "dataset_info.json").write_text(json.dumps(info))
    assert read_index(str(copy), describe(copy).splits["val"]).video_ids[0] == name


def count_labels(index: Path) -> dict[str, int]:
    labels = [json.loads(line)["label"] for line in index.read_text().splitlines()]
    return {label: labels.count(label) for label in sorted(set(labels))}


def changed(line: str, **values: object) -> str:
    return json.dumps({**json.loads(line), **values}) + "\n"


WRONG: list[tuple[Callable[[list[str]], list[str]], str]] = [
    (lambda lines: lines[1:], "5 lines for 6 records"),
    (lambda lines: [*lines, lines[0]], "7 lines for 6 records"),
    (lambda lines: [changed(line, label="Run") for line in lines], "its labels differ from those of the split"),
    (lambda lines: [changed(line, group="g99") for line in lines], "its groups differ from those of the split"),
    (lambda lines: [changed(lines[0], group=3), *lines[1:]], "line 1 doesn't hold the texts video_id, group and label"),
    (lambda lines: [*lines[:2], "[]\n", *lines[3:]], "line 3 doesn't hold the texts video_id, group and label"),
    (lambda lines: ["{\n", *lines[1:]], "Expecting"),
    (lambda lines: ["[" * 100_000 + "\n", *lines[1:]], "nested too deeply"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_an_index_against_the_description(copy: Path, change: Callable[[list[str]], list[str]], message: str) -> None:
    rewrite_index(copy, "test", change)
    with pytest.raises(ValueError, match=message):
        read_index(str(copy), describe(copy).splits["test"])


def spoil(path: Path, kind: str) -> None:
    """Damages an index so that its size, its checksum, or its kind shows it."""
    data = path.read_bytes()
    path.unlink()
    if kind == "cut":
        path.write_bytes(data[:-1])
    elif kind == "changed":
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    elif kind == "pipe":
        os.mkfifo(path)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cut", "bytes instead of"),
        ("changed", "damaged, the checksum differs"),
        ("pipe", "not a regular file but a pipe"),
        ("gone", "missing"),
    ],
)
def test_a_damaged_index_is_found_by_verify_and_made_again(
    tree: Path, dataset: Path, copy: Path, kind: str, message: str
) -> None:
    spoil(copy / "index-val.jsonl", kind)
    done = run_here("pipelines.verify", copy)
    wrong, remedy = done.stderr.splitlines()
    assert done.returncode == 1 and wrong.startswith("wrong: index-val.jsonl: ") and message in wrong
    assert "run the same pipelines.preprocess command again" in remedy
    done = preprocess("--input", tree, "--output", copy, *SMALL)
    assert done.returncode == 0 and "8 of 8 shards already written" in done.stderr, done.stderr
    assert run_here("pipelines.verify", copy).returncode == 0
    assert (copy / "index-val.jsonl").read_bytes() == (dataset / "index-val.jsonl").read_bytes()


def test_verify_compares_lines_with_records(copy: Path) -> None:
    """The index matches the description, but two lines are swapped."""
    first, second = (copy / "index-test.jsonl").read_text().splitlines()[:2]
    rewrite_index(copy, "test", lambda lines: [lines[1], lines[0], *lines[2:]])
    read_index(str(copy), describe(copy).splits["test"])
    done = run_here("pipelines.verify", copy)
    assert done.returncode == 1
    said = done.stderr.splitlines()[0]
    assert said.startswith("wrong: index-test.jsonl: line 1 is ")
    assert said.index(json.loads(second)["video_id"]) < said.index(json.loads(first)["video_id"])


def test_a_dataset_of_an_earlier_version_is_read_and_gets_its_indexes(tree: Path, dataset: Path, copy: Path) -> None:
    forget_indexes(copy)
    text = (copy / "dataset_info.json").read_text()
    assert DatasetInfo.from_json(text).to_json() == text
    assert [split.index for split in describe(copy).splits.values()] == [None, None, None]
    assert run_here("pipelines.verify", copy).returncode == 0
    assert preprocess("--input", tree, "--output", copy, *SMALL).returncode == 0
    found, wanted = contents(copy), contents(dataset)
    assert found.pop("preview.html") != wanted.pop("preview.html")  # whose title is the folder's name
    assert found == wanted


def test_indexes_go_with_their_dataset(tree: Path, copy: Path) -> None:
    """Where another run leaves out a split, no index of it stays behind; other files do."""
    (copy / "index.jsonl").write_text("mine")
    arguments = ("--input", tree, "--output", copy, *SMALL, "--splits", "train=0.6,test=0.4", "--overwrite")
    preprocess(*arguments, code=0)
    assert sorted(path.name for path in copy.glob("index*")) == ["index-test.jsonl", "index-train.jsonl", "index.jsonl"]
    assert run_here("pipelines.verify", copy).returncode == 0


@pytest.mark.process
def test_no_index_stays_where_the_dataset_is_no_longer_complete(tree: Path, tmp_path: Path) -> None:
    """Readers must not find an index of shards that are being written again."""
    videos, output = Path(shutil.copytree(tree, tmp_path / "videos")), tmp_path / "out"
    arguments = ("--input", videos, "--output", output, *SMALL, "--max-failure-rate", 0)
    assert preprocess(*arguments).returncode == 0
    assert len(list(output.glob("index-*.jsonl"))) == 3
    next(videos.rglob("*.avi")).write_bytes(b"damaged")
    assert preprocess(*arguments).returncode == 3
    assert not list(output.glob("index-*.jsonl")) and not (output / "dataset_info.json").exists()
