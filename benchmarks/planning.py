"""How long, and how much memory, does planning take for a manifest with very many parts of videos?

  python -m benchmarks.planning --videos 50000 --parts 20

Makes a folder of empty files and a manifest with that many rows a video, in random order, and plans a dataset of them,
in a process of its own.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks import common

_STEPS = ("listing", "overlaps", "planning", "writing the plan")
_CLASSES = 50
_LONGEST_S = 5.0
_VIDEOS_PER_FOLDER = 1000


def make_manifest(folder: Path, num_videos: int, parts: int, overlapping: bool) -> Path:
    """Makes the files and the manifest, and returns its path.

    Args:
        folder: where they go.
        num_videos: number of files.
        parts: number of rows for each.
        overlapping: whether most rows overlap the one before them.
    """
    draw = random.Random(0)
    rows = []
    for number in range(num_videos):
        name = f"site{number // _VIDEOS_PER_FOLDER:03d}/recording_{number:06d}.mp4"
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        start_s = 0.0
        for _ in range(parts):
            end_s = start_s + 1 + draw.random() * _LONGEST_S
            rows.append(f"{name},Class {draw.randrange(_CLASSES)},{start_s:.2f},{end_s:.3f}")
            start_s = end_s + draw.random() * _LONGEST_S * (-0.2 if overlapping else 1)
    draw.shuffle(rows)
    manifest = folder / "parts.csv"
    manifest.write_text("\n".join(["path,label,start,end", *rows]) + "\n")
    return manifest


def plan(manifest: str, output: str) -> dict[str, float]:
    """Lists and plans as preprocessing does, and writes the plan file: CPU seconds, and bytes of memory at most."""
    from pipelines.dataset import folder
    from pipelines.dataset.config import PreprocessConfig
    from pipelines.dataset.listing import read_catalog
    from pipelines.dataset.plan import make_plan
    from pipelines.inputs.class_notes import note_classes
    from pipelines.inputs.overlaps import remark_overlaps

    config = PreprocessConfig(manifest, output)
    times = [time.process_time()]
    catalog = read_catalog(manifest)
    times.append(time.process_time())
    catalog = note_classes(remark_overlaps(catalog))
    times.append(time.process_time())
    planned = make_plan(catalog, config)
    times.append(time.process_time())
    pending = folder.prepare(output, planned)
    folder.write_plan(output, (shard.line for shard in pending))
    times.append(time.process_time())
    return {
        "rows": len(catalog.videos),
        "shards": len(planned.shards),
        **{name: end_s - start_s for name, (start_s, end_s) in zip(_STEPS, pairwise(times), strict=True)},
        "all of it": times[-1] - times[0],
        "the whole process": time.process_time(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table of seconds."""
    parser = common.make_parser("planning", __doc__)
    add = parser.add_argument
    add("--videos", type=common.positive, default=50_000, metavar="N", help="number of videos (default %(default)s)")
    add("--parts", type=common.positive, default=20, metavar="N", help="rows for each video (default %(default)s)")
    add("--overlapping", action="store_true", help="let most rows overlap the one before them")
    add("--plan", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.plan:
        print(json.dumps(plan(*args.plan)))
        return 0
    facts = common.machine()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        common.log("making the files and the manifest")
        manifest = make_manifest(Path(scratch), args.videos, args.parts, args.overlapping)
        command = [sys.executable, "-m", "benchmarks.planning", "--plan", str(manifest), f"{scratch}/dataset"]
        start_s = time.monotonic()
        done = subprocess.run(command, cwd=common.REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
        found = {**json.loads(done.stdout), "wall": time.monotonic() - start_s}
    common.print_machine(facts)
    rows = [[name, f"{found[name]:.1f}"] for name in (*_STEPS, "all of it", "the whole process")]
    rows += [["the whole process, seconds by the clock", f"{found['wall']:.1f}"]]
    rows += [["peak memory, MB", f"{found['peak_mb']:,.0f}"]]
    what = f"{found['rows']:,} parts of {args.videos:,} videos, {found['shards']:,} shards"
    common.print_table([what, "CPU s"], rows, args.markdown)
    common.write_json(args.json, facts, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
