"""Settings: dataclass fields that carry their flag's help, its group, and the allowed values.

Everything about a setting is defined at its field. The dataclass checks itself with `check_settings`, and the command
line makes its flags from the same fields.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from numbers import Integral, Number
from os import PathLike, fspath
from typing import Any, get_origin

from pipelines.core.errors import UsageError

_KEY = "setting"
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", tuple: "a list of texts"}


@dataclass(frozen=True)
class Group:
    """Flags that are listed together in `--help`, under a title and an optional sentence about all of them."""

    title: str
    description: str = ""


@dataclass(frozen=True)
class Setting:
    """What a dataclass field says about its setting.

    Attributes:
        help: what it is, as a phrase for `--help`.
        group: the group of flags in which it is listed.
        metavar: placeholder for its value in `--help`.
        choices: the allowed values, if they are few; for a list, those of its items.
        low: the smallest allowed number.
        above: a number that it must exceed.
        high: the largest allowed number.
        automatic: what its default means, if the value itself doesn't tell.
        repeated: for a list: whether its flag may be repeated and take several items; otherwise commas separate items.
    """

    help: str
    group: Group
    metavar: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    above: float | None = None
    high: float | None = None
    automatic: str = ""
    repeated: bool = False


_ALONE = Group("options")


def setting(default: Any = MISSING, *, help: str = "", group: Group = _ALONE, **about: Any) -> Any:
    """A dataclass field that is a setting; `about` are further attributes of `Setting`."""
    return field(default=default, metadata={_KEY: Setting(help, group, **about)})


def setting_like(kind: type, name: str, **changes: Any) -> Any:
    """A field like a setting of another dataclass, with its default and allowed values, except for `changes`."""
    other = next(item for item in fields(kind) if item.name == name)
    return field(
        default=changes.pop("default", other.default), metadata={_KEY: replace(other.metadata[_KEY], **changes)}
    )


def settings_of(kind: Any) -> Iterator[tuple[Field[Any], Setting]]:
    """The fields of a dataclass that are settings, in order, each with its `Setting`."""
    return ((item, item.metadata[_KEY]) for item in fields(kind) if _KEY in item.metadata)


def type_of(item: Field[Any]) -> type:
    """The plain type of a setting: `tuple` for `tuple[str, ...]`."""
    found: type = get_origin(item.type) or item.type  # type: ignore[assignment]
    return found


class Name(str):
    """The name of a setting in the message of a `SettingError`."""


class SettingError(UsageError):
    """A setting has a value that isn't allowed.

    The message names the setting as Python does, `num_frames`. `told` gives the same message with other names, so that
    a command line can name its flag, or the file that holds the value.
    """

    def __init__(self, template: str, *values: object) -> None:
        """Keeps the message in parts.

        Args:
            template: the message, with `{}` for each value.
            values: the values; those of type `Name` are names of settings.
        """
        super().__init__(template, *values)
        self._template, self._values = template, values

    def __str__(self) -> str:
        return self.told(str)

    def told(self, tell: Callable[[str], str]) -> str:
        """The message with `tell(name)` in place of each name of a setting."""
        return self._template.format(*(tell(value) if isinstance(value, Name) else value for value in self._values))


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Turns a `ValueError` about the value of a setting into a `SettingError` that names the setting."""
    try:
        yield
    except ValueError as error:
        raise SettingError("{} {}" if str(error).startswith("must ") else "{}: {}", Name(name), str(error)) from error


def check_settings(config: Any) -> None:
    """Checks all settings of a dataclass: types, ranges, choices. Lists become tuples, paths texts, and NumPy's numbers
    those of Python; a float may be given as an int.

    Raises:
        SettingError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """
    for item, about in settings_of(config):
        given = getattr(config, item.name)
        value = _plain(given, type_of(item))
        if value is not given:
            object.__setattr__(config, item.name, value)
        if not _is_allowed(value, type_of(item), about):
            raise SettingError(
                "{} must be {}, not {}", Name(item.name), wanted(type_of(item), about), shown(value, type_of(item))
            )


def check_whole(name: str, value: Any, low: int) -> None:
    """Checks an argument that is no setting of a dataclass.

    Raises:
        UsageError: it isn't a whole number of at least `low`.
    """
    if not isinstance(value, Integral) or int(value) < low:
        raise UsageError(f"{name} must be a whole number, {low} or more, not {value!r}")


def _plain(value: Any, kind: type) -> Any:
    """A value as the type that its setting has, where it says the same in another one."""
    if kind is tuple and isinstance(value, list | tuple):
        plain = tuple(_plain(part, str) for part in value)
        return value if plain == value else plain
    if kind is str and isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, Number) and hasattr(value, "item"):  # a number of NumPy's, which isn't imported for this
        return value.item()
    return value


def _is_allowed(value: Any, kind: type, about: Setting) -> bool:
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        return False
    if isinstance(value, tuple):
        return all(isinstance(part, str) and (not about.choices or part in about.choices) for part in value)
    if about.choices:
        return value in about.choices
    if not isinstance(value, int | float):
        return True
    low, above, high = about.low, about.above, about.high
    return (
        math.isfinite(value)
        and (low is None or value >= low)
        and (above is None or value > above)
        and (high is None or value <= high)
    )


def wanted(kind: type, about: Setting) -> str:
    """The allowed values of a setting, in words: `a whole number from 1 to 4096`."""
    if about.choices:
        return f"one of {', '.join(about.choices)}"
    words = _WORDS[kind]
    if about.low is not None and about.high is not None:
        return f"{words} from {about.low} to {about.high}"
    if about.low is not None:
        return f"{words}, {about.low} or more"
    if about.above is not None:
        return f"{words} greater than {about.above}" + (f", at most {about.high}" if about.high is not None else "")
    return words


def shown(value: Any, kind: type) -> str:
    """A setting's value as messages show it: `'2'` for a text, `2` for the float 2.0, `'a', 'b'` for a list."""
    if kind is tuple and isinstance(value, tuple):
        return ", ".join(map(repr, value))
    return repr(value).removesuffix(".0") if kind is float and isinstance(value, float) else repr(value)
