"""The command line of `pipelines.label`: flags, configuration file, and what they become."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields

from pipelines import files
from pipelines.cli import flags, tool
from pipelines.cli.flags import add_setting, parse_with_files
from pipelines.core import config as configuration
from pipelines.core.errors import UsageError
from pipelines.files.addresses import check_outside
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.rows import FORMATS

_DESCRIPTION = """\
Labels many videos, short or long, with a trained model.

  python -m pipelines.label --model runs/lrcn/model --input videos/ --output labels/
  python -m pipelines.label --model gs://bucket/model --input 'gs://bucket/**.mp4' --output gs://bucket/labels
  python -m pipelines.label ... --window-s 4 --stride-s 2 --min-score 0.6     # long videos: labelled time segments

Run it again after an interruption, or with more videos: only what is not labelled yet is decoded. Options that are not
listed here go to Beam, for example --runner=DataflowRunner --project=... --temp_location=gs://..."""
_EPILOG = """\
exit codes: 0 every video is labelled or in failures.jsonl; 1 unexpected error; 2 wrong usage, model or input, nothing
was started; 3 too many videos failed; 4 incomplete (full disk, lost permission, failed Beam job): run the same command
again; 130 interrupted."""


@dataclass(frozen=True)
class LabelRequest:
    """What a command line asks for."""

    config: LabelConfig
    runner: str
    beam_arguments: tuple[str, ...]


def make_parser() -> argparse.ArgumentParser:
    """The parser; flags that are not given are absent from its result."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.label", description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS,
    )  # fmt: skip
    tool.add_version(parser)
    default = LabelConfig("", "", "")

    def add(
        group: argparse._ArgumentGroup, name: str, text: str, metavar: str = "", choices: Sequence[str] = ()
    ) -> None:
        add_setting(group, name, text, default, metavar=metavar, choices=choices)

    group = parser.add_argument_group("input and output")
    group.add_argument(
        "--input", metavar="PATH",
        help="folder, glob (quoted), video, text file of paths, or CSV manifest with a column path; local or gs://...",
    )  # fmt: skip
    group.add_argument("--model", metavar="FOLDER", help="model directory, of trainer.task or trainer.import_model")
    group.add_argument("--output", metavar="FOLDER", help="folder of the labels")
    add(group, "--format", "of the labels", choices=FORMATS)
    add(group, "--webvtt", "also write a subtitle track for each video")
    add(
        group, "--bigquery-table", "also load the labels into this table, whose content they replace; needs "
        "--temp_location gs://...", "PROJECT:DATASET.TABLE",
    )  # fmt: skip
    add(group, "--limit", "at most N videos, for a quick try", "N")
    add(group, "--max-failure-rate", "fail if more than this share of the videos get no label", "SHARE")
    add(group, "--dry-run", "say what would be done, with an estimate from a sample, and write nothing")
    add(group, "--overwrite", "replace labels of another model in the output folder")
    add(
        group, "--trust-model", "use the model even if its operations could read and write files or run programs as you"
    )
    group = parser.add_argument_group(
        "windows", "A video about as long as those in training is one clip, a longer one is cut into windows."
    )
    add(group, "--window-s", "length of a window in seconds (default: the median of the training videos)", "S")
    add(group, "--stride-s", "seconds from one window to the next (default: half a window)", "S")
    add(group, "--range-s", "videos of more than this are cut at key frames, so that workers share them", "S")
    group = parser.add_argument_group("segments", "Changing these doesn't need scoring again.")
    add(group, "--min-score", "segments with less are `unknown`", "P")
    add(group, "--smooth", "windows over which scores are averaged, an odd number; 1 for none", "N")
    add(group, "--min-duration-s", "shorter segments are joined to a neighbour", "S")
    add(group, "--top-k", "classes that are listed with their scores", "K")
    group = parser.add_argument_group("running")
    flags.add_common(group)
    add(group, "--shards", "number of files of labels (default: one for 10,000 videos)", "N")
    add(group, "--workers", "decoder processes of each Beam worker (default: all cores with DirectRunner, else 1)", "N")
    add(group, "--time-limit-s", "seconds that one window may take to decode", "S")
    add(group, "--memory-limit-mb", "memory that decoding may take", "MB")
    return parser


def own_flags() -> list[str]:
    """All flags of this tool."""
    return flags.own_flags(make_parser())


def parse(arguments: Sequence[str]) -> LabelRequest:
    """Understands a command line.

    Raises:
        UsageError: a value is wrong; nothing has been read or written but the configuration file.
    """
    known = tuple(item.name for item in fields(LabelConfig))
    values, runner, beam_arguments = parse_with_files(make_parser(), arguments, known)
    for key, what in (("model", "which model labels: --model FOLDER"), ("input", "what to label: --input PATH"),
                      ("output", "where the labels are to go: --output FOLDER")):  # fmt: skip
        if not values.get(key):
            raise UsageError(f"say {what}")
        values[key] = files.normalise(str(values[key]), f"--{key}")
    config = configuration.build(LabelConfig, values)
    check_outside(config.output, input=config.input, model=config.model)
    return LabelRequest(config, runner, beam_arguments)
