"""The command line of `trainer.import_model`: its settings, and the model and labels that they name."""

import os
import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path

from pipelines.cli.flags import add_flags, flag_of, read_given
from pipelines.cli.parser import Parser
from pipelines.core.errors import UsageError
from pipelines.core.label_sets import check_label
from pipelines.core.settings.common import Common
from pipelines.core.settings.fields import Group, check_settings, naming, setting, setting_like
from pipelines.core.spec import ClipSpec
from pipelines.dataset.config import parse_size
from pipelines.files.addresses import check_here
from pipelines.files.local import refuse_special
from pipelines.files.nearest import nearest
from trainer.files import storage

SCALES = ("0-1", "-1-1", "0-255", "imagenet")
CHANNELS = ("rgb", "bgr")
OUTPUTS = ("auto", "probabilities", "logits")
_NUMBERED = re.compile(r"(\d{1,6})(?:[.):]\s*|\s*[,;\t]\s*|\s+)(\S.*)", re.ASCII)
"""A number before a name: `1 Archery`, `0,Archery`, `1. Archery`."""
_MODEL, _CLIPS, _OUTPUT = Group("the model"), Group("the clips that it was trained on"), Group("output")
_EPILOG = """\
exit codes: 0 the model was imported; 1 unexpected error; 2 wrong usage or model, nothing was written; 4 the output
can't be written."""


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """Settings of an import; `--help` of `trainer.import_model` explains each.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    saved_model: str = setting(
        "",
        group=_MODEL,
        metavar="FOLDER",
        help="model to read: folder with a saved_model.pb, written by Keras 2, Keras 3 or TensorFlow alone",
    )
    keras: str = setting(
        "", group=_MODEL, metavar="FILE", help="or model to read: .keras file, or legacy .h5 file of a whole model"
    )
    labels: str = setting(
        group=_MODEL,
        metavar="FILE",
        help="text file with a class name in each line, in the order of the model's outputs",
    )
    signature: str = setting(
        "", group=_MODEL, metavar="NAME", automatic="serving_default, or the only one",
        help="function of the SavedModel to use",
    )  # fmt: skip
    outputs: str = setting(
        "auto", group=_MODEL, choices=OUTPUTS, help="what the model outputs; `auto` finds out from sample clips"
    )
    trust_model: bool = setting_like(Common, "trust_model", group=_MODEL)
    num_frames: int = setting_like(ClipSpec, "num_frames", group=_CLIPS, default=MISSING)
    size: str = setting(
        group=_CLIPS, metavar="PIXELS", help="height and width of a frame in pixels: 64 or HEIGHTxWIDTH, such as 72x96"
    )
    scale: str = setting(
        group=_CLIPS, choices=SCALES,
        help="range of the pixels; `imagenet` is 0-1 minus ImageNet's mean, divided by its standard deviation",
    )  # fmt: skip
    channels: str = setting("rgb", group=_CLIPS, choices=CHANNELS, help="order of the colour channels")
    sampling: str = setting_like(ClipSpec, "sampling", group=_CLIPS)
    resize: str = setting_like(ClipSpec, "resize", group=_CLIPS)
    interpolation: str = setting_like(ClipSpec, "interpolation", group=_CLIPS)
    name: str = setting(
        "", group=_OUTPUT, metavar="NAME", automatic="the name of its file", help="name to show for the model"
    )
    output: str = setting(
        group=_OUTPUT, metavar="FOLDER",
        help="folder to write the imported model to, local, gs:// or s3://; a model there is replaced",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_settings(self)
        with naming("size"):
            _ = self.clip_spec

    @property
    def clip_spec(self) -> ClipSpec:
        """The clips that the model takes."""
        height, width = parse_size(self.size)
        return ClipSpec(self.num_frames, height, width, self.sampling, self.resize, self.interpolation)


@dataclass(frozen=True)
class Request:
    """What a command line asks for; `labels` are in the order of the model's outputs, `numbered` tells whether their
    file has numbers before them."""

    source: Path
    is_keras: bool
    signature: str
    labels: tuple[str, ...]
    numbered: bool
    clip_spec: ClipSpec
    scale: str
    channels: str
    outputs: str
    name: str
    output: str
    trust: bool


def make_parser(description: str | None) -> Parser:
    """The parser; flags that are not given are absent from its result."""
    parser = Parser("trainer.import_model", description, _EPILOG)
    add_flags(parser, ImportConfig)
    return parser


def parse(arguments: Sequence[str], description: str | None = None) -> Request:
    """Parses a command line and reads the labels.

    Raises:
        UsageError: a value is wrong, or a file is missing.
    """
    given = read_given(make_parser(description), _join_scale(arguments), ImportConfig)
    for name in ("saved_model", "keras", "labels"):
        if name in given.values and not given.values[name].strip():
            raise UsageError(f"{flag_of(name)} is empty. Give a path")
        check_here(given.values.get(name, ""), flag_of(name))
    if len(given.values.keys() & {"saved_model", "keras"}) != 1:
        raise UsageError("give the model either as --saved-model FOLDER or as --keras FILE. See --help")
    config = given.build(ImportConfig)
    is_keras = bool(config.keras)
    source = Path(config.keras or config.saved_model).expanduser()
    check_source(source, is_keras)
    if is_keras and config.trust_model:
        raise UsageError("--trust-model is for a SavedModel; a Keras file is always read in safe mode")
    if is_keras and config.signature:
        raise UsageError("--signature is for a SavedModel; a Keras file has one function only")
    output = storage.normalise(config.output, "--output")
    if storage.is_local(output) and Path(os.path.realpath(output)) in (source.resolve(), *source.resolve().parents):
        raise UsageError(f"--output {config.output} would replace the model to import, {source}; choose another")
    labels, numbered = read_labels(Path(config.labels).expanduser())
    return Request(
        source, is_keras, config.signature, labels, numbered, config.clip_spec, config.scale, config.channels,
        config.outputs, config.name or source.resolve().stem, output, config.trust_model,
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
    """Refuses a model that doesn't exist or is of the other kind.

    Raises:
        UsageError: there is no such model, or it is of the other kind.
    """
    if is_keras:
        if source.is_dir():
            raise UsageError(f"{source} is a folder; if it is a SavedModel, use --saved-model {source}")
        if not source.is_file():
            raise UsageError(f"no such Keras file: {source}{nearest(str(source.absolute()))}")
    elif source.is_file():
        raise UsageError(f"{source} is a file, not the folder of a SavedModel; if Keras wrote it, use --keras {source}")
    elif not source.is_dir():
        raise UsageError(f"no such SavedModel: {source}{nearest(str(source.absolute()))}")
    elif not any((source / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        inner = next((path.parent for path in sorted(source.glob("*/saved_model.pb"))), None)
        hint = f"; did you mean {inner}?" if inner else "; give the folder that holds saved_model.pb"
        raise UsageError(f"{source} is not a SavedModel{hint}")


def read_labels(path: Path) -> tuple[tuple[str, ...], bool]:
    """Names of classes in the order of their lines; blank lines are skipped.

    Returns:
        The names, and whether all lines had numbers before them, as in UCF101's `classInd.txt`, which are left out.

    Raises:
        UsageError: the file can't be read, holds no names, or holds one twice; or its lines have such numbers, but
            aren't in their order.
    """
    try:
        refuse_special(str(path))
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"cannot read the labels {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: {error}") from error
    names = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    found = [match for name in names.values() if (match := _NUMBERED.fullmatch(name))]
    numbers = [int(match[1]) for match in found]
    is_numbered = len(found) == len(names) > 1 and sorted(numbers) in (
        [*range(len(names))],
        [*range(1, len(names) + 1)],
    )
    if is_numbered:
        if numbers != sorted(numbers):
            shown = ", ".join(map(str, numbers[:5]))
            raise UsageError(f"{path}: the lines aren't in the order of their numbers, which begin {shown}. Sort them")
        names = {number: match[2] for number, match in zip(names, found, strict=True)}
    seen: dict[str, int] = {}
    for number, name in names.items():
        check_label(name, f"{path}, line {number}")
        if seen.setdefault(name, number) != number:
            raise UsageError(f"{path}, line {number}: {name!r} is already in line {seen[name]}")
    if not seen:
        raise UsageError(f"{path} holds no class names; write one per line, in the order of the model's outputs")
    return tuple(seen), is_numbered
