"""Measures whether chosen segments teach a model more than random ones: rounds of corrections, as in docs/loop.md.

Long sample videos are made; the truth stands in for people. From the same first model, one model goes through rounds
in which `har select` chooses segments, and another gets as many segments at once, which are drawn at random. Both are
compared on the same test clips, paired. What is there from an earlier run with the same flags isn't made again.

  python -m benchmarks.loop --work loop/
  python -m benchmarks.loop --work loop/ --videos 20 --epochs 25
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import common

WINDOWS = ("--clip-s", "3", "--stride-s", "1.5")
MODEL = ("--model", "lrcn", "--no-baseline")


def main() -> None:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for everything that is made")
    parser.add_argument("--videos", type=int, default=40, help="number of sample videos, in ten groups (default: 40)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of corrections (default: 3)")
    parser.add_argument("--budget", type=int, default=20, help="segments to correct in a round (default: 20)")
    parser.add_argument("--epochs", type=int, default=0, help="epochs of each training (default: chosen by training)")
    given = parser.parse_args()
    Loop(given.work.resolve(), given.videos, given.budget, ("--epochs", given.epochs) if given.epochs else ()).run(
        given.rounds
    )


class Loop:
    """The way of one collection through the rounds, in a folder."""

    def __init__(self, work: Path, videos: int, budget: int, training: Sequence[object]) -> None:
        self._work, self._videos, self._budget, self._training = work, videos, budget, training
        self._rounds: list[str] = []
        work.mkdir(parents=True, exist_ok=True)

    def run(self, rounds: int) -> None:
        """Goes through all rounds and prints the comparisons."""
        self._tool("pipelines.sample_data", "--long", "--videos", self._videos, "--output", "videos")
        self._person("start", "videos/truth.csv", "start.csv", "collection.txt")
        self._train("first", "start.csv")
        manifest = "start.csv"
        for number in range(1, rounds + 1):
            before = f"round{number - 1}" if number > 1 else "first"
            table = f"chosen{number}.csv"
            self._label(before)
            labels = ("--labels", f"labels/{before}", "--budget", self._budget)
            self._tool("pipelines.select", *labels, "--output", table, "--manifest", manifest)
            manifest = self._correct(table, before, manifest, f"round{number}")
            self._rounds.append(f"round{number}")
            self._train(f"round{number}", manifest, before)
        self._person("random", "labels/first", rounds * self._budget, "drawn.csv")
        self._train("random", self._correct("drawn.csv", "first", "start.csv", "random"), "first")
        last = f"round{rounds}"
        for one, other in (("first", "random"), ("first", last), ("random", last)):
            self._tool("trainer.compare", f"runs/{one}", f"runs/{other}")
        rows = []
        for name in ("first", "random", last):
            test = json.loads((self._work / "runs" / name / "metrics.json").read_text())["test"]
            rows.append([name, *(f"{test[key]['value']:.3f}" for key in ("top1", "macro_f1")), self._corrected(name)])
        common.print_table(["model", "top-1", "macro-F1", "seconds corrected"], rows, markdown=False)

    def _corrected(self, name: str) -> str:
        """Seconds that were corrected on the way to a model."""
        found = {"first": [], "random": ["random"]}.get(name, self._rounds)
        rows = [row for part in found for row in csv.DictReader((self._work / f"corrected-{part}.csv").open())]
        return f"{sum(float(row['end']) - float(row['start']) for row in rows):.0f}"

    def _train(self, name: str, manifest: str, init: str = "") -> None:
        self._tool("pipelines.preprocess", "--input", manifest, "--output", f"data/{name}", *WINDOWS)
        start = ("--init", f"runs/{init}") if init else ()
        words = (*MODEL, "--data", f"data/{name}", "--output", f"runs/{name}", *start, *self._training)
        self._tool("trainer.task", *words)

    def _label(self, name: str) -> None:
        words = ("--model", f"runs/{name}/model", "--input", "collection.txt", "--output", f"labels/{name}")
        self._tool("pipelines.label", *words, "--embeddings")

    def _correct(self, table: str, labels: str, manifest: str, name: str) -> str:
        self._person("correct", table, "videos/truth.csv", f"corrected-{name}.csv")
        words = ("--from", "csv", f"corrected-{name}.csv", "--labels", f"labels/{labels}", "--selection", table)
        output = f"{name}.csv"
        self._tool(
            "pipelines.corrections", *words, "--manifest", manifest, "--dataset", "data/first", "--output", output
        )
        return output

    def _person(self, *words: object) -> None:
        self._run(str(common.REPOSITORY / "examples" / "stand_in.py"), *words)

    def _tool(self, module: str, *words: object) -> None:
        self._run("-m", module, *words)

    def _run(self, *words: object) -> None:
        common.log(" ".join(map(str, words)))
        environment = {**os.environ, "PYTHONPATH": str(common.REPOSITORY)}
        subprocess.run([sys.executable, *map(str, words)], cwd=self._work, check=True, env=environment)


if __name__ == "__main__":
    main()
