"""Indented JSON of large values, exactly as `json.dumps` writes it, but in parts, and with its fast encoder.

With an indent, `json.dumps` encodes in Python and holds every token in memory: for a million names that takes seconds
and hundreds of megabytes.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

_LOT = 10_000
_CONTAINERS = (dict, list, tuple)


def pretty_json(value: Any, indent: int, sort_keys: bool = False) -> Iterator[str]:
    """The parts of `json.dumps(value, indent=indent, sort_keys=sort_keys)`; keys must be strings.

    Args:
        value: any nesting of dicts, lists, tuples and plain values.
        indent: number of spaces per level.
        sort_keys: whether to sort the keys of every dict.
    """
    yield from _parts(value, " " * indent, "\n", sort_keys)


def _parts(value: Any, indent: str, line: str, sort_keys: bool) -> Iterator[str]:
    """As `pretty_json`; `line` is the line break with the indentation of the enclosing level."""
    if not isinstance(value, _CONTAINERS) or not value:
        yield json.dumps(value)
        return
    inner = line + indent
    items: Any
    if isinstance(value, dict):
        items = sorted(value.items()) if sort_keys else list(value.items())  # no two keys are equal
        begin, end = "{", "}"
        plain = _are_plain(value.values())
    else:
        items, begin, end = value, "[", "]"
        plain = _are_plain(value)
    separator = begin + inner
    if plain:
        for first in range(0, len(items), _LOT):
            lot = items[first : first + _LOT]
            encoded = json.dumps(dict(lot) if begin == "{" else lot, separators=("," + inner, ": "))
            yield separator + encoded[1:-1]
            separator = "," + inner
    else:
        for item in items:
            if begin == "{":
                key, item = item
                separator += json.dumps(key) + ": "
            yield separator
            yield from _parts(item, indent, inner, sort_keys)
            separator = "," + inner
    yield line + end


def _are_plain(values: Iterable[Any]) -> bool:
    return not any(isinstance(value, _CONTAINERS) for value in values)
