"""Reads tables as people write them: columns separated by comma, semicolon or tab, and named in the first line."""

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipelines.core.errors import UsageError
from pipelines.files.addresses import STORES, UNKNOWN_STORE

COLUMNS = ("path", "label", "group", "split", "start", "end")
"""Columns that a manifest may have. Not every reader needs all of them."""
DELIMITERS = ",;\t"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_EXCELS_DELIMITER = re.compile(r"\s*sep=([,;\t])\s*(?:\r\n|\r|\n)", re.IGNORECASE)
_WEB = ("http", "https", "ftp", "ftps", "sftp", "rtsp", "rtmp", "rtmps", "rtp", "udp", "mms", "data", "magnet")
_SHOWN = 10

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MEANING = frozenset(
    (
        *("start", "starts", "end", "ends", "begin", "begins", "beginning", "stop", "stops", "finish", "onset"),
        *("offset", "duration", "durations", "fps", "framerate", "speed", "weight", "weights", "segment", "segments"),
        *("interval", "intervals", "range", "span", "trim", "timestamp", "timestamps", "timecode", "bbox", "roi"),
        *("crop", "rotate", "rotation"),
    )
)
_FRAMES = frozenset(("frame", "frames"))
_COUNTS = frozenset(("n", "nb", "num", "number", "count", "total", "size", "width", "height"))
"""`num_frames` describes the video, whereas `frames` may choose some of them."""
_SPLITS = frozenset(
    ("subset", "partition", "fold", "folds", "split", "splits", "train", "training", "val", "test", "testing")
)
_UNIT = "(?:s|t|ts|at|ms|msec|sec|secs|second|seconds|time|times|frame|frames|idx|index)?"
_FUSED = re.compile(
    rf"(?:t|time|sec|frame|clip|video|event|action)?(?:start|begin|end|stop|onset|offset|duration){_UNIT}"
    rf"|(?:t|time)?(?:from|to|in|out|t0|t1){_UNIT}|s|sec|secs|seconds?|sampleweight|bounding_?box"
)


@dataclass(frozen=True)
class Table:
    """A table whose first line has been read.

    Attributes:
        rows: the number of each line and the wanted values in it, stripped; can be iterated once.
        unused: names of columns that are not used.
        headers: numbers of lines that repeat the first one, as in concatenated tables; known once the rows have been
            taken.
    """

    rows: Iterator[tuple[int, list[str]]]
    unused: tuple[str, ...]
    headers: list[int] = field(default_factory=list)


