"""Makes a model directory of a classifier that was trained elsewhere, so that videos can be labelled with it.

  python -m trainer.import_model --saved-model their_model --labels labels.txt \\
    --num-frames 20 --size 64 --scale 0-1 --output models/theirs
  python -m trainer.import_model --keras convlstm.h5 --labels labels.txt --num-frames 20 --size 64 --scale 0-1 \\
    --channels bgr --sampling notebook --interpolation bilinear --output models/convlstm

--channels, --scale, --sampling, --resize and --interpolation say what the model was trained on; the file doesn't tell
them, and a wrong one costs accuracy without an error. The public notebooks on UCF50 read and resize pictures with
OpenCV and divide them by 255: their models take what the second example says, or --channels rgb where the notebook
swaps colours (cv2.COLOR_BGR2RGB). The directory has the form of those that `trainer.task` writes.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.cli import tool
from pipelines.core.errors import EXIT_OK, UsageError
from pipelines.core.model_info import MODEL_INFO, ModelInfo
from pipelines.core.spec import INTERPOLATIONS, RESIZE_MODES, SAMPLING_NAMES, ClipSpec
from pipelines.core.versions import OF_MODEL, versions
from pipelines.dataset.config import parse_size
from pipelines.files.local import refuse_special
from pipelines.inputs.source_hints import nearest
from pipelines.process.tensorflow_start import start_tensorflow
from trainer.evaluation.places import refuse_other_folder
from trainer.files import storage

if TYPE_CHECKING:
    from trainer.export.adapter import Adapter

SCALES = ("0-1", "-1-1", "0-255", "imagenet")
CHANNELS = ("rgb", "bgr")
OUTPUTS = ("auto", "probabilities", "logits")


@dataclass(frozen=True)
class Request:
    """What a command line asks for; `labels` in the order of the model's outputs."""

    source: Path
    is_keras: bool
    signature: str
    labels: tuple[str, ...]
    clip_spec: ClipSpec
    scale: str
    channels: str
    outputs: str
    name: str
    output: str
    trust: bool


def make_parser() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.import_model", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes: 0 the model was imported; 1 unexpected error; 2 wrong usage or model, nothing was written; "
        "4 the output can't be written.",
    )  # fmt: skip
    tool.add_version(parser)
    default = ClipSpec()
    group = parser.add_argument_group("the model")
    source = group.add_mutually_exclusive_group(required=True)
    source.add_argument("--saved-model", metavar="DIR", help="folder with saved_model.pb in it, of Keras 2, 3 or none")
    source.add_argument("--keras", metavar="FILE", help=".keras file, or legacy .h5 file of a whole model")
    group.add_argument("--signature", default="", metavar="NAME",
                       help="which function of the SavedModel (default: serving_default, or the only one)")  # fmt: skip
    group.add_argument("--labels", required=True, metavar="FILE",
                       help="text file with a class name a line, in the order of the model's outputs")  # fmt: skip
    group.add_argument("--outputs", choices=OUTPUTS, default="auto",
                       help="what it gives (default: auto, found out on sample clips)")  # fmt: skip
    group.add_argument("--trust-model", action="store_true", help="import a SavedModel even if its operations could "
                       "read and write files or run programs as you")  # fmt: skip
    group = parser.add_argument_group("the clips that it was trained on")
    group.add_argument("--num-frames", type=int, required=True, metavar="T", help="frames of a clip")
    group.add_argument("--size", required=True, metavar="PIXELS", help="height and width: 64 or 72x96")
    group.add_argument("--scale", choices=SCALES, required=True,
                       help="range of its pixels; imagenet is 0-1 less mean over deviation of ImageNet")  # fmt: skip
    group.add_argument("--channels", choices=CHANNELS, default="rgb", help="their order (default: rgb)")
    group.add_argument("--sampling", choices=[*SAMPLING_NAMES], default=default.sampling,
                       help="which frames of a video: centres of equal numbers of frames (uniform) or of equal spans "
                       "of time (uniform-time), or as the public notebooks do (default: %(default)s)")  # fmt: skip
    group.add_argument("--resize", choices=RESIZE_MODES, default=default.resize,
                       help="how a picture of another shape is fitted (default: %(default)s)")  # fmt: skip
    group.add_argument("--interpolation", choices=INTERPOLATIONS, default=default.interpolation,
                       help="how a picture was scaled: by area average, or bilinear as cv2.resize does by default "
                       "(default: %(default)s)")  # fmt: skip
    group = parser.add_argument_group("output")
    group.add_argument("--name", default="", help="of the model, as it will be shown (default: that of its file)")
    group.add_argument("--output", required=True, metavar="DIR",
                       help="folder of the imported model, local or gs://...; a model there is replaced")  # fmt: skip
    return parser


