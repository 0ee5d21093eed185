"""Files that a manifest or a list names and that don't exist as such: what may be meant, and what to do."""

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from pipelines import files
from pipelines.core.clip_ids import video_of
from pipelines.core.errors import UsageError
from pipelines.core.video_files import is_video, is_video_name
from pipelines.core.wording import some
from pipelines.files.nearest import nearest
from pipelines.inputs.catalog import Catalog

QUOTES = "\"'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb`"
"""What people and word processors put around paths."""


def why_absent(root: str, path: str) -> str:
    """What is odd about a path in a manifest or a list for which there is no file, and what may be meant.

    Args:
        root: the folder of the manifest or list, to which paths are relative.
        path: the path, as it is written there.

    Returns:
        The end of a sentence, with its first sign: `; did you mean X?`, or empty.
    """
    if path[:1] in ("~", "$") or re.match("%[A-Za-z]+%", path):
        return ": ~, $HOME and the like mean nothing in a file; write the folder's name"
    if re.match(r"(?:www\.|youtu\.?be|m\.youtube\.)|[\w.]+\.(?:com|org|net)/", path, re.IGNORECASE):
        return ": videos are not fetched from the web. Download it and give the file's path"
    if "*" in path:
        return ": patterns mean nothing in a file; name each video"
    if not files.is_local(where := files.locate(root, path)):
        return nearest(where).replace(f"{root}/", "")
    meant = next((other for other in _other_forms(path) if os.path.isfile(files.locate(root, other))), "")
    if not meant:
        folder, stem = posixpath.split(posixpath.splitext(path)[0] if is_video_name(path) else path)
        names = files.list_names(files.locate(root, folder))
        same = [name for name in names if is_video(name) and posixpath.splitext(name)[0] == stem]
        meant = posixpath.join(folder, same[0]) if same else ""
    if meant:
        return f"; did you mean {meant}?"
    if not is_video_name(path) and re.fullmatch(r"[\w-]{11}", path):
        return ", which looks like a video's id on YouTube: download it and give the file's path"
    if os.path.isdir(files.locate(root, path)):
        return ", which is a folder"
    return nearest(files.locate(root, path)).replace(f"{root}/", "")


def _other_forms(path: str) -> Iterator[str]:
    """What a path may mean that was copied from elsewhere."""
    yield path.strip(QUOTES)
    yield unquote(path)
    yield re.sub(r"[\s,;|]+-?\w*$", "", path)


def on_missing(source: str, missing: Sequence[str], total: int, remedy: str = "") -> str:
    """A warning about files that a manifest or a list names and that don't exist, with what may be meant by the first.

    Args:
        source: the manifest or list; paths are relative to its folder.
        missing: the paths without a file, as they are written.
        total: number of all paths.
        remedy: the end of the message if none exists.

    Raises:
        UsageError: none of all files exists.
    """
    root = source if os.path.isdir(source) else posixpath.dirname(source)
    what = "manifest" if source.lower().endswith((".csv", ".tsv", ".json", ".jsonl", ".xml", ".parquet")) else "list"
    why = why_absent(root, missing[0])
    if len(missing) == total:
        hint = f"{why} " if why.endswith("?") else f"{why}. "
        raise UsageError(
            f"{source}: none of its {_videos(total)} exists, for example {files.locate(root, missing[0])}{hint}"
            f"Paths are relative to the folder of the {what}: correct them, or move the {what}{remedy}"
        )
    do = "does" if len(missing) == 1 else "do"
    return f"WARNING: {_videos(len(missing))} of the {what} {do} not exist, for example {missing[0]}{why}"


def on_other_names(source: str, listed: Catalog, found: Mapping[str, str]) -> Iterator[str]:
    """A note about files that were found by a name like that in the manifest.

    Raises:
        UsageError: the manifest names such a file by its own name, too.
    """
    if not found:
        return
    paths = defaultdict(set)
    for video in listed.videos:
        paths[video.uri].add(video_of(video.video_id))
    for written, uri in found.items():
        if len(paths[uri]) > 1:
            raise UsageError(
                f"{source}: names that differ only in case or in Unicode form mean one video, {uri}: "
                f"{some(sorted(paths[uri]), between=' and ')}. Write its path in one way, {written} or the file's own"
            )
    written, path = next(iter(found.items()))
    path = path.removeprefix(f"{posixpath.dirname(source)}/")
    yield (
        "files whose names differ from the manifest's only in case or in Unicode form: "
        f"{len(found):,} ({path} for {written})"
    )


def _videos(number: int) -> str:
    return "1 video" if number == 1 else f"{number:,} videos"