def read_table(text: str, name: str, needed: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Reads some columns of a table, whose first line names them; an optional one may be missing or empty.

    Args:
        text: the whole table.
        name: name of the file, for messages.
        needed: columns that each line must fill.
        optional: columns that may be missing.

    Raises:
        UsageError: the first line doesn't name the needed columns, or names one that would change what a line means.
            While rows are taken: a needed value is missing, there are too many fields, an address is one of the web,
            or there are no lines. The message names the line and what to do.
    """
    text = text.removeprefix("\ufeff")
    delimiter, skipped = "", 0
    if match := _EXCELS_DELIMITER.match(text):
        delimiter, text, skipped = match[1], text[match.end() :], 1
    delimiter = delimiter or _delimiter(text, needed)
    reader = csv.reader(_lines(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        header = [column.strip() for column in next(filter(None, reader), [])]
    except csv.Error as error:
        raise UsageError(f"{name}, line 1: {error}; is it a CSV file?") from error
    head = _Head(name, tuple(header), delimiter, tuple(needed), tuple(optional), skipped)
    _check_head(head)
    if (zero := text.find("\0")) >= 0:
        line = sum(1 for _ in _lines(text[:zero] + ".")) + skipped
        raise UsageError(f"{name}, line {line}: a zero byte, which text can't contain. Save the file as UTF-8")
    unused = tuple(column for column in header if column and column.lower() not in {*COLUMNS, *needed, *optional})
    headers: list[int] = []
    return Table(_rows(reader, head, headers), unused, headers)


def read_head(text: str) -> tuple[str, ...]:
    """The names of the columns of a table in lower case, as its first line has them."""
    text = text.removeprefix("\ufeff")
    if match := _EXCELS_DELIMITER.match(text):
        text = text[match.end() :]
    line = next((line for line in _lines(text) if line.strip()), "")
    try:
        names = next(csv.reader([line], delimiter=_delimiter(text, ()), skipinitialspace=True), [])
    except csv.Error:
        names = [line.strip()]
    return tuple(name.strip().lower() for name in names)


@dataclass(frozen=True)
class _Head:
    """The first line of the file `name`, which follows `skipped` lines, and the columns that are wanted."""

    name: str
    columns: tuple[str, ...]
    delimiter: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    skipped: int

    @property
    def width(self) -> int:
        """Number of fields in a line, up to the last column that has a name."""
        return max((place + 1 for place, column in enumerate(self.columns) if column), default=0)

    def places(self) -> list[int]:
        """The positions of the needed and the optional columns; of a missing column, a position beyond any line."""
        found = {column.lower(): place for place, column in enumerate(self.columns)}
        return [found.get(column, sys.maxsize) for column in (*self.needed, *self.optional)]

    def form(self) -> str:
        """What a line must look like: `path,label[,group]`."""
        return ",".join(self.needed) + "".join(f"[,{column}]" for column in self.optional)


def _check_head(head: _Head) -> None:
    name, needed, optional = head.name, head.needed, head.optional
    names = [column.lower() for column in head.columns]
    if missing := [column for column in needed if column not in names]:
        more = f" and optionally {','.join(optional)}" if optional else ""
        found = head.delimiter.join(head.columns)
        message = f"{name}: the first line must name the column{'s' * (len(needed) > 1)} {','.join(needed)}{more}"
        if "youtube_id" in names:
            raise UsageError(
                f"{message}, not {found!r}. This is a list of addresses, like those of Kinetics: download the videos, "
                f"cut the clips out, and write a manifest that has the {','.join(missing)} of each file"
            )
        looks = not any(column in COLUMNS for column in names) and any("." in column for column in names)
        if looks:
            remedy = f"Put a line {','.join(needed)} before it"
        elif len(head.columns) < len(needed):
            remedy = "Put commas between the columns"
        else:
            s = "s" * (len(missing) > 1)
            remedy = f"Rename the column{s} that hold{'' if s else 's'} the {' and the '.join(missing)}"
        raise UsageError(f"{message}, not {found!r}. {remedy}")
    for column in (*needed, *optional):
        if names.count(column) > 1:
            raise UsageError(f"{name}: the first line names the column {column} twice. Rename or remove one")
    wanted = {*needed, *optional}
    if meant := [column for column in head.columns if column.lower() not in wanted and changes_meaning(column)]:
        remedy = "Call times of a part start and end" if "start" in wanted else "Cut videos (ffmpeg -ss START -to END)"
        raise UsageError(
            f"{name}: {'columns' if len(meant) > 1 else 'column'} {', '.join(meant)}: not supported. Each line means "
            f"the whole video at its own speed, with the same weight as any other. {remedy}, or remove these columns"
        )
    if "split" in optional and "split" not in names and (other := next(filter(_gives_splits, head.columns), None)):
        raise UsageError(
            f"{name}: column {other}: seems to say which videos are for training and which for testing, and would not "
            "be used. Call it split, with train, val and test in it, or remove it to have splits assigned"
        )


def changes_meaning(column: str) -> bool:
    """Whether the name of a column says that a line means something other than the whole video: a part of it, or
    another speed or weight."""
    words = {word.lower() for word in _WORD.findall(column)}
    if words & _MEANING or (words & _FRAMES and not words & _COUNTS):
        return True
    return _FUSED.fullmatch("".join(re.findall("[a-z0-9]+", column.lower()))) is not None


def _gives_splits(column: str) -> bool:
    """Whether the name of a column is another one for `split`."""
    return column.lower() == "set" or any(word.lower() in _SPLITS for word in _WORD.findall(column))


def _rows(
    reader: "csv._reader",  # type: ignore[name-defined]
    head: _Head,
    headers: list[int],
) -> Iterator[tuple[int, list[str]]]:
    name, width, places, num_needed = head.name, head.width, head.places(), len(head.needed)
    path = head.needed.index("path") if "path" in head.needed else None
    line = reader.line_num + head.skipped
    found = False
    names = [column.lower() for column in head.columns]
    needed = [*head.needed]
    try:
        for row in reader:
            line = reader.line_num + head.skipped
            if len(row) != width:
                if not row:
                    continue
                if any(map(str.strip, row[width:])):
                    raise UsageError(_too_many(head, line, row))
            values = [row[place].strip() if place < len(row) else "" for place in places]
            if needed and values[0].lower() == needed[0] and [field.strip().lower() for field in row] == names:
                headers.append(line)
                continue
            if "" in values[:num_needed]:
                if not any(map(str.strip, row)):
                    continue
                missing = head.needed[values.index("")]
                raise UsageError(f"{name}, line {line}: no {missing}. Each line needs {head.form()}")
            if path is not None and "://" in values[path]:
                values[path] = check_address(values[path], f"{name}, line {line}")
            found = True
            yield line, values
    except csv.Error as error:
        raise UsageError(f"{name}, after line {line}: {error}; is it a CSV file?") from error
    if not found:
        raise UsageError(f"{name}: no videos in this manifest. Each line needs {head.form()}")


def _too_many(head: _Head, line: int, row: Sequence[str]) -> str:
    what = {",": "a comma", ";": "a semicolon", "\t": "a tab"}[head.delimiter]
    fields = ", ".join(repr(field) for field in row[:_SHOWN])
    return (
        f"{head.name}, line {line}: {len(row)} fields ({fields}), but the first line names {head.width} "
        f"({head.delimiter.join(head.columns[: head.width])}). Put quotation marks around a value with {what} in it: "
        f'"a{head.delimiter} b.mp4"'
    )


def check_address(path: str, where: str) -> str:
    """A path or an address without `file://`.

    Raises:
        UsageError: the address is one of the web or of an unknown store; the message begins with `where`.
    """
    scheme = path.partition("://")[0].lower()
    if scheme in _WEB:
        raise UsageError(f"{where}: {path}: videos are not fetched from the web. Download it and give the file's path")
    if scheme == "file":
        return path[len("file://") :]
    if "://" in path and scheme not in STORES:
        raise UsageError(f"{where}: {path}: {UNKNOWN_STORE}")
    return path


def _delimiter(text: str, needed: Sequence[str]) -> str:
    """The separator in the first line: one with which the needed columns are found, or else the most frequent."""
    first = next((line for line in _lines(text) if line.strip()), "")

    def fits(delimiter: str) -> bool:
        names = next(csv.reader([first], delimiter=delimiter, skipinitialspace=True), [])
        return set(needed) <= {column.strip().lower() for column in names}

    return max([*filter(fits, DELIMITERS)] or DELIMITERS, key=first.count)


def _lines(text: str) -> Iterator[str]:
    """Lines with their line breaks, as the csv module needs them; a StringIO would take four bytes per character."""
    return (match[0] for match in _LINE.finditer(text))
