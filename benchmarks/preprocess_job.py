"""Measures whole preprocessing jobs: time, memory, and how much of the decoder's speed remains end to end.

Makes trees of many videos out of a few (links under other names, so every one is decoded), runs the job on each with
each number of workers, one after the other, and compares its rate with that of a single process that does nothing but
call `read_clip` on the same videos. That rate is measured before and after each job, since the speed of many machines
varies over time; the mean of the two counts.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import cv2

from benchmarks import common, jobs
from pipelines import files
from pipelines.core.file_names import DATASET_INFO
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.info import DatasetInfo
from pipelines.decoding.messages import DecodeJob, DecodeLimits
from pipelines.decoding.pool import DecoderPool
from pipelines.video.clip import read_clip

_HEADERS = [
    *("videos", "workers", "wall s", "videos/s", "without start", "speed-up"),
    *("decoding alone", "of it", "decoders alone", "of them", "MB"),
]


def decode_rate(tree: str, limit: int) -> float:
    """Videos of a tree per second of wall time that this process alone decodes."""
    videos = common.spread(common.find_videos(tree), limit)
    spec = ClipSpec()
    for path in videos[:20]:  # the file cache and the code
        read_clip(path, spec)
    start_s = time.perf_counter()
    for path in videos:
        read_clip(path, spec)
    return len(videos) / (time.perf_counter() - start_s)


def decoders_rate(tree: str, limit: int, workers: int) -> float:
    """Videos of a tree per second that the job's decoder processes deliver while nothing is done with them."""
    videos = common.spread(common.find_videos(tree), limit)
    job, pool = DecodeJob(ClipSpec(), FrameEncoding()), DecoderPool(workers, DecodeLimits())
    try:
        for _ in pool.map(videos[:20], job, files.local_copy):
            pass
        start_s = time.perf_counter()
        for _ in pool.map(videos, job, files.local_copy):
            pass
        return len(videos) / (time.perf_counter() - start_s)
    finally:
        pool.close()


def run_once(tree: str, count: int, workers: int, scratch: str, more: Sequence[str]) -> dict[str, Any]:
    """Runs the job once, and makes sure that it wrote everything.

    Raises:
        RuntimeError: the job failed or left something out; the message shows what it printed.
    """
    output, log = os.path.join(scratch, "dataset"), os.path.join(scratch, "job.log")
    outcome = jobs.run_job(jobs.job_command(tree, output, workers, *more), log)
    if outcome.exit_code:
        raise RuntimeError(f"the job ended with exit code {outcome.exit_code}:\n{jobs.tail(log)}")
    with open(os.path.join(output, DATASET_INFO)) as file:
        written = DatasetInfo.from_json(file.read()).counts["written"]
    if written != count:
        raise RuntimeError(f"{written} of {count} videos written:\n{jobs.tail(log)}")
    shutil.rmtree(output)
    os.remove(log)
    return {"videos": count, "workers": workers, **asdict(outcome)}


def _rows(results: Sequence[dict[str, Any]]) -> list[list[str]]:
    rows = []
    for result in results:
        count, workers, wall_s = result["videos"], result["workers"], result["wall_s"]
        single = [r["wall_s"] for r in results if r["videos"] == count and r["workers"] == 1]
        smaller = [r for r in results if r["workers"] == workers and r["videos"] < count]
        without_start = ""
        if smaller:  # the time of the additional videos, as both jobs take equally long to start
            base = max(smaller, key=lambda r: r["videos"])
            without_start = f"{(count - base['videos']) / (wall_s - base['wall_s']):.1f}"
        alone = result["decode_videos_per_s"]
        speed_up, memory = f"{single[0] / wall_s:.2f}" if single else "", f"{result['peak_bytes'] / 1e6:.0f}"
        both = result["decoders_videos_per_s"]
        rates = [f"{alone:.1f}", f"{count / wall_s / (workers * alone):.0%}"]
        rates += [f"{both:.1f}", f"{count / wall_s / both:.0%}"]
        numbers = [str(count), str(workers), f"{wall_s:.1f}", f"{count / wall_s:.1f}"]
        rows.append([*numbers, without_start, speed_up, *rates, memory])
    return rows


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = common.make_parser("preprocess_job", __doc__, videos=1)
    add = parser.add_argument
    copies_help = "links to each video in the larger tree; the smaller has a tenth of them (default %(default)s)"
    add("--copies", type=common.positive, default=600, metavar="N", help=copies_help)
    counts_help = "sizes of the trees in videos, instead of --copies"
    add("--counts", type=common.positive_list, metavar="N,N,...", help=counts_help)
    workers_help = "numbers of decoder processes to run each tree with (default 1,2)"
    add("--workers", type=common.positive_list, default=[1, 2], metavar="N,N,...", help=workers_help)
    decode_help = "videos to measure the speed of decoding alone on (default %(default)s)"
    add("--decode", type=common.positive, default=600, metavar="N", help=decode_help)
    common.add_scratch(parser, "trees and datasets, a quarter of a megabyte per video; removed at the end")
    return common.parse_with_job(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table with a row for each job."""
    args = _parse(argv)
    cv2.setNumThreads(1)
    facts = common.machine()
    common.print_machine(facts)
    results: list[dict[str, Any]] = []
    with (
        common.video_sets(args.videos) as sets,
        tempfile.TemporaryDirectory(prefix="job-", dir=args.scratch) as scratch,
    ):
        ((folder, videos),) = sets.items()
        counts = sorted(args.counts or {max(1, args.copies * len(videos) // 10), args.copies * len(videos)})
        trees = {count: os.path.join(scratch, f"tree-{count}") for count in counts}
        for count, tree in trees.items():
            jobs.make_tree(tree, videos, count)
        before = decode_rate(trees[counts[-1]], args.decode)
        try:
            for count, tree in trees.items():
                for workers in args.workers:
                    result = run_once(tree, count, workers, scratch, args.job_flags)
                    after = decode_rate(trees[counts[-1]], args.decode)
                    result["decode_videos_per_s"] = (before + after) / 2
                    result["decoders_videos_per_s"] = decoders_rate(trees[counts[-1]], args.decode, workers)
                    rates = f"decoding alone {before:.1f} and {after:.1f} videos/s before and after"
                    common.log(f"{count} videos, {workers} workers: {result['wall_s']:.1f} s; {rates}")
                    results.append(result)
                    before = after
        except RuntimeError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(f"\n{folder}: {len(videos)} different videos\n")
    common.print_table(_HEADERS, _rows(results), args.markdown)
    common.write_json(args.json, facts, {"jobs": results})
    return 0


if __name__ == "__main__":
    sys.exit(main())
