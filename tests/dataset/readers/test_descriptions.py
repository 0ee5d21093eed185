"""The datasheet and `croissant.json`: what they say, that it is true, and that others can read it."""

import hashlib
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import pipelines
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.flags import parse
from pipelines.dataset.info import DatasetInfo, IndexInfo, ShardInfo, SplitInfo
from pipelines.dataset.readers.command import command_of, title_of
from pipelines.dataset.readers.croissant import checksums, croissant
from pipelines.dataset.readers.datasheet import Provenance, datasheet, is_unchanged
from tests.conftest import contents, preprocess, run_here
from tests.support.documents import read_blocks

GOLDEN = Path(__file__).parents[2] / "golden" / "croissant.json"
"""What `INFO` gives. The package mlcroissant 1.1.1 has validated it: tests do so where it is installed."""
ARGUMENTS = ("--num-frames", 4, "--size", 32, "--shards", 8)


def split(name: str, groups: tuple[str, ...], **by_class: int) -> SplitInfo:
    shard = ShardInfo(f"{name}-00000-of-00001.tfrecord", sum(by_class.values()), 1_000, "ab" * 32)
    return SplitInfo((shard,), groups, by_class, IndexInfo(f"index-{name}.jsonl", 200, "cd" * 32))


INFO = DatasetInfo(
    ClipSpec(num_frames=8),
    FrameEncoding("jpeg", 90),
    "none",
    ("Jump", "Run|<b>"),
    {"train": split("train", ("g1", "g2"), **{"Jump": 2, "Run|<b>": 1}), "test": split("test", ("g3",), Jump=1)},
    {"listed": 8, "written": 4, "failed": 3, "filtered": 1, "ignored": 2, "damaged": 1},
    {"VideoOpenError": 2, "DecodeTimeout": 1},
    {"min": 1.0, "median": 2.5, "max": 4.0, "total": 10.0},
    {"input": "my videos.csv", **PreprocessConfig("i", "o").identity()} | {"input": "my videos.csv"},
    {"av": "18.1.0", "apache-beam": "not installed"},
    ("frames repeat", "WARNING: videos of the same content"),
)


def front_matter(text: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?\n)---\n\n# ", text, re.S)
    assert found
    return dict(yaml.safe_load(found[1]))


def test_a_datasheet_holds_the_facts_and_no_others() -> None:
    text = datasheet(INFO, Provenance(num_copies=5))
    assert front_matter(text) == {
        "pretty_name": "my videos",
        "task_categories": ["video-classification"],
        "size_categories": ["n<1K"],
    }
    for line in (
        "4 clips of 2 classes of activities.",
        "| class | train | test | all |",
        "| Jump | 2 | 1 | 3 |",
        r"| Run\|\<b\> | 1 | 0 | 1 |",
        "| **clips** | 3 | 1 | 4 |",
        r"**test has no clip of 1 class**: Run\|\<b\>.",
        "Licence: not stated.",
        "assigned to splits at random (`train=0.8,val=0.1,test=0.1`, seed 0). No group is in two splits.",
        "| train | 3 | 2 | 1 | 1,000 B |",
        "| failed | 3 | [`failures.jsonl`](failures.jsonl) |",
        "| with the content of another one | 5 | [`duplicates.jsonl`](duplicates.jsonl) |",
        "Reasons of failures: 2 VideoOpenError, 1 DecodeTimeout.",
        "- frames repeat\n- **Warning:** videos of the same content",
        "(its pixels differ a little from those above",
        "har preprocess --input 'my videos.csv' --output 'data/my videos'\n",
        "It was made with av 18.1.0. ",
    ):
        assert line in text, line
    assert "webdataset" not in text and "<b>" not in text.replace(r"\<b\>", "")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"splits": "official"}, "The splits are those that the input itself gives."),
        ({"split_file": "a.txt"}, "The splits are those of the files given with `--split-file`."),
        ({"split_groups": ["val=g2"]}, "chosen by hand"),
    ],
)
def test_how_splits_were_made(settings: dict[str, Any], says: str) -> None:
    info = replace(INFO, configuration={**INFO.configuration, **settings})
    assert says in datasheet(info, Provenance())
    shared = {**info.splits, "test": replace(info.splits["test"], groups=("g2", "g3"))}
    text = datasheet(replace(info, splits=shared), Provenance())
    assert "**1 group in several splits: scores will be too good** (g2)." in text and "No group" not in text


def test_licence_and_tar_files_are_told_where_there_are_any() -> None:
    tars = {
        name: (ShardInfo(f"{name}-00000.tar", entry.num_examples, 9, "ef" * 32),) for name, entry in INFO.splits.items()
    }
    info = replace(INFO, webdataset=tars)
    text = datasheet(info, Provenance("cc-by-4.0"))
    assert front_matter(text)["license"] == "cc-by-4.0" and "Licence: cc-by-4.0." in text
    assert 'WebDataset("webdataset/train-00000.tar", ' in text
    assert "--also webdataset --license cc-by-4.0\n" in text
    value = json.loads(croissant(info, "cc-by-4.0"))
    assert value["license"] == "cc-by-4.0" and "license" not in json.loads(croissant(info))
    assert checksums(croissant(info))["webdataset/test-00000.tar"] == "ef" * 32


