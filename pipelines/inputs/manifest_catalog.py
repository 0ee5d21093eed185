"""The catalogue of a manifest's rows. Pure functions; nothing is opened."""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from operator import attrgetter

from pipelines.core.clip_ids import clip_id, video_of
from pipelines.core.failure import Failure
from pipelines.core.video_files import FileInfo, unique_ids
from pipelines.inputs.catalog import INPUTS, Catalog, VideoRecord, checked
from pipelines.inputs.parts import paths_of
from pipelines.inputs.records import Filtered, LeftOut
from pipelines.inputs.rows import Manifest
from pipelines.inputs.split_folders import describe_split_folders

_USED = "path, label, group, split, start and end"


def from_manifest(
    name: str,
    manifest: Manifest,
    files: Iterable[FileInfo],
    uris: Iterable[str],
    locate: Callable[[str], str] = str,
) -> Catalog:
    """Catalogue of a manifest's rows.

    A row whose file is missing is kept, and becomes a failure record; a row that can't be used is one already. A video
    without a group is a group of its own, with all of its parts.

    Args:
        name: the manifest's path, for messages.
        manifest: the rows.
        files: the file of each video, in the order of the rows, taken one by one.
        uris: likewise the full address of each.
        locate: gives the full address for the path of a row that can't be used.

    Raises:
        UsageError: two rows have the same id.
    """
    records = []
    rows = manifest.rows
    written = list(paths_of(rows))
    paths = [posixpath.normpath(path).lstrip("/") for path in written]
    stems = [posixpath.splitext(path)[0] for path in paths]
    ids = unique_ids(stems, paths)
    for (_, members), file, uri, stem, video_id in zip(
        groupby(rows, attrgetter("path")), files, uris, stems, ids, strict=True
    ):
        version, of_video = file.version or "missing", video_of(stem)
        for row in members:
            part = row.start_s, row.end_s
            own_id, group = clip_id(video_id, *part) if row.end_s else video_id, row.group or of_video
            records.append(VideoRecord(own_id, uri, row.label, group, version, row.split, *part, place=row.place))
    notes = []
    if manifest.unused:
        names = ", ".join(manifest.unused)
        notes.append(f"columns of the manifest that are not used: {names} ({_USED} are)")
    if manifest.num_repeated:
        notes.append(f"repeated lines of the manifest that count once: {manifest.num_repeated:,}")
    if manifest.num_comments:
        notes.append(f"lines of the manifest that begin with # and count as comments: {manifest.num_comments:,}")
    if not rows[0].split:
        notes += describe_split_folders(written)
    odd = bool(manifest.bad or manifest.filtered)
    return Catalog(
        checked(records, name),
        left_out=_left_out(manifest, dict(zip(written, ids, strict=True)), locate) if odd else LeftOut(),
        splits_from=INPUTS[1] if rows[0].split else "",
        notes=tuple(notes),
    )


def _left_out(manifest: Manifest, ids: Mapping[str, str], locate: Callable[[str], str]) -> LeftOut:
    """Records of the rows of a manifest that don't name clips."""

    def id_of(path: str) -> str:
        return ids.get(path) or posixpath.splitext(posixpath.normpath(path).lstrip("/"))[0]

    return LeftOut(
        tuple(
            Failure("list", row.kind, row.message, False, id_of(row.path), locate(row.path), row.label)
            for row in manifest.bad
        ),
        tuple(Filtered(id_of(row.path), row.label, row.reason) for row in manifest.filtered),
    )
