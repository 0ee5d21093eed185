"""The command line of `pipelines.preprocess`: flags and configuration file, parsed into a request."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.cli.beam_flags import LOCAL_RUNNER
from pipelines.cli.flags import add_config, add_flags, read_beam, read_given
from pipelines.cli.parser import Parser
from pipelines.core.errors import UsageError
from pipelines.core.settings.common import RUNNING
from pipelines.dataset.config import SPLIT_SETTINGS, PreprocessConfig
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

    @property
    def is_plain(self) -> bool:
        """Whether it leaves everything about Beam at its default, so that nothing about it can be wrong."""
        return self.runner == LOCAL_RUNNER and not self.beam_arguments


def make_parser() -> Parser:
    """The parser; flags that are not given are absent from its result."""
    parser = Parser("pipelines.preprocess", _DESCRIPTION, _EPILOG)
    sample = {"input": f"sample videos, generated into {SAMPLE_VIDEOS}", "output": f"{SAMPLE_DATASET} for those"}
    add_flags(parser, PreprocessConfig, defaults=sample)
    add_config(parser, RUNNING, beam=True)
    return parser


def parse(arguments: Sequence[str]) -> Request:
    """Parses a command line.

    Raises:
        UsageError: a value is wrong; only configuration files have been read, and nothing has been written.
    """
    parser = make_parser()
    given = read_given(parser, arguments, PreprocessConfig, SPLIT_SETTINGS, beam=True)
    values = given.values
    use_sample_data = "input" not in values
    if use_sample_data:
        values["input"] = SAMPLE_VIDEOS
        values.setdefault("output", SAMPLE_DATASET)
    if "output" not in values:
        raise UsageError("choose where to write the dataset: --output FOLDER")
    given.normalise("input", "output")
    if isinstance(values.get("size"), int):
        values["size"] = str(values["size"])  # YAML reads 64 as a number
    config = given.build(PreprocessConfig)
    check_outside(config.output, input=config.input)
    runner, beam_arguments = read_beam(given)
    return Request(config, runner, beam_arguments, use_sample_data)
