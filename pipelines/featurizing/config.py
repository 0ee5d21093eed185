"""Settings of the job that computes features, and its command line."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.appearance.names import APPEARANCES, NONE
from pipelines.cli.beam_flags import LOCAL_RUNNER
from pipelines.cli.flags import add_config, add_flags, read_beam, read_given
from pipelines.cli.parser import Parser
from pipelines.core.errors import UsageError
from pipelines.core.settings.common import INPUT_OUTPUT, RUNNING, Common
from pipelines.core.settings.fields import check_settings, setting, setting_like
from pipelines.files.addresses import check_here, check_outside

_DESCRIPTION = """\
Computes what a pretrained network says of each frame of a dataset, once, so that training need not run it.

  python -m pipelines.features --data data/ucf50 --appearance efficientnet-lite0 --output data/ucf50-features
  python -m trainer.task --model appearance --data data/ucf50 --features data/ucf50-features

Run it again after an interruption: finished shards are kept. Run it again after the dataset has changed: only shards
that have changed are computed. Options that are not listed here go to Beam, for example --direct_num_workers=4
--direct_running_mode=multi_processing, or --runner=DataflowRunner --project=... --temp_location=gs://..."""
_EPILOG = """\
exit codes: 0 the features are complete; 1 unexpected error; 2 wrong usage or input, nothing was started; 4 incomplete
(damaged shard, full disk, lost permission, failed Beam job): run the same command again; 130 interrupted."""


@dataclass(frozen=True)
class FeaturesConfig:
    """Settings of the job; `--help` of `pipelines.features` explains each.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    data: str = setting(
        group=INPUT_OUTPUT, metavar="FOLDER",
        help="dataset to read: a folder that pipelines.preprocess wrote; local, gs:// or s3://",
    )  # fmt: skip
    output: str = setting(group=INPUT_OUTPUT, metavar="FOLDER", help="folder to write the features to")
    appearance: str = setting(
        "efficientnet-lite0", group=INPUT_OUTPUT, choices=tuple(name for name in APPEARANCES if name != NONE),
        help="pretrained network that sees the frames; training must name the same",
    )  # fmt: skip
    appearance_weights: str = setting(
        "", group=INPUT_OUTPUT, metavar="FILE", automatic="those of its package, or Keras' download",
        help="local file with the weights of that network",
    )  # fmt: skip
    dry_run: bool = setting(
        False, group=INPUT_OUTPUT, help="show what would be done, with an estimate from some frames, and write nothing"
    )
    overwrite: bool = setting_like(Common, "overwrite")

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class FeaturesRequest:
    """What a command line asks for."""

    config: FeaturesConfig
    runner: str
    beam_arguments: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether it leaves everything about Beam at its default, so that nothing about it can be wrong."""
        return self.runner == LOCAL_RUNNER and not self.beam_arguments


def make_parser() -> Parser:
    """The parser; flags that are not given are absent from its result."""
    parser = Parser("pipelines.features", _DESCRIPTION, _EPILOG)
    add_flags(parser, FeaturesConfig)
    add_config(parser, RUNNING, beam=True)
    return parser


def parse(arguments: Sequence[str]) -> FeaturesRequest:
    """Parses a command line.

    Raises:
        UsageError: a value is wrong; only configuration files have been read, and nothing has been written.
    """
    parser = make_parser()
    given = read_given(parser, arguments, FeaturesConfig, beam=True)
    for key, what in (
        ("data", "a dataset: --data FOLDER"),
        ("output", "where to write the features: --output FOLDER"),
    ):
        if not given.values.get(key):
            raise UsageError(f"choose {what}")
    given.normalise("data", "output", *(["appearance_weights"] if given.values.get("appearance_weights") else []))
    config = given.build(FeaturesConfig)
    check_places(config)
    return FeaturesRequest(config, *read_beam(given))


def check_places(config: FeaturesConfig) -> None:
    """Refuses an output in the dataset, and weights that aren't on this machine.

    Raises:
        UsageError: see above.
    """
    check_outside(config.output, data=config.data)
    check_here(config.appearance_weights, "--appearance-weights")
