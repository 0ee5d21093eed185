"""Compares the job that computes features with its network alone, and times the training of a head on them.

Makes a small and a large dataset out of a few videos (links under other names) and measures

- the network alone: a plain loop over batches of frames that are already in memory;
- the job, `python -m pipelines.features`, on both datasets;
- training, `python -m trainer.task --model appearance`, on the features of the large one.

Rates of the job are those of the additional clips of the large dataset, so without the time that every job takes once
(imports, loading the network).

  python -m benchmarks.features
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import common, jobs
from pipelines.featurizing.config import FeaturesConfig
from pipelines.featurizing.seeing import BATCH_FRAMES, make_eye
from pipelines.process.tensorflow_start import exact_float32


def network_alone(appearance: str, weights: str, size: int, num_frames: int, seconds: float = 8.0) -> float:
    """Clips per second that the network sees on all cores, frame batches as in the job."""
    eye = make_eye(appearance, size, size, weights, 0)
    frames = np.random.default_rng(0).integers(0, 256, (BATCH_FRAMES, size, size, 3), np.uint8)
    with exact_float32():
        eye.see(frames)
        start_s, count = time.perf_counter(), 0
        while time.perf_counter() - start_s < seconds:
            count += len(eye.see(frames))
        return count / (time.perf_counter() - start_s) / num_frames


def _run(command: Sequence[str], log: str) -> jobs.Outcome:
    """Runs a command to its end.

    Raises:
        RuntimeError: it failed; the message shows what it printed.
    """
    outcome = jobs.run_job([sys.executable, "-m", *command], log)
    if outcome.exit_code:
        raise RuntimeError(f"{command[0]} ended with exit code {outcome.exit_code}:\n{jobs.tail(log)}")
    return outcome


def _eye_flags(args: argparse.Namespace) -> list[str]:
    given = ["--appearance", args.appearance]
    return [*given, "--appearance-weights", os.path.abspath(args.weights)] if args.weights else given


def _measure(args: argparse.Namespace, data: dict[int, str], scratch: str) -> dict[str, list[float]]:
    small, large = sorted(data)
    log, output = os.path.join(scratch, "log"), os.path.join(scratch, "features")
    values: dict[str, list[float]] = {name: [] for name in ("network", "job", "wall", "train", "train_wall")}
    for number in range(args.rounds):
        alone = [sys.executable, "-m", "benchmarks.features", "--alone", "--size", str(args.size)]
        alone += ["--frames", str(args.frames), "--appearance", args.appearance, "--weights", args.weights]
        done = subprocess.run(alone, cwd=common.REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
        values["network"].append(float(done.stdout))
        walls = {}
        for count, folder in data.items():
            shutil.rmtree(output, ignore_errors=True)
            job = ["pipelines.features", "--data", folder, "--output", output, *_eye_flags(args)]
            walls[count] = _run(job, log).wall_s
        values["job"].append((large - small) / (walls[large] - walls[small]))
        values["wall"].append(large / walls[large])
        run = os.path.join(scratch, f"run-{number}")
        head = ["trainer.task", "--model", "appearance", "--data", data[large], "--output", run, *_eye_flags(args)]
        values["train_wall"].append(_run([*head, "--features", output, "--no-baseline"], log).wall_s)
        values["train"].append(json.loads(Path(run, "metrics.json").read_text())["training"]["seconds"])
        rates = ", ".join(f"{name} {found[-1]:.1f}" for name, found in values.items())
        common.log(f"round {number + 1} of {args.rounds}: {rates}")
    return values


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table of rates."""
    parser = common.make_parser("features", __doc__, videos=1, rounds=3)
    add = parser.add_argument
    add("--counts", type=common.positive_list, default=[200, 1000], metavar="N,N", help="clips of each dataset")
    add("--size", type=common.positive, default=96, metavar="PIXELS", help="height and width of a frame")
    add("--frames", type=common.positive, default=20, metavar="N", help="frames of a clip")
    add("--appearance", default=FeaturesConfig.appearance, metavar="NAME", help="the pretrained network")
    add("--weights", default="", metavar="FILE", help="its weights, where they don't come with it")
    add("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.alone:
        print(network_alone(args.appearance, args.weights, args.size, args.frames))
        return 0
    facts = common.machine()
    common.print_machine(facts)
    with common.video_sets(args.videos) as sets, tempfile.TemporaryDirectory(prefix="features-") as scratch:
        ((folder, videos),) = sets.items()
        data = {}
        try:
            for count in args.counts:
                tree, data[count] = os.path.join(scratch, f"tree-{count}"), os.path.join(scratch, f"data-{count}")
                jobs.make_tree(tree, videos, count)
                shape = ["--size", str(args.size), "--num-frames", str(args.frames)]
                _run(["pipelines.preprocess", "--input", tree, "--output", data[count], *shape], f"{scratch}/log")
            values = _measure(args, data, scratch)
        except RuntimeError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    middle = {name: statistics.median(found) for name, found in values.items()}
    print(f"\n{folder}: {len(videos)} different videos, {args.frames} frames of {args.size}x{args.size}\n")
    rows = [
        [text, f"{max(values[name]):.1f}", f"{middle[name]:.1f}", f"{middle[name] / middle['network']:.0%}"]
        for name, text in (
            ("network", "network alone"), ("job", "the job"), ("wall", "the job, start included"),
        )
    ]  # fmt: skip
    common.print_table(["", "clips/s, best", "median", "of the network alone"], rows, args.markdown)
    print(
        f"\nA head on the features of {max(args.counts):,} clips trains in {middle['train']:.0f} s (median); with "
        f"imports, evaluation and export, {middle['train_wall']:.0f} s"
    )
    common.write_json(args.json, facts, values)
    return 0


if __name__ == "__main__":
    sys.exit(main())
