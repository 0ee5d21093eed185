"""Datasets of every kind that other programs read, made once."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import preprocess, write_video

SIZE = ("--num-frames", 4, "--size", 32)
KINDS: dict[str, tuple[object, ...]] = {
    "png": ("--encoding", "png"),
    "jpeg": ("--encoding", "jpeg"),
    "gzip": ("--compression", "gzip", "--encoding", "png"),
    "several": ("--multi-label",),
}
ODD = {
    "a.b/__x__": "Run|Wave", "__y__/z": "Wave", "günther 1": "Jump|Run", "100%/v.1": "Jump", "p/q": "Run",
    "p/r": "Wave",
}  # fmt: skip
"""Ids that keys of WebDataset can't hold as they are, and labels."""


@pytest.fixture(scope="session")
def kind(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The dataset of a kind, with tar files. Not to be changed."""
    folder = tmp_path_factory.mktemp("kinds")

    def make(name: str) -> Path:
        output = folder / name / "out"
        if not output.exists():
            source = several(folder / "odd") if name == "several" else tree
            words = ("--input", source, "--output", output, *SIZE, "--shards", 3, "--limit", 12, *KINDS[name])
            preprocess(*words, "--also", "webdataset", code=0)
        return output

    return make


def several(folder: Path) -> Path:
    """A manifest of videos with odd names and several labels."""
    with open(folder.with_suffix(".csv"), "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "group"])
        for number, (name, labels) in enumerate(ODD.items()):
            write_video(folder / f"{name}.avi", 12 + number)
            rows.writerow([f"{folder.name}/{name}.avi", labels, f"g{number % 3}"])
    return folder.with_suffix(".csv")
