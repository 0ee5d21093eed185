"""Turns untrusted JSON into the dataclass that it should be: every part is checked against its annotation.

The checks of an `Annotated` type are functions that return what a value must be, or an empty text if the value is
valid.
"""

import functools
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from pipelines.core.names import why_not_plain

_T = TypeVar("_T")
_WORDS = {int: "a whole number", str: "a text", bool: "true or false"}
_LARGEST = 2**53
"""Whole numbers up to this one are exact in every JSON reader."""


def _not_negative(value: float) -> str:
    return "" if 0 <= value <= _LARGEST else f"from 0 to {_LARGEST}"


def _positive(value: float) -> str:
    return "" if 1 <= value <= _LARGEST else f"from 1 to {_LARGEST}"


def _plain_name(value: str) -> str:
    return f"a name in this folder (it {problem})" if (problem := why_not_plain(value)) else ""


Positive = Annotated[int, _positive]
Count = Annotated[int, _not_negative]
Amount = Annotated[float, _not_negative]
PlainName = Annotated[str, _plain_name]


def build(kind: type[_T], value: Any) -> _T:
    """The dataclass object that a JSON object describes.

    Raises:
        ValueError: a part is missing, unknown, or doesn't match its annotation; the message gives its place and value.
    """
    try:
        found: _T = _reader(cast(Any, kind))(value)
    except _Wrong as wrong:
        raise ValueError(wrong.describe()) from wrong.__cause__
    return found


class _Wrong(Exception):
    """What is wrong with a part. The enclosing parts add their names, innermost first, so valid input costs nothing."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.places: list[str] = []

    def describe(self) -> str:
        """`splits.train.shards[0].size_bytes must be a whole number, not '12'`."""
        place = "".join(reversed(self.places)).removeprefix(".")
        return f"{place} {self.problem}" if place else self.problem


def _must_be(wanted: str, value: Any) -> _Wrong:
    return _Wrong(f"must be {wanted}, not {reprlib.repr(value)}")


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """A function that turns a JSON value into a value of a type, or raises `_Wrong`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: value
    if origin is Annotated:
        return _annotated(_reader(arguments[0]), arguments[1:])
    if origin is tuple:
        return _sequence(_reader(arguments[0]))
    if origin is Mapping:
        return _mapping(_reader(arguments[1]))
    if NoneType in arguments:
        inner = _reader(arguments[0])
        return lambda value: None if value is None else inner(value)
    if is_dataclass(kind):
        return _dataclass(kind)
    return _number if kind is float else _plain(kind)


def _plain(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise _must_be(_WORDS[kind], value)
        return value

    return read


def _number(value: Any) -> Any:
    if not ((type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) <= _LARGEST)):
        raise _must_be("a number", value)
    return value


def _annotated(inner: Callable[[Any], Any], checks: Sequence[Callable[[Any], str]]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        value = inner(value)
        for check in checks:
            if wanted := check(value):
                raise _must_be(wanted, value)
        return value

    return read


def _sequence(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not list:
            raise _must_be("a list", value)
        found: list[Any] = []
        try:
            for item in value:
                found.append(inner(item))
        except _Wrong as wrong:
            wrong.places.append(f"[{len(found)}]")
            raise
        return tuple(found)

    return read


def _mapping(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: _read_items(value, {}, lambda _: inner)


def _dataclass(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind, include_extras=True)
    names = [item.name for item in fields(kind)]
    plain = {name: hints[name] for name in names if hints[name] in _WORDS}
    readers = {name: _reader(hints[name]) for name in names}
    needed = {item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING}

    def reader_of(name: str) -> Callable[[Any], Any]:
        if name not in readers:
            raise _Wrong("is unknown")
        return readers[name]

    def read(value: Any) -> Any:
        found = _read_items(value, plain, reader_of)
        if missing := needed - found.keys():
            wrong = _Wrong("is missing")
            wrong.places.append(f".{min(missing)}")
            raise wrong
        try:
            return kind(**found)
        except ValueError as error:
            raise _Wrong(str(error)) from error

    return read


def _read_items(
    value: Any, plain: Mapping[str, type], reader_of: Callable[[str], Callable[[Any], Any]]
) -> dict[str, Any]:
    """Reads the items of an object. `plain` holds the types of items that need no reader: there may be millions."""
    if type(value) is not dict:
        raise _must_be("an object", value)
    found = {}
    name = ""
    try:
        for name, item in value.items():
            found[name] = item if type(item) is plain.get(name) else reader_of(name)(item)
    except _Wrong as wrong:
        wrong.places.append(f".{_shown(name)}")
        raise
    return found


def _shown(name: str) -> str:
    """A key as a message shows it, on one line and of a bounded length."""
    return name if name.isprintable() and len(name) <= 60 else reprlib.repr(name)
