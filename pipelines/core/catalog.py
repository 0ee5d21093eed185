"""The catalogue: which videos there are, with label and group. Pure functions over listings; nothing is opened here."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise
from operator import attrgetter
from sys import intern

from pipelines.core.errors import UsageError
from pipelines.core.folders import describe_levels, find_levels
from pipelines.core.hashing import stable_hash
from pipelines.core.manifest import Manifest

VIDEO_EXTENSIONS = frozenset(
    f".{name}"
    for name in (
        *("3g2", "3gp", "asf", "avi", "divx", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts"),
        *("mxf", "ogv", "ts", "vob", "webm", "wmv"),
    )
)
_GROUP = re.compile(r"_g(\d+)(?=_|$)")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file of a listing: path relative to the listed folder, size, and a mark that changes when the content does.

    `version` is None where the file is named by a manifest and doesn't exist.
    """

    path: str
    size_bytes: int
    version: str | None


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """A video to be preprocessed, without its content.

    Attributes:
        video_id: path without extension, relative to the tree or manifest; unique.
        uri: where to read it.
        label: name of its class.
        group: what it shares its source with; videos of one group never are on two sides of a split.
        version: changes when the file does; `missing` where there is no file.
        split: the split that the input gives it; empty where videos are to be dealt.
    """

    video_id: str
    uri: str
    label: str
    group: str
    version: str
    split: str = ""


@dataclass(frozen=True)
class Catalog:
    """What the input holds.

    Attributes:
        videos: all videos, sorted by id.
        num_ignored: files that were passed over because they are no videos.
        num_ungrouped: videos that are a group of their own.
        splits_from: who says of which split each video is, for people; empty where they are to be dealt.
        notes: sentences on how the input was understood, for people.
    """

    videos: tuple[VideoRecord, ...]
    num_ignored: int = 0
    num_ungrouped: int = 0
    splits_from: str = ""
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        return tuple(sorted({video.label for video in self.videos}))


def is_video(path: str) -> bool:
    """Whether a file is taken for a video, by its extension; hidden files never are."""
    return f".{path.rpartition('.')[2].lower()}" in VIDEO_EXTENSIONS and not _is_hidden(path)


def group_of(path: str) -> str | None:
    """The group in a UCF file name: `v_Biking_g07_c02.avi` is of group `g07`."""
    return _group_in(posixpath.splitext(posixpath.basename(path))[0])


def _group_in(stem: str) -> str | None:
    match = _GROUP.search(stem)
    return f"g{match[1]}" if match else None


def from_tree(root: str, files: Iterable[FileInfo], folders: Iterable[str] = (), class_level: int = 0) -> Catalog:
    """Catalogue of a tree: the classes are its first level of folders, below official splits if there are such.

    The group is `_gNN_` in the name, or else what lies between class and video. A video without either is a group of
    its own. See `find_levels`.

    Args:
        root: the listed folder, to which paths are relative.
        files: its files, at any depth.
        folders: its folders, by relative path, where the file system knows empty ones.
        class_level: which level of folders the classes are, from 1; 0 to find out.

    Raises:
        UsageError: no videos, a video outside of any class folder, two videos of one id.
    """
    videos, num_others = [], 0
    for file in files:
        if is_video(file.path):
            videos.append(file)
        else:
            num_others += 1
    if not videos:
        found = f"{num_others} other files" if num_others else "nothing"
        raise UsageError(
            f"no videos in {root}: found {found}. Expected a folder for each class with videos in it "
            f"({', '.join(sorted(VIDEO_EXTENSIONS)[:6])} ...), or give a CSV manifest"
        )
    if loose := [file.path for file in videos if "/" not in file.path]:
        raise UsageError(
            f"{_some(loose)} in {root}: the class of a video is the name of its folder, and there is none. "
            "Move it into a class folder, or give a CSV manifest (path,label,group)"
        )
    paths = {folder: tuple(folder.split("/")) for folder in {file.path.rpartition("/")[0] for file in videos}}
    levels = find_levels(root, paths.values(), class_level)
    meaning_of = {folder: levels.meaning(path) for folder, path in paths.items()}
    records, ungrouped, by_folder, prefix = [], 0, 0, posixpath.join(root, "")
    for file in videos:  # millions, perhaps: posixpath's functions would take longer than all else
        video_id = file.path.rpartition(".")[0]
        folder, _, stem = video_id.rpartition("/")
        meaning, group = meaning_of[folder], _group_in(stem)
        if group is not None:
            group = intern(group)
        elif meaning.group:
            group, by_folder = meaning.group, by_folder + 1
        else:
            group, ungrouped = video_id, ungrouped + 1
        records.append(
            VideoRecord(video_id, prefix + file.path, meaning.label, group, file.version or "missing", meaning.split)
        )
    catalog = _checked(records, root, num_others, ungrouped)
    example = min(paths, key=lambda folder: (-len(paths[folder]), folder))
    notes = [*([] if class_level else describe_levels(levels, paths[example], by_folder)), *_empty(folders, paths)]
    return replace(catalog, splits_from="" if levels.split is None else "its folders", notes=tuple(notes))


