"""Compares ways of getting 20 frames of 64x64 RGB out of each video: videos per CPU second, one thread, side by side.

Rounds are interleaved: in each, every method runs over all videos, and the next round starts with another method, so
that a disturbance of the machine affects them all. CPU time is that of all threads and child processes.
"""

import argparse
import contextlib
import functools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil

from benchmarks import common, made_videos
from benchmarks.decoding_methods import FULL_DECODE, IN_PROCESS, METHODS, NOTEBOOK, OURS, SPEC, Method, Run, Shrink

_NEIGHBOURS = 3
_CLEARLY = 0.9  # where nothing moves, neighbours differ only by noise
_HEADERS = ["method", "videos/CPU s", "median", "x notebooks", "median", "of full", "median", "other frames", "cores"]
_SUMMARY = ["codec, key frames every", "ours, CPU s", "best rival, CPU s", "which", "x rival", "x full", "other frames"]

Seconds = dict[str, list[tuple[float, float]]]


def cpu_seconds(children: Sequence[int]) -> float:
    """CPU time of this process and of some others, to the nanosecond."""
    # The kernel's number for the CPU clock of another process; times in /proc have a resolution of only 10 ms.
    return time.process_time() + sum(time.clock_gettime((~pid << 3) | 2) for pid in children)


def make_runs(methods: Sequence[Method]) -> tuple[dict[str, Run], dict[str, str]]:
    """The methods that can be measured here, and why the others can't."""
    runs: dict[str, Run] = {}
    missing: dict[str, str] = {}
    for method in methods:
        try:
            runs[method.name] = method.make()
        except ImportError as error:
            missing[method.name] = str(error).strip().splitlines()[0]
            common.log(f"{method.name}: not installed ({missing[method.name]})")
    return runs, missing


