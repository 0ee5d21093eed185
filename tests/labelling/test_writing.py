"""Label files depend only on the ledger: they are written once it is complete, and are the same every time."""

import json
import os
import random
import time
import zlib
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to

from pipelines.core.errors import OutputError
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.core.stored.sealed import unseal
from pipelines.dataset.sharding import shard_of
from pipelines.labelling import folder as label_store
from pipelines.labelling import shards
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.ledger import Entry
from pipelines.labelling.plan import LabelLayout, ListedVideo, by_shard
from pipelines.labelling.rows import encodable
from pipelines.labelling.subtitles import subtitle_name
from pipelines.transforms.labels import LabelSettings, ShardsDone, WriteLabels
from tests.support.ledger_entries import KEY, LABELS, entry, shard

SHARDS = 3


def test_shards_are_done_once_and_only_when_everything_is_recorded(tmp_path: Path) -> None:
    def record(item: tuple[int, int]) -> tuple[int, int]:
        time.sleep(0.02)
        (tmp_path / f"{item[0]}-{item[1]}").touch()
        return item

    def with_number(item: tuple[int, str]) -> tuple[int, str, int]:
        return (*item, len(os.listdir(tmp_path)))

    recorded = [(number, count) for number in (0, 1, 3) for count in (1, 2, 3)]
    with test_pipeline.TestPipeline(runner=FnApiRunner()) as pipeline:
        counts = pipeline | beam.Create([*recorded, (1, 3)]) | beam.Reshuffle() | beam.Map(record)
        done = counts | ShardsDone({0: "a", 1: "b", 2: "c"}) | "Look" >> beam.Map(with_number)
        assert_that(done, equal_to([(0, "a", 9), (1, "b", 9), (2, "c", 9)]))


def test_shards_are_done_where_nothing_was_to_be_recorded() -> None:
    with test_pipeline.TestPipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | beam.Create([]) | ShardsDone({4: "x"}), equal_to([(4, "x")]))


def settings(output: Path, format: str = "jsonl", emit_rows: bool = False) -> LabelSettings:
    table = "dataset.table" if emit_rows else ""
    config = LabelConfig("in", str(output), "model", smooth=1, format=format, webvtt=True, bigquery_table=table)
    return LabelSettings(config, ModelInfo("tiny", "default", ClipSpec(), LABELS, fingerprint="model"), KEY, SHARDS)


def prepare(output: Path, listed: list[ListedVideo]) -> None:
    layout = LabelLayout(SHARDS, "model", "tiny", {})
    label_store.prepare(str(output), layout, "jsonl", by_shard(listed, SHARDS))


def add(output: Path, entries: list[Entry], per_file: int) -> None:
    for number in range(SHARDS):
        of_shard = [e for e in entries if shard_of(e.video, SHARDS) == number]
        for i in range(0, len(of_shard), per_file):
            label_store.add_to_ledger(str(output), number, of_shard[i : i + per_file])


def write_labels(to: LabelSettings, expected_rows: list[str] | None = None) -> None:
    """Runs the last step for all shards, and compares its output with lines of JSON."""
    marks = [(number, f"mark {number}") for number in range(SHARDS)]
    with test_pipeline.TestPipeline(runner=FnApiRunner()) as pipeline:
        rows = pipeline | beam.Create(marks) | WriteLabels(to)
        assert_that(rows | beam.Map(json.dumps), equal_to(expected_rows or []))


def all_files(folder: Path) -> dict[str, bytes]:
    """All files except the stamps, which hold the time of each file."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "stamps")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def lines_of(output: Path) -> list[str]:
    return [line for path in sorted(output.glob("labels-*")) for line in path.read_text().splitlines()]


def test_labels_written_again_are_the_same(tmp_path: Path) -> None:
    """From the ledger that the first run leaves, and from the same entries in other files and another order."""
    listed, found = shard()
    prepare(tmp_path, listed)
    add(tmp_path, [*found, entry("gone")], per_file=4)  # not listed now, but kept
    write_labels(settings(tmp_path))
    before = all_files(tmp_path)
    names = [f"labels-0000{number}-of-00003.jsonl" for number in range(SHARDS)]
    ids = {json.loads(line)["video"] for line in lines_of(tmp_path)}
    assert before.keys() >= {*names, *(subtitle_name(video) for video in ids)}
    assert ids == {video.video_id for video in listed} - {e.video for e in found if not e.windows}
    assert sum(len(path.read_text().splitlines()) for path in tmp_path.glob("_state/failures/*")) == 12
    write_labels(settings(tmp_path))
    assert all_files(tmp_path) == before

    chance = random.Random(0)
    more = [
        *found,
        *chance.sample(found, 9),
        entry("gone"),
        entry("v02", seed=2, key="other"),
        entry("v03", version="0"),
    ]
    chance.shuffle(more)
    add(tmp_path, more, per_file=1)
    rows = [json.dumps(encodable(json.loads(line))) for line in lines_of(tmp_path)]
    assert any("udcff" in row for row in rows)
    write_labels(settings(tmp_path, emit_rows=True), rows)
    assert all_files(tmp_path) == before

    chance.shuffle(listed)
    prepare(tmp_path / "other", listed)
    add(tmp_path / "other", more, per_file=100)
    write_labels(settings(tmp_path / "other"))
    other = all_files(tmp_path / "other")
    assert {name: other[name] for name in before if "listing" not in name} == {
        name: data for name, data in before.items() if "listing" not in name
    }


def test_the_account_of_a_shard_is_written_with_its_mark(tmp_path: Path) -> None:
    listed, found = shard()
    prepare(tmp_path, listed)
    add(tmp_path, found, per_file=100)
    assert shards.read_shard_report(str(tmp_path), 0) is None
    write_labels(settings(tmp_path))
    reports = [shards.read_shard_report(str(tmp_path), number) for number in range(SHARDS)]
    assert [report[0] for report in reports if report] == [f"mark {number}" for number in range(SHARDS)]
    assert sum(report[1].videos for report in reports if report) == 30
    assert sum(report[1].labelled for report in reports if report) == 24


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_stamps_are_of_what_is_in_the_files(tmp_path: Path, format: str) -> None:
    """So that files that were copied, and have another time, are still trusted."""
    listed, found = shard()
    prepare(tmp_path, listed)
    add(tmp_path, found, per_file=100)
    write_labels(settings(tmp_path, format))
    stamps: dict[str, list[Any]] = {}
    for path in (tmp_path / "_state" / "stamps").iterdir():
        stamps |= json.loads(unseal(path.read_bytes()))
    assert {Path(name).parts[:2] for name in stamps} > {("_state", "failures"), ("_state", "ledger")}
    for name, (size_bytes, crc32, _) in stamps.items():
        data = (tmp_path / name).read_bytes()
        assert (len(data), zlib.crc32(data)) == (size_bytes, crc32), name


def test_a_video_that_is_not_in_the_ledger_stops_the_job(tmp_path: Path) -> None:
    listed, found = shard(10)
    prepare(tmp_path, listed)
    add(tmp_path, found[:-1], per_file=100)
    with pytest.raises(OutputError, match="^v09 is not in the ledger; run the same command again"):
        write_labels(settings(tmp_path))
    lost = shard_of("v09", SHARDS)
    assert shards.read_shard_report(str(tmp_path), lost) is None
    assert not list(tmp_path.glob(f"labels-0000{lost}-*"))
