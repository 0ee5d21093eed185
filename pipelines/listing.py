"""Listing the input: a tree of videos or a CSV manifest becomes a `Catalog`, before any work starts."""

import posixpath
from collections.abc import Iterator, Sequence

from pipelines import files, local_glob
from pipelines.core import catalog
from pipelines.core.catalog import Catalog, VideoRecord
from pipelines.core.collection import no_collection
from pipelines.core.content import stream_mark
from pipelines.core.duplicates import drop_duplicates
from pipelines.core.errors import UsageError
from pipelines.core.folder_kinds import no_tree
from pipelines.core.video_files import is_video
from pipelines.source_hints import check_source, nearest


@no_collection()
def read_catalog(source: str) -> Catalog:
    """Lists a folder, or reads a manifest where `source` ends in `.csv`.

    Args:
        source: a normalised path or address.

    Raises:
        UsageError: there is nothing there, or what is there can't be preprocessed; the message says why.
    """
    check_input(source)
    try:
        if source.lower().endswith(".csv"):
            return _read_manifest(source)
        if not files.is_local(source) and is_video(posixpath.basename(source)) and files.exists(source):
            raise UsageError(no_tree(source))
        return catalog.from_tree(source, *files.list_tree(source))
    except OSError as error:
        raise UsageError(f"cannot list {source}: {error.strerror or error}") from error


def check_input(source: str) -> None:
    """Refuses, without listing it or asking a store, what can't be preprocessed.

    Raises:
        UsageError: it can't; the message says why, and what to give instead.
    """
    check_source(source)
    if not files.is_local(source) or posixpath.isdir(source):
        return
    if not files.exists(source):
        pattern = any(sign in source for sign in local_glob.MAGIC)
        hint = ". Patterns are no input here: give the folder, or a CSV manifest" if pattern else nearest(source)
        raise UsageError(f"no such folder or manifest: {source}{hint}")
    if not source.lower().endswith(".csv"):
        raise UsageError(no_tree(source))


def _read_manifest(source: str) -> Catalog:
    text = files.read_text(source)
    if text is None:
        raise UsageError(f"no such manifest: {source}")
    rows = catalog.parse_manifest(text, source)
    root = posixpath.dirname(source)
    found = files.stat_files(root, [row.path for row in rows])
    uris = (files.locate(root, row.path) for row in rows)
    return catalog.from_manifest(source, rows, found, uris)


def without_duplicates(videos: Catalog) -> Catalog:
    """Leaves out videos with the same content as one of an earlier id. Of files that differ in size, none is read.

    Raises:
        OSError: a store fails.
    """

    def sizes(records: Sequence[VideoRecord]) -> Iterator[int]:
        return (file.size_bytes for file in files.stat_files("", [video.uri for video in records]))

    def marks(records: Sequence[VideoRecord]) -> Iterator[int]:
        remote = next((video.uri for video in records if not files.is_local(video.uri)), "")
        return files.each_at(remote, _mark, records)

    return drop_duplicates(videos, sizes, marks)


def _mark(video: VideoRecord) -> int:
    """That of a file's content; 0 for one that can't be read here, which may be found to be the same later on."""
    try:
        with files.open_read(video.uri) as file:
            return stream_mark(file)
    except OSError:
        if files.is_local(video.uri):
            return 0
        raise
