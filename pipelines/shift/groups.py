"""Which labelled videos share a source: from a table, or from their names."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines import files
from pipelines.annotations.tables import read_table
from pipelines.core.errors import UsageError
from pipelines.files.nearest import nearest
from pipelines.inputs.catalog import group_in

_ALSO = ("label", "split", "start", "end")
"""Other columns of manifests, of which nothing is needed here."""


@dataclass(frozen=True)
class Groups:
    """The groups of videos by id and by address, as a table gives them; empty for none."""

    of_video: Mapping[str, str] = field(default_factory=dict)

    def find(self, video: str, uri: str) -> str:
        """The group of a video: that of the table, or else what `_gNN_` in its name gives, or else the video itself."""
        name = posixpath.basename(video)
        listed = self.of_video.get(video) or self.of_video.get(uri)
        return listed or group_in(name.rpartition(".")[0] or name) or video


def read_groups(uri: str) -> Groups:
    """Reads a table with the columns path and group. Paths are ids of labelled videos, or relative to the table.

    Raises:
        UsageError: the table can't be read, or isn't one; the message names the line.
    """
    wanted = "Give --groups a table with the columns path,group"
    try:
        text = files.read_text(uri)
    except IsADirectoryError as error:
        raise UsageError(f"{uri} is a folder. {wanted}") from error
    except OSError as error:
        raise UsageError(f"cannot read {uri}: {files.reason(error)}") from error
    if text is None:
        raise UsageError(f"{uri}: there is no such file{nearest(uri) or '.'} {wanted}")
    found: dict[str, str] = {}
    folder = uri.rpartition("/")[0]
    for _, (path, group, *_rest) in read_table(text, uri, ("path", "group"), _ALSO).rows:
        found[path] = group
        if "://" not in path and not path.startswith("/"):
            found[f"{folder}/{posixpath.normpath(path)}"] = group
    return Groups(found)
