"""Settings that several tools have in common, described once. Their dataclasses copy them with `setting_like`."""

from dataclasses import dataclass

from pipelines.core.settings.fields import Group, setting

INPUT_OUTPUT = Group("input and output")
RUNNING = Group("running")


@dataclass(frozen=True)
class Common:
    """The settings; no tool uses this class itself."""

    limit: int = setting(
        0, group=INPUT_OUTPUT, metavar="N", low=0, automatic="all",
        help="use at most this many videos of the input, for a quick try",
    )  # fmt: skip
    max_failure_rate: float = setting(
        0.05, group=INPUT_OUTPUT, metavar="SHARE", low=0, high=1,
        help="fail if more than this share of the videos, from 0 to 1, can't be used",
    )  # fmt: skip
    overwrite: bool = setting(
        False, group=INPUT_OUTPUT,
        help="replace what an earlier run left in the output folder if that run is finished or had other settings; an "
        "unfinished run with the same settings is resumed",
    )  # fmt: skip
    trust_model: bool = setting(
        False, help="use a SavedModel even if its operations could read and write files or run programs as you"
    )
    workers: int = setting(
        0, group=RUNNING, metavar="N", low=0, automatic="all cores with DirectRunner, else 1",
        help="number of decoder processes per Beam worker",
    )  # fmt: skip
