"""Reads tables as people write them: columns separated by comma, semicolon or tab, and named in the first line."""

import contextlib
import csv
import sys
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice

from pipelines.annotations import table_messages
from pipelines.annotations.columns import changes_meaning, gives_splits, plain_name
from pipelines.annotations.table_messages import COLUMNS
from pipelines.annotations.table_text import lines_of, open_table
from pipelines.core.errors import UsageError
from pipelines.core.split_names import split_name
from pipelines.files.addresses import STORES, UNKNOWN_STORE, file_path

_WEB = ("http", "https", "ftp", "ftps", "sftp", "rtsp", "rtmp", "rtmps", "rtp", "udp", "mms", "data", "magnet")
LONGEST_PATH = 4096
"""Longer ones name no file on any system."""
_SAMPLE = 50


@dataclass(frozen=True)
class Table:
    """A table whose first line has been read.

    Attributes:
        rows: the number of each line and the wanted values in it, stripped; can be iterated once.
        unused: names of columns that are not used.
        headers: numbers of lines that repeat the first one, as in concatenated tables; known once the rows have been
            taken.
        comments: likewise the numbers of lines below the first that begin with `#` and are no rows.
    """

    rows: Iterator[tuple[int, list[str]]]
    unused: tuple[str, ...]
    headers: list[int] = field(default_factory=list)
    comments: list[int] = field(default_factory=list)


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
    if (zero := text.find("\0")) >= 0:
        line = sum(1 for _ in lines_of(text[:zero] + "."))
        raise UsageError(f"{name}, line {line}: a zero byte, which text can't contain. Save the file as UTF-8")
    opening = open_table(text, name, needed)

    def rows() -> "csv._reader":  # type: ignore[name-defined]
        return csv.reader(lines_of(opening.text), delimiter=opening.delimiter, skipinitialspace=True, strict=True)

    reader = rows()
    try:
        columns = tuple(column.strip() for column in next(reader, []))
    except csv.Error as error:
        raise UsageError(f"{name}, line {opening.skipped + 1}: {table_messages.no_csv(str(error))}") from error
    head = _Head(name, columns, opening.delimiter, tuple(needed), tuple(optional), opening.skipped)
    _check_head(head, rows())
    known = {*COLUMNS, *needed, *optional}
    table = Table(iter(()), tuple(column for column in columns if column and plain_name(column) not in known))
    return Table(_rows(reader, head, table), table.unused, table.headers, table.comments)


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

    @property
    def names(self) -> list[str]:
        """The columns as names are compared."""
        return [plain_name(column) for column in self.columns]

    def places(self) -> list[int]:
        """The positions of the needed and the optional columns; of a missing column, a position beyond any line."""
        found = {column: place for place, column in enumerate(self.names)}
        return [found.get(column, sys.maxsize) for column in (*self.needed, *self.optional)]

    def form(self) -> str:
        """What a line must look like: `path,label[,group]`."""
        return ",".join(self.needed) + "".join(f"[,{column}]" for column in self.optional)


def _check_head(head: _Head, rows: "csv._reader") -> None:  # type: ignore[name-defined]
    """Refuses a first line that can't be used.

    Args:
        head: the first line.
        rows: all lines, of which a few are looked at.
    """
    name, needed, optional, names = head.name, head.needed, head.optional, head.names
    if not set(needed) <= set(names):
        raise UsageError(table_messages.no_columns(name, head.columns, head.delimiter, needed, optional))
    for column in (*needed, *optional):
        if names.count(column) > 1:
            raise UsageError(f"{name}: the first line names the column {column} twice. Rename or remove one")
    wanted = {*needed, *optional}
    others = [(place, head.columns[place]) for place, known in enumerate(names) if known and known not in wanted]
    if meant := [column for _, column in others if changes_meaning(column)]:
        raise UsageError(table_messages.meaningful_columns(name, meant, "start" in wanted))
    if "split" not in optional or "split" in names:
        return
    sample = _sample(rows)
    for place, column in others:
        values = {row[place] for row in sample if place < len(row)} - {""}
        known_splits = set(map(split_name, values))
        told = known_splits & {"train", "test"}
        if gives_splits(column) or len(told) > 1 or (told and "" not in known_splits):
            raise UsageError(table_messages.splitting_column(name, column))


