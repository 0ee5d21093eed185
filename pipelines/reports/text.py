"""How numbers and names are written for people."""

import re
from collections.abc import Mapping

from pipelines.core import wording

_NAMED = 8
"""Most names in one line of the summary; for more, it gives the number."""

# Control characters, lone surrogates, and marks that change the direction of text would garble a terminal or a page.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Text that any UTF-8 file or terminal accepts: invisible characters become `\\uXXXX`, as in JSON."""
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def human_bytes(size_bytes: float) -> str:
    """A size in a suitable unit: `512 B`, `1.5 MiB`."""
    units = iter(("KiB", "MiB", "GiB", "TiB"))
    unit = "B"
    while size_bytes >= 1023.95 and unit != "TiB":
        size_bytes, unit = size_bytes / 1024, next(units)
    return f"{size_bytes:,.{0 if unit == 'B' else 1}f} {unit}"


def human_seconds(seconds: float) -> str:
    """A duration: `4.2 s`, `3 min 12 s`, `2 h 05 min`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def short_count(number: int) -> str:
    """A count in a few digits: `950`, `24.6 k`, `3.1 M`."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if number >= size:
            return f"{number / size:.{1 if number < 100 * size else 0}f} {unit}"
    return str(number)


def plural(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun; `nouns` is the plural if it isn't formed with an s."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def some(names: list[str], shown: int = _NAMED) -> str:
    """The first names of a list and how many more there are."""
    return wording.some([*map(visible, names)], shown)


def some_counts(counts: Mapping[str, int]) -> str:
    """The most frequent names with their counts: `3 VideoDecodeError, 1 VideoOpenError`."""
    return some([f"{number:,} {name}" for name, number in by_count(counts)])


def by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names with their counts, the most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
