"""Listing what is to be labelled: a folder, a glob, a video, a list of paths or a CSV manifest."""

import glob
import posixpath
from collections.abc import Iterable, Sequence
from operator import itemgetter

from pipelines import files
from pipelines.core.catalog import VIDEO_EXTENSIONS, FileInfo, is_video
from pipelines.core.collection import no_collection
from pipelines.core.errors import UsageError
from pipelines.core.label_plan import ListedVideo, Listing
from pipelines.core.secrets import refuse_secrets
from pipelines.core.tables import read_columns

_MAGIC = "*?["
_SHOWN_EXTENSIONS = 6


@no_collection()
def list_videos(source: str) -> Listing:
    """Lists what `source` names, a normalised path or address.

    Of folders and globs, files that are no videos by their extension are passed over. What a list or a manifest names
    is taken as it is, and stays in where it doesn't exist: it becomes a failure record.

    Raises:
        UsageError: there is nothing there, or it can't be read; the message says why.
    """
    try:
        if any(sign in source for sign in _MAGIC) and not (files.is_local(source) and files.exists(source)):
            return _found(source, _match(source))
        if files.is_local(source) and not files.exists(source):
            raise UsageError(f"no such folder, video, list or manifest: {source}")
        if source.lower().endswith((".csv", ".tsv")):
            return _named(source, [path for _, (path,) in read_columns(_text(source), source, ("path",))])
        if _is_folder(source):
            return _found(source, [_below(source, file) for file in files.list_tree(source)[0]])
        if is_video(posixpath.basename(source)):
            return _named(source, [posixpath.basename(source)])
        return _named(source, _list_paths(_text(source), source))
    except OSError as error:
        raise UsageError(f"cannot list {error.filename or source}: {error.strerror or error}") from error


def _is_folder(source: str) -> bool:
    if files.is_local(source):
        return posixpath.isdir(source)
    return not posixpath.splitext(source)[1] or not files.exists(source)


def _text(source: str) -> str:
    text = files.read_written(source)
    if text is None:
        raise UsageError(f"no such file: {source}")
    return text


def _below(root: str, file: FileInfo) -> ListedVideo:
    return ListedVideo(file.path, files.join(root, file.path), file.version or "missing", file.size_bytes)


def _match(pattern: str) -> list[ListedVideo]:
    """What a glob finds; ids are the paths below the part of the pattern that has no sign in it."""
    root = posixpath.dirname(pattern[: min(pattern.index(sign) for sign in _MAGIC if sign in pattern)])
    if not files.is_local(pattern):
        return [_below(root, file) for file in files.match(root, pattern)]
    paths = sorted({path for path in glob.glob(pattern, recursive=True) if not posixpath.isdir(path)})
    return [_below(root, files.stat_file(root, posixpath.relpath(path, root))) for path in paths]


def _found(source: str, found: Sequence[ListedVideo]) -> Listing:
    videos = [video for video in found if is_video(video.video_id)]
    if not videos:
        what = f"{len(found)} other files" if found else "nothing"
        extensions = ", ".join(sorted(VIDEO_EXTENSIONS)[:_SHOWN_EXTENSIONS])
        raise UsageError(f"no videos in {source}: found {what}. Videos are known by their extension ({extensions} ...)")
    return Listing(tuple(sorted(videos, key=lambda video: video.video_id)), len(found) - len(videos))


def _list_paths(text: str, name: str) -> list[str]:
    if "\0" in text:
        raise UsageError(
            f"{name} is neither a folder, nor a video by its extension, nor a list of paths: it holds binary data"
        )
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    paths = [line for line in lines if line and not line.startswith("#")]
    if not paths:
        raise UsageError(f"{name}: no paths in this list. Give one in each line")
    return paths


def _named(source: str, paths: Iterable[str]) -> Listing:
    """Videos by paths relative to the file that names them, absolute paths or addresses."""
    root = posixpath.dirname(source)
    unique: dict[str, str] = {}
    count = 0
    for path in paths:
        count += 1
        refuse_secrets(path, source)
        uri = path if not files.is_local(path) else files.join(root, path)
        unique.setdefault(posixpath.normpath(uri) if files.is_local(uri) else uri, path)
    # Sorted before and not after: then what is made of them lies in memory as it is visited.
    items = sorted(unique.items(), key=itemgetter(1))
    found = files.stat_files(root, [uri for uri, _ in items])
    videos = tuple(
        ListedVideo(path, uri, file.version or "missing", file.size_bytes)
        for (uri, path), file in zip(items, found, strict=True)
    )
    return Listing(videos, 0, count - len(videos))