def test_whether_a_person_has_changed_it() -> None:
    text = datasheet(INFO, Provenance())
    assert is_unchanged(text)
    for other in (text.replace("Jump", "Hop"), f"{text}More.\n", "# Mine\n", "", text[:-30]):
        assert not is_unchanged(other)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--size", "72x96", "--classes", "A,B", "--drop-duplicates", "--encoding", "jpeg", "--jpeg-quality", "80"),
        ("--clip-s", "2.5", "--stride-s", "1", "--split-groups", "val=g1", "test=g2", "--background-label", "none"),
        ("--split-file", "one.txt", "--multi-label", "--sampling", "uniform-time", "--min-frames", "5"),
    ],
)
def test_the_command_makes_the_same_dataset(words: tuple[str, ...]) -> None:
    config = parse(["--input", "/data/UCF 50", "--output", "/x/out", *words]).config
    info = replace(INFO, configuration={**config.identity(), "input": "UCF 50"})
    har, preprocess_, *again = shlex.split(command_of(info))
    assert (har, preprocess_) == ("har", "preprocess")
    found = parse([word.replace("UCF 50", "/data/UCF 50") if word == "UCF 50" else word for word in again]).config
    assert found.identity() == config.identity() and found.output.endswith("data/UCF 50")


@pytest.mark.parametrize(
    ("source", "title"),
    [("UCF50", "UCF50"), ("videos.csv", "videos"), ("gs://b/x/", "x"), ("v1.2", "v1.2"), ("", "clips")],
)
def test_titles(source: str, title: str) -> None:
    assert title_of(replace(INFO, configuration={"input": source})) == title


def test_croissant_is_as_it_was_validated() -> None:
    assert croissant(INFO) == GOLDEN.read_text()
    value = json.loads(GOLDEN.read_text())
    assert not {"license", "citeAs", "creator", "datePublished", "url"} & value.keys()  # nothing is invented


def test_croissant_is_valid() -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="needs the package mlcroissant")
    data = mlcroissant.Dataset(str(GOLDEN))
    assert not data.metadata.ctx.issues.errors
    assert {name.uuid for name in data.metadata.record_sets} == {"splits", "classes", "clips"}
    assert [record["classes/name"] for record in data.records("classes")] == ["Jump", "Run|<b>"]


def test_croissant_gives_the_table_of_clips(dataset: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="needs the package mlcroissant")
    found = {
        tuple(record[f"clips/{name}"].decode() for name in ("video_id", "split", "group", "label"))
        for record in mlcroissant.Dataset(str(dataset / "croissant.json")).records("clips")
    }
    data = pipelines.open_dataset(dataset)
    assert found == {
        (clip.video_id, name, clip.group, clip.label_name) for name in data.info.splits for clip in data.clips(name)
    }


@pytest.mark.process
def test_croissant_has_the_checksum_of_every_file(kind: Callable[[str], Path]) -> None:
    output = kind("gzip")
    sums = checksums((output / "croissant.json").read_text())
    described = [*output.glob("*.tfrecord"), *output.glob("index-*"), *(output / "webdataset").iterdir()]
    assert sums == {
        str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (*described, output / "dataset_info.json")
    }


def test_verify_compares_the_descriptions(copy: Path) -> None:
    changed = {
        "croissant.json": (r'"sha256": "\w', '"sha256": "x', "croissant.json: the checksum of "),
        "tfds/dataset_info.json": (r'("shardLengths": \[\s*")\d', r"\g<1>9", "the numbers of clips differ"),
    }
    for name, (pattern, other, says) in changed.items():
        text = (copy / name).read_text()
        (copy / name).write_text(re.sub(pattern, other, text))
        assert says in run_here("pipelines.verify", copy, code=1).stderr
        (copy / name).write_text("broken")
        assert f"wrong: {name}: " in run_here("pipelines.verify", copy, code=1).stderr
        (copy / name).write_text(text)
    (copy / "tfds" / "features.json").unlink()
    assert "wrong: tfds/features.json is missing" in run_here("pipelines.verify", copy, code=1).stderr
    for path in (*(copy / "tfds").iterdir(), copy / "croissant.json", copy / "README.md"):  # as in earlier versions
        path.unlink()
    run_here("pipelines.verify", copy, code=0)


def test_a_readme_of_a_person_stays(tree: Path, dataset: Path, copy: Path) -> None:
    command = ("--input", tree, "--output", copy, *ARGUMENTS)
    mine = (copy / "README.md").read_text().replace("Licence: not stated.", "Licence: ask me.")
    (copy / "README.md").write_text(mine)
    said = preprocess(*command, code=0).stderr
    assert f"note: README.md in {copy} isn't as this software wrote it, and stays as it is" in said
    preprocess(*command, "--classes", "Run,Wave", "--overwrite", code=0)
    assert (copy / "README.md").read_text() == mine
    assert "2 classes" in json.loads((copy / "croissant.json").read_text())["description"]
    (copy / "README.md").unlink()
    preprocess(*command, "--overwrite", code=0)
    found, wanted = contents(copy), contents(dataset)
    del found["preview.html"], wanted["preview.html"]  # whose titles are the folders' names
    assert found == wanted


def test_nothing_describes_a_dataset_that_is_being_changed(tree: Path, copy: Path) -> None:
    (copy / "train-00000-of-00004.tfrecord").unlink()
    (copy / "index-test.jsonl").unlink()
    (copy / "index-test.jsonl").mkdir()  # so that the run ends before it describes anything
    done = preprocess("--input", tree, "--output", copy, *ARGUMENTS)
    assert done.returncode == 4
    left = {name for name in ("README.md", "croissant.json", "dataset_info.json") if (copy / name).exists()}
    assert not left and not list((copy / "tfds").iterdir())


def test_a_datasheet_shows_how_to_load_its_dataset(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    names: dict[str, Any] = {}
    programs = [block.text for block in read_blocks(copy / "README.md") if block.language == "python"]
    assert len(programs) == 2
    for program in programs:
        if "tensorflow_datasets" in program:
            pytest.importorskip("tensorflow_datasets")
        exec(program, names)
    assert sum(1 for _ in names["data"]) == 18


if __name__ == "__main__":
    GOLDEN.write_text(croissant(INFO))
