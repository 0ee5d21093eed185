"""Listing the input: a tree of videos or a CSV manifest becomes a `Catalog`, before any work starts."""

import fnmatch
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipelines import files
from pipelines.cli import tool
from pipelines.core.clip_ids import video_of
from pipelines.core.errors import UsageError
from pipelines.core.secrets import refuse_secrets
from pipelines.core.video_files import FileInfo, is_video, sort_out
from pipelines.dataset.duplicates import drop_duplicates
from pipelines.dataset.plan import Plan
from pipelines.files import patterns
from pipelines.files.alike import AlikeFiles
from pipelines.inputs import catalog
from pipelines.inputs.absent import on_missing, on_other_names
from pipelines.inputs.annotated import describe_filtered, is_annotated, manifest_of
from pipelines.inputs.catalog import Catalog, VideoRecord, group_in
from pipelines.inputs.folder_kinds import ANNOTATIONS, LABEL_LAYOUT, LABELS_SUMMARY, no_tree
from pipelines.inputs.manifest import parse_manifest
from pipelines.inputs.manifest_catalog import from_manifest
from pipelines.inputs.parts import paths_of
from pipelines.inputs.rows import Manifest
from pipelines.inputs.source_hints import check_source, remedy
from pipelines.inputs.splits.lists import UNUSED_FILES, SplitFile, choose_files, parse_split_file
from pipelines.process.gc_pause import no_collection
from pipelines.reports.ignored import say_ignored
from pipelines.reports.text import plural, visible
from pipelines.video.content import stream_mark

_FILES = (".csv", ".tsv", *ANNOTATIONS)
_PATTERN = (
    ". If they lie elsewhere, say where: --video-pattern 'FOLDER/{video}' for labels, 'FOLDER/{id}.mp4' for ActivityNet"
)


@no_collection()
def read_catalog(source: str, class_level: int = 0, video_pattern: str = "", multi_label: bool = False) -> Catalog:
    """Lists a folder, or reads a manifest or annotations: a file, or a folder of labels.

    Args:
        source: a normalised path or address.
        class_level: see `catalog.from_tree`.
        video_pattern: where the videos of annotations lie, see `read_annotations`; empty if they name them.
        multi_label: whether a clip of a manifest or of annotations may have several labels.

    Raises:
        UsageError: there is nothing to read, or it can't be preprocessed; the message says why.
    """
    check_input(source)
    try:
        if source.lower().endswith(_FILES) or _holds_labels(source):
            if class_level:
                raise UsageError(f"--class-level is for folders; {source} names the class of each video itself")
            return _read_rows(source, video_pattern, multi_label)
        if video_pattern:
            raise UsageError(f"--video-pattern is for annotations; {source} is a folder of videos")
        if not files.is_local(source) and is_video(posixpath.basename(source)) and files.exists(source):
            raise UsageError(no_tree(source))
        listed = files.list_tree(source, strict=False)
        if not any(listed) and not files.is_folder(source):  # it is in a store
            raise UsageError(_no_source(source))
        return catalog.from_tree(source, *listed, class_level)
    except OSError as error:
        raise UsageError(f"cannot list {source}: {error.strerror or error}") from error


def read_split_files(sources: Sequence[str]) -> list[SplitFile]:
    """Reads files that assign videos to splits.

    Args:
        sources: files, folders of them, patterns, or several files with commas between them; local or remote.

    Raises:
        UsageError: there is no such file, or one can't be read or has another form; the message says which.
    """
    uris = [uri for source in sources for uri in _split_files(source)]
    used = [uri for uri in uris if posixpath.basename(uri).lower() not in UNUSED_FILES]
    return [_read_split_file(uri) for uri in used or uris]


def _split_files(source: str) -> list[str]:
    uri = files.normalise(source, "--split-file")
    is_local, is_pattern = files.is_local(uri), any(sign in source for sign in patterns.MAGIC)
    if is_local and posixpath.isdir(uri):
        return _of_folder(uri)
    # A store isn't asked about a plain name, whose extension tells whether it is that of a file or of a folder.
    may_ask = is_local or is_pattern or "," in source
    if files.exists(uri) if may_ask else posixpath.splitext(uri)[1]:
        return [uri]
    if is_pattern:
        folder, pattern = posixpath.split(uri)
        names = fnmatch.filter(files.list_names(folder), pattern)
        found = [files.join(folder, name) for name in names if name.lower() not in UNUSED_FILES]
        if not found:
            raise UsageError(f"no split files match {source}")
        return found
    if "," in source:
        return [uri for part in source.split(",") for uri in _split_files(part.strip())]
    if not is_local:
        return _of_folder(uri)
    raise UsageError(f"no such split file: {source}{remedy(uri)}")


def _of_folder(uri: str) -> list[str]:
    return [files.join(uri, name) for name in choose_files(uri, files.list_names(uri))]


def _read_split_file(uri: str) -> SplitFile:
    try:
        text = files.read_written(uri)
    except OSError as error:
        raise UsageError(f"cannot read the split file {uri}: {error.strerror or error}") from error
    if text is None:
        raise UsageError(f"no such split file: {uri}{remedy(uri)}")
    return parse_split_file(text, uri)


def check_input(source: str) -> None:
    """Refuses an input that can't be preprocessed, without listing it or asking a store.

    Raises:
        UsageError: the input can't be preprocessed; the message says why, and what to give instead.
    """
    check_source(source, with_labels=True)
    if not files.is_local(source) or posixpath.isdir(source):
        return
    if not files.exists(source):
        raise UsageError(_no_source(source))
    if not source.lower().endswith(_FILES):
        raise UsageError(no_tree(source))


