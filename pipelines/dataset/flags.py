"""The command line of `pipelines.preprocess`: flags, configuration file, and what they become."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from pipelines import files
from pipelines.cli import flags, tool
from pipelines.cli.flags import add_setting, parse_with_files
from pipelines.core import config as configuration
from pipelines.core.errors import UsageError
from pipelines.core.spec import COMPRESSIONS, FRAME_ENCODINGS, INTERPOLATIONS, RESIZE_MODES, SAMPLING_NAMES
from pipelines.dataset.config import DEFAULT_SPLITS, SPLIT_SETTINGS, PreprocessConfig
from pipelines.files.addresses import check_outside

SAMPLE_VIDEOS, SAMPLE_DATASET = "data/sample-videos", "data/sample"
_DESCRIPTION = """\
Extracts, samples and resizes the frames of many videos into a TFRecord dataset with group-safe splits.

  python -m pipelines.preprocess                                        # generated sample videos, a first look
  python -m pipelines.preprocess --input UCF50 --output data/ucf50      # a tree: the folder is the class
  python -m pipelines.preprocess --input videos.csv --output data/mine --classes Swing,TaiChi

Run it again after an interruption: finished shards are kept. Options that are not listed here go to Beam, for example
--runner=DataflowRunner --project=... --temp_location=gs://... --max_num_workers=100."""
_EPILOG = """\
exit codes: 0 the dataset is complete; 1 unexpected error; 2 wrong usage or input, nothing was started; 3 too many
videos failed; 4 incomplete (full disk, lost permission, failed Beam job): run the same command again;
130 interrupted."""


@dataclass(frozen=True)
class Request:
    """What a command line asks for."""

    config: PreprocessConfig
    runner: str
    beam_arguments: tuple[str, ...]
    use_sample_data: bool


def make_parser() -> argparse.ArgumentParser:
    """The parser; flags that are not given are absent from its result."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.preprocess", description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS,
    )  # fmt: skip
    tool.add_version(parser)
    default = PreprocessConfig("", "")

    def add(group: Any, name: str, text: str, metavar: str = "", choices: Sequence[str] = (), **options: Any) -> None:
        add_setting(group, name, text, default, metavar, choices, **options)

    group = parser.add_argument_group("input and output")
    what = "folder of class folders, or CSV manifest with the columns path,label[,group][,split]; local or gs://..."
    add(group, "--input", f"{what} (default: sample videos, generated into {SAMPLE_VIDEOS})", metavar="PATH")
    add(group, "--output", "folder of the dataset", metavar="PATH")
    add(group, "--class-level", "which level of folders the classes are, from 1 (default: the first below folders "
        "train, val, test and below a lone folder around everything)", metavar="N")  # fmt: skip
    add(group, "--classes", "only these classes, separated by commas", metavar="A,B,...", type_=_list)
    add(
        group,
        "--limit",
        "at most N videos of each class, and of each official split of it, for a quick try",
        metavar="N",
    )
    add(group, "--min-frames", "leave out videos with fewer frames", metavar="N")
    add(
        group,
        "--drop-duplicates",
        "leave out videos with the very content of one whose name comes first; finding them reads files of equal size",
    )
    add(group, "--max-failure-rate", "fail if more than this share of the videos can't be read", metavar="SHARE")
    add(group, "--overwrite", "replace the dataset in the output folder")
    group = parser.add_argument_group("clips")
    add(group, "--num-frames", "frames of a clip", metavar="T")
    add(group, "--size", "height and width in pixels: 64 or 72x96", metavar="PIXELS")
    add(
        group,
        "--sampling",
        "which frames: centres of equal numbers of frames (uniform) or of equal spans of time (uniform-time), or as "
        "the public notebooks do",
        choices=[*SAMPLING_NAMES],
    )
    add(group, "--resize", "how a picture of another shape is fitted", choices=RESIZE_MODES)
    add(
        group,
        "--interpolation",
        "how a picture is scaled: by area average, or bilinear, with the pixels of OpenCV and the public notebooks",
        choices=INTERPOLATIONS,
    )
    group = parser.add_argument_group("storage")
    add(group, "--encoding", "how frames are stored", choices=FRAME_ENCODINGS)
    add(group, "--jpeg-quality", "1 to 100", metavar="Q")
    add(group, "--compression", "of whole shards", choices=COMPRESSIONS)
    add(group, "--shards", "number of files (default: about 128 MB each)", metavar="N")
    group = parser.add_argument_group("splits", "All videos of a group go into the same split where videos are dealt.")
    add(group, "--splits", "names and fractions, to deal the videos whatever the input says; official: as the folders "
        "train, val, test or the manifest's column split say (default: official where there are such, else "
        f"{DEFAULT_SPLITS})", metavar="NAME=F,...")  # fmt: skip
    add(group, "--split-groups", "groups of a split, the rest is train; may be repeated", metavar="NAME=GROUP,...",
        type_=str, repeated=True)  # fmt: skip
    add(group, "--split-file", "lines group,split or path,split, UCF101's trainlist01.txt and testlist01.txt, or "
        "HMDB51's files for each class; a file, a folder or a pattern, may be repeated. What is not named goes into "
        "train, or is left out where videos of train are named", metavar="FILE", type_=str, repeated=True)  # fmt: skip
    add(group, "--split-seed", "another draw of groups", metavar="N")
    group = parser.add_argument_group("running")
    flags.add_common(group)
    add(
        group,
        "--workers",
        "decoder processes of each Beam worker (default: all cores with DirectRunner, else 1)",
        metavar="N",
    )
    add(group, "--time-limit-s", "seconds that one video may take", metavar="S")
    add(group, "--memory-limit-mb", "memory that decoding one video may take", metavar="MB")
    return parser


def own_flags() -> list[str]:
    """All flags of this tool."""
    return flags.own_flags(make_parser())


def parse(arguments: Sequence[str]) -> Request:
    """Understands a command line.

    Raises:
        UsageError: a value is wrong; nothing has been read or written but the configuration file.
    """
    known = tuple(item.name for item in fields(PreprocessConfig))
    parser = make_parser()
    values, runner, beam_arguments = parse_with_files(parser, arguments, known)
    # A flag overrides what a file says of the same matter by another name.
    flagged = vars(parser.parse_known_args(list(arguments))[0]).keys() & SPLIT_SETTINGS
    if flagged:
        values = {key: value for key, value in values.items() if key not in SPLIT_SETTINGS or key in flagged}
    for key in ("split_groups", "split_file"):
        if isinstance(values.get(key), str):
            values[key] = (values[key],)
        elif key in values:
            values[key] = tuple(values[key])
    use_sample_data = "input" not in values
    if use_sample_data:
        values = {"output": SAMPLE_DATASET, **values, "input": SAMPLE_VIDEOS}
    if "output" not in values:
        raise UsageError("say where the dataset is to go: --output FOLDER")
    for key in ("input", "output"):
        values[key] = files.normalise(str(values[key]), f"--{key}")
    if "size" in values:
        values["size"] = str(values["size"])  # YAML takes 64 for a number
    config = configuration.build(PreprocessConfig, values)
    check_outside(config.output, input=config.input)
    return Request(config, runner, beam_arguments, use_sample_data)


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
