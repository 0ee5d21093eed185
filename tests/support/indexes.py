"""Datasets with changed indexes, or without any."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any


def rewrite_index(dataset: Path, split: str, change: Callable[[list[str]], list[str]]) -> Path:
    """Changes the lines of an index and lets the description agree with the new file; returns its path."""
    description = dataset / "dataset_info.json"
    value = json.loads(description.read_text())
    described: dict[str, Any] = value["splits"][split]["index"]
    path = dataset / str(described["name"])
    data = "".join(change(path.read_text().splitlines(keepends=True))).encode()
    path.write_bytes(data)
    described.update(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    description.write_text(json.dumps(value))
    return path


def forget_indexes(dataset: Path) -> None:
    """Makes a dataset like those of earlier versions, which had no indexes."""
    description = dataset / "dataset_info.json"
    value = json.loads(description.read_text())
    for split in value["splits"].values():
        (dataset / split.pop("index")["name"]).unlink()
    description.write_text(json.dumps(value, indent=2) + "\n")


def make_windows(dataset: Path) -> None:
    """Lets the clips c01 and c02 of each class and group be windows of one video that overlap, by their names."""

    def change(lines: list[str]) -> list[str]:
        return [re.sub(r"_c0(\d)\b[^\"]*", lambda found: f"@{int(found[1]) - 1}-{int(found[1]) + 1}", x) for x in lines]

    for split in ("train", "val", "test"):
        rewrite_index(dataset, split, change)


def rename_class(dataset: Path, old: str, new: str) -> None:
    """Gives a class another name in the description and the indexes; it must have the same place among the classes."""
    for split in ("train", "val", "test"):
        rewrite_index(dataset, split, lambda lines: [line.replace(f': "{old}"', f': "{new}"') for line in lines])
    description = dataset / "dataset_info.json"
    text = description.read_text().replace(f'"{old}"', f'"{new}"')
    description.write_text(text)
