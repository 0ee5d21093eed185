"""The command line of the training tools: flags, configuration files, and the settings that they give."""

from collections.abc import Sequence

from pipelines.cli.flags import Given, add_config, add_flags, read_given
from pipelines.cli.parser import Parser
from pipelines.core.errors import UsageError
from pipelines.core.settings.common import RUNNING
from trainer.config import ALONE, TrainConfig

DEFAULT_EYE = "efficientnet-lite0"
DEFAULT_DATA, DEFAULT_OUTPUT = "data/sample", "runs/MODEL"
EPILOG = """\
exit codes: 0 trained, evaluated and exported; 1 unexpected error; 2 wrong usage or input, nothing was started;
4 incomplete (full disk, lost permission, lost worker): run the same command again; 5 the loss became NaN;
75 stopped by SIGTERM after writing a checkpoint: run the same command again; 130 interrupted by Ctrl-C, likewise."""


def make_parser(tool: str, description: str, leave_out: Sequence[str] = (), output: str = DEFAULT_OUTPUT) -> Parser:
    """A parser with a flag for each setting of `TrainConfig`; flags that are not given are absent from its result."""
    parser = Parser(tool, description, EPILOG)
    add_flags(parser, TrainConfig, leave_out, {"data": DEFAULT_DATA, "output": output})
    add_config(parser, RUNNING)
    return parser


def parse(parser: Parser, arguments: Sequence[str]) -> Given:
    """The values of a command line, which override those of its configuration files.

    Raises:
        UsageError: an unknown flag or key, or a file that can't be read.
    """
    return read_given(parser, arguments, TrainConfig)


def make_config(given: Given, output: str = DEFAULT_OUTPUT) -> TrainConfig:
    """The configuration made from such values, with the defaults of data and output (`MODEL` stands for the network).

    Raises:
        UsageError: a value is missing or out of range.
    """
    values = given.values
    if "model" not in values:
        raise UsageError("choose a network: --model convlstm, --model lrcn or --model appearance")
    if values["model"] == ALONE:
        values.setdefault("appearance", DEFAULT_EYE)
    if isinstance(values.get("augment"), tuple):
        values["augment"] = ",".join(values["augment"])
    if values.get("augment") is False:  # YAML takes `none` for text, but `no` for false
        values["augment"] = "none"
    if isinstance(values.get("compile"), bool):  # likewise `on` and `off`
        values["compile"] = "on" if values["compile"] else "off"
    values.setdefault("data", DEFAULT_DATA)
    values.setdefault("output", output.replace("MODEL", str(values["model"])))
    given.normalise(
        "data", "output", *(name for name in ("init", "appearance_weights", "features") if values.get(name))
    )
    return given.build(TrainConfig)