def _sample(rows: "csv._reader") -> list[list[str]]:  # type: ignore[name-defined]
    """A few lines below the first. What is wrong with one is found when it is read."""
    sample: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        sample.extend(islice(rows, 1, _SAMPLE))
    return sample


def _rows(
    reader: "csv._reader",  # type: ignore[name-defined]
    head: _Head,
    table: Table,
) -> Iterator[tuple[int, list[str]]]:
    name, width, places, num_needed = head.name, head.width, head.places(), len(head.needed)
    path = head.needed.index("path") if "path" in head.needed else None
    line = reader.line_num + head.skipped
    found = False
    names, needed = head.names, set(head.needed)
    try:
        for row in reader:
            line = reader.line_num + head.skipped
            if not row:
                continue
            values = [row[place].strip() if place < len(row) else "" for place in places]
            if row[0][:1] == "#" and (row[0][1:2] in " \t#" or "" in values[:num_needed]):
                table.comments.append(line)
                continue
            if len(row) != width and any(map(str.strip, row[width:])):
                message = table_messages.other_head if _is_head(row, needed) else table_messages.too_many
                raise UsageError(message(f"{name}, line {line}", row, head.columns[:width], head.delimiter))
            if values[0].lower() in needed and _is_head(row, needed):
                if [plain_name(field) for field in row] == names:
                    table.headers.append(line)
                    continue
                raise UsageError(table_messages.other_head(f"{name}, line {line}", row, head.columns, head.delimiter))
            if "" in values[:num_needed]:
                if not any(map(str.strip, row)):
                    continue
                missing = head.needed[values.index("")]
                raise UsageError(
                    table_messages.no_value(f"{name}, line {line}", missing, head.form(), row, head.delimiter)
                )
            if path is not None and (":" in values[path] or len(values[path]) > LONGEST_PATH):
                values[path] = check_address(values[path], f"{name}, line {line}")
            found = True
            yield line, values
    except csv.Error as error:
        raise UsageError(f"{name}, line {line + 1}: {table_messages.no_csv(str(error))}") from error
    if not found:
        raise UsageError(f"{name}: no videos in this manifest. Each line needs {head.form()}")


def _is_head(row: Sequence[str], needed: Set[str]) -> bool:
    """Whether a line names the needed columns, as the first line of a table does."""
    return needed <= {plain_name(field) for field in row}


def check_address(path: str, where: str) -> str:
    """A path or an address without `file://`.

    Raises:
        UsageError: the address is one of the web or of an unknown store, lacks a slash or a bucket, or is far too long;
            the message begins with `where`.
    """
    if len(path) > LONGEST_PATH:
        start = table_messages.shortened(path)
        raise UsageError(f"{where}: a path of {len(path):,} characters ({start!r}). Is a quotation mark missing?")
    scheme, found, rest = path.partition(":/")
    scheme = scheme.lower()
    if not found:
        return path
    if scheme in _WEB:
        raise UsageError(f"{where}: {path}: videos are not fetched from the web. Download it and give the file's path")
    if scheme == "file":
        return file_path(path)
    if scheme in STORES and not rest.startswith("/"):
        raise UsageError(f"{where}: {path} lacks a slash; did you mean {scheme}://{rest}?")
    if rest.startswith("/") and scheme not in STORES:
        raise UsageError(f"{where}: {path}: {UNKNOWN_STORE}")
    if scheme in STORES and not rest.strip("/").startswith(rest[1:2] or "/"):
        raise UsageError(f"{where}: {path} names no bucket; an address looks like {scheme}://BUCKET/FOLDER/VIDEO.mp4")
    return f"{scheme}:/{rest}" if scheme in STORES else path
