"""Does training from a store keep up with training from local files?

Stores a dataset of noise on servers of both protocols, each behind a proxy that delays every request, in processes of
their own. In interleaved rounds it reads an epoch, and trains LRCN for one: from local files; from each store with
copies that are kept (the first, unmeasured round fetches them), and with copies that are removed after use, so that
every round fetches every shard; and from S3 through tensorflow-io, if that is installed.

  python -m benchmarks.store_training
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.training import BATCH, LABELS, make_dataset
from pipelines.core.spec import ClipSpec
from pipelines.process.tensorflow_start import start_tensorflow

_STORE = """
import json, sys, time
from pathlib import Path
from tests.support.fault_proxy import Fault, fault_proxy
from tests.support.gcs_server import gcs_server
from tests.support.s3_server import s3_server
kind, folder, delay_s = sys.argv[1:]
with s3_server() if kind == "s3" else gcs_server() as server, fault_proxy(server.url) as proxy:
    if kind == "s3":
        server.make_bucket("bucket")
    server.put_tree(Path(folder), f"{kind}://bucket/dataset")
    proxy.decide = lambda method, path: Fault(delay_s=float(delay_s))
    print(proxy.url, flush=True)
    sys.stdin.read()
"""
_KEEP = {"kept": True, "removed": False}


@contextlib.contextmanager
def store(kind: str, folder: Path, delay_s: float) -> Iterator[str]:
    """Stores a folder as `<kind>://bucket/dataset` and yields the server's address."""
    command = [sys.executable, "-c", _STORE, kind, str(folder), str(delay_s)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout and process.stdin
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def use_stores(s3: str, gs: str) -> None:
    """Points this process, tensorflow-io included, to two servers."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1", AWS_ENDPOINT_URL=s3,
        S3_ENDPOINT=s3, S3_DISABLE_MULTI_PART_DOWNLOAD="1", STORAGE_EMULATOR_HOST=gs,
    )  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """How fast an epoch was: clips per second, and milliseconds of this process' CPU time for each."""

    rate: float
    cpu_ms: float


class Source:
    """A dataset somewhere, and how it is read.

    Args:
        uri: the dataset's folder.
        keep: whether copies of shards are kept; None where there are none.
        folder: a local folder for copies.
        step: makes a training step on the next of some batches.
    """

    def __init__(self, uri: str, keep: bool | None, folder: Path, step: Callable[[Any], None]) -> None:
        from trainer.config import TrainConfig
        from trainer.data.check import open_dataset
        from trainer.data.clips import Clips, Reading
        from trainer.data.parts import Index, Part, cut_parts
        from trainer.files.copies import Copies
        from trainer.files.storage import join

        def no_index(part: Part) -> Index:
            raise AssertionError(part)

        info = open_dataset(uri).info
        folder.mkdir()
        shards = [shard for split in info.splits.values() for shard in split.shards]
        copies = None if keep is None else Copies(uri, shards, str(folder), keep)
        part = cut_parts(info, partial(join, uri), TrainConfig("lrcn", "", ""), no_index).sides["train"]
        self._clips = Clips(info, part, Reading(BATCH), copies=copies)
        self._step, self._epoch = step, 0

    def read(self) -> Measured:
        """An epoch that is read without training."""
        return self._measure(next)

    def train(self) -> Measured:
        """An epoch of training."""
        return self._measure(self._step)

    def _measure(self, use: Callable[[Any], object]) -> Measured:
        steps = self._clips.training_steps(self._epoch)
        start, cpu = time.perf_counter(), time.process_time()
        batches = iter(self._clips.training(self._epoch))
        for _ in range(steps):
            use(batches)
        self._epoch += 1
        clips = steps * BATCH
        return Measured(clips / (time.perf_counter() - start), 1000 * (time.process_time() - cpu) / clips)


def training_step() -> Callable[[Any], None]:
    """A step of training LRCN, the faster of the networks."""
    from trainer.networks.build import build_model
    from trainer.training.devices import make_devices
    from trainer.training.learner import Learner, Learning

    devices = make_devices("cpu", "float32")
    build = partial(build_model, "lrcn", "reference", ClipSpec().shape, len(LABELS))
    learner = Learner(devices, build, Learning(0.05, 0.1, 1.0, 0.99, (1.0,) * len(LABELS)), 0)

    def step(batches: Any) -> None:
        learner.train_step(batches, 1e-3).result()

    return step


def has_tensorflow_io() -> bool:
    """Whether tensorflow-io gives TensorFlow `s3://`."""
    with contextlib.suppress(ImportError):
        import tensorflow as tf
        import tensorflow_io  # noqa: F401 - importing it registers the file system

        return "s3" in tf.io.gfile.get_registered_schemes()
    return False


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    parser = common.make_parser("store_training", __doc__, rounds=5)
    add = parser.add_argument
    add("--clips", type=common.positive, default=960, metavar="N", help="clips of the dataset (default %(default)s)")
    add("--delay-ms", type=float, default=20.0, metavar="MS", help="delay of each request (default %(default)g)")
    options = parser.parse_args()
    start_tensorflow()
    facts = common.machine()
    common.print_machine(facts)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch, contextlib.ExitStack() as stack:
        data = Path(scratch, "dataset")
        data.mkdir()
        make_dataset(data, options.clips)
        s3, gs = (stack.enter_context(store(kind, data, options.delay_ms / 1000)) for kind in ("s3", "gs"))
        use_stores(s3, gs)
        places: dict[str, tuple[str, bool | None]] = {"local files": (str(data), None)}
        for kind in ("s3", "gs"):
            places |= {f"{kind}://, copies {how}": (f"{kind}://bucket/dataset", keep) for how, keep in _KEEP.items()}
        if has_tensorflow_io():
            places["s3://, tensorflow-io"] = ("s3://bucket/dataset", None)
        step = training_step()
        sources = {
            name: Source(uri, keep, Path(scratch, str(number)), step)
            for number, (name, (uri, keep)) in enumerate(places.items())
        }
        results = {}
        for what in ("read", "train"):
            common.log(what)
            methods = {name: getattr(source, what) for name, source in sources.items()}
            results[what] = common.interleaved(methods, options.rounds, warm_up=1)
        rows = [
            [name, *(cell for what in results for cell in _cells(results[what][name], results[what]["local files"]))]
            for name in places
        ]
        headers = ["", *(f"{what}{kind}" for what in ("reading", "training") for kind in _COLUMNS)]
        common.print_table(headers, rows, options.markdown)
        singles = {what: {name: [*map(asdict, found)] for name, found in by.items()} for what, by in results.items()}
        common.write_json(options.json, facts, {"delay_ms": options.delay_ms, "clips": options.clips, **singles})


_COLUMNS = (", clips/s", ", of local", ", CPU ms")


def _cells(found: list[Measured], local: list[Measured]) -> list[str]:
    """Medians: of the rate, of its ratio to that of local files in the same round, and of the CPU time for a clip."""
    ratios = [here.rate / there.rate for here, there in zip(found, local, strict=True)]
    cpu_ms = statistics.median(item.cpu_ms for item in found)
    return [
        f"{statistics.median(item.rate for item in found):.0f}",
        f"{statistics.median(ratios):.0%}",
        f"{cpu_ms:.1f}",
    ]


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
    sys.stdout.flush()
    os._exit(0)  # tensorflow-io aborts an ordinary exit after it has used S3
