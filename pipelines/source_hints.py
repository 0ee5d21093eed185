"""What is said of an input before it is listed: that it can't hold videos, or which name is nearest to its own."""

import os
import posixpath
from difflib import get_close_matches

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.core.folder_kinds import kind_of_folder, no_input, no_source


def check_source(source: str) -> None:
    """Refuses, at once, what is no source of videos by its name or by what a local folder holds.

    Raises:
        UsageError: it is none; the message says what it is, and what to give instead.
    """
    is_folder = files.is_local(source) and os.path.isdir(source)
    if not is_folder and (message := no_source(source)) and (not files.is_local(source) or files.exists(source)):
        raise UsageError(message)
    if is_folder and (kind := kind_of_folder(lambda name: files.exists(files.join(source, name)))):
        raise UsageError(no_input(source, kind))


def nearest(path: str) -> str:
    """`; did you mean X?` for the local file or folder whose name is most like that of one which isn't there."""
    if not files.is_local(path):
        return ""
    parent, name = posixpath.split(path.rstrip("/"))
    rest: list[str] = []
    while parent != "/" and not os.path.isdir(parent):
        rest.insert(0, name)
        parent, name = posixpath.split(parent)
    try:
        names = {other.lower(): other for other in sorted(os.listdir(parent)) if not other.startswith(".")}
    except OSError:
        return ""
    for near in get_close_matches(name.lower(), names, n=3):
        found = posixpath.join(parent, names[near], *rest)
        if os.path.exists(found):
            return f"; did you mean {found}?"
    return ""
