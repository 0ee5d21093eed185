"""Names that come out of a file or a store: they are to stay below their folder, and to be those of regular files."""

import os
import re
import stat
import unicodedata

_DRIVE = re.compile(r"[A-Za-z]:")


def why_not_plain(name: str) -> str:
    """Why a text isn't the name of something directly in a folder, on any system; empty where it is."""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        return "holds a control character"
    return "holds a slash" if "/" in name else why_not_below(name)


def why_not_below(path: str) -> str:
    """Why a relative path isn't one of something below a folder, on any system; empty where it is."""
    if path.startswith("/"):
        return "begins with a slash"
    if _DRIVE.match(path):
        return "begins with the letter of a drive"
    for sign, what in (("\\", "a backslash"), ("\0", "a null byte")):
        if sign in path:
            return f"holds {what}"
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return "holds what no name of a file can"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return f"has a part that is {part!r}" if "/" in path else f"is {part!r}"
    return ""


def special_kind(path: str) -> str:
    """What a path leads to where that isn't a regular file: `a pipe`, `a device` ...; empty where it is.

    Opening one could wait for ever, or have an effect. Links are followed.

    Raises:
        OSError: nothing is there, or that can't be found out.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        return ""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def alike(name: str) -> str:
    """The same for names that differ in case or in the form of Unicode alone."""
    return name if name.isascii() and name.islower() else unicodedata.normalize("NFC", name).casefold()
