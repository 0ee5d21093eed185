"""The command line of `pipelines.label`: flags and configuration file, parsed into a request."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.cli.beam_flags import LOCAL_RUNNER
from pipelines.cli.flags import add_config, add_flags, read_beam, read_given
from pipelines.cli.parser import Parser
from pipelines.core.errors import UsageError
from pipelines.core.settings.common import RUNNING
from pipelines.files.addresses import check_outside
from pipelines.labelling.config import LabelConfig

_DESCRIPTION = """\
Labels many videos, short or long, with a trained model.

  python -m pipelines.label --model runs/lrcn/model --input videos/ --output labels/
  python -m pipelines.label --model gs://bucket/model --input 'gs://bucket/**.mp4' --output gs://bucket/labels
  python -m pipelines.label ... --window-s 4 --stride-s 2 --min-score 0.6     # long videos: labelled time segments

Run it again after an interruption, or with more videos: only unlabelled videos are decoded. Options that are not
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

    @property
    def is_plain(self) -> bool:
        """Whether it leaves everything about Beam at its default, so that nothing about it can be wrong."""
        return self.runner == LOCAL_RUNNER and not self.beam_arguments and not self.config.bigquery_table


def make_parser() -> Parser:
    """The parser; flags that are not given are absent from its result."""
    parser = Parser("pipelines.label", _DESCRIPTION, _EPILOG)
    add_flags(parser, LabelConfig)
    add_config(parser, RUNNING, beam=True)
    return parser


def parse(arguments: Sequence[str]) -> LabelRequest:
    """Parses a command line.

    Raises:
        UsageError: a value is wrong; only configuration files have been read, and nothing has been written.
    """
    parser = make_parser()
    given = read_given(parser, arguments, LabelConfig, beam=True)
    for key, what in (("model", "a model: --model FOLDER"), ("input", "videos to label: --input PATH"),
                      ("output", "where to write the labels: --output FOLDER")):  # fmt: skip
        if not given.values.get(key):
            raise UsageError(f"choose {what}")
    given.normalise("model", "input", "output")
    config = given.build(LabelConfig)
    check_outside(config.output, input=config.input, model=config.model)
    return LabelRequest(config, *read_beam(given))
