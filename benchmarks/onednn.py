"""Are our networks faster with oneDNN's kernels than with those that TensorFlow takes where it finds no AVX-512?

Two processes, one with oneDNN and one without, make training steps and score batches of every network in turns: in each
round each of them once, and in the next the other one begins.

  python -m benchmarks.onednn
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

from benchmarks import common

_BATCH = 24
_LABELS = 4
_WORK = [" ".join(names) for names in product(("training", "scoring"), ("convlstm", "lrcn"), ("default", "reference"))]
_WITH, _WITHOUT = "1", "0"
_HEADERS = ["clips/s", "with, best", "median", "without, best", "median", "ratio of best", "median ratio"]

Measure = Callable[[], float]


def scoring(name: str, variant: str) -> Measure:
    """Gives a function that scores some batches and returns clips a second."""
    import tensorflow as tf

    from benchmarks.layers import make_inference
    from pipelines.core.spec import ClipSpec
    from trainer.networks.build import build_model

    shape = ClipSpec().shape
    frames = tf.cast(tf.random.uniform((_BATCH, *shape), 0, 256, tf.int32), tf.uint8)
    run = make_inference(build_model(name, variant, shape, _LABELS), frames)

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(3):
            run()
        return 3 * _BATCH / (time.perf_counter() - start)

    return measure


def answer() -> None:
    """What each of the two processes does: measures what a line on stdin names, and prints the rate."""
    from benchmarks.training import training

    measures: dict[str, Measure] = {}
    for line in sys.stdin:
        work = line.strip()
        if work not in measures:
            kind, name, variant = work.split()
            measures[work] = (training if kind == "training" else scoring)(name, variant)
        print(measures[work](), flush=True)


@contextmanager
def _process(setting: str) -> Iterator[Callable[[str], float]]:
    """A process with or without oneDNN, as a function from work to its rate."""
    command = [sys.executable, "-c", "from benchmarks import onednn; onednn.answer()"]
    env = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": setting, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        command, cwd=common.REPOSITORY, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    stdin, stdout = process.stdin, process.stdout

    def measure(work: str) -> float:
        stdin.write(f"{work}\n")
        stdin.flush()
        rate = stdout.readline()
        if not rate:
            sys.exit(f"error: the process with TF_ENABLE_ONEDNN_OPTS={setting} ended while it was {work}")
        return float(rate)

    with process:  # whose end closes stdin, so that it ends
        yield measure


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    options = common.rounds_parser("onednn", __doc__, rounds=5, videos=False).parse_args()
    facts = common.machine()
    common.print_machine(facts)
    rates: dict[str, dict[str, list[float]]] = {work: {_WITH: [], _WITHOUT: []} for work in _WORK}
    with _process(_WITH) as with_it, _process(_WITHOUT) as without:
        measures = {_WITH: with_it, _WITHOUT: without}
        for number in range(options.rounds + 1):
            for work, setting in product(_WORK, common.rotated(list(measures), number)):
                rate = measures[setting](work)
                if number:  # the first round builds the networks and warms up
                    rates[work][setting].append(rate)
    common.print_table(_HEADERS, [_row(work, rates[work]) for work in _WORK], options.markdown)
    common.write_json(options.json, facts, rates)


def _row(work: str, rates: dict[str, list[float]]) -> list[str]:
    found, other = rates[_WITH], rates[_WITHOUT]
    within = statistics.median(a / b for a, b in zip(found, other, strict=True))
    numbers = [max(found), statistics.median(found), max(other), statistics.median(other)]
    return [work, *(f"{number:.0f}" for number in numbers), f"{max(found) / max(other):.1f}", f"{within:.1f}"]


if __name__ == "__main__":
    main()
