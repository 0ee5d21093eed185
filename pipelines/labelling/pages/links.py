"""From a segment on a page to its video, at its time: a link, and a player where the browser has one."""

import os
import posixpath
from dataclasses import dataclass
from urllib.parse import quote

from pipelines.core.relative import relative_to
from pipelines.core.video_files import extension
from pipelines.files.addresses import is_local, locate
from pipelines.inputs.catalog import group_in
from pipelines.reports.parts import link, text

NO_GROUP = "none"
_PLAYABLE = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".ogv")
"""Kinds of files that browsers play, as far as they know the codec."""


def group_of(video: str) -> str:
    """The group of a labelled video, as far as its name tells: `_gNN_` as in a dataset, or else its folder."""
    folder, name = posixpath.split(video)
    return group_in(posixpath.splitext(name)[0]) or folder or NO_GROUP


@dataclass(frozen=True)
class Places:
    """Where a page is, and the videos that it names.

    Attributes:
        page: the folder of the page; empty if unknown.
        videos: the folder to which the paths of local videos are relative; empty if unknown.
    """

    page: str = ""
    videos: str = ""

    def address_at(self, uri: str, start_s: float, end_s: float) -> str:
        """The address at which a browser plays a part of a video; empty for a video or a page in a store.

        It is relative to the page: it stays right if both are moved together, and says little about the machine.

        Args:
            uri: where the video is: a path, or its address in a store.
            start_s, end_s: the part.
        """
        if not uri or not is_local(uri) or not is_local(self.page):
            return ""
        path = locate(self.videos, uri)
        if not (os.path.isabs(path) and os.path.isabs(self.page)):
            return ""
        return f"{quote(os.fsencode(relative_to(path, self.page)))}#t={_seconds(start_s)},{_seconds(end_s)}"

    def link(self, video: str, uri: str, start_s: float, end_s: float) -> str:
        """The name of a video, HTML: it leads to a part of it, or says where the video is."""
        address = self.address_at(uri, start_s, end_s)
        where = "" if address or not uri or uri == video else f' <span class="soft">{text(uri)}</span>'
        return link(video, address) + where

    def player(self, uri: str, start_s: float, end_s: float) -> str:
        """A player for a part of a video, which loads nothing before it is started; empty if there can be none."""
        address = self.address_at(uri, start_s, end_s)
        if not address or not can_play(uri):
            return ""
        return (
            f'<details class="watch"><summary>Play here</summary><video controls preload="none" src="{text(address)}">'
            '</video><p class="soft">If nothing plays, this browser lacks the codec: open the video in a player.</p>'
            "</details>"
        )


NOWHERE = Places()


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def can_play(uri: str) -> bool:
    """Whether browsers play this kind of file."""
    return extension(uri) in _PLAYABLE
