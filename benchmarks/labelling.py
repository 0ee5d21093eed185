"""Compares whole labelling jobs with what a user would write first, and with what the machine can deliver.

Makes trees of many videos out of a few (links under other names, so every one is decoded and scored) and runs

- the obvious version: OpenCV's seek to each frame, the Keras model called on batches of 8;
- decoding alone: our decoders on all cores, with the pixels thrown away;
- the model alone: our scorer on clips that are already in memory;
- the job, `python -m pipelines.label`, on a small and on a large tree.

Rates of the job are those of the additional videos of the large tree, so without the time that every job takes once
(imports, loading the model); the others are measured without it, too.

  python -m benchmarks.labelling --model runs/lrcn/model
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
from typing import Any

import cv2
import numpy as np

from benchmarks import common, jobs
from pipelines import files
from pipelines.decoding.messages import DecodedWindow, DecodeLimits, WindowJob
from pipelines.decoding.pool import DecoderPool
from pipelines.models.scorer import Scorer, read_model_info
from pipelines.process.tensorflow_start import start_tensorflow
from pipelines.video.windows import default_windows

_OBVIOUS_BATCH = 8


def obvious(tree: str, model: str, limit: int) -> float:
    """Videos per second of the script that one would write first; runs in a process of its own."""
    start_tensorflow()
    import keras

    from trainer.networks import convlstm_layer  # noqa: F401  # so that Keras knows the layer

    info = read_model_info(model)
    spec, size = info.clip_spec, (info.clip_spec.width, info.clip_spec.height)
    network = keras.models.load_model(os.path.join(model, "model.keras"), compile=False)
    videos = common.spread(common.find_videos(tree), limit)

    def score(batch: list[list[np.ndarray]]) -> list[int]:
        return [int(i) for i in np.argmax(network(np.array(batch, np.uint8), training=False), axis=-1)]

    def read(path: str) -> list[np.ndarray]:
        capture = cv2.VideoCapture(path)
        step = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) // spec.num_frames, 1)
        frames: list[np.ndarray] = []
        for index in range(spec.num_frames):
            capture.set(cv2.CAP_PROP_POS_FRAMES, index * step)
            ok, frame = capture.read()
            frames.append(cv2.cvtColor(cv2.resize(frame, size), cv2.COLOR_BGR2RGB) if ok else frames[-1])
        return frames

    score([read(path) for path in videos[:_OBVIOUS_BATCH]])  # warms up both
    start_s = time.perf_counter()
    batch: list[list[np.ndarray]] = []
    for path in videos:
        batch.append(read(path))
        if len(batch) == _OBVIOUS_BATCH:
            score(batch)
            batch = []
    if batch:
        score(batch)
    return len(videos) / (time.perf_counter() - start_s)


def decoding_alone(tree: str, model: str, limit: int) -> float:
    """Videos per second that the decoders deliver, one for each core."""
    info = read_model_info(model)
    job = WindowJob(info.clip_spec, default_windows(info.durations_s))
    videos = common.spread(common.find_videos(tree), limit)
    pool = DecoderPool(len(os.sched_getaffinity(0)), DecodeLimits())
    try:
        for _ in pool.stream(videos[:50], job, files.local_copy):
            pass
        start_s = time.perf_counter()
        results = (result for _, result, _ in pool.stream(videos, job, files.local_copy))
        count = sum(isinstance(result, DecodedWindow) and not result.failure for result in results)
        passed_s = time.perf_counter() - start_s
    finally:
        pool.close()
    if count != len(videos):
        sys.exit(f"error: {len(videos)} videos gave {count} clips; the benchmark needs short videos")
    return count / passed_s


def model_alone(model: str, seconds: float = 5.0) -> float:
    """Clips per second that the scorer scores on all cores."""
    info = read_model_info(model)
    scorer = Scorer(model, info, len(os.sched_getaffinity(0)))
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 256, info.clip_spec.num_bytes, np.uint8).tobytes() for _ in range(scorer.batch_size)]
    scorer.score(clips)
    start_s, count = time.perf_counter(), 0
    while time.perf_counter() - start_s < seconds:
        count += len(scorer.score(clips))
    return count / (time.perf_counter() - start_s)


def job_seconds(tree: str, model: str, count: int, scratch: str) -> dict[str, Any]:
    """Runs the job once, and makes sure that it labelled everything.

    Raises:
        RuntimeError: the job failed or left something out; the message shows what it printed.
    """
    output, log = os.path.join(scratch, "labels"), os.path.join(scratch, "job.log")
    outcome = jobs.run_job(jobs.label_command(tree, output, model), log)
    if outcome.exit_code:
        raise RuntimeError(f"the job ended with exit code {outcome.exit_code}:\n{jobs.tail(log)}")
    labelled = json.loads(Path(output, "summary.json").read_text())["counts"]["labelled"]
    if labelled != count:
        raise RuntimeError(f"{labelled} of {count} videos labelled:\n{jobs.tail(log)}")
    shutil.rmtree(output)
    return {"wall_s": outcome.wall_s, "peak_bytes": outcome.peak_bytes}


def _alone(what: str, *arguments: str) -> float:
    """A rate, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.labelling", "--alone", what, *arguments]
    done = subprocess.run(command, cwd=common.REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def _measure(args: argparse.Namespace, trees: dict[int, str], scratch: str) -> dict[str, list[float]]:
    small, large = sorted(trees)
    values: dict[str, list[float]] = {name: [] for name in ("obvious", "decoding", "model", "job", "wall", "memory")}
    for number in range(args.rounds):
        limit = str(args.limit)
        values["decoding"].append(_alone("decoding", trees[large], args.model, str(large)))
        values["model"].append(_alone("model", trees[large], args.model, limit))
        first = job_seconds(trees[small], args.model, small, scratch)
        second = job_seconds(trees[large], args.model, large, scratch)
        values["job"].append((large - small) / (second["wall_s"] - first["wall_s"]))
        values["wall"].append(large / second["wall_s"])
        values["memory"].append(second["peak_bytes"] / 1e6)
        values["obvious"].append(_alone("obvious", trees[large], args.model, limit))
        rates = ", ".join(f"{name} {found[-1]:.1f}" for name, found in values.items())
        common.log(f"round {number + 1} of {args.rounds}: {rates}")
    return values


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table of rates."""
    parser = common.make_parser("labelling", __doc__, videos=1, rounds=3)
    add = parser.add_argument
    add("--model", metavar="FOLDER", help="a model directory of trainer.task")
    add("--counts", type=common.positive_list, default=[220, 2200], metavar="N,N", help="videos of each tree")
    add("--limit", type=common.positive, default=220, metavar="N", help="videos that the obvious version labels")
    add("--alone", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.alone:
        what, tree, model, limit = args.alone
        methods = {"obvious": obvious, "decoding": decoding_alone}
        print(methods[what](tree, model, int(limit)) if what in methods else model_alone(model))
        return 0
    if not args.model:
        parser.error("choose a model: --model FOLDER")
    args.model = os.path.abspath(args.model)
    facts = common.machine()
    common.print_machine(facts)
    with common.video_sets(args.videos) as sets, tempfile.TemporaryDirectory(prefix="label-") as scratch:
        ((folder, videos),) = sets.items()
        trees = {count: os.path.join(scratch, f"tree-{count}") for count in args.counts}
        for count, tree in trees.items():
            jobs.make_tree(tree, videos, count)
        try:
            values = _measure(args, trees, scratch)
        except RuntimeError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    best = {name: max(found) for name, found in values.items()}
    middle = {name: statistics.median(found) for name, found in values.items()}
    slower = min(middle["decoding"], middle["model"])
    both = 1 / (1 / middle["decoding"] + 1 / middle["model"])
    print(f"\n{folder}: {len(videos)} different videos; peak memory of the job {max(values['memory']):.0f} MB\n")
    rows = [
        [text, f"{best[name]:.1f}", f"{middle[name]:.1f}", f"{middle[name] / middle['obvious']:.1f}",
         f"{middle[name] / slower:.0%}", f"{middle[name] / both:.0%}"]
        for name, text in (
            ("obvious", "obvious version"), ("decoding", "decoding alone"), ("model", "model alone"),
            ("job", "the job"), ("wall", "the job, start included"),
        )
    ]  # fmt: skip
    headers = ["", "videos/s, best", "median", "x obvious", "of the slower alone", "of both in turn"]
    common.print_table(headers, rows, args.markdown)
    common.write_json(args.json, facts, values)
    return 0


if __name__ == "__main__":
    sys.exit(main())
