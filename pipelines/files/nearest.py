"""The file or folder whose path is most like a missing one."""

import os
import posixpath
from collections.abc import Mapping
from difflib import get_close_matches

from pipelines import files

_MOST_NAMES = 5000
"""How many names at one level of a store are looked at to find the nearest one: a few requests."""


def nearest(path: str) -> str:
    """`; did you mean X?`, with the file or folder whose path is most like a missing one; empty if there is none.

    For a broken link, it says that instead.
    """
    if not files.is_local(path):
        return _nearest_stored(path)
    found = "/"
    for name in filter(None, posixpath.normpath(path).split("/")):
        if not os.path.exists(posixpath.join(found, name)):
            if os.path.islink(posixpath.join(found, name)):
                return f", as {posixpath.join(found, name)} is a link that leads nowhere"
            name = _most_like(found, name)
        if not name:
            return ""
        found = posixpath.join(found, name)
    return f"; did you mean {found}?"


def _nearest_stored(uri: str) -> str:
    """The same in a store: the first name that doesn't exist there is replaced, if one like it does."""
    scheme, _, place = uri.partition("://")
    bucket, *names = place.split("/")
    found = f"{scheme}://{bucket}"
    try:
        for name in names:
            known = {other.lower(): other for other in files.list_names(found, _MOST_NAMES)}
            near = name if name in known.values() else _like(name, known)
            if not near:
                return ""
            found = files.join(found, near)
    except OSError:  # who may not list there gets no hint
        return ""
    return f"; did you mean {found}?" if found != uri else ""


def _most_like(folder: str, name: str) -> str:
    """The name in a folder that is most like a missing one; empty if none is."""
    try:
        return _like(name, {other.lower(): other for other in sorted(os.listdir(folder)) if not other.startswith(".")})
    except OSError:
        return ""


def _like(name: str, names: Mapping[str, str]) -> str:
    """The most similar of some names, each given by its form in small letters; empty if none is."""
    return next((names[near] for near in get_close_matches(name.lower(), names, n=1)), "")
