"""The text of a table: its lines, what precedes the first of them that counts, and what separates the columns."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.annotations.columns import plain_name
from pipelines.core.errors import UsageError

DELIMITERS = ",;\t"
WORDS = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""What separates columns, and what it is called."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_EXCELS_DELIMITER = re.compile(r'\s*"?sep=(.)"?\s*(?:\r\n|\r|\n)', re.IGNORECASE)
_NAMES = {"path", "video", "label", "group", "youtube_id"}
"""Columns that tell the first line of a table from a comment, if it begins with `#`."""

csv.field_size_limit(1 << 30)  # columns that aren't used may hold whole transcripts; the default is 128 KiB


@dataclass(frozen=True)
class Opening:
    """A table without what precedes it.

    Attributes:
        text: the table, from the line that names the columns.
        skipped: number of lines before it: blank ones, comments, and `sep=;`.
        delimiter: what separates the columns.
    """

    text: str
    skipped: int
    delimiter: str


def open_table(text: str, name: str, needed: Sequence[str] = ()) -> Opening:
    """Finds the line that names the columns, and what separates them.

    Args:
        text: the whole table.
        name: name of the file, for messages.
        needed: columns that it should have, which decide in case of doubt.

    Raises:
        UsageError: Excel's `sep=` names something that can't separate columns here.
    """
    text = text.removeprefix("\ufeff")
    delimiter, skipped = "", 0
    if match := _EXCELS_DELIMITER.match(text):
        delimiter, text, skipped = match[1], text[match.end() :], match[0].count("\n") or match[0].count("\r")
        if delimiter not in DELIMITERS:
            raise UsageError(
                f"{name}, line {skipped}: columns separated by {delimiter!r}. Use commas, semicolons or tabs"
            )
    for line in lines_of(text):
        stripped = line.strip()
        if stripped.startswith("#") and _NAMES & {plain_name(field) for field in re.split("[,;\t]", stripped[1:])}:
            text = text.replace("#", "", 1)
            break
        if stripped and not stripped.startswith("#"):
            break
        text, skipped = text[len(line) :], skipped + 1
    return Opening(text, skipped, delimiter or _delimiter(text, needed))


def read_head(text: str, name: str) -> tuple[str, ...]:
    """The names of the columns of a table in lower case, as its first line has them. See `open_table`."""
    opening = open_table(text, name)
    line = next(lines_of(opening.text), "")
    return tuple(plain_name(name) for name in _fields(line, opening.delimiter))


def lines_of(text: str) -> Iterator[str]:
    """Lines with their line breaks, as the csv module needs them; a StringIO would take four bytes per character."""
    return (match[0] for match in _LINE.finditer(text))


def _delimiter(text: str, needed: Sequence[str]) -> str:
    """The separator in the first line: one with which the needed columns are found, or else the most frequent."""
    first = next(lines_of(text), "")

    def fits(delimiter: str) -> bool:
        return set(needed) <= {plain_name(column) for column in _fields(first, delimiter)}

    return max([*filter(fits, DELIMITERS)] or DELIMITERS, key=first.count)


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return [line.strip()]
