"""Kills jobs at random moments, starts them again, and compares the result with an undisturbed job's.

A tree of links to a few real videos is preprocessed or, with `--model`, labelled without disturbance. Then, in each
run, the job is started into an empty folder and killed with all its processes (SIGKILL, as when a machine is taken
away) one to three times, and finally left to finish. Every file outside of `_state` must then have the same bytes,
and nothing else may be left over. After each kill, a result that claims to be complete must be complete.

  python -m benchmarks.kill_and_resume --runs 30
  python -m benchmarks.kill_and_resume --runs 20 --count 30 --ranges 4
  python -m benchmarks.kill_and_resume --runs 20 --model runs/lrcn/model --window-s 1
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import common, jobs
from pipelines.core.file_names import DATASET_INFO
from pipelines.files.output_folder import STATE
from pipelines.labelling.folder import SUMMARY

_LATEST_KILL = 1.05  # of the undisturbed job's duration: some kills come after the end of the work
_MOST_KILLS = 3
_PATIENCE = 20  # times the undisturbed job's duration, after which a job is taken to hang


@dataclass(frozen=True)
class Kind:
    """A job that can be disturbed.

    Attributes:
        command: the job on a tree, into a folder.
        complete: the file whose presence means that the result is complete.
        varies: a file that says how long the job took, and so is never the same.
        steps: files that show how far a job has come; `per_line` tells whether each line or each file counts.
        step: what the steps are called.
    """

    command: Callable[[str, str], list[str]]
    complete: str
    varies: str
    steps: str
    per_line: bool
    step: str

    def done(self, output: str) -> int:
        """Number of steps that are done."""
        found = list(Path(output).glob(self.steps))
        return sum(path.read_bytes().count(b"\n") for path in found) if self.per_line else len(found)


@dataclass(frozen=True)
class Contents:
    """Files of a dataset's folder: SHA-256 by relative path, and the names in `_state`, whose contents may differ."""

    hashes: Mapping[str, str]
    state: frozenset[str]

    @classmethod
    def read(cls, output: str, varies: str) -> "Contents":
        hashes, state = {}, set()
        for path in sorted(p for p in Path(output).rglob("*") if not p.is_dir()):
            name = path.relative_to(output).as_posix()
            if name.startswith(f"{STATE}/"):
                state.add(name)
            elif name == varies:
                hashes[name] = ""
            else:
                hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls(hashes, frozenset(state))

    def problems(self, reference: "Contents") -> list[str]:
        """What differs from the reference."""
        names = sorted({*self.hashes, *reference.hashes})
        differing = [n for n in names if self.hashes.get(n) != reference.hashes.get(n)]
        found = []
        for name in differing:
            what = "missing" if name not in self.hashes else "other bytes"
            found.append(f"{name}: {what if name in reference.hashes else 'left over'}")
        return found + [f"{name}: left over" for name in sorted(self.state - reference.state)]


