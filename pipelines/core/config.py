"""Configuration: YAML files and command-line values become frozen dataclasses that check themselves."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml

from pipelines.core.errors import UsageError

_C = TypeVar("_C")


def check_job(config: Any) -> None:
    """Checks what the settings of both jobs have in common: types, counts, the share that may fail.

    Raises:
        ValueError: a value is of the wrong type or out of range; the message names it.
    """
    for item in fields(config):
        wanted = str if item.default is MISSING else type(item.default)
        check_type(item.name, getattr(config, item.name), wanted)
    for name in ("limit", "shards", "workers"):
        if getattr(config, name) < 0:
            raise ValueError(f"{name} must be 0 (automatic) or more, not {getattr(config, name)}")
    if not 0 <= config.max_failure_rate <= 1:
        raise ValueError(f"max_failure_rate must be a share from 0 to 1, not {config.max_failure_rate:g}")


def check_type(name: str, value: Any, wanted: type) -> None:
    """Refuses a setting of another type than `wanted`; whole numbers may stand for fractions.

    Raises:
        ValueError: it is; the message names the setting and the value.
    """
    accepted = (int, float) if wanted is float else wanted
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        what = {int: "a whole number", float: "a number", bool: "true or false", str: "text", tuple: "a list"}[wanted]
        raise ValueError(f"{name} must be {what}, not {value!r}")


def read_yaml(text: str, name: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Settings in a YAML file, by name. Hyphens in names count as underscores, lists become tuples.

    Raises:
        UsageError: it is no YAML mapping, or has an unknown key; the message suggests the nearest and lists the known.
    """
    try:
        value = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise UsageError(f"{name} is no valid YAML: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{name} must hold lines `name: value`, not {type(value).__name__}")
    result = {}
    for key, item in value.items():
        plain = str(key).replace("-", "_")
        if plain not in known:
            near = get_close_matches(plain, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise UsageError(f"{name}: unknown key {key!r}{hint} Known keys: {', '.join(known)}")
        result[plain] = tuple(map(str, item)) if isinstance(item, list) else item
    return result


def build(cls: type[_C], values: Mapping[str, Any]) -> _C:
    """Makes a configuration, turning what it finds wrong into an error for the user.

    Raises:
        UsageError: a value is out of range, or a required one is missing.
    """
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error
