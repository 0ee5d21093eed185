"""Configuration: turns YAML files and command-line values into frozen dataclasses that check themselves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml

from pipelines.core.errors import UsageError
from pipelines.core.settings.fields import SettingError

_C = TypeVar("_C")


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML keeps the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value.replace("-", "_") in seen:
                raise UsageError(f"line {key.start_mark.line + 1}: {key.value} is given twice. Remove one of the lines")
            seen.add(str(key.value).replace("-", "_"))
        return super().construct_mapping(node, deep)


def read_yaml(text: str, name: str, known: Sequence[str]) -> dict[str, Any]:
    """The settings in a YAML file, by name. Hyphens in names count as underscores; lists become tuples.

    Raises:
        UsageError: the file isn't a YAML mapping, or has a key twice or an unknown key; the message suggests the
            nearest key and lists all.
    """
    try:
        value = yaml.load(text, _Loader) or {}
    except UsageError as error:
        raise UsageError(f"{name}, {error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{name} must contain lines `name: value`, not {type(value).__name__}")
    result = {}
    for key, item in value.items():
        plain = str(key).replace("-", "_")
        if plain not in known:
            raise UsageError(f"{name}: unknown key {key!r}{_near(plain, known)} Known keys: {', '.join(known)}")
        result[plain] = tuple(map(str, item)) if isinstance(item, list) else item
    return result


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else "."


def build(cls: type[_C], values: Mapping[str, Any], place: Callable[[str], str] = str) -> _C:
    """Makes a configuration, and turns its complaints into errors for the user.

    Args:
        cls: its dataclass.
        values: its settings by name.
        place: gives the name of a setting where its value was given, for messages.

    Raises:
        UsageError: a value is out of range, a required one is missing, or there is no such setting.
    """
    known = [item.name for item in fields(cls) if item.init]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise UsageError(f"unknown setting {name!r}{_near(name, known)} Settings: {', '.join(known)}")
    for item in fields(cls):  # type: ignore[arg-type]
        if item.default is MISSING and item.default_factory is MISSING and item.name not in values:
            raise UsageError(f"{place(item.name)} is missing. See --help")
    try:
        return cls(**values)
    except SettingError as error:
        raise UsageError(error.told(place)) from error
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error
