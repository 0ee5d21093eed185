"""Split files, which assign videos or groups to splits, as people and the publishers of datasets write them:

- lines `group,split` or `path,split`, with or without a header line of these words,
- a manifest with a column `split`,
- UCF101's `trainlist01.txt` and `testlist01.txt`, and other lists of paths that are named after their split,
- HMDB51's `brush_hair_test_split1.txt` for each class, with a 1 for train, a 2 for test and a 0 for neither.
"""

import csv
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipelines.annotations.columns import plain_name
from pipelines.annotations.table_messages import shortened
from pipelines.annotations.table_text import DELIMITERS, lines_of
from pipelines.annotations.tables import read_table
from pipelines.core.errors import UsageError
from pipelines.core.split_names import SPLIT_HELP, known_split, split_name
from pipelines.core.video_files import is_video_name
from pipelines.inputs.folders import near_split, split_in

_SPLIT_COLUMNS = ("split", "subset", "set", "partition")
"""Columns that name a split, the likeliest first."""
_HEADER = re.compile(r'"?([^,;\t"]*)"?\s*[,;\t]\s*"?split"?', re.IGNORECASE)
_PATHS = ("path", "filename", "file", "video", "video_id", "video_name", "clip_name", "clip", "name", "clip_path")
"""Columns that name a video, the likeliest first."""
_EXCELS = re.compile(r'"?sep=."?', re.IGNORECASE)
_NAMED = {"group": "group", **dict.fromkeys(_PATHS, "path")}
"""Whether lines name groups or paths, by the header of the first column."""
_PAIR = re.compile(r'(.*\S)\s*[,;\t]\s*"?(\w+)"?\s*(?:#.*)?')
_NEXT_VALUE = re.compile(r"\s*[,;\t]\s*|\s+")
_SPACED_PAIR = re.compile(r"(.*\S)\s+(\w+)")
_HMDB_NAME = re.compile(r"(.+)_test_split\d+")
_HMDB_LINE = re.compile(r"([^/]*\S)\s+([012])")
_HMDB_SPLITS = {"0": "", "1": "train", "2": "test"}
UNUSED_FILES = frozenset(("classind.txt",))
"""Files beside UCF101's lists that name its classes."""


class Entry(NamedTuple):
    """The content of a line.

    Attributes:
        name: a group or the path of a video.
        split: its split; empty for a video to be left out.
        line: number of the line.
        doubtful: whether it begins with `#`, and so is a comment unless there is such a group or video.
        others: longer names that the line may mean if there are such videos, the longest first, as names may end with
            what looks like the number of a class.
    """

    name: str
    split: str
    line: int
    doubtful: bool = False
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class SplitFile:
    """The content of a split file.

    Attributes:
        name: name of the file.
        kind: `group` or `path`, for what its lines name; empty if the file doesn't tell.
        entries: its lines.
    """

    name: str
    kind: str
    entries: tuple[Entry, ...]


def parse_split_file(text: str, name: str) -> SplitFile:
    """Parses a file of one of the forms above.

    Raises:
        UsageError: a line isn't of the file's form, or the file is empty; the message gives the line.
    """
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise UsageError(f"{name}: binary data, not a text. Each line needs group,split or path,split")
    numbered = enumerate(lines_of(text), 1)
    lines = [(n, line.strip()) for n, line in numbered if line.strip() and not _EXCELS.fullmatch(line.strip())]
    if not lines:
        raise UsageError(f"{name}: an empty file. Each line needs group,split or path,split")
    if name.lower().endswith(".json"):
        raise UsageError(f"{name}: JSON is not read as a split file. Write lines path,split or group,split")
    stem = posixpath.splitext(posixpath.basename(name))[0]
    if (of_class := _HMDB_NAME.fullmatch(stem)) and (entries := list(_hmdb(lines, of_class[1]))):
        return SplitFile(name, "path", tuple(entries))
    first = next((line for _, line in lines if not line.startswith("#")), lines[0][1])
    columns = _columns(first)
    if "youtube_id" in columns:
        raise UsageError(
            f"{name}: a list of addresses, like those of Kinetics, which names no files. Write lines path,split; or "
            "give the list as --input, with --video-pattern: its splits are kept"
        )
    is_head = not any(map(split_name, columns))
    split_column = next((column for column in _SPLIT_COLUMNS if is_head and column in columns), "")
    if _HEADER.fullmatch(first) or split_column:
        while lines[0][1] != first:  # comments
            del lines[0]
    if header := _HEADER.fullmatch(first):
        kind = _NAMED.get(header[1].strip().lower(), "")
        if not kind:
            raise UsageError(
                f"{name}, line {lines[0][0]}: the columns must be group,split or path,split, not {shortened(first)!r}"
            )
        # Concatenated files repeat the header.
        below = [(number, line) for number, line in lines if line.lower() != first.lower()]
        return SplitFile(name, kind, tuple(_pairs(below, name, kind)))
    of_file = split_in(stem)
    column = next((column for column in _PATHS if column in columns), "")
    if split_column:
        named = column or "group"
        rows = read_table(text, name, (named, split_column), ("start", "end")).rows
        of_rows = (Entry(row[0], known_split(row[1], f"{name}, line {line}"), line) for line, row in rows)
        return SplitFile(name, _NAMED[named], tuple(of_rows))
    if of_file and column:
        rows = read_table(text, name, (column,)).rows
        return SplitFile(name, "path", tuple(Entry(path, of_file, line) for line, (path,) in rows))
    if of_file and not split_name(_pair(first)[1]):
        return SplitFile(name, "path", tuple(_listed(lines, of_file)))
    return SplitFile(name, "", tuple(_pairs(lines, name, "")))


