"""Tells whether two collections of videos differ: `python -m pipelines.drift`, see `--help`."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines import files
from pipelines.cli import tool
from pipelines.cli.flags import add_flags, read_given
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_INVALID, EXIT_OK, UsageError
from pipelines.core.settings.fields import check_settings, setting
from pipelines.files.addresses import check_outside

_DESCRIPTION = """\
Tells whether two collections of videos differ: a dataset and later labels, two runs of labels, or two datasets.

  python -m pipelines.drift --dataset data/ucf50 --labels labels/ --output drift/
  python -m pipelines.drift --labels labels-march/ labels-april/

Compares shares of labels, scores, durations, brightness, motion, resolution and embeddings, as far as both sides know
them; docs/how-to/drift.md says how."""
_EPILOG = """\
exit codes: 0 no drift; 1 drift: an effect size exceeds --threshold, and isn't due to chance; 2 wrong usage, or a
dataset or labels that are incomplete or damaged; 130 interrupted."""
JSON, PAGE = "drift.json", "drift.html"


@dataclass(frozen=True)
class DriftConfig:
    """What to compare.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    dataset: tuple[str, ...] = setting(
        (), metavar="FOLDER", repeated=True, automatic="none",
        help="a dataset that pipelines.preprocess wrote, or two of them",
    )  # fmt: skip
    labels: tuple[str, ...] = setting(
        (), metavar="FOLDER", repeated=True, automatic="none",
        help="labels that pipelines.label wrote, or two folders of them",
    )  # fmt: skip
    groups: str = setting(
        "", metavar="FILE", automatic="as named by _gNN_ in file names",
        help="a table with the columns path and group, such as a manifest: which labelled videos share a source",
    )  # fmt: skip
    output: str = setting(
        "",
        metavar="FOLDER",
        automatic="none",
        help=f"folder for {JSON} and {PAGE}, which replace those of an earlier run",
    )
    threshold: float = setting(
        0.2, metavar="SIZE", low=0, high=1,
        help="the effect size, from 0 to 1, above which a significant difference is drift",
    )  # fmt: skip
    sample: int = setting(
        200, metavar="N", low=1, high=5000, help="number of videos of each side whose pixels are looked at"
    )
    seed: int = setting(0, metavar="N", low=0, help="random seed; chooses videos and permutations")

    def __post_init__(self) -> None:
        check_settings(self)
        if len(self.dataset) + len(self.labels) != 2:
            raise UsageError(
                "drift is between two: give --dataset FOLDER --labels FOLDER, or two folders after one of these flags, "
                f"not {len(self.dataset)} of --dataset and {len(self.labels)} of --labels"
            )


def make_parser() -> Parser:
    """The parser."""
    parser = Parser("pipelines.drift", _DESCRIPTION, _EPILOG)
    add_flags(parser, DriftConfig)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Compares what a command line names, shows the findings and returns the exit code.

    Raises:
        UsageError: a side can't be read.
        OutputError: the output can't be written.
    """
    config = read_given(make_parser(), arguments, DriftConfig).build(DriftConfig)
    datasets = [files.normalise(place, "--dataset") for place in config.dataset]
    labels = [files.normalise(place, "--labels") for place in config.labels]
    output = files.normalise(config.output, "--output") if config.output else ""
    groups = files.normalise(config.groups, "--groups") if config.groups else ""
    files.check_stores(*datasets, *labels, *filter(None, (output, groups)))
    if len({os.path.realpath(place) if files.is_local(place) else place for place in (*datasets, *labels)}) == 1:
        raise UsageError(f"both sides are {(*datasets, *labels)[0]}, which can't differ from itself. Give two folders")
    if output:
        for place in datasets:
            check_outside(output, dataset=place)
        for place in labels:
            check_outside(output, labels=place)
        _check_output(output)
    from pipelines.shift.page import print_comparison
    from pipelines.shift.sides import compare_places

    comparison = compare_places(datasets, labels, groups, config.threshold, config.sample, config.seed)
    if output:
        from pipelines.shift.page import render

        temporary = files.join(output, ".tmp")
        text = json.dumps(comparison.to_json(), indent=1) + "\n"
        for name, content in ((PAGE, render(comparison)), (JSON, text)):
            files.write_text(files.join(output, name), content, temporary)
        files.delete_folder(temporary)
    print_comparison(comparison, files.join(output, PAGE) if output else "")
    return EXIT_INVALID if comparison.drifted else EXIT_OK


def _check_output(output: str) -> None:
    """Refuses a folder with other things in it.

    Raises:
        UsageError: there are some, or the folder can't be read.
    """
    try:
        others = [name for name in files.list_names(output) if name not in (JSON, PAGE, ".tmp")]
    except OSError as error:
        raise UsageError(f"cannot read the folder {output}: {files.reason(error)}") from error
    if others:
        raise UsageError(
            f"{output} is not empty (found {', '.join(others[:3])}). Choose another --output or empty the folder"
        )


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
