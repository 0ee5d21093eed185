"""Files on this machine whose names differ from what was written in case or in the form of Unicode alone."""

import os
import posixpath

from pipelines import files
from pipelines.core.names import alike


class AlikeFiles:
    """Finds such files. Each folder is listed once.

    Attributes:
        found: what was written and isn't there so, with the path of the file that is meant.
    """

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._names: dict[str, dict[str, list[str]]] = {}

    def find(self, root: str, path: str) -> str:
        """The only such file that a path below a folder, or an absolute one, may mean; empty where there is none."""
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
                pass  # what isn't found stays missing, which is told
        return self._names[folder]
