"""What the benchmarks share: finding videos to run on, and showing and keeping results."""

import argparse
import contextlib
import gc
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil

from pipelines.core.versions import installed
from pipelines.core.video_files import is_video

_T = TypeVar("_T")
REPOSITORY = Path(__file__).resolve().parents[1]
VIDEOS_HELP = (
    "folder with videos at any depth; default: ucf-clips in the folder that HAR_TEST_DATA names, else sample videos, "
    "which are made for the run"
)


def find_videos(folder: str) -> list[str]:
    """Absolute paths of all videos below a folder, sorted."""
    return sorted(
        os.path.join(os.path.abspath(parent), name)
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
        if is_video(name)
    )


def spread(items: Sequence[_T], limit: int) -> list[_T]:
    """At most `limit` of the items (all if 0), evenly spaced over the list."""
    count = min(limit or len(items), len(items))
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


@contextlib.contextmanager
def video_sets(folders: Sequence[str], limit: int = 0) -> Iterator[dict[str, list[str]]]:
    """The videos of each folder, by the folder's name; of the default folder where none is given."""
    with contextlib.ExitStack() as stack:
        chosen = list(folders)
        if not chosen and (test_data := os.environ.get("HAR_TEST_DATA")):
            chosen = [os.path.join(test_data, "ucf-clips")]
        if not chosen:
            from pipelines.samples.making import generate
            from pipelines.samples.videos import SampleDataConfig

            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
            chosen = [os.path.join(scratch, "sample-videos")]
            log("no videos given: making sample videos")
            generate(SampleDataConfig(chosen[0], groups=3, clips_per_group=1))
        sets = {}
        for folder in chosen:
            videos = spread(find_videos(folder), limit)
            if not videos:
                sys.exit(f"error: no videos in {folder}")
            name = Path(folder).resolve().name
            sets[folder if name in sets else name] = videos
        yield sets


def log(message: str) -> None:
    """Shows progress on stderr, apart from the results on stdout."""
    print(f"[{time.strftime('%H:%M:%S')}] {message}", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What the results depend on besides the code, and how busy the machine was at the start."""
    packages = ("av", "opencv-python-headless", "numpy", "apache-beam", "tensorflow", "decord", "torchcodec", "torch")
    return {
        "cpu": _cpu_name(),
        "cores": psutil.cpu_count(logical=True),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_1min": round(os.getloadavg()[0], 2),
        "packages": installed(packages),
    }


def _cpu_name() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def print_machine(facts: Mapping[str, Any]) -> None:
    """One paragraph above the tables, and a warning if other work may distort the figures."""
    packages = ", ".join(f"{name} {found}" for name, found in facts["packages"].items())
    print(f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB; Python {facts['python']}; {packages}.")
    if facts["load_average_1min"] > 0.3 * facts["cores"]:
        log(f"WARNING: the machine is busy (load {facts['load_average_1min']}): these figures are not reliable")


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool) -> None:
    """Prints a table, the first column aligned left and the others right, for a terminal or a Markdown file."""
    widths = [max(len(row[i]) for row in [headers, *rows]) for i in range(len(headers))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return f"| {' | '.join(padded)} |" if markdown else "  ".join(padded).rstrip()

    rule = ["-" * w if i == 0 or not markdown else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    print("\n".join([line(headers), line(rule), *(line(row) for row in rows)]), flush=True)


def write_json(path: str | None, facts: Mapping[str, Any], results: Any) -> None:
    """Writes the results with every single measurement, if the user gave a file for them."""
    if path:
        Path(path).write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def positive_list(text: str) -> list[int]:
    """Whole numbers of at least 1, separated by commas, for argparse."""
    return [positive(item) for item in text.split(",")]


def interleaved(methods: Mapping[str, Callable[[], _T]], rounds: int, warm_up: int = 0) -> dict[str, list[_T]]:
    """What each method returns in each round. Each round begins with a different method, so that a disturbance of the
    machine affects them all, and none always runs after the same other. Results of warm-up rounds are dropped."""
    names = list(methods)
    found: dict[str, list[_T]] = {name: [] for name in names}
    for number in range(rounds + warm_up):
        start = number % len(names)
        for name in [*names[start:], *names[:start]]:
            gc.collect()
            result = methods[name]()
            if number >= warm_up:
                found[name].append(result)
        log(f"round {number + 1} of {rounds + warm_up}")
    return found


def make_parser(
    name: str, description: str | None, videos: int | str = 0, rounds: int = 0, table: bool = True, epilog: str = ""
) -> argparse.ArgumentParser:
    """A parser with the flags that several benchmarks have.

    Args:
        name: name of the benchmark.
        description: its docstring.
        videos: how many folders of videos it takes: none (0), one (1), or several ("+").
        rounds: default number of rounds; 0 for no such flag.
        table: whether it prints a table.
        epilog: text below the flags.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=description, epilog=epilog, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    if videos:
        add("--videos", nargs=videos, metavar="DIR", default=[], help=VIDEOS_HELP)
    if rounds:
        add("--rounds", type=positive, default=rounds, metavar="N", help="rounds of all methods (default %(default)s)")
    if table:
        add("--markdown", action="store_true", help="print tables for a Markdown file")
        add("--json", metavar="FILE", help="also write every single measurement to this file")
    return parser


def add_scratch(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds the flag for a folder in which a lot is written."""
    place = tempfile.gettempdir()
    parser.add_argument("--scratch", metavar="DIR", default=place, help=f"folder for {what} (default %(default)s)")


def parse_with_job(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Flags of a benchmark, and those for the job that it runs, as `job_flags`."""
    parser.epilog = f"Flags that are not listed here go to the job, for example --encoding=jpeg.\n{parser.epilog}"
    args, job_flags = parser.parse_known_args(argv)
    args.job_flags = job_flags
    return args
