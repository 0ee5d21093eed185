"""Patterns of files. Python's `glob` follows circular links, and silently skips unreadable folders."""

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from itertools import dropwhile

from pipelines.core.video_files import FileInfo
from pipelines.files import local

MAGIC = "*?["
_ANY = "**"
_SIGNS = re.compile(
    r"(?P<any>(?<![^/])\*{2,}/)|(?P<deep>\*{2,})|(?P<flat>\*)|(?P<one>\?)|(?P<set>\[!?\]?[^\]]*\])|.", re.S
)


def root_of(pattern: str) -> str:
    """The folder before the first part with a wildcard: paths are relative to it."""
    return posixpath.dirname(pattern[: min(pattern.index(sign) for sign in MAGIC if sign in pattern)])


def address_expression(pattern: str) -> "re.Pattern[str]":
    """A regular expression for the whole addresses in a store that match a pattern.

    As on this machine, `**/` also stands for no folder at all, and only `**` goes beyond a slash. As in stores' own
    tools, it does so anywhere in a name.
    """

    def expression(sign: "re.Match[str]") -> str:
        known = {"any": "(?:.*/)?", "deep": ".*", "flat": "[^/]*", "one": "[^/]"}
        if sign.lastgroup == "set":
            return "(?!/)" + translate(sign[0]).removeprefix("(?s:").removesuffix(r")\Z")
        return known.get(sign.lastgroup or "") or re.escape(sign[0])

    return re.compile(f"{_SIGNS.sub(expression, pattern)}\\Z", re.DOTALL)


def match(pattern: str) -> list[FileInfo]:
    """The files that match an absolute pattern, by path relative to its root, each once.

    As in shells, `*` stops at a slash and `**` doesn't, and wildcards don't match a leading dot. `**` searches each
    real folder once. Folders that can't be entered are listed among the files, with their problem.
    """
    root = root_of(pattern)
    below = re.sub(r"(?<![^/])\*{2,}(?=[^/*])", "**/*", pattern[len(root) :])  # `**.avi` is meant as `**/*.avi`
    parts = [part for part in below.split("/") if part]
    found = {file.path: file for file in _match(root, "", parts)}
    return [found[path] for path in sorted(found)]


def _match(root: str, folder: str, parts: Sequence[str]) -> Iterator[FileInfo]:
    part, rest = parts[0], parts[1:]
    if part == _ANY:
        yield from _below(root, folder, list(dropwhile(_ANY.__eq__, rest)))
    elif not any(sign in part for sign in MAGIC):
        path = posixpath.normpath(posixpath.join(folder, part))
        where = os.path.join(root, path)
        if rest and os.path.isdir(where):
            yield from _match(root, path, rest)
        elif not rest and os.path.lexists(where) and not os.path.isdir(where):
            yield local.stat(where, path)
    else:
        wanted = re.compile(translate(part)).match
        for entry in _entries(root, folder):
            if isinstance(entry, FileInfo):
                yield entry
            elif wanted(entry.name) and (part[0] == "." or entry.name[0] != "."):
                path = posixpath.join(folder, entry.name)
                if local.is_folder(entry):
                    yield from _match(root, path, rest) if rest else ()
                elif not rest or local.look_at(entry, path).lost:
                    yield local.look_at(entry, path)


def _below(root: str, folder: str, rest: Sequence[str]) -> Iterator[FileInfo]:
    """The matching files below a folder, at any depth."""
    files, folders = local.list_tree(os.path.join(root, folder))
    for path in ["", *folders]:
        if rest and not _has_hidden(path):
            yield from _match(root, posixpath.join(folder, path).rstrip("/"), rest)
    for file in files:
        if not _has_hidden(file.path) and (not rest or file.lost):
            yield FileInfo(posixpath.join(folder, file.path), file.size_bytes, file.version, file.problem, file.lost)


def _has_hidden(path: str) -> bool:
    return path.startswith(".") or "/." in path


def _entries(root: str, folder: str) -> "Iterator[os.DirEntry[str] | FileInfo]":
    try:
        with os.scandir(os.path.join(root, folder)) as entries:
            yield from entries
    except OSError as error:
        if not folder:
            raise
        yield FileInfo(folder, 0, None, error.strerror or str(error), lost=True)