def _no_source(source: str) -> str:
    """The message for an input that doesn't exist."""
    pattern = any(sign in source for sign in patterns.MAGIC)
    hint = ". A pattern can't be the input: give the folder, or a CSV manifest" if pattern else remedy(source)
    return f"no such folder or manifest: {source}{hint}"


def _holds_labels(source: str) -> bool:
    """Whether a folder holds labels and not videos."""
    if not all(files.exists(files.join(source, name)) for name in (LABEL_LAYOUT, LABELS_SUMMARY)):
        return False
    return not files.is_local(source) or not sort_out(files.list_tree(source, strict=False)[0]).videos


def _read_rows(source: str, video_pattern: str, multi_label: bool) -> Catalog:
    root = posixpath.dirname(source) if source.lower().endswith(_FILES) else source
    is_table = source.lower().endswith((".csv", ".tsv"))
    text = files.read_written(source) if is_table else None
    if is_table and text is None:
        raise UsageError(f"no such manifest: {source}{remedy(source)}")
    if text is None or video_pattern or is_annotated(text, source):
        from pipelines.annotations.reading import read_annotations  # with parsers that a refusal need not wait for

        manifest = manifest_of(read_annotations(source, video_pattern), source, multi_label)
        listed = _from_rows(source, root, manifest, "" if video_pattern else _PATTERN)
        return replace(listed, notes=(*listed.notes, *describe_filtered(manifest)))
    manifest = parse_manifest(text, source, lambda path: files.find_slashed(root, path), multi_label)
    return _from_rows(source, root, manifest)


def _from_rows(source: str, root: str, manifest: Manifest, remedy: str = "") -> Catalog:
    """The catalogue of a manifest's rows, whose paths are relative to `root`. Each file is looked up once."""
    paths = list(paths_of(manifest.rows))
    for path in paths:
        refuse_secrets(path, source)
    names = AlikeFiles()
    missing_paths: list[str] = []

    def found() -> Iterator[FileInfo]:
        for path, file in zip(paths, files.stat_files(root, paths), strict=True):
            missing = file.version is None and not file.problem
            if missing and (other := names.find(root, path)):
                yield files.stat_file(root, other)
            else:
                if missing:
                    missing_paths.append(path)
                yield file

    # The address of a row is looked up after its file.
    uris = (names.found.get(path) or files.locate(root, path) for path in paths)
    listed = from_manifest(source, manifest, found(), uris, lambda path: files.locate(root, path))
    if missing_paths:
        listed = replace(listed, notes=(*listed.notes, on_missing(source, missing_paths, len(paths), remedy)))
    return replace(listed, notes=(*listed.notes, *on_other_names(source, listed, names.found)))


def without_duplicates(videos: Catalog) -> Catalog:
    """Leaves out videos with the same content as a video with an earlier id. Files of a unique size are not read.

    Raises:
        OSError: a store fails.
    """

    def sizes(records: Sequence[VideoRecord]) -> Iterator[int]:
        return (file.size_bytes for file in files.stat_files("", [video.uri for video in records]))

    def marks(records: Sequence[VideoRecord]) -> Iterator[int]:
        remote = next((video.uri for video in records if not files.is_local(video.uri)), "")
        return files.each_at(remote, _mark, records)

    return drop_duplicates(videos, sizes, marks)


def say_start(catalog: Catalog, plan: Plan, num_pending: int, output: str, using: str) -> None:
    """Tells what was listed, with all that is odd about it, before the work starts.

    Args:
        catalog: what was listed.
        plan: the shards that it becomes.
        num_pending: how many of them are to be written.
        output: the folder of the dataset.
        using: what the work uses, in words.
    """
    for note in catalog.notes:
        tool.say(visible(note if note.startswith("WARNING") else f"note: {note}"))
    if catalog.num_ungrouped and not catalog.splits_from:
        count = catalog.num_ungrouped
        alone = (v.video_id for v in catalog.videos if v.group == video_of(v.video_id))
        how = "Give groups in the column group of a manifest or, for folders, write them as _gNN_ into the names"
        if any(group_in(posixpath.basename(video_of(video_id))) for video_id in alone):
            how = "A manifest names them in a column group; _gNN_ in names counts in folders alone"
        parts = "" if all(video.is_whole for video in catalog.videos) else ", with all its parts"
        tool.say(
            f"note: {plural(count, 'video')} name{'s' * (count == 1)} no group, so each is a group of its own{parts}. "
            "If some share a source (one recording cut up, one actor), scores on the test split will look too good. "
            f"{how}"
        )
    say_ignored(catalog.ignored, output)
    kept = len(plan.shards) - num_pending
    again = f", {kept} of {plural(len(plan.shards), 'shard')} already written" if kept else ""
    what = plural(len(catalog.videos), "video")
    if not all(video.is_whole for video in catalog.videos):
        what = f"{plural(len(catalog.videos), 'part')} of {plural(len({v.uri for v in catalog.videos}), 'video')}"
    tool.say(f"{what} of {plural(len(plan.labels), 'class', 'classes')}{again}; using {using}")


def _mark(video: VideoRecord) -> int:
    """The mark of a file's content; 0 for a file that can't be read here, and may turn out to be a copy later."""
    try:
        with files.open_read(video.uri) as file:
            return stream_mark(file)
    except OSError:
        if files.is_local(video.uri):
            return 0
        raise
