"""From a segment on a page to its video, at its time: a link, and a player where the browser has one."""

import os
import posixpath
from urllib.parse import quote

from pipelines.core.relative import relative_to
from pipelines.core.video_files import extension
from pipelines.files.addresses import is_local
from pipelines.inputs.catalog import group_in
from pipelines.reports.parts import link, text

NO_GROUP = "none"
_PLAYABLE = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".ogv")
"""Kinds of files that browsers play, as far as they know the codec."""


def group_of(video: str) -> str:
    """The group of a labelled video, as far as its name tells: `_gNN_` as in a dataset, or else its folder."""
    folder, name = posixpath.split(video)
    return group_in(posixpath.splitext(name)[0]) or folder or NO_GROUP


def address_at(uri: str, folder: str, start_s: float, end_s: float) -> str:
    """The address at which a browser plays a part of a video; empty for one in a store, which browsers can't open.

    Args:
        uri: where the video is.
        folder: the folder of the page. A local video's address is relative to a local one, so that it stays right if
            both are moved together.
        start_s, end_s: the part.
    """
    if not uri or not is_local(uri):
        return ""
    path = relative_to(uri, folder)
    start = "file://" if os.path.isabs(path) else ""
    return f"{start}{quote(os.fsencode(path))}#t={_seconds(start_s)},{_seconds(end_s)}"


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def video_link(video: str, uri: str, folder: str, start_s: float, end_s: float) -> str:
    """The name of a video, HTML: it leads to a part of it, or says where the video is."""
    address = address_at(uri, folder, start_s, end_s)
    where = "" if address or not uri or uri == video else f' <span class="soft">{text(uri)}</span>'
    return link(video, address) + where


def player(uri: str, folder: str, start_s: float, end_s: float) -> str:
    """A player for a part of a video, which loads nothing before it is started; empty if there can be none."""
    address = address_at(uri, folder, start_s, end_s)
    if not address or extension(uri) not in _PLAYABLE:
        return ""
    return (
        f'<details class="watch"><summary>Play here</summary><video controls preload="none" src="{text(address)}">'
        '</video><p class="soft">If nothing plays, this browser lacks the codec: open the video in a player.</p>'
        "</details>"
    )


def can_play(uri: str) -> bool:
    """Whether browsers play this kind of file."""
    return extension(uri) in _PLAYABLE
