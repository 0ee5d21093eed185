"""What the command lines of both jobs have in common: flags from dataclasses, values from files."""

import argparse
from collections.abc import Sequence
from typing import Any

from pipelines import files
from pipelines.cli.tool import refuse_stray_values
from pipelines.core import config as configuration
from pipelines.core.errors import UsageError

LOCAL_RUNNER = "DirectRunner"
BEAM = "beam"
"""Key of the options of Beam in a configuration file."""


def add_setting(
    group: argparse._ArgumentGroup,
    name: str,
    text: str,
    default: Any,
    metavar: str = "",
    choices: Sequence[str] = (),
    type_: Any = None,
    repeated: bool = False,
) -> None:
    """Adds a flag for a setting of a configuration; type and default are those of the field of that name."""
    value = getattr(default, name.removeprefix("--").replace("-", "_"))
    automatic = "(default:" in text or value in ("", (), False, 0)
    options: dict[str, Any] = {"help": text if automatic else f"{text} (default: {value})"}
    if isinstance(value, bool):
        options["action"] = "store_true"
    else:
        options["type"] = type_ or type(value)
        if repeated:
            options.update(action="extend", nargs="+")
        if choices:
            options["choices"] = list(choices)
        if metavar:
            options["metavar"] = metavar
    group.add_argument(name, **options)


def own_flags(parser: argparse.ArgumentParser) -> list[str]:
    """All flags of a tool."""
    return [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]


def add_common(group: argparse._ArgumentGroup) -> None:
    """Adds the flags that are no settings: which files hold some, and which runner does the work."""
    group.add_argument("--runner", metavar="NAME", help="Beam runner (default: DirectRunner, this machine)")
    group.add_argument(
        "--config",
        metavar="FILE",
        action="append",
        help="YAML file with any of these settings, and with Beam's own options and the runner under `beam:`. May be "
        "repeated; later files come before earlier ones, and flags before files",
    )


def parse_with_files(
    parser: argparse.ArgumentParser, arguments: Sequence[str], known: tuple[str, ...]
) -> tuple[dict[str, Any], str, tuple[str, ...]]:
    """What a command line and the files that it names say.

    Args:
        parser: of the tool's own flags.
        arguments: the command line.
        known: names of the settings.

    Returns:
        Settings by name, the runner, and the command line of Beam.

    Raises:
        UsageError: a file can't be read or has an unknown key.
    """
    namespace, rest = parser.parse_known_args(list(arguments))
    refuse_stray_values(arguments, rest)
    given = vars(namespace)
    values: dict[str, Any] = {}
    runner, options = LOCAL_RUNNER, []
    for name in given.pop("config", []):
        found = _read_file(name, (*known, BEAM))
        options.append((name, _options_of_beam(found.pop(BEAM, {}), name)))
        values.update(found)
    for _, of_file in options:
        runner = str(of_file.pop("runner", runner))
    runner = given.pop("runner", runner)
    for name, of_file in reversed(options):
        if of_file:
            from pipelines.cli.beam_options import to_arguments

            rest = [*to_arguments(of_file, name, rest), *rest]
    return {**values, **given}, runner, tuple(rest)


def _read_file(name: str, known: tuple[str, ...]) -> dict[str, Any]:
    try:
        text = files.read_text(files.normalise(name, "--config"))
    except OSError as error:
        raise UsageError(f"cannot read the configuration file {name}: {error.strerror}") from error
    if text is None:
        raise UsageError(f"no such configuration file: {name}")
    return configuration.read_yaml(text, name, known)


def _options_of_beam(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{name}: `{BEAM}` must hold lines `option: value`, not {value!r}")
    return {str(key): item for key, item in value.items()}