@dataclass
class Run:
    """What happened in one run."""

    kills: list[str] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Bench:
    """The job that is disturbed, and how it ends undisturbed."""

    def __init__(self, tree: str, scratch: str, kind: Kind) -> None:
        self._tree, self._scratch, self._kind = tree, scratch, kind
        durations = []
        for name in ("warm-up", "reference"):  # the first job reads the videos and the code from the disk
            start_s = time.perf_counter()
            if reason := self._finish(name, None):
                raise RuntimeError(f"the undisturbed job failed: {reason}")
            durations.append(time.perf_counter() - start_s)
        self.duration_s = durations[-1]
        self.reference = self._read("reference")
        self.steps = kind.done(self._output("reference"))
        if found := self._read("warm-up").problems(self.reference):
            raise RuntimeError(f"two undisturbed jobs differ: {'; '.join(found[:5])}")

    def _output(self, run: str) -> str:
        return os.path.join(self._scratch, run, "result")  # one name for all: pages show it

    def _read(self, run: str) -> Contents:
        return Contents.read(self._output(run), self._kind.varies)

    def _start(self, run: str) -> "subprocess.Popen[bytes]":
        command = self._kind.command(self._tree, self._output(run))
        os.makedirs(os.path.join(self._scratch, run), exist_ok=True)
        return jobs.start_job(command, self._log(run), os.path.join(self._scratch, run, "tmp"))

    def _finish(self, run: str, timeout_s: float | None) -> str:
        """Starts the job and leaves it alone; returns the reason if it fails."""
        process = self._start(run)
        try:
            code = process.wait(timeout_s)
            return f"exit code {code}: {jobs.tail(self._log(run), 3)}" if code else ""
        except subprocess.TimeoutExpired:
            return f"not done after {timeout_s:.0f} s"
        finally:
            jobs.kill_session(process)

    def _log(self, run: str) -> str:
        return os.path.join(self._scratch, run, "job.log")

    def run(self, name: str, chance: random.Random) -> Run:
        """One run: kills, a last start that is left alone, and the comparison."""
        result = Run()
        for _ in range(chance.randint(1, _MOST_KILLS)):
            if not self._start_and_kill(name, chance.uniform(0, _LATEST_KILL * self.duration_s), result):
                break
        if reason := self._finish(name, _PATIENCE * self.duration_s):
            result.problems.append(f"the last start failed: {reason}")
        result.problems += self._read(name).problems(self.reference)
        if not result.problems:
            shutil.rmtree(os.path.join(self._scratch, name))
        return result

    def _start_and_kill(self, name: str, moment_s: float, result: Run) -> bool:
        """Returns whether the job was still running at that moment."""
        start_s = time.perf_counter()
        process = self._start(name)
        try:
            exit_code = process.wait(timeout=moment_s)
        except subprocess.TimeoutExpired:
            exit_code = None
        finally:
            escaped = jobs.kill_session(process)
        result.problems += [f"{process} outlived the job" for process in escaped]
        found, total = self._read(name), self.steps
        if self._kind.complete in found.hashes and found.hashes != self.reference.hashes:
            result.problems.append(f"{self._kind.complete} was there before the result was complete")
        if exit_code is not None:
            if not result.kills:  # the machine was slower when the undisturbed job was timed
                self.duration_s = min(self.duration_s, time.perf_counter() - start_s)
            result.kills.append("ended by itself")
            if exit_code:
                result.problems.append(f"exit code {exit_code}: {jobs.tail(self._log(name), 3)}")
            return False
        done = self._kind.done(self._output(name))
        result.kills.append(f"killed at {moment_s:.2f} s ({done}/{total} {self._kind.step})")
        early, late = "before the first", "after the last"
        result.phases.append("in between" if 0 < done < total else late if done else early)
        return True


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    epilog = "exit codes: 0 all results are the same; 1 a result differs, and is kept for inspection."
    parser = common.make_parser("kill_and_resume", __doc__, videos=1, table=False, epilog=epilog)
    add = parser.add_argument
    add("--runs", type=common.positive, default=30, metavar="N", help="runs to disturb (default %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the moments of the kills (default %(default)s)")
    add("--count", type=common.positive, default=150, metavar="N", help="videos in the tree (default %(default)s)")
    add("--shards", type=common.positive, default=12, metavar="N", help="shards of the dataset (default %(default)s)")
    add("--workers", type=common.positive, default=2, metavar="N", help="decoder processes (default %(default)s)")
    add("--ranges", type=int, default=0, metavar="N", help="preprocess N parts of each video (default: whole videos)")
    add("--model", metavar="FOLDER", help="label with this model, instead of preprocessing")
    common.add_scratch(parser, "the tree and the results")
    return common.parse_with_job(parser, argv)


def _preprocessing(args: argparse.Namespace) -> Kind:
    def command(tree: str, output: str) -> list[str]:
        return jobs.job_command(tree, output, args.workers, f"--shards={args.shards}", *args.job_flags)

    return Kind(command, DATASET_INFO, "", "*.tfrecord", per_line=False, step="shards")


def _labelling(args: argparse.Namespace) -> Kind:
    model = os.path.abspath(args.model)

    def command(tree: str, output: str) -> list[str]:
        return jobs.label_command(tree, output, model, f"--workers={args.workers}", *args.job_flags)

    ledger = f"{STATE}/ledger/*/*.jsonl"
    return Kind(command, SUMMARY, SUMMARY, ledger, per_line=True, step="entries")


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a line for each run and a summary."""
    args = _parse(argv)
    chance = random.Random(args.seed)
    scratch = tempfile.mkdtemp(prefix="kill-", dir=args.scratch)
    failed, phases = 0, Counter[str]()
    try:
        with common.video_sets(args.videos) as sets:
            (videos,) = sets.values()
            tree = os.path.join(scratch, "tree")
            jobs.make_tree(tree, videos, args.count)
            tree = jobs.write_parts(tree, args.ranges) if args.ranges else tree
            kind = _labelling(args) if args.model else _preprocessing(args)
            bench = Bench(tree, scratch, kind)
            print(f"undisturbed: {bench.duration_s:.2f} s, {args.count} videos, {bench.steps} {kind.step}", flush=True)
            for number in range(1, args.runs + 1):
                run = bench.run(f"run-{number:03d}", chance)
                phases.update(run.phases)
                failed += bool(run.problems)
                verdict = f"DIFFERENT: {'; '.join(run.problems[:5])}" if run.problems else "same bytes"
                print(f"run {number:3d}: {', '.join(run.kills)}: {verdict}", flush=True)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if not failed:
            shutil.rmtree(scratch, ignore_errors=True)
    where = ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items()))
    print(f"{args.runs - failed} of {args.runs} runs gave the same bytes; kills: {sum(phases.values())} ({where})")
    if failed:
        print(f"the results that differ are kept in {scratch}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
