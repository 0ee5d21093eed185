"""Damaged videos in a whole job: no crash, no hang, and every file is in the dataset or in the failures."""

import json
import shutil
from pathlib import Path

import pytest

from pipelines.dataset import tfrecord
from pipelines.dataset.example import decode
from tests.conftest import make_tree, preprocess, run_here
from tests.support.mutation import KINDS, write_mutated

pytestmark = pytest.mark.process


def check(sources: list[Path], folder: Path, count: int, seed: int) -> dict[str, int]:
    """Preprocesses damaged copies and returns how many were written and how many failed."""
    ids = write_mutated(sources, folder / "videos", count, seed)
    output = folder / "out"
    arguments = ("--num-frames", 8, "--size", 32, "--max-failure-rate", 1, "--time-limit-s", 60)
    preprocess("--input", folder / "videos", "--output", output, *arguments, code=0)
    info = json.loads((output / "dataset_info.json").read_text())
    failed = [json.loads(line) for line in (output / "failures.jsonl").read_text().splitlines()]
    written = []
    for split in info["splits"].values():
        for shard in split["shards"]:
            with open(output / shard["name"], "rb") as file:
                written += [decode(record).video_id for record in tfrecord.read_records(file)]
    assert sorted([*written, *(failure["video_id"] for failure in failed)]) == ids
    assert run_here("pipelines.verify", output).returncode == 0
    unexpected = [f for f in failed if f["type"] in ("UnexpectedError", "DecoderKilled", "DecodeTimeout")]
    assert not unexpected, unexpected[:3]
    shutil.rmtree(folder)
    print(f"{len(written)} written, {len(failed)} failed: {info['failures_by_reason']}")
    return {"written": len(written), "failed": len(failed), **info["failures_by_reason"]}


def test_generated_videos(tmp_path: Path) -> None:
    sources = sorted(make_tree(tmp_path / "sources", groups=2, frames=30).rglob("*.avi"))
    result = check(sources, tmp_path / "work", 16 * len(KINDS), seed=0)
    assert result["written"] > 30 and result["failed"] > 30


@pytest.mark.timeout(900)
def test_real_videos(real_data: Path, tmp_path: Path) -> None:
    sources = sorted((real_data / "ucf-clips").rglob("*.avi")) + sorted((real_data / "odd-videos").glob("*.mov"))
    result = check(sources, tmp_path / "work", 400, seed=0)
    assert result["written"] > 100 and result["failed"] > 100
