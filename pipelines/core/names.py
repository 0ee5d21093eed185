"""Checks of names that come from a file or a store: they must stay below their folder and name regular files."""

import os
import re
import stat
import unicodedata

_DRIVE = re.compile(r"[A-Za-z]:")
_KINDS = {stat.S_IFREG: "", stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


def why_not_plain(name: str) -> str:
    """Why a text can't name something directly in a folder on every system; empty where it can."""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        return "contains a control character"
    return "contains a slash" if "/" in name else why_not_below(name)


def why_not_below(path: str) -> str:
    """Why a relative path can't lead to something below a folder on every system; empty where it can."""
    if path.startswith("/"):
        return "begins with a slash"
    if _DRIVE.match(path):
        return "begins with a drive letter"
    for sign, what in (("\\", "a backslash"), ("\0", "a null byte")):
        if sign in path:
            return f"contains {what}"
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return "contains characters that can't be in a file name"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return f"has a part that is {part!r}" if "/" in path else f"is {part!r}"
    return ""


def special_kind(path: str) -> str:
    """What a path leads to if that isn't a regular file: `a pipe`, `a device` ...; empty for a regular file.

    Opening a special file could block for ever or have side effects. Links are followed.

    Raises:
        OSError: there is nothing at the path, or it can't be inspected.
    """
    kind = kind_of(os.stat(path))
    return kind and f"a {kind}"


def kind_of(status: os.stat_result) -> str:
    """What a file is if it isn't a regular one: `pipe`, `device` ...; empty for a regular file."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "device")


def alike(name: str) -> str:
    """A key that is equal for names that differ only in case or in Unicode normalisation."""
    return name if name.isascii() and name.islower() else unicodedata.normalize("NFC", name).casefold()
