"""Compares the forms of models: size, time for a clip, agreement with the SavedModel, accuracy.

Each model must have been exported (`python -m trainer.export`). Times are of one clip at a time on one thread, from
calls of all forms in turn, so that other work on the machine slows all of them: the fastest tenth and the median.

  python -m benchmarks.exports runs/lrcn/model runs/convlstm/model
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import common
from pipelines.process.tensorflow_start import start_tensorflow
from trainer.export.conversion import runtimes
from trainer.export.conversion.forms import ONNX, TFLITE, TFLITE_INT8
from trainer.export.conversion.source import find_model

_ROUNDS = 100


def rows_of(folder: str) -> list[list[str]]:
    """A row of the table for each form that the folder has."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    source = find_model(folder)
    size = sum(path.stat().st_size for path in Path(folder, source.info.saved_model).rglob("*") if path.is_file())
    predicts, sizes = {"SavedModel": runtimes.saved_model(folder, source.info)}, {"SavedModel": size}
    for form in (TFLITE, TFLITE_INT8, ONNX):
        if (path := Path(folder, form.file)).exists():
            predicts[form.file] = runtimes.converted(form, path.read_bytes(), source.info, 1)
            sizes[form.file] = path.stat().st_size
    clip = np.random.default_rng(0).integers(0, 256, (1, *source.info.clip_spec.shape), np.uint8)
    taken: dict[str, list[float]] = {name: [] for name in predicts}
    for _ in range(_ROUNDS):
        for name, predict in predicts.items():
            start = time.perf_counter()
            predict(clip)
            taken[name].append((time.perf_counter() - start) * 1000)
    entries = {entry["file"]: entry["agreement"] for entry in source.info.exports.values()}
    found: list[list[str]] = []
    for name, times in taken.items():
        best, median = np.quantile(times[_ROUNDS // 10 :], (0.1, 0.5))
        said = entries.get(name)
        agreement = ["", "", ""] if said is None else [
            f"{said['largest_difference']:.1g}", f"{said['same']:.1%}", f"{said['accuracy']:.1%}"
        ]  # fmt: skip
        found.append(
            [f"{source.info.name}: {name}", str(sizes[name] // 1000), f"{best:.1f}", f"{median:.1f}", *agreement]
        )
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="FOLDER", help="folder of a model")
    folders = parser.parse_args().models
    start_tensorflow()
    rows = [row for folder in folders for row in rows_of(folder)]
    headers = ["form", "kB", "ms, best", "ms, median", "difference", "same label", "accuracy"]
    common.print_machine(common.machine())
    common.print_table(headers, rows, markdown=True)


if __name__ == "__main__":
    main()