def _hmdb(lines: Sequence[tuple[int, str]], of_class: str) -> Iterator[Entry]:
    """Entries of HMDB51's form; none at all if any line has another form."""
    matches = [(number, _HMDB_LINE.fullmatch(line)) for number, line in lines]
    if all(match for _, match in matches):
        for number, match in matches:
            if match:
                yield Entry(f"{of_class}/{match[1]}", _HMDB_SPLITS[match[2]], number)


def _listed(lines: Iterable[tuple[int, str]], split: str) -> Iterator[Entry]:
    """Entries of a list of paths, each of which may be followed by a class, by times or by numbers."""
    for number, line in lines:
        # There may be hundreds of thousands, most of them a path alone or one with a number.
        before, _, last = line.rpartition(" ")
        path = before.rstrip() if last.isdigit() else line
        path, others = (path, ()) if is_video_name(path) else _readings(line)
        yield Entry(path, split, number, line.startswith("#"), others)


def _readings(line: str) -> tuple[str, tuple[str, ...]]:
    """The likeliest name in a line, and all that it may be where that can only be told by the videos that there are, as
    a name without an extension may contain what separates it from a class."""
    ends = [match.start() for match in _NEXT_VALUE.finditer(line)]
    names = [_unquoted(line), *(_unquoted(line[:end]) for end in reversed(ends))]
    video = next(filter(is_video_name, names), "")
    return (video, ()) if video else (_before_class(line), tuple(filter(None, names)))


def _before_class(line: str) -> str:
    """The likeliest name in a line without the extension of a video: what stands before one or two numbers, or before
    a class."""
    match = re.fullmatch(r"(.*?\S)(?:\s+\d+){1,2}", line) or re.fullmatch(r"([^;\t]*\S)\s*[;\t].*", line)
    return _unquoted(match[1] if match else line)


def _pairs(lines: Iterable[tuple[int, str]], name: str, kind: str) -> Iterator[Entry]:
    for number, line in lines:
        entry, split = _pair(line)
        doubtful = line.startswith("#")
        if not split.isidentifier():
            if doubtful:
                continue
            hint = "" if kind else ". A list of paths without splits must be named after its split, as trainlist01.txt"
            raise UsageError(f"{name}, line {number}: expected {kind or 'group'},split{hint}, not {shortened(line)!r}")
        known = split_name(split)
        if not known and not doubtful and (near := near_split(split)):
            raise UsageError(f"{name}, line {number}: unknown split {split!r}; did you mean {near}? {SPLIT_HELP}")
        if kind == "path" and not known and not doubtful:
            raise UsageError(f"{name}, line {number}: unknown split {split!r}. {SPLIT_HELP}")
        yield Entry(_unquoted(entry), known or split, number, doubtful)


def _pair(line: str) -> tuple[str, str]:
    """The group or path in a line, and its split; both are empty if the line has another form."""
    if match := _PAIR.fullmatch(line):
        return match[1], match[2]
    if (match := _SPACED_PAIR.fullmatch(line)) and split_name(match[2]):
        return match[1], match[2]
    return "", ""


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text


def _columns(line: str) -> set[str]:
    rows = (next(csv.reader([line], delimiter=sign, skipinitialspace=True), []) for sign in DELIMITERS)
    return {plain_name(column) for row in rows for column in row}


def choose_files(folder: str, names: Iterable[str]) -> list[str]:
    """The files of one official split among those of a folder, as UCF101 and HMDB51 publish them.

    Args:
        folder: name of the folder, for messages.
        names: the files in it.

    Raises:
        UsageError: there are no such files, or files of several official splits.
    """
    by_number: dict[str, list[str]] = {}
    for name in sorted(names):
        stem, extension = posixpath.splitext(name)
        if extension.lower() in (".txt", ".csv", ".tsv") and (_HMDB_NAME.fullmatch(stem) or split_in(stem)):
            by_number.setdefault(next(reversed(re.findall(r"\d+", stem)), ""), []).append(name)
    if not by_number:
        raise UsageError(
            f"{folder}: no lists of splits in this folder. They are named after their split, as trainlist01.txt and "
            "testlist01.txt, or after a class, as brush_hair_test_split1.txt. Give the file: --split-file FILE"
        )
    if len(by_number) > 1:
        numbers = ", ".join(number or "without a number" for number in by_number)
        number, (example, *_) = next(item for item in by_number.items() if item[0])
        pattern = f"*{_pattern(by_number[number])}{posixpath.splitext(example)[1]}"
        raise UsageError(
            f"{folder}: lists of {len(by_number)} official splits ({numbers}). Choose one with a pattern in quotation "
            f"marks: --split-file '{posixpath.join(folder, pattern)}'"
        )
    (chosen,) = by_number.values()
    return chosen


def _pattern(names: Sequence[str]) -> str:
    """The common end of the names of some files."""
    stems = [posixpath.splitext(name)[0][::-1] for name in names]
    return posixpath.commonprefix(stems)[::-1]
