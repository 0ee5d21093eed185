"""Are the weights the same, bit by bit, when training is killed and started again?

  python -m benchmarks.kill_training --runs 20

One undisturbed run gives the reference. In each run, training is started into an empty folder and ended with SIGKILL
(every third run: SIGTERM) once its checkpoint has reached a random step, up to three times; then it is started once
more and left to finish. All variables of the last and of the best checkpoint must equal those of the reference.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import common
from benchmarks.training import make_dataset
from trainer.training import checkpoint

_FILES = ("last.npz", "best.npz")


def start(data: Path, output: Path, model: str, epochs: int) -> "subprocess.Popen[bytes]":
    """Starts training with a checkpoint after every step."""
    command = [
        sys.executable, "-m", "trainer.task", "--model", model, "--data", str(data), "--output", str(output),
        "--epochs", str(epochs), "--no-baseline", "--deterministic", "--checkpoint-every-s", "0",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finish(process: "subprocess.Popen[bytes]") -> None:
    """Waits for the end of an undisturbed training run."""
    if code := process.wait():
        sys.exit(f"error: training ended with exit code {code}")


def step_of(output: Path) -> int:
    """The step of the last checkpoint; -1 where there is none."""
    found = checkpoint.load(str(output / "checkpoints" / "last.npz"))
    return found[1].global_step if found else -1


def weights(output: Path) -> list[bytes]:
    """All variables of both checkpoints."""
    loaded = [checkpoint.load(str(output / "checkpoints" / name)) for name in _FILES]
    return [array.tobytes() for found in loaded if found for array in found[0]]


def disturb(data: Path, output: Path, options: argparse.Namespace, steps: list[int], number: int) -> list[str]:
    """Ends training at the given steps, then lets it finish; returns the steps at which it was hit."""
    hits = []
    for step in steps:
        first = step_of(output)
        process = start(data, output, options.model, options.epochs)
        while process.poll() is None:
            # Beyond its first step, so that SIGTERM reaches a process that has entered its loop.
            if (now := step_of(output)) >= max(step, first + 1):
                process.send_signal(number)
                hits.append(str(now))
                break
            time.sleep(0.01)
        process.wait()
    finish(start(data, output, options.model, options.epochs))
    return hits


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    parser = common.make_parser("kill_training", __doc__, table=False)
    add = parser.add_argument
    add("--runs", type=common.positive, default=20, metavar="N", help="disturbed runs (default %(default)s)")
    add("--model", default="lrcn", choices=("lrcn", "convlstm"), help="network (default %(default)s)")
    add("--clips", type=common.positive, default=44, metavar="N", help="training clips (default %(default)s)")
    add("--epochs", type=common.positive, default=3, metavar="N", help="epochs of each run (default %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the steps (default %(default)s)")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    last_step = options.epochs * -(-options.clips // 8) - 1
    scratch = Path(tempfile.mkdtemp(prefix="benchmark-"))
    (scratch / "data").mkdir()
    make_dataset(scratch / "data", options.clips)
    finish(start(scratch / "data", scratch / "reference", options.model, options.epochs))
    reference = weights(scratch / "reference")
    good = 0
    for run in range(1, options.runs + 1):
        number = signal.SIGTERM if run % 3 == 0 else signal.SIGKILL
        steps = sorted(rng.sample(range(last_step), rng.randint(1, min(3, last_step))))
        output = scratch / f"run{run}"
        hits = disturb(scratch / "data", output, options, steps, number)
        equal = weights(output) == reference
        good += equal
        print(f"run {run}: {number.name} at step {', '.join(hits)}: {'equal' if equal else 'DIFFERENT'}", flush=True)
        if equal:
            shutil.rmtree(output)
    print(f"{good} of {options.runs} runs ended with the weights of the undisturbed one, bit by bit")
    if good == options.runs:
        shutil.rmtree(scratch)
    else:
        sys.exit(f"error: the others are in {scratch}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
