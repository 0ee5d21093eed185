"""Does reading keep up with training, and does memory stay constant when the dataset grows?

Makes a dataset of noise and one that is ten times as large, without videos. In interleaved rounds it measures the
input pipeline alone (with and without augmentation) and training steps of each network on a batch that is already in
memory; then it trains for the same number of steps on each dataset, in a process of its own, and measures the peak of
its memory.

  python -m benchmarks.training
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import psutil

from benchmarks import common
from pipelines.core.file_names import DATASET_INFO
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.example import Example, encode
from pipelines.dataset.info import DatasetInfo, ShardInfo, SplitInfo
from pipelines.dataset.tfrecord import frame_record
from pipelines.process.tensorflow_start import start_tensorflow

LABELS = ("Jump", "Run", "Sit", "Wave")
_CLIPS_PER_SHARD = 60
BATCH = 16
_EPOCHS = 4


def make_dataset(folder: Path, clips: int) -> None:
    """Writes a dataset of clips of noise, 20 x 64 x 64 x 3, with 16 clips each for validation and test."""
    spec, rng = ClipSpec(), np.random.default_rng(0)
    noise = rng.integers(0, 256, spec.num_bytes + 4096, np.uint8)
    splits = {}
    for split, count in (("train", clips), ("val", 16), ("test", 16)):
        shards = []
        for first in range(0, count, _CLIPS_PER_SHARD):
            records = []
            for number in range(first, min(first + _CLIPS_PER_SHARD, count)):
                start = int(rng.integers(4096))
                label, pixels = number % len(LABELS), noise[start : start + spec.num_bytes].tobytes()
                times, frames = [i / 25 for i in range(20)], list(range(20))
                video_id = f"{split}{number}"
                record = encode(Example([pixels], label, LABELS[label], video_id, video_id, times, frames, 20))
                records.append(b"".join((frame_record(record)[0], record, frame_record(record)[1])))
            name, content = f"{split}-{first:06d}.tfrecord", b"".join(records)
            (folder / name).write_bytes(content)
            shards.append(ShardInfo(name, len(records), len(content), sha256(content).hexdigest()))
        counts = {label: count // len(LABELS) for label in LABELS}
        splits[split] = SplitInfo(tuple(shards), (split,), counts)
    total = clips + 32
    counts = {"listed": total, "written": total, "failed": 0, "filtered": 0}
    info = DatasetInfo(spec, FrameEncoding(), "none", LABELS, splits, counts, {}, {"total": 0.0}, {}, {})
    (folder / DATASET_INFO).write_text(info.to_json())


def reading(folder: Path, augmentations: tuple[str, ...]) -> Callable[[], float]:
    """Returns a function that reads some epochs, starting with opening the shards, and returns clips per second."""
    from trainer.config import TrainConfig
    from trainer.data.check import open_dataset
    from trainer.data.clips import Clips, Reading
    from trainer.data.parts import Index, Part, cut_parts
    from trainer.files.storage import join

    def no_index(part: Part) -> Index:
        raise AssertionError(part)

    dataset = open_dataset(str(folder))
    part = cut_parts(dataset.info, partial(join, dataset.uri), TrainConfig("lrcn", "", ""), no_index).sides["train"]
    clips = Clips(dataset.info, part, Reading(BATCH, augmentations=augmentations))
    epochs = iter(range(10**6))

    def measure() -> float:
        epoch = next(epochs)
        batches = clips.training(epoch).take(_EPOCHS * clips.training_steps(epoch))
        start = time.perf_counter()
        count = sum(int(weights.sum()) for _, _, weights in batches.as_numpy_iterator())
        return count / (time.perf_counter() - start)

    return measure


def training(name: str, variant: str) -> Callable[[], float]:
    """Returns a function that makes some training steps on one batch and returns clips per second."""
    import tensorflow as tf

    from trainer.networks.build import build_model
    from trainer.training.devices import make_devices
    from trainer.training.learner import Learner, Learning

    spec = ClipSpec()
    devices = make_devices("cpu", "float32")
    build = partial(build_model, name, variant, spec.shape, len(LABELS))
    learner = Learner(devices, build, Learning(0.05, 0.1, 1.0, 0.99, (1.0,) * len(LABELS)), 0)
    frames = tf.cast(tf.random.uniform((BATCH, *spec.shape), 0, 256, tf.int32), tf.uint8)
    batch = (frames, tf.range(BATCH, dtype=tf.int64) % len(LABELS), tf.ones(BATCH))
    data = tf.data.Dataset.from_tensors(batch).repeat()
    batches = devices.batches(lambda: data)
    learner.train_step(batches, 1e-3).result()

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(3):
            learner.train_step(batches, 1e-3).result()
        return 3 * BATCH / (time.perf_counter() - start)

    return measure


def peak_memory_mb(data: Path, output: Path, epochs: int) -> float:
    """Peak resident memory of training for some epochs, in MB."""
    command = [
        sys.executable, "-m", "trainer.task", "--model", "lrcn", "--data", str(data), "--output", str(output),
        "--epochs", str(epochs), "--no-baseline", "--shuffle-buffer", "256",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    if process.wait():
        sys.exit(f"error: {' '.join(command)} failed")
    return peak / 1e6


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    parser = common.make_parser("training", __doc__, rounds=5)
    add = parser.add_argument
    add("--clips", type=common.positive, default=480, metavar="N", help="clips in the 1x set (default %(default)s)")
    add("--no-memory", action="store_true", help="skip the measurement of memory")
    options = parser.parse_args()
    start_tensorflow()
    facts = common.machine()
    common.print_machine(facts)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        folders = {factor: Path(scratch, f"{factor}x") for factor in ((1,) if options.no_memory else (1, 10))}
        for factor, folder in folders.items():
            folder.mkdir()
            make_dataset(folder, factor * options.clips)
        rates = _measure_rates(folders[1], options.rounds)
        faster = max(statistics.median(rates[name]) for name in rates if name.startswith("training"))
        middle = {name: statistics.median(values) for name, values in rates.items()}
        rows = [
            [name, f"{max(values):.0f}", f"{middle[name]:.0f}", f"{middle[name] / faster:.1f}"]
            for name, values in rates.items()
        ]
        common.print_table(["", "clips/s, best", "median", "x fastest training"], rows, options.markdown)
        memory = {}
        if not options.no_memory:
            for factor, folder in folders.items():
                memory[f"{factor}x"] = peak_memory_mb(folder, Path(scratch, f"run{factor}"), max(folders) // factor)
            print()
            rows = [[name, f"{int(name[:-1]) * options.clips}", f"{value:.0f}"] for name, value in memory.items()]
            common.print_table(["dataset", "clips", "peak memory, MB"], rows, options.markdown)
    common.write_json(options.json, facts, {"clips_per_s": rates, "peak_memory_mb": memory})


def _measure_rates(folder: Path, rounds: int) -> dict[str, list[float]]:
    methods = {
        "reading": reading(folder, ()),
        "reading, augmented": reading(folder, ("flip", "crop", "color")),
        **{
            f"training {name} ({variant})": training(name, variant)
            for name in ("lrcn", "convlstm")
            for variant in ("default", "reference")
        },
    }
    return common.interleaved(methods, rounds, warm_up=1)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
