"""What the benchmarks share: which videos they run on, how their results are shown and kept."""

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import psutil

from pipelines.core.video_files import is_video

_T = TypeVar("_T")
REPOSITORY = Path(__file__).resolve().parents[1]
VIDEOS_HELP = (
    "folder with videos at any depth; default: ucf-clips in the folder that HAR_TEST_DATA names, else sample videos, "
    "which are made for the occasion"
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
    """The videos of each folder, by the folder's name; of the default where no folder is given."""
    with contextlib.ExitStack() as stack:
        chosen = list(folders)
        if not chosen and (test_data := os.environ.get("HAR_TEST_DATA")):
            chosen = [os.path.join(test_data, "ucf-clips")]
        if not chosen:
            from pipelines.samples.videos import SampleDataConfig, generate

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
    """Shows what goes on, apart from the results on stdout."""
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
        "packages": {name: found for name in packages if (found := _version(name))},
    }


def _cpu_name() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def print_machine(facts: Mapping[str, Any]) -> None:
    """One paragraph above the tables, and a warning where other work would spoil the figures."""
    packages = ", ".join(f"{name} {found}" for name, found in facts["packages"].items())
    print(f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB; Python {facts['python']}; {packages}.")
    if facts["load_average_1min"] > 0.3 * facts["cores"]:
        log(f"WARNING: the machine is busy (load {facts['load_average_1min']}): these figures prove little")


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool) -> None:
    """Prints a table with the first column to the left and the others to the right, for a terminal or for a README."""
    widths = [max(len(row[i]) for row in [headers, *rows]) for i in range(len(headers))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return f"| {' | '.join(padded)} |" if markdown else "  ".join(padded).rstrip()

    rule = ["-" * w if i == 0 or not markdown else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    print("\n".join([line(headers), line(rule), *(line(row) for row in rows)]), flush=True)


def write_json(path: str | None, facts: Mapping[str, Any], results: Any) -> None:
    """Keeps the results with every single measurement, where the user gave a file for it."""
    if path:
        Path(path).write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def positive_list(text: str) -> list[int]:
    """Whole numbers from 1, separated by commas, for argparse."""
    return [positive(item) for item in text.split(",")]


def rotated(names: Sequence[str], number: int) -> list[str]:
    """The names from another one on in each round, so that none always runs behind the same other."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


def rounds_parser(name: str, description: str | None, rounds: int, videos: bool = True) -> argparse.ArgumentParser:
    """Flags of the benchmarks that compare methods in rounds, over one or more folders of videos or without any."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    if videos:
        add("--videos", nargs="+", metavar="DIR", default=[], help=f"{VIDEOS_HELP}. Each folder gets a table")
    add("--rounds", type=positive, default=rounds, metavar="N", help="rounds over all methods (default %(default)s)")
    add("--markdown", action="store_true", help="print tables for a Markdown file")
    add("--json", metavar="FILE", help="also write every single measurement to this file")
    return parser
