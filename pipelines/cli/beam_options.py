"""Beam's options in configuration files, by Beam's own names."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

from pipelines.cli.near_flags import near_flag
from pipelines.core.errors import UsageError


class BeamParser(_BeamArgumentParser):
    """Knows every option of the installed version of Beam."""

    def __init__(self) -> None:
        super().__init__(allow_abbrev=False, add_help=False)
        for options in PipelineOptions.__subclasses__():
            options._add_argparse_args(self)

    def error(self, message: str) -> NoReturn:
        """Raises an error of one line, where Beam itself would print the usage of hundreds of flags.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message}. See Beam's documentation of pipeline options")

    @property
    def flags(self) -> dict[str, str]:
        """All flags, each with the name of the option that it sets; some options have several flags."""
        return {flag: action.dest for flag, action in self._option_string_actions.items()}


def to_arguments(options: Mapping[str, Any], file: str, given: Sequence[str]) -> list[str]:
    """The command line that is equivalent to the options in a configuration file.

    Args:
        options: values by Beam's names, without hyphens: a switch is true or false, a list repeats its flag.
        file: name of the file, for messages.
        given: what the command line contains; it overrides the file.

    Raises:
        UsageError: Beam has no option of that name, or an option has no value.
    """
    flags = BeamParser().flags
    chosen = {flags.get(argument.partition("=")[0]) for argument in given}
    arguments: list[str] = []
    for name, value in options.items():
        flag = f"--{name}"
        if flag not in flags:
            hint = near_flag(flag, [*flags]).replace("--", "") or "."
            raise UsageError(
                f"{file}: Beam has no option {name!r}{hint} Options under `beam` are Beam's own, with underscores"
            )
        if value is None:
            raise UsageError(f"{file}: the option {name!r} of Beam has no value")
        if flags[flag] not in chosen:
            arguments += _to_words(name, value, flags)
    return arguments


def _to_words(name: str, value: Any, flags: Mapping[str, str]) -> list[str]:
    if value is True:
        return [f"--{name}"]
    if value is False:  # switches are off by default, except those with a flag that turns them off
        return [f"--no_{name}"] if f"--no_{name}" in flags else []
    if isinstance(value, list):
        return [f"--{name}={item}" for item in value]
    return [f"--{name}={json.dumps(value) if isinstance(value, dict) else value}"]
