"""Measures what one machine does for a whole collection: listing, planning, the ledger, the account at the end.

Each part of the jobs that grows with the collection, except decoding, runs in a process of its own, for a smaller and
a larger collection, so that time and memory can be compared. There are no videos: files are empty, clips are tiny,
scores are random. The code that lists, plans, writes and reads is that of the jobs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import common

_HEADERS = ["", "s", "s", "times", "MB", "MB"]
_ONCE = {"make_tree", "make_manifest", "ledger", "assemble", "shards"}
"""Parts that find their work done when they are run again."""
_RUNS_OF_SMALLER = 3
"""In each round: they are so short that a moment in which the machine is slow distorts one of them."""


def run_part(name: str, count: int, folder: str) -> dict[str, Any]:
    """What a part measured.

    Raises:
        RuntimeError: the part failed; the message shows what it printed.
    """
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scale_parts", name, str(count), folder]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=common.REPOSITORY, capture_output=True, text=True)
    process_s = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{name} of {count} videos failed:\n{done.stderr[-3000:]}")
    return {"process_s": process_s, **json.loads(done.stdout.splitlines()[-1])}


def _run_all(parts: Sequence[str], counts: Sequence[int], rounds: int, folder: str) -> dict[str, list[dict[str, Any]]]:
    """What each part measured, for each number of videos, in the run of median duration."""
    results: dict[str, list[dict[str, Any]]] = {}
    for name in parts:
        runs: list[list[dict[str, Any]]] = [[] for _ in counts]
        for place in (0, 1) if name in _ONCE else (*[0] * _RUNS_OF_SMALLER, 1) * rounds:
            count = counts[place]
            where = os.path.join(folder, str(count))
            os.makedirs(where, exist_ok=True)
            result = run_part(name, count, where)
            runs[place].append(result)
            seconds = ", ".join(f"{step} {wall:.1f} s" for step, wall in result["seconds"].items())
            more = ", ".join(f"{key} {value:,.6g}" for key, value in result["facts"].items())
            common.log(f"{name} {count}: {seconds}; {result['peak_mb']:.0f} MB; {more}")
        results[name] = [sorted(of_count, key=_seconds)[len(of_count) // 2] for of_count in runs]
    return results


def _seconds(result: dict[str, Any]) -> float:
    return float(sum(result["seconds"].values()))


def _rows(name: str, results: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A row for all steps of a part, one for each, and one for the process from start to end."""
    steps = {step: [result["seconds"][step] for result in results] for step in results[0]["seconds"]}
    peaks = [f"{result['peak_mb']:,.0f}" for result in results]
    rows = [_row(f"**{name}**" if len(steps) > 1 else name, [_seconds(result) for result in results], peaks)]
    if len(steps) > 1:
        steps["the whole process"] = [result["process_s"] for result in results]
        rows += [_row(step, seconds, [""] * len(results)) for step, seconds in steps.items()]
    return rows


def _row(name: str, seconds: Sequence[float], peaks: Sequence[str]) -> list[str]:
    times = f"{seconds[-1] / seconds[0]:.1f}" if seconds[0] >= 0.05 else ""
    return [name, *(f"{value:.1f}" for value in seconds), times, *peaks]


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    from benchmarks.scale_parts import PARTS

    listed = "\n".join(f"  {name:<15} {part.__doc__}" for name, part in PARTS.items())
    epilog = f"parts, in this order, as later ones need earlier ones:\n{listed}"
    parser = common.make_parser("scale", __doc__, epilog=epilog)
    add = parser.add_argument
    count_help = "videos of the larger collection; the smaller has a tenth (default %(default)s)"
    add("--count", type=common.positive, default=1_000_000, metavar="N", help=count_help)
    rounds_help = (
        "run each part this often, and three times as often on the smaller collection, except parts that "
        "can't be repeated, and keep the medians (default %(default)s)"
    )
    add("--rounds", type=common.positive, default=1, metavar="N", help=rounds_help)
    add(
        "--parts", metavar="NAME,NAME", default=",".join(PARTS), help="parts to run, separated by commas (default: all)"
    )
    common.add_scratch(parser, "trees and datasets, 4 kB and a file for each video; removed at the end")
    args = parser.parse_args(argv)
    args.parts = args.parts.split(",")
    if unknown := [name for name in args.parts if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; the parts are {', '.join(PARTS)}")
    args.titles = {name: str(part.__doc__).rstrip(".") for name, part in PARTS.items()}
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table with a row for each step."""
    args = _parse(argv)
    facts = common.machine()
    common.print_machine(facts)
    counts = [max(1, args.count // 10), args.count]
    folder = tempfile.mkdtemp(prefix="scale-", dir=args.scratch)
    try:
        results = _run_all(args.parts, counts, args.rounds, folder)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder)
    print(f"\nSeconds of wall time and peak memory, for {counts[0]:,} and {counts[1]:,} videos:\n")
    rows = [row for name, of_counts in results.items() for row in _rows(args.titles[name], of_counts)]
    common.print_table(_HEADERS, rows, args.markdown)
    common.write_json(args.json, facts, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