def parse(arguments: Sequence[str]) -> Request:
    """Understands a command line and reads the labels.

    Raises:
        UsageError: a value is wrong, or a file is missing.
    """
    parser = make_parser()
    given, unknown = parser.parse_known_args(_join_scale(arguments))
    flags = [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]
    tool.refuse_unknown_flags(unknown, flags, arguments)
    is_keras = given.keras is not None
    for flag in ("saved_model", "keras", "labels"):
        if getattr(given, flag) is not None and not getattr(given, flag).strip():
            raise UsageError(f"--{flag.replace('_', '-')} is empty. Give a path")
    source = Path(given.keras if is_keras else given.saved_model).expanduser()
    check_source(source, is_keras)
    if is_keras and given.trust_model:
        raise UsageError("--trust-model is for a SavedModel; a Keras file is always read in safe mode")
    if is_keras and given.signature:
        raise UsageError("--signature is for a SavedModel; a Keras file has one function only")
    try:
        height, width = parse_size(given.size)
        clip_spec = ClipSpec(given.num_frames, height, width, given.sampling, given.resize, given.interpolation)
    except ValueError as error:
        raise UsageError(str(error)) from error
    output = storage.normalise(given.output, "--output")
    if storage.is_local(output) and Path(output).resolve() in (source.resolve(), *source.resolve().parents):
        raise UsageError(f"--output {given.output} would replace the model that is imported, {source}; choose another")
    return Request(
        source, is_keras, given.signature, read_labels(Path(given.labels).expanduser()), clip_spec,
        given.scale, given.channels, given.outputs, given.name or source.resolve().stem, output, given.trust_model,
    )  # fmt: skip


def _join_scale(arguments: Sequence[str]) -> list[str]:
    """Joins `--scale -1-1`, which looks like two flags to argparse."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--scale" and argument in SCALES:
            joined[-1] = f"--scale={argument}"
        else:
            joined.append(argument)
    return joined


def check_source(source: Path, is_keras: bool) -> None:
    """Refuses a model that isn't there, or is of the other kind.

    Raises:
        UsageError: it is so.
    """
    if is_keras:
        if source.is_dir():
            raise UsageError(f"{source} is a folder; if it is a SavedModel, say --saved-model {source}")
        if not source.is_file():
            raise UsageError(f"no such Keras file: {source}{nearest(str(source.absolute()))}")
    elif source.is_file():
        raise UsageError(f"{source} is a file, not the folder of a SavedModel; if it is of Keras, say --keras {source}")
    elif not source.is_dir():
        raise UsageError(f"no such SavedModel: {source}{nearest(str(source.absolute()))}")
    elif not any((source / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        inner = next((path.parent for path in sorted(source.glob("*/saved_model.pb"))), None)
        hint = f"; did you mean {inner}?" if inner else "; it is the folder that holds saved_model.pb"
        raise UsageError(f"{source} is no SavedModel{hint}")


def read_labels(path: Path) -> tuple[str, ...]:
    """Names of classes in the order of their lines; blank lines don't count.

    Raises:
        UsageError: the file can't be read, holds no name, or holds one twice.
    """
    try:
        refuse_special(str(path))
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"cannot read the labels {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no text in UTF-8: {error}") from error
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name = line.strip()
        if name and seen.setdefault(name, number) != number:
            raise UsageError(f"{path}, line {number}: {name!r} stands in line {seen[name]} already")
    if not seen:
        raise UsageError(f"{path} holds no class name; write one a line, in the order of the model's outputs")
    return tuple(seen)


def run(arguments: Sequence[str]) -> int:
    """Runs the tool.

    Raises:
        UserError: something is wrong that the user can change.
    """
    request = parse(arguments)
    storage.check_stores(request.output)
    start_tensorflow()
    # From here on with TensorFlow, whose import takes seconds.
    from trainer.export.adapter import Adapter, sample_clips
    from trainer.export.foreign import open_keras, open_saved_model
    from trainer.export.keras_model import weights_fingerprint
    from trainer.export.model_folder import KERAS_MODEL, check_saved_model, exact_float32, staged, write_saved_model

    refuse_other_folder(request.output)
    source = str(request.source)
    if request.is_keras:
        foreign = open_keras(source)
    else:
        foreign = open_saved_model(source, request.signature, len(request.labels), request.trust)
    clips = sample_clips(request.clip_spec)
    with exact_float32():
        adapter = Adapter.make(
            foreign, source, request.clip_spec, request.labels, request.scale, request.channels, request.outputs, clips
        )
        info = ModelInfo(
            request.name, "imported", request.clip_spec, tuple(sorted(request.labels)),
            parameters=sum(array.size for array in foreign.weights), versions=versions(OF_MODEL),
            imported=adapter.to_json(),
        )  # fmt: skip
        info = replace(
            info, fingerprint=weights_fingerprint(f"{foreign.architecture} {info.imported}", foreign.weights, info)
        )
        with staged(request.output) as built:
            folder = f"{built}/{info.saved_model}"
            write_saved_model(folder, adapter.logits, foreign.resources, info)
            check_saved_model(folder, info, clips, adapter.logits(clips).numpy())
            if foreign.keeps_file:
                shutil.copyfile(source, f"{built}/{KERAS_MODEL}")
            Path(built, MODEL_INFO).write_text(info.to_json())
    print(_summary(request, foreign.description, adapter, info))
    return EXIT_OK


def _summary(request: Request, description: str, adapter: "Adapter", info: ModelInfo) -> str:
    found = " (found out on sample clips)" if request.outputs == "auto" else ""
    order = "" if request.labels == info.labels else ", put into sorted order, and the outputs with them"
    spec = info.clip_spec
    pixels = f"{spec.num_frames} frames of {spec.height}x{spec.width}, {adapter.channels}, scaled to {adapter.scale}"
    return (
        f"found: {description}; {info.parameters:,} parameters\n"
        f"input: {pixels}; sampling {spec.sampling}, resize {spec.resize}, interpolation {spec.interpolation}\n"
        f"outputs: {adapter.outputs}{found}, {len(info.labels)} labels{order}\n"
        f"{request.output}: model {info.name}, fingerprint {info.fingerprint}"
    )


def main() -> None:
    """Entry point of the command line."""
    storage.exit_now(tool.run_tool(run, sys.argv[1:]))


if __name__ == "__main__":
    main()
