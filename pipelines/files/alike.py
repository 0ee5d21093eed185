"""Finds files on this machine whose names differ from a given path only in case or in Unicode normalisation."""

import os
import posixpath

from pipelines import files
from pipelines.core.names import alike


class AlikeFiles:
    """Finds such files. Each folder is listed once.

    Attributes:
        found: each given path that doesn't exist as such, with the path of the file that is meant.
    """

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._names: dict[str, dict[str, list[str]]] = {}

    def find(self, root: str, path: str) -> str:
        """The only file that a path below a folder, or an absolute path, may mean; empty if there is none."""
        where = files.locate(root, path)
        if not files.is_local(where):
            return ""
        place = "/"
        for name in posixpath.normpath(where).strip("/").split("/"):
            if not os.path.lexists(posixpath.join(place, name)):
                names = self._in(place).get(alike(name), [])
                if len(names) != 1:
                    return ""
                (name,) = names
            place = posixpath.join(place, name)
        self.found[path] = place
        return place

    def _in(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._names:
            known = self._names[folder] = {}
            try:
                for name in sorted(os.listdir(folder)):
                    known.setdefault(alike(name), []).append(name)
            except OSError:
                pass  # files that aren't found here are reported as missing
        return self._names[folder]
