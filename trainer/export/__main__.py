"""Converts a trained or imported model, and writes the result beside it.

  python -m trainer.export runs/lrcn --to tflite
  python -m trainer.export runs/lrcn --to tflite --int8
  python -m trainer.export runs/lrcn/model --to onnx --data data/mine

tflite   model.tflite runs in TensorFlow Lite's interpreter (LiteRT) with built-in operators alone, as on phones. It
         takes a clip at a time. --int8 also writes model_int8.tflite, about a third as large, with weights in 8
         bits, and activations, too, unless their rounding changes a probability by more than 0.05.
onnx     model.onnx runs in ONNX Runtime and others, and takes any number of clips. Converting needs the packages of
         pip install 'har-pipelines[onnx]'.

Both take `frames`, uint8 [1 or N, T, H, W, 3] RGB, and give `probabilities` and `logits` like the SavedModel; scaling
and calibration are inside. A result is written only if it agrees with the SavedModel on real clips: to 0.0001 for each
probability, or with --int8 to one point of accuracy. model_info.json then has it in `exports`.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK, UsageError
from pipelines.process import extras
from trainer.export.conversion.forms import KINDS, forms_of
from trainer.files import storage

if TYPE_CHECKING:
    from trainer.export.conversion.job import Measured

_EPILOG = (
    "exit codes: 0 done; 1 the model can't be converted, or the result doesn't agree with it; 2 there is no model or\n"
    "no dataset to check with, or a package is missing; 4 a file can't be written."
)
_CLIPS = 500
_ROW = "{:<18} {:>9} {:>10} {:>11} {:>12} {:>10} {:>9}"


def make_parser() -> Parser:
    """The parser."""
    parser = Parser("trainer.export", __doc__, _EPILOG)
    parser.add_argument("run", metavar="RUN", help="folder of a finished run or of a model")
    parser.add_argument("--to", required=True, choices=tuple(KINDS), help="what to convert the model to")
    parser.add_argument("--int8", action="store_true", help="with --to tflite: also write the model in 8 bits, "
                        "calibrated with clips of the split train (default: no)")  # fmt: skip
    parser.add_argument("--data", metavar="FOLDER", help="dataset with clips to check with, made as the model's "
                        "(default: the one that the model was trained on)")  # fmt: skip
    parser.add_argument("--clips", metavar="N", type=int, help=f"largest number of test clips to check with (default: "
                        f"{_CLIPS})")  # fmt: skip
    return parser


def run(arguments: Sequence[str]) -> int:
    """Runs the tool.

    Raises:
        UserError: something is wrong that the user can change.
    """
    options = make_parser().parse_own(arguments)
    kind, int8, count = options["to"], options.get("int8", False), options.get("clips", _CLIPS)
    if int8 and kind != "tflite":
        raise UsageError("--int8 goes with --to tflite only")
    if count < 1:
        raise UsageError(f"--clips must be at least 1, not {count}")
    data = options.get("data", "")
    if "data" in options and not data:
        raise UsageError("--data is empty: give the folder of a dataset")
    folder, data = (storage.normalise(uri) if uri else "" for uri in (options["run"], data))
    storage.check_stores(folder, *([data] if data else []))
    from trainer.export.conversion.clips import read_clips
    from trainer.export.conversion.source import find_model

    source = find_model(folder)
    extras.require("train", *(["onnx"] if kind == "onnx" else []))
    clips = read_clips(source, data, count, int8)
    from pipelines.process.tensorflow_start import start_tensorflow

    start_tensorflow()
    # TensorFlow, whose import takes seconds, is needed only from here on.
    from trainer.export.conversion.job import export

    print(f"{source.folder}: {source.info.name} ({source.info.variant}), on {clips.sentence}")
    print(_ROW.format("file", "size", "1 thread", "all threads", "difference", "same label", "accuracy"), flush=True)
    export(source, forms_of(kind, int8), clips, _print_row)
    return EXIT_OK


def _print_row(found: "Measured") -> None:
    from pipelines.reports.text import human_bytes

    times = ("-" if ms is None else f"{ms:.1f} ms" for ms in (found.one_ms, found.all_ms))
    agreement = found.agreement
    same = (f"{agreement.largest_difference:.1g}", f"{agreement.same:.1%}") if found.one_ms is not None else ("-", "-")
    print(
        _ROW.format(found.name, human_bytes(found.size_bytes), *times, *same, f"{agreement.accuracy:.1%}"), flush=True
    )


def main() -> int:
    """Entry point of the command line."""
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
