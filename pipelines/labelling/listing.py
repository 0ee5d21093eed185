"""Listing what is to be labelled: a folder, a glob, a video, a list of paths or a CSV manifest."""

import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter

from pipelines import files
from pipelines.annotations.tables import LONGEST_PATH, check_address, read_table
from pipelines.core.errors import UsageError
from pipelines.core.relative import path_below
from pipelines.core.secrets import refuse_secrets
from pipelines.core.video_files import FileInfo, is_video_name, sort_out
from pipelines.files import patterns
from pipelines.files.alike import AlikeFiles
from pipelines.inputs.absent import on_missing
from pipelines.inputs.catalog import unreadable
from pipelines.inputs.folder_kinds import no_videos
from pipelines.inputs.source_hints import check_source, remedy
from pipelines.labelling.plan import ListedVideo, Listing
from pipelines.process.gc_pause import no_collection

_ADDED = re.compile(r"""^["'](?=.*["']$)|(?<=.)["']$|(?<=\S)\s+\d+$""")
"""What may stand around a path in a list: quotation marks, or the number of its class."""


@no_collection()
def list_videos(source: str) -> Listing:
    """Lists the videos of `source`, a normalised path or address.

    In folders and globs, files without a video's extension are ignored. The entries of a list or a manifest are all
    kept; one that doesn't exist becomes a failure record.

    Raises:
        UsageError: there is no such source, or it can't be read; the message says why.
    """
    try:
        check_source(source)
        if any(sign in source for sign in patterns.MAGIC) and not (files.exists(source) or files.is_folder(source)):
            return _found(source, *_match(source))
        if files.is_local(source) and not files.exists(source):
            raise UsageError(f"no such folder, video, list or manifest: {source}{remedy(source)}")
        if source.lower().endswith((".csv", ".tsv")):
            table = read_table(_text(source), source, ("path",))
            listing = _existing(source, _named(source, [path for _, (path,) in table.rows]))
            return replace(listing, unused=table.unused, num_repeated=listing.num_repeated + len(table.headers))
        if _is_folder(source):
            listed = files.list_tree(source, strict=False)[0]
            if not listed and not files.is_folder(source):  # it is in a store
                raise UsageError(f"no such folder, video, list or manifest: {source}{remedy(source)}")
            return _found(source, source, listed)
        if is_video_name(source):  # even a hidden one, as it was asked for by name
            return _named(source, [posixpath.basename(source)])
        paths, num_comments = _list_paths(_text(source), source, posixpath.dirname(source))
        return replace(_existing(source, _named(source, paths)), num_comments=num_comments)
    except OSError as error:
        raise UsageError(f"cannot list {error.filename or source}: {error.strerror or error}") from error


def root_of(source: str) -> str:
    """The folder on this machine to which the paths of the listed videos are relative: a folder itself, the part of a
    glob without wildcards, or the folder of a video, a list or a manifest."""
    if any(sign in source for sign in patterns.MAGIC) and not files.exists(source):
        return patterns.root_of(source)
    return source if posixpath.isdir(source) else posixpath.dirname(source)


def _is_folder(source: str) -> bool:
    if files.is_local(source):
        return posixpath.isdir(source)
    return (not posixpath.splitext(source)[1] and files.is_folder(source)) or not files.exists(source)


def _text(source: str) -> str:
    text = files.read_written(source)
    if text is None:
        raise UsageError(f"no such file: {source}{remedy(source)}")
    return text


def _match(pattern: str) -> tuple[str, list[FileInfo]]:
    """The folder of a glob, which is its part without wildcards, and the files that match."""
    root = patterns.root_of(pattern)
    if not files.is_local(pattern):
        return root, files.match(root, pattern)
    if not files.exists(root):
        raise UsageError(f"no such folder: {root}{remedy(root)}")
    return root, patterns.match(pattern)


def _found(source: str, root: str, listed: Sequence[FileInfo]) -> Listing:
    found = sort_out(listed)
    if not found.videos:
        raise UsageError(no_videos(source, found))
    videos = [_listed(file.path, files.join(root, file.path), file) for file in found.videos]
    failed = tuple(replace(f, label=None, uri=path_below(f.uri, root)) for f in unreadable(root, found.lost))
    return Listing(tuple(sorted(videos, key=attrgetter("video_id"))), found.ignored, failed=failed)


