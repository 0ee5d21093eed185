"""What the command lines of both jobs have in common: flags from dataclasses, values from files."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines import files
from pipelines.core import config as configuration
from pipelines.core.errors import UsageError


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
            options["action"] = "append"
        if choices:
            options["choices"] = list(choices)
        if metavar:
            options["metavar"] = metavar
    group.add_argument(name, **options)


def own_flags(parser: argparse.ArgumentParser) -> list[str]:
    """All flags of a tool."""
    return [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]


def lies_in(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it, by whatever links and detours."""
    if not (files.is_local(path) and files.is_local(folder)):
        return (path + "/").startswith(folder + "/")
    return Path(path).resolve().is_relative_to(Path(folder).resolve())


def merge_file(values: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Adds the settings of the YAML file that `config` names; those that are given already come before it.

    Raises:
        UsageError: the file can't be read, or has an unknown key.
    """
    given = dict(values)
    name = given.pop("config", None)
    if not name:
        return given
    try:
        text = files.read_text(files.normalise(name))
    except OSError as error:
        raise UsageError(f"cannot read the configuration file {name}: {error.strerror}") from error
    if text is None:
        raise UsageError(f"no such configuration file: {name}")
    return {**configuration.read_yaml(text, name, known), **given}
