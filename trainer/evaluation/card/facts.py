"""Facts whose form is not known here, as tables: what later parts of a description say of a model."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.core.interval import Interval
from trainer.evaluation.card.writing import NONE, table


def more_facts(found: Mapping[str, Any]) -> str:
    """A table of all values of an object, however deep; those of intervals as percentages."""
    return table(("Fact", "Value"), ((_name(place), value) for place, value in _flat(found, ())))


def _name(place: tuple[str, ...]) -> str:
    text = ", ".join(part.replace("_", " ") for part in place)
    return text[:1].upper() + text[1:]


def _flat(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping) and value.keys() == {"value", "low", "high"} and place:
        yield place, str(Interval.from_json(value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, (*place, str(key)))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value, 1):
            yield from _flat(item, (*place, str(number)))
    else:
        yield place, _text(value)


def _text(value: Any) -> str:
    if value is None or value in ("", [], ()):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)
