"""Files that people share reveal neither the machine nor the place where they were made, and their paths still work."""

import json
import platform
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from pipelines.core.relative import name_of, path_below, relative_to
from tests.conftest import preprocess
from tests.support.format_examples import check_like_the_example
from tests.support.label_model import level_of, make_model, write_grey
from tests.support.store_tools import run_label

pytestmark = pytest.mark.process

ARGUMENTS = ("--num-frames", 4, "--size", 32, "--shards", 3, "--max-failure-rate", 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with videos, one of them broken, a model, and what both jobs make of them."""
    folder = tmp_path_factory.mktemp("hidden-place")
    for label in ("Jump", "Run"):
        for group in range(1, 5):
            write_grey(folder / "videos" / label / f"v_{label}_g{group:02d}_c01.mp4", [level_of(label)] * 10)
    (folder / "videos" / "Run" / "v_Run_g01_c02.mp4").write_bytes(b"no video")
    make_model(folder / "model")
    preprocess("--input", folder / "videos", "--output", folder / "dataset", *ARGUMENTS, code=0)
    run_label(folder / "model", folder / "videos", folder / "out" / "labels", "--max-failure-rate", 1, "--webvtt")
    return folder


def test_no_place_and_no_machine(place: Path) -> None:
    found = 0
    for path in [*(place / "dataset").rglob("*"), *(place / "out").rglob("*")]:
        if path.is_file() and "_state" not in path.parts:
            data = path.read_bytes()
            assert str(place).encode() not in data and b"hidden-place" not in data, path
            if path.suffix in (".json", ".jsonl", ".html", ".vtt"):
                assert platform.node().encode() not in data.replace(b".", b" ").split(), path
            found += 1
    assert found > 15


def test_relative_paths_lead_there(place: Path) -> None:
    dataset, labels = place / "dataset", place / "out" / "labels"
    info = json.loads((dataset / "dataset_info.json").read_text())
    assert info["configuration"]["input"] == "videos"
    uris = []
    rows = "labels-00000-of-00001.jsonl"
    for folder, name in ((dataset, "failures.jsonl"), (labels, "failures.jsonl"), (labels, rows)):
        uris += [place / "videos" / json.loads(line)["uri"] for line in (folder / name).read_text().splitlines()]
    assert len(uris) == 1 + 1 + 8 and all(path.is_file() for path in uris)
    page = (labels / "report.html").read_text()
    links = set(re.findall(r'href="([^"#]+)#t=[0-9.]+,[0-9.]+"', page))
    assert len(links) == 8 and all((labels / unquote(link)).is_file() for link in links)
    assert (labels / json.loads((labels / "summary.json").read_text())["model"]["uri"]).resolve() == place / "model"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("dataset_info.json", "dataset/dataset_info.json"),
        ("index-train.jsonl", "dataset/index-train.jsonl"),
        ("dataset/failures.jsonl", "dataset/failures.jsonl"),
        ("labels.jsonl", "out/labels/labels-00000-of-00001.jsonl"),
        ("labels/failures.jsonl", "out/labels/failures.jsonl"),
        ("summary.json", "out/labels/summary.json"),
    ],
)
def test_they_look_like_the_examples_in_the_documentation(place: Path, name: str, file: str) -> None:
    check_like_the_example(name, (place / file).read_text())


def test_they_are_the_same_wherever_they_are_made(place: Path, tmp_path: Path) -> None:
    """And a job resumes in a folder that was moved."""
    moved = Path(shutil.copytree(place / "dataset", tmp_path / "a" / "b" / "moved"))
    next(moved.glob("train-*")).unlink()
    for output in (moved, tmp_path / "new"):
        preprocess("--input", place / "videos", "--output", output, *ARGUMENTS, code=0)
        for name in ("dataset_info.json", "failures.jsonl"):
            assert (output / name).read_bytes() == (place / "dataset" / name).read_bytes()


def test_manifests(place: Path, tmp_path: Path) -> None:
    lines = ("path,label", "videos/Run/v_Run_g01_c02.mp4,Run", "videos/Jump/v_Jump_g01_c01.mp4,Jump")
    (place / "list.csv").write_text("\n".join(lines))
    preprocess("--input", place / "list.csv", "--output", tmp_path / "out", *ARGUMENTS, code=0)
    (failure,) = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert failure["uri"] == "videos/Run/v_Run_g01_c02.mp4"


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("/a/videos", "/a/out", "../videos"), ("/a/out", "/a/out", "."), ("/a/out/model", "/a/out", "model"),
        ("/a/videos", "s3://bucket/out", "/a/videos"), ("gs://bucket/x", "/a/out", "gs://bucket/x"), ("", "/a", ""),
    ],
)  # fmt: skip
def test_relative(path: str, folder: str, expected: str) -> None:
    assert relative_to(path, folder) == expected


def test_below_and_by_name() -> None:
    assert path_below("/a/v/x.mp4", "/a/v") == path_below("/a/v/x.mp4", "/a/v/list.csv") == "x.mp4"
    assert path_below("/b/x.mp4", "/a/v") == "/b/x.mp4" and path_below("s3://b/x", "/a") == "s3://b/x"
    assert (name_of("/a/v"), name_of("s3://b/v"), name_of("v"), name_of("")) == ("v", "s3://b/v", "v", "")