@functools.lru_cache(maxsize=1)
def _reference_frames(path: str) -> dict[Shrink, list[np.ndarray]]:
    """Every frame of a video in display order at the small size, for each method's way of resizing."""
    frames: dict[Shrink, list[np.ndarray]] = {method.shrink: [] for method in METHODS}
    with av.open(path) as container:
        for frame in container.decode(video=0):
            for shrink, small in frames.items():
                small.append(shrink(frame))
    return frames


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    """How different two pictures are, largely independent of how they were resized and their colours converted."""
    difference = first.astype(np.float64) - second
    height, width, channels = difference.shape
    blocks = difference.reshape(height // 4, 4, width // 4, 4, channels).mean(axis=(1, 3))
    return float(np.square(blocks - blocks.mean(axis=(0, 1))).mean())


def _count_other_frames(result: np.ndarray, wanted: Sequence[int], reference: Sequence[np.ndarray]) -> int:
    """How many of the frames clearly show a neighbour of the frame that was asked for."""
    others = 0
    for picture, index in zip(result, wanted, strict=True):
        near = range(max(index - _NEIGHBOURS, 0), min(index + _NEIGHBOURS + 1, len(reference)))
        distances = {i: _distance(reference[i], picture) for i in near}
        others += min(distances.values()) < _CLEARLY * distances[index]
    return others


def check(runs: Mapping[str, Run], videos: Sequence[str]) -> tuple[list[str], dict[str, int], dict[str, str]]:
    """Runs every method once over every video, which also warms everything up.

    Returns:
        the videos that all methods can read; for each method, the number of frames that are not those asked for; and
        why the other videos are left out: a method that fails early must not look fast.
    """
    methods = {method.name: method for method in METHODS if method.name in runs}
    sound, others, left_out = [], dict.fromkeys(runs, 0), {}
    for path in videos:
        found: dict[str, int] = {}
        name = "reference"
        try:
            reference = _reference_frames(path)
            num_frames = len(next(iter(reference.values())))
            for name, method in methods.items():
                result = runs[name](path)
                if isinstance(result, int):
                    if result != num_frames:
                        raise ValueError(f"{result} frames instead of {num_frames}")
                    continue
                if result.shape != SPEC.shape or result.dtype != np.uint8:
                    raise ValueError(f"{result.dtype} {result.shape} instead of uint8 {SPEC.shape}")
                wanted = method.spec.sample(num_frames)
                found[name] = _count_other_frames(result, wanted, reference[method.shrink])
        except Exception as error:  # decoders raise errors of any class
            left_out[path] = f"{name}: {type(error).__name__}: {str(error).strip()[:120]}"
            common.log(f"left out: {os.path.basename(path)} ({left_out[path]})")
            continue
        sound.append(path)
        for name, count in found.items():
            others[name] += count
    return sound, others, left_out


def measure(runs: Mapping[str, Run], videos: Sequence[str], rounds: int) -> Seconds:
    """CPU and wall seconds of each method in each round."""
    children = [child.pid for child in psutil.Process().children()]

    def timed(run: Run) -> tuple[float, float]:
        cpu_s, wall_s = cpu_seconds(children), time.perf_counter()
        for path in videos:
            run(path)
        return cpu_seconds(children) - cpu_s, time.perf_counter() - wall_s

    return common.interleaved({name: functools.partial(timed, run) for name, run in runs.items()}, rounds)


def _rows(seconds: Seconds, num_videos: int, others: Mapping[str, int], missing: Mapping[str, str]) -> list[list[str]]:
    cpu = {name: [c for c, _ in values] for name, values in seconds.items()}

    def ratio(name: str, base: str, form: str) -> list[str]:
        """Best against best, and the median of the ratios within each round."""
        if base not in cpu:
            return ["", ""]
        pairs = [b / a for a, b in zip(cpu[name], cpu[base], strict=True)]
        return [format(min(cpu[base]) / min(cpu[name]), form), format(statistics.median(pairs), form)]

    rows = []
    for method in METHODS:
        name = method.name
        if name in missing:
            rows.append([name, "not installed", *[""] * 7])
        if name in cpu:
            best, median = num_videos / min(cpu[name]), num_videos / statistics.median(cpu[name])
            other = f"{others[name] / (num_videos * SPEC.num_frames):.1%}" if name != FULL_DECODE else ""
            cores = max(c / w for c, w in seconds[name])
            ratios = [*ratio(name, NOTEBOOK, ".2f"), *ratio(name, FULL_DECODE, ".0%")]
            rows.append([name, f"{best:.1f}", f"{median:.1f}", *ratios, other, f"{cores:.2f}"])
    return rows


def _summary(seconds: Seconds, others: Mapping[str, int]) -> list[str]:
    """Our best CPU seconds, those of the fastest rival with the right frames, and how many times faster we are than
    it and than full decoding."""
    best = {name: min(cpu for cpu, _ in values) for name, values in seconds.items()}
    rivals = [name for name in best if name not in (OURS, IN_PROCESS, FULL_DECODE) and not others[name]]
    rival = min(rivals, key=best.__getitem__)
    ours = best[OURS]
    other = f"{others[OURS] / SPEC.num_frames:.1%}"
    full = best[FULL_DECODE]
    return [f"{ours:.2f}", f"{best[rival]:.2f}", rival, f"{best[rival] / ours:.2f}", f"{full / ours:.2f}", other]


def _compare_folders(args: argparse.Namespace, runs: Mapping[str, Run], missing: Mapping[str, str]) -> dict[str, Any]:
    """Prints a table for each folder."""
    results: dict[str, Any] = {}
    with common.video_sets(args.videos, args.limit) as sets:
        for folder, found in sets.items():
            videos, others, left_out = check(runs, found)
            if not videos:
                common.log(f"{folder}: no video that all methods can read")
                continue
            seconds = measure(runs, videos, args.rounds)
            print(f"\n{folder}: {len(videos)} videos, {args.rounds} rounds; left out: {len(left_out)}\n")
            common.print_table(_HEADERS, _rows(seconds, len(videos), others, missing), args.markdown)
            results[folder] = {
                "videos": len(videos),
                "left_out": {os.path.basename(path): reason for path, reason in left_out.items()},
                "other_frames": others,
                "missing": missing,
                "cpu_and_wall_s": seconds,
            }
    return results


def _compare_made(args: argparse.Namespace, runs: Mapping[str, Run]) -> dict[str, Any]:
    """Prints a table with a line for each codec and distance between key frames."""
    results: dict[str, Any] = {}
    rows = []
    with contextlib.ExitStack() as stack:
        folder = args.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
        sets = stack.enter_context(common.video_sets(args.videos, args.limit))
        sources = [path for found in sets.values() for path in found]
        for name, path in made_videos.make(Path(folder), sources, args.made).items():
            common.log(name)
            # Each alone, as a method that fails at one codec is still compared at the others.
            able: dict[str, Run] = {}
            others: dict[str, int] = {}
            left_out: dict[str, str] = {}
            for method, run in runs.items():
                sound, other, reasons = check({method: run}, [path])
                left_out.update((method, reason) for reason in reasons.values())
                if sound:
                    able[method], others[method] = run, other[method]
            seconds = measure(able, [path], args.rounds)
            rows.append([name, *_summary(seconds, others)])
            results[name] = {"left_out": left_out, "other_frames": others, "cpu_and_wall_s": seconds}
    print(f"\n{made_videos.SECONDS} s, {made_videos.WIDTH}x{made_videos.HEIGHT}, {args.rounds} rounds\n")
    common.print_table(_SUMMARY, rows, args.markdown)
    for name, result in results.items():
        wrong = {method: count for method, count in result["other_frames"].items() if count}
        for reason in result["left_out"].values():
            print(f"{name}: left out: {reason}")
        for method, count in wrong.items():
            print(f"{name}: {method} gives {count} of {SPEC.num_frames} frames that weren't asked for")
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table for each folder, or one for all made videos."""
    parser = common.make_parser("decoding", __doc__, videos="+", rounds=9)
    add = parser.add_argument
    add("--limit", type=int, default=0, metavar="N", help="at most N videos of each folder, evenly spaced (0: all)")
    only_help = "only the methods whose names contain one of these words, and the two they are compared with"
    add("--only", nargs="+", metavar="WORD", default=[], help=only_help)
    made_help = (
        "make videos of 90 s in each codec, with key frames every 30 and 250 frames, from the pictures of --videos, "
        "and compare on these instead; with words, such as HEVC, only on those whose names contain one of them"
    )
    add("--made", nargs="*", metavar="WORD", help=made_help)
    add("--keep", metavar="DIR", help="keep the made videos in this folder, for the next run")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    facts = common.machine()
    words = (NOTEBOOK, FULL_DECODE, *args.only) if args.only else ("",)
    runs, missing = make_runs([method for method in METHODS if any(word in method.name for word in words)])
    common.print_machine(facts)
    results = _compare_folders(args, runs, missing) if args.made is None else _compare_made(args, runs)
    common.write_json(args.json, facts, results)
    return 0 if results else 1


if __name__ == "__main__":
    sys.exit(main())
