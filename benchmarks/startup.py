"""Times what a person waits for around a job's real work, and shows where the seconds go.

Runs in turn, each in a process of its own: `--help`; a folder that doesn't exist; a misspelt flag; preprocessing of
some videos; and, with `--model`, labelling of the same videos. Wall time is from the start of a process to its end; CPU
time includes that of its decoders. Two more runs show how long the process of each job was in each phase.

  python -m benchmarks.startup --model runs/lrcn/model
"""

import functools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import psutil

from benchmarks import common

_HEADERS = ["", "wall s, best", "median", "CPU s, best", "median"]


def run(command: Sequence[str], expected: int, output: str) -> dict[str, float]:
    """Runs a command that writes the folder `output`, removes that, and returns wall and CPU time in seconds.

    Raises:
        RuntimeError: its exit code isn't the expected one; the message shows what it printed.
    """
    before, start_s = psutil.Process().cpu_times(), time.perf_counter()
    done = subprocess.run(command, cwd=common.REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    wall_s, after = time.perf_counter() - start_s, psutil.Process().cpu_times()
    shutil.rmtree(output, ignore_errors=True)
    if done.returncode != expected:
        raise RuntimeError(f"{' '.join(command)}\nended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall_s": wall_s, "cpu_s": cpu_s}


def _commands(videos: str, output: str, model: str) -> dict[str, tuple[list[str], int]]:
    """What is measured, by name: the words after `python -m`, and the exit code."""
    preprocess = ["pipelines.preprocess", "--output", output, "--input"]
    commands = {
        "--help": (["pipelines.preprocess", "--help"], 0),
        "a wrong folder": ([*preprocess, os.path.join(videos, "nowhere")], 2),
        "a wrong flag": ([*preprocess, videos, "--wrokers=2"], 2),
        "preprocessing": ([*preprocess, videos], 0),
    }
    if model:
        label = ["pipelines.label", "--model", os.path.abspath(model), "--input", videos, "--output", output]
        commands["labelling"] = (label, 0)
    return commands


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table of times, and one of phases for each job."""
    parser = common.make_parser("startup", __doc__, videos=1, rounds=5)
    parser.add_argument("--model", metavar="FOLDER", default="", help="a model directory of trainer.task")
    parser.add_argument("--limit", type=common.positive, default=11, metavar="N", help="videos (default %(default)s)")
    args = parser.parse_args(argv)
    facts = common.machine()
    common.print_machine(facts)
    with common.video_sets(args.videos, args.limit) as sets, tempfile.TemporaryDirectory(prefix="startup-") as scratch:
        ((folder, videos),) = sets.items()
        tree, output = os.path.join(scratch, "videos"), os.path.join(scratch, "output")
        for path in videos:
            place = os.path.join(tree, os.path.basename(os.path.dirname(path)))
            os.makedirs(place, exist_ok=True)
            os.symlink(path, os.path.join(place, os.path.basename(path)))
        commands = _commands(tree, output, args.model)
        methods: dict[str, Callable[[], dict[str, float]]] = {
            name: functools.partial(run, [sys.executable, "-m", *words], expected, output)
            for name, (words, expected) in commands.items()
        }
        try:
            found = common.interleaved(methods, args.rounds, warm_up=1)
        except RuntimeError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"\n{folder}: {len(videos)} videos\n")
        rows = []
        for name, results in found.items():
            times = [[result[key] for result in results] for key in ("wall_s", "cpu_s")]
            rows.append([name, *(f"{value:.2f}" for of in times for value in (min(of), statistics.median(of)))])
        common.print_table(_HEADERS, rows, args.markdown)
        for name in ("preprocessing", "labelling"):
            if name in commands:
                print(flush=True)
                markdown = ["--markdown"] * args.markdown
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.phases", *markdown, *commands[name][0]],
                    cwd=common.REPOSITORY, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                )  # fmt: skip
                shutil.rmtree(output)
    common.write_json(args.json, facts, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
