"""Why a table can't be read: messages that name the file, the line and the way out."""

import re
from collections.abc import Sequence

from pipelines.annotations.columns import plain_name
from pipelines.annotations.table_text import DELIMITERS, WORDS

COLUMNS = ("path", "label", "group", "split", "start", "end")
"""Columns that a manifest may have. Not every reader needs all of them."""
_SHOWN, _SHOWN_SIGNS = 10, 160
_QUOTES = "'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb`"
_CSV = (
    (r"unexpected end of data", "a quotation mark opens a value and is never closed. Close it, or remove it"),
    (
        r"'.+' expected after '\"'",
        "text follows a closing quotation mark. Put the whole value between two, and double those within it",
    ),
)
_OTHER_LINE_ENDS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def shortened(text: str) -> str:
    """A text for a message, without the rest of a very long one."""
    return text if len(text) <= _SHOWN_SIGNS else f"{text[: _SHOWN_SIGNS - 3]}..."


def no_columns(
    name: str, columns: Sequence[str], delimiter: str, needed: Sequence[str], optional: Sequence[str]
) -> str:
    """The message for a first line that lacks needed columns."""
    if not columns:
        return f"{name} is empty. Its first line must name the columns {','.join(needed)}, which the others fill"
    names = [plain_name(column) for column in columns]
    missing = [column for column in needed if column not in names]
    more = f" and optionally {','.join(optional)}" if optional else ""
    found = shortened(delimiter.join(columns))
    message = f"{name}: the first line must name the column{'s' * (len(needed) > 1)} {','.join(needed)}{more}"
    if "youtube_id" in names:
        return (
            f"{message}, not {found!r}. This is a list of addresses, like those of Kinetics: download the videos, "
            f"cut the clips out, and write a manifest that has the {','.join(missing)} of each file"
        )
    s = "s" * (len(missing) > 1)
    unquoted = {plain_name(column.strip(_QUOTES + '" ')) for column in columns}
    if _OTHER_LINE_ENDS.search(found):
        remedy = "Its lines don't end as usual: save the file with line feeds"
    elif set(needed) <= unquoted or set(needed) <= {plain_name(part) for part in re.split("[,;\t]", columns[0])}:
        remedy = 'Remove these quotation marks; only straight double ones ("), around single values, are understood'
    elif not any(column in COLUMNS for column in names) and any("." in column for column in names):
        remedy = f"Put a line {','.join(needed)} before it"
    elif len(columns) < len(needed):
        remedy = "Put commas between the columns"
    else:
        remedy = f"Rename the column{s} that hold{'' if s else 's'} the {' and the '.join(missing)}"
    return f"{message}, not {found!r}. {remedy}"


def meaningful_columns(name: str, columns: Sequence[str], has_parts: bool) -> str:
    """The message for columns that would change what a line means.

    Args:
        name: the file.
        columns: the columns.
        has_parts: whether a line may name a part of a video.
    """
    s = len(columns) > 1
    remedy = "Call times of a part, in seconds, start and end" if has_parts else "Cut videos (ffmpeg -ss START -to END)"
    means = "the whole video or a part of it" if has_parts else "the whole video"
    return (
        f"{name}: column{'s' * s} {shortened(', '.join(columns))}: not supported. Each line means {means}, "
        f"uncropped and at its own speed, and counts as much as any other. {remedy}, leave out lines that should not "
        f"count, or remove {'these columns' if s else 'this column'}"
    )


def splitting_column(name: str, column: str) -> str:
    """The message for a column that gives splits under another name."""
    return (
        f"{name}: column {column}: seems to say which videos are for training and which for testing, and would not "
        "be used. Call it split, with train, val and test in it, or remove it to have splits assigned"
    )


def too_many(place: str, row: Sequence[str], columns: Sequence[str], delimiter: str) -> str:
    """The message for a line with more fields than columns."""
    what = {",": "a comma", ";": "a semicolon", "\t": "a tab"}[delimiter]
    fields = ", ".join(repr(shortened(field)) for field in row[:_SHOWN])
    return (
        f"{place}: {len(row)} fields ({fields}), but the first line names {len(columns)} "
        f"({shortened(delimiter.join(columns))}). Put quotation marks around a value with {what} in it: "
        f'"a{delimiter} b.mp4"'
    )


def no_value(place: str, missing: str, form: str, row: Sequence[str], delimiter: str) -> str:
    """The message for a line that doesn't fill a needed column, with the likely cause if it is a single field."""
    message = f"{place}: no {missing}"
    others = [sign for sign in DELIMITERS + "|\uff0c" if len(row) == 1 and sign in row[0]]
    if delimiter in others:
        return f"{message}: the line as a whole is in quotation marks. Remove them, or put them around each value"
    if others:
        found = WORDS.get(others[0], repr(others[0]))
        return f"{message}: this line has {found} between values, the first one {WORDS[delimiter]}. Use one kind"
    return f"{message}. Each line needs {form}"


def other_head(place: str, row: Sequence[str], columns: Sequence[str], delimiter: str) -> str:
    """The message for a line that names columns again, but others than the first line."""
    return (
        f"{place}: this line names columns, {shortened(delimiter.join(row))!r}, which are not those of the first line, "
        f"{shortened(delimiter.join(columns))!r}. Give tables that are joined the same columns in the same order"
    )


def no_csv(message: str) -> str:
    """What the csv module found wrong, in words."""
    return next((words for pattern, words in _CSV if re.match(pattern, message)), f"{message}; is it a CSV file?")