def _listed(video_id: str, uri: str, file: FileInfo) -> ListedVideo:
    return ListedVideo(video_id, uri, file.version or "missing", file.size_bytes)


def _list_paths(text: str, name: str, root: str) -> tuple[list[str], int]:
    """The paths in a list, and the number of comments."""
    if "\0" in text:
        raise UsageError(
            f"{name} is neither a folder, nor a video by its extension, nor a list of paths: it holds binary data"
        )
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if re.split("[,;\t]", lines[0].strip().lower())[:2] in (["path", "label"], ["label", "path"]):
        raise UsageError(f"{name}: this is a manifest. Give it a name that ends in .csv")
    if re.match(r"[\[{](?![\w ]+\]$)", lines[0]) and not files.exists(files.join(root, lines[0])):
        raise UsageError(f"{name}: this is JSON, not a list of paths. Give one path on each line")
    paths = [
        check_address(path, f"{name}, line {number}") if ":/" in path or len(path) > LONGEST_PATH else path
        for number, line in enumerate(lines, 1)
        if (path := _path_in(line, root))
    ]
    if not paths:
        raise UsageError(f"{name}: no paths in this list. Give one path on each line")
    return paths, sum(not _path_in(line, root) for line in lines if line.lstrip().startswith("#"))


def _existing(source: str, listing: Listing) -> Listing:
    """The listing of a list or a manifest, after a check that at least one of its videos exists.

    Raises:
        UsageError: none exists.
    """
    missing = [video.video_id for video in listing.videos if video.version == "missing"]
    if len(missing) == len(listing.videos):
        on_missing(source, missing, len(missing))
    return listing


def _path_in(line: str, root: str) -> str:
    """The path on a line of a list. Names may begin with `#`, as in HMDB51, and begin or end with spaces. Quotation
    marks around it are left out, and a number behind it, as in UCF101's lists, where only the rest names a video."""
    path = line.strip()
    if path != line and path and files.is_local(path) and files.exists(files.join(root, line)):
        return line
    if path.startswith("#") or _ADDED.search(path):
        if _is_there(files.locate(root, path)):
            return path
        plain = _ADDED.sub("", path)
        is_video = is_video_name(plain) and not is_video_name(path) and not path.startswith("#")
        if plain != path and (is_video or _is_there(files.locate(root, plain))):
            return plain
    return "" if path.startswith("#") else path


def _is_there(uri: str) -> bool:
    return os.path.lexists(uri) if files.is_local(uri) else files.exists(uri)


def _named(source: str, paths: Iterable[str]) -> Listing:
    """Videos by path, relative to the file that names them or absolute, or by address."""
    root = posixpath.dirname(source)
    unique: dict[str, str] = {}
    count = 0
    for path in paths:
        count += 1
        refuse_secrets(path, source)
        if "\\" in path:
            path = files.find_slashed(root, path)
        uri = files.locate(root, path)
        unique.setdefault(posixpath.normpath(uri) if files.is_local(uri) else uri, path)
    # Sorted before the objects are made, so that these lie in memory in the order in which they are visited.
    items = sorted(unique.items(), key=itemgetter(1))
    found = files.stat_files(root, [uri for uri, _ in items])
    names = AlikeFiles()
    videos = tuple(
        _listed(path, other, files.stat_file(root, other))
        if file.version is None and not file.problem and (other := names.find(root, uri))
        else _listed(path, uri, file)
        for (uri, path), file in zip(items, found, strict=True)
    )
    if names.found:  # a file keeps its own name, if the list has that, too
        own = {video.uri for video, (uri, _) in zip(videos, items, strict=True) if video.uri == uri}
        kept = [v for v, (uri, _) in zip(videos, items, strict=True) if v.uri == uri or v.uri not in own]
        videos = tuple({video.uri: video for video in reversed(kept)}.values())[::-1]
    return Listing(videos, num_repeated=count - len(videos))
