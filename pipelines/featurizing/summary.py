"""What the job prints: its start, its summary, and what a dry run says."""

import shlex
import time
from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table

from pipelines.core.errors import IncompleteError
from pipelines.dataset.info import DatasetInfo
from pipelines.featurizing.config import FeaturesConfig
from pipelines.featurizing.info import FeaturesInfo
from pipelines.featurizing.plan import FeaturesPlan, FeaturesTask, Sight, count_clips
from pipelines.featurizing.records import STORED
from pipelines.featurizing.seeing import BATCH_FRAMES, Eye
from pipelines.reports.console import name_cell, open_console, print_facts, print_unbroken
from pipelines.reports.text import human_bytes, human_seconds, plural, visible

SMALLEST_PX = 96
"""Below this size, networks that were trained on 224 pixels see little."""
_ROUNDS = 3


def size_note(info: DatasetInfo) -> str:
    """A warning about frames that are small for a pretrained network; empty if they aren't."""
    spec = info.clip_spec
    if min(spec.height, spec.width) >= SMALLEST_PX:
        return ""
    return (
        f"WARNING: frames of {spec.height}x{spec.width} pixels are small for a network that was trained on 224x224. "
        f"Preprocess with --size {SMALLEST_PX} or more"
    )


def start_line(config: FeaturesConfig, sight: Sight, plan: FeaturesPlan, todo: Sequence[FeaturesTask], how: str) -> str:
    """What a run is about to do."""
    kept = len(plan.tasks) - len(todo)
    again = f", {kept} of {plural(len(plan.tasks), 'shard')} already computed" if kept else ""
    return (
        f"{plural(plan.num_clips, 'clip')} of {visible(config.data)}{again}; {sight.appearance} ({sight.weights}), "
        f"{sight.size} features a frame; using {how}"
    )


def print_summary(info: FeaturesInfo, config: FeaturesConfig, seconds: float | None) -> None:
    """Prints what a run has made, and the next command.

    Args:
        info: the features.
        config: the settings of the run.
        seconds: how long the run took; None, where a part existed before, leaves it out.
    """
    console = open_console(None)
    table = Table(header_style="bold")
    table.add_column("Split", overflow="fold")
    for header in ("Clips", "Shards", "Size"):
        table.add_column(header, justify="right", no_wrap=True)
    for name, split in info.splits.items():
        size = sum(shard.size_bytes for shard in split.shards)
        numbers = f"{split.num_examples:,}", f"{len(split.shards):,}", human_bytes(size)
        table.add_row(name_cell(name, console), *numbers)
    console.print(table)
    clips = sum(split.num_examples for split in info.splits.values())
    shape = f"[{info.clip_spec.num_frames}, {info.size}]"
    facts = [("Features", f"{info.dtype} {shape} a clip, of {info.appearance} ({info.weights})", "")]
    if seconds is not None:
        rate = f", {clips / seconds:,.1f} clips a second" if seconds > 0 else ""
        facts.append(("Time", human_seconds(seconds) + rate, ""))
    print_facts(console, facts)
    named = "" if info.appearance == FeaturesConfig.appearance else f" --appearance {info.appearance}"
    data, features = shlex.quote(visible(config.data)), shlex.quote(visible(config.output))
    command = f"python -m trainer.task --model appearance{named} --data {data} --features {features}"
    print_unbroken(console, "Next", command)


def describe(
    config: FeaturesConfig, info: DatasetInfo, eye: Eye, plan: FeaturesPlan, todo: Sequence[FeaturesTask]
) -> None:
    """Prints what a run would do, and an estimate from a few batches of noise."""
    clips, spec = count_clips(todo), info.clip_spec
    print(f"{plural(plan.num_clips, 'clip')} in {plural(len(plan.tasks), 'shard')} of {visible(config.data)}")
    print(f"{plural(clips, 'clip')} in {plural(len(todo), 'shard')} to compute, {plan.num_clips - clips} already done")
    size = clips * spec.num_frames * eye.sight.size * STORED.itemsize
    print(f"{eye.sight.appearance} ({eye.sight.weights}), {eye.sight.size} features a frame: about {human_bytes(size)}")
    if clips:
        noise = np.random.default_rng(0).integers(0, 256, (BATCH_FRAMES, *spec.shape[1:]), np.uint8)
        eye.see(noise)
        start = time.perf_counter()
        for _ in range(_ROUNDS):
            eye.see(noise)
        frame_s = (time.perf_counter() - start) / (_ROUNDS * BATCH_FRAMES)
        rate = 1 / (frame_s * spec.num_frames)
        print(
            f"The network alone sees {rate:,.1f} clips a second in one worker on this machine; all would take about "
            f"{human_seconds(clips / rate)}"
        )
    print("Nothing was written.")


def damaged(config: FeaturesConfig, problems: Mapping[str, str]) -> IncompleteError | None:
    """The error about shards of the dataset that can't be read; None if there are none."""
    if not problems:
        return None
    listed = "".join(f"\n  {name}: {problem}" for name, problem in sorted(problems.items()))
    return IncompleteError(
        f"{plural(len(problems), 'shard')} of {config.data} can't be used:{listed}\n"
        "If the dataset was copied there, copy these files again. If it was made there, remove them and run the same "
        "pipelines.preprocess command again: it writes only the missing ones. Then run the same command again: the "
        "features of all other shards are kept"
    )