def _empty(folders: Iterable[str], used: Iterable[str]) -> list[str]:
    """A sentence about folders in which, at any depth, there is no video, each by its topmost name."""
    known = {""}
    for folder in used:
        while folder not in known:
            known.add(folder)
            folder = posixpath.dirname(folder)
    names = sorted(f for f in folders if f not in known and posixpath.dirname(f) in known and not _is_hidden(f))
    return [
        f"no videos in {_some(names)}: {'these are' if len(names) > 1 else 'this is'} not taken for a class"
    ] * bool(names)


def from_manifest(name: str, manifest: Manifest, files: Iterable[FileInfo], uris: Iterable[str]) -> Catalog:
    """Catalogue of a manifest's rows, with the file and the full address of each, which are taken one by one.

    A row whose file is missing stays in: it becomes a failure record. A video without a group is a group of its own.

    Raises:
        UsageError: two rows have one id.
    """
    records = []
    for row, file, uri in zip(manifest.rows, files, uris, strict=True):
        video_id = posixpath.splitext(posixpath.normpath(row.path))[0].lstrip("/")
        version = file.version or "missing"
        records.append(VideoRecord(video_id, uri, row.label, row.group or video_id, version, row.split))
    catalog = _checked(records, name, 0, sum(1 for row in manifest.rows if not row.group))
    notes = []
    if manifest.unused:
        names = ", ".join(manifest.unused)
        notes.append(f"columns of the manifest that are not used: {names} (path, label, group and split are)")
    if manifest.num_repeated:
        notes.append(f"repeated lines of the manifest that count once: {manifest.num_repeated:,}")
    splits_from = "the manifest" if records[0].split else ""
    return replace(catalog, splits_from=splits_from, notes=tuple(notes))


def select(catalog: Catalog, classes: Sequence[str] = (), limit: int = 0) -> Catalog:
    """The videos of some classes (all if none are named), and of each class at most `limit` (all if 0).

    Which ones a limit keeps depends on their ids alone, and they are spread over the groups by chance.

    Raises:
        UsageError: an unknown class; the message suggests the nearest and lists what there is.
    """
    if not classes and not limit:
        return catalog
    known = catalog.labels
    for name in classes:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            near = near or [label for label in known if label.lower() == name.lower()]
            hint = f"; did you mean {near[0]}?" if near else "."
            raise UsageError(f"no class {name!r}{hint} There are {len(known)}: {', '.join(known)}")
    kept: Counter[str] = Counter()
    chosen = []
    for video in (
        sorted(catalog.videos, key=lambda v: (stable_hash("limit", v.video_id), v.video_id))
        if limit
        else catalog.videos
    ):
        if (not classes or video.label in classes) and (not limit or kept[video.label] < limit):
            kept[video.label] += 1
            chosen.append(video)
    ungrouped = sum(1 for video in chosen if video.group == video.video_id)
    return replace(catalog, videos=tuple(sorted(chosen, key=attrgetter("video_id"))), num_ungrouped=ungrouped)


def _checked(records: list[VideoRecord], name: str, num_ignored: int, num_ungrouped: int) -> Catalog:
    records.sort(key=attrgetter("video_id"))
    for first, second in pairwise(records):
        if first.video_id == second.video_id:
            raise UsageError(
                f"{name}: two videos have the id {first.video_id!r} (the path without its extension): "
                f"{first.uri} and {second.uri}. Rename or remove one"
            )
    return Catalog(tuple(records), num_ignored, num_ungrouped)


def _is_hidden(path: str) -> bool:
    return path.startswith((".", "__")) or "/." in path or "/__" in path


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
