"""The parts of the jobs that one machine does for the whole collection, one by one: see `benchmarks.scale`.

A part runs in a process of its own, `python -m benchmarks.scale_parts PART COUNT FOLDER`, and prints what it measured.
Parts continue with what earlier ones left in the folder.
"""

import contextlib
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import apache_beam as beam  # loaded by every part, as the jobs have it loaded when they list and plan

from benchmarks import scale_data
from pipelines import files, verify
from pipelines.core.file_names import DATASET_INFO
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.core.stored.sealed import unseal
from pipelines.dataset import folder as store
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.listing import read_catalog
from pipelines.dataset.plan import ShardTask, make_plan
from pipelines.dataset.shard_writer import ShardSettings
from pipelines.decoding.messages import DecodeJob
from pipelines.engines.engine import make_engine
from pipelines.inputs.catalog import select
from pipelines.labelling import folder as label_store
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.finish import finish as finish_labels
from pipelines.labelling.listing import list_videos
from pipelines.labelling.pending import Work, make_work
from pipelines.labelling.plan import LabelTask, Listing
from pipelines.transforms.labels import LabelSettings, _WriteLabelsFn
from pipelines.transforms.plan import ReadPlan
from pipelines.video.windows import default_windows

_VIDEOS_PER_TINY_SHARD = 100
_SECONDS: dict[str, float] = {}
"""Wall time of each step in seconds."""
_FACTS: dict[str, Any] = {}


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    _SECONDS[name] = time.perf_counter() - start


def _size(folder: str) -> int:
    return sum(file.size_bytes for file in files.list_tree(folder)[0])


def make_tree(folder: str, count: int) -> None:
    """A tree of empty files."""
    with _step("files made"):
        scale_data.make_tree(f"{folder}/tree", count)


def make_manifest(folder: str, count: int) -> None:
    """A manifest of files that don't exist."""
    with _step("manifest written"):
        scale_data.make_manifest(f"{folder}/videos.csv", count)


def _plan(folder: str, source: str) -> None:
    config = PreprocessConfig(f"{folder}/{source}", f"{folder}/plan-{source}")
    shutil.rmtree(config.output, ignore_errors=True)
    with _step("listing"):
        catalog = read_catalog(config.input)
    with _step("plan"):
        catalog = select(catalog, config.classes, config.limit)
        plan = make_plan(catalog, config)
    with _step("state written"):
        pending = store.prepare(config.output, plan)
        uri = store.write_plan(config.output, (shard.line for shard in pending))
    with _step("layout read again"):
        store.read_layout(config.output)
    with _step("tasks read"), files.open_read(uri) as lines:
        found = sum(len(ShardTask.from_json(unseal(line)).videos) for line in lines)
    _FACTS.update(shards=len(plan.shards), groups=len(plan.layout.split_of_group), state_mb=_size(config.output) / 1e6)
    assert found == len(catalog.videos)


def plan_tree(folder: str, count: int) -> None:
    """Preprocess: folder, 25 groups."""
    _plan(folder, "tree")


def plan_manifest(folder: str, count: int) -> None:
    """Preprocess: manifest, no groups."""
    _plan(folder, "videos.csv")


def deal(folder: str, count: int) -> None:
    """Preprocess: tasks through Beam."""
    engine = make_engine("DirectRunner", [], [], "preprocess", {})
    plan = f"{folder}/plan-tree/_state/plan.jsonl"
    with _step("tasks through Beam"):
        tasks = engine.pipeline | beam.Create([plan], reshuffle=False) | ReadPlan(ShardTask.from_json)
        numbers = tasks | beam.Map(_num_videos) | beam.CombineGlobally(sum)
        _ = numbers | beam.io.WriteToText(f"{folder}/dealt", shard_name_template="")
        engine.pipeline.run().wait_until_finish()
    assert int(Path(f"{folder}/dealt").read_text()) == count


def _num_videos(task: ShardTask) -> int:
    return len(task.videos)


def _label_config(folder: str, source: str) -> LabelConfig:
    return LabelConfig(f"{folder}/{source}", f"{folder}/labels-{source}", f"{folder}/model")


def _label_work(config: LabelConfig, listing: Listing) -> Work:
    labels = tuple(scale_data.class_name(i) for i in range(scale_data.NUM_CLASSES))
    durations_s = {"min": 1.0, "median": 7.0, "max": 30.0}
    info = ModelInfo("lrcn", "default", ClipSpec(), labels, durations_s=durations_s, fingerprint="0123456789abcdef")
    return make_work(config, info, default_windows(durations_s), listing.videos, 1)


def _label(folder: str, source: str) -> None:
    config = _label_config(folder, source)
    shutil.rmtree(config.output, ignore_errors=True)
    with _step("listing"):
        listing = list_videos(config.input)
    with _step("what is left to do"):
        work = _label_work(config, listing)
    with _step("state written"):
        label_store.prepare(config.output, work.layout, config.format, work.shards)
        uri = store.write_plan(config.output, work.tasks())
    with _step("tasks read"), files.open_read(uri) as lines:
        found = sum(len(LabelTask.from_json(unseal(line)).videos) for line in lines)
    assert found == len(listing.videos) == work.num_pending
    _FACTS.update(shards=work.layout.num_shards, state_mb=_size(config.output) / 1e6)


def label_tree(folder: str, count: int) -> None:
    """Label: folder, nothing known."""
    _label(folder, "tree")


def label_manifest(folder: str, count: int) -> None:
    """Label: manifest, nothing known."""
    _label(folder, "videos.csv")


def ledger(folder: str, count: int) -> None:
    """Label: writing the ledger."""
    config = _label_config(folder, "tree")
    work = _label_work(config, list_videos(config.input))
    with _step("entries written"):
        scale_data.fill_ledger(config.output, work.shards, work.key)
    of_ledger = files.list_tree(f"{config.output}/_state/ledger")[0]
    _FACTS.update(files=len(of_ledger), ledger_mb=sum(file.size_bytes for file in of_ledger) / 1e6)


def known(folder: str, count: int) -> None:
    """Label: all in the ledger."""
    config = _label_config(folder, "tree")
    with _step("listing"):
        listing = list_videos(config.input)
    with _step("entries counted"):
        assert label_store.count_entries(config.output) == count
    with _step("what is left to do"):
        work = _label_work(config, listing)
    assert not work.num_pending and work.marks


def assemble(folder: str, count: int) -> None:
    """Label: labels, report, summary."""
    config = _label_config(folder, "tree")
    listing = list_videos(config.input)
    work = _label_work(config, listing)
    settings = LabelSettings(config, work.info, work.key, work.layout.num_shards)
    write = _WriteLabelsFn(settings)
    with _step("labels written"):
        for item in work.marks.items():
            list(write.process(item))
    with _step("account and report"):
        report = finish_labels(work, listing, 1.0, count)
    assert report.labelled == count
    _FACTS.update(report_kb=os.path.getsize(f"{config.output}/report.html") / 1e3)


def label_again(folder: str, count: int) -> None:
    """Label: the same again."""
    config = _label_config(folder, "tree")
    with _step("listing"):
        listing = list_videos(config.input)
    with _step("what is left to do"):
        work = _label_work(config, listing)
    assert not work.marks


def _tiny(folder: str, count: int) -> tuple[PreprocessConfig, Any, Any]:
    """Clips of one picture of 8x8 pixels, so that there can be as many shards as a large dataset has."""
    shards = max(3, count // _VIDEOS_PER_TINY_SHARD)
    config = PreprocessConfig(
        f"{folder}/videos.csv", f"{folder}/dataset", num_frames=1, size="8", shards=shards, max_failure_rate=0.5
    )
    catalog = select(read_catalog(config.input), config.classes, config.limit)
    return config, catalog, make_plan(catalog, config)


def shards(folder: str, count: int) -> None:
    """Preprocess: tiny shards."""
    config, _, plan = _tiny(folder, count)
    pending = (ShardTask.from_json(shard.line) for shard in store.prepare(config.output, plan))
    job = DecodeJob(config.clip_spec, config.frame_encoding, config.min_frames, config.limits)
    with _step("shards and reports written"):
        scale_data.write_shards(config.output, pending, ShardSettings(job, plan.labels))


def account(folder: str, count: int) -> None:
    """Preprocess: account."""
    config, catalog, plan = _tiny(folder, count)
    with _step("what is left to do"):
        assert not store.prepare(config.output, plan)
    with _step("proof, description, preview"):
        info = import_module("pipelines.preprocess")._finish(config, catalog, plan)
    assert info.counts["listed"] == count == info.counts["written"] + info.counts["failed"]
    sizes = {name: os.path.getsize(f"{config.output}/{name}") for name in (DATASET_INFO, "preview.html")}
    _FACTS.update(shards=len(plan.shards), info_mb=sizes[DATASET_INFO] / 1e6, preview_kb=sizes["preview.html"] / 1e3)


def info(folder: str, count: int) -> None:
    """Readers: dataset_info.json."""
    from trainer.data.check import open_dataset

    with _step("opened for training"):
        dataset = open_dataset(f"{folder}/dataset")
    with _step("written as JSON"):
        text = dataset.info.to_json()
    with _step("read from JSON"):
        DatasetInfo.from_json(text)
    _FACTS.update(shards=sum(len(split.shards) for split in dataset.info.splits.values()), info_mb=len(text) / 1e6)


def check(folder: str, count: int) -> None:
    """Readers: pipelines.verify."""
    with _step("all records checked"), contextlib.redirect_stdout(sys.stderr):
        assert verify.run([f"{folder}/dataset"]) == 0


PARTS: dict[str, Callable[[str, int], None]] = {
    part.__name__: part
    for part in (
        *(make_tree, make_manifest, plan_tree, plan_manifest, deal, label_tree, label_manifest),
        *(ledger, known, assemble, label_again, shards, account, info, check),
    )
}


def _peak_mb() -> float:
    """Peak memory of this process in megabytes. `ru_maxrss` would start from that of the parent process."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024 * 1.048576
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> int:
    """Runs one part."""
    name, count, folder = sys.argv[1:]
    idle_mb = _peak_mb()
    PARTS[name](folder, int(count))
    print(json.dumps({"seconds": _SECONDS, "peak_mb": _peak_mb(), "idle_mb": idle_mb, "facts": _FACTS}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
