"""The catalogue: which videos there are, with label and group. Pure functions over listings; nothing is opened here."""

import csv
import posixpath
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import pairwise
from operator import attrgetter
from sys import intern

from pipelines.core.errors import UsageError
from pipelines.core.folder_kinds import no_videos
from pipelines.core.hashing import stable_hash
from pipelines.core.metadata import Failure, LeftOut
from pipelines.core.video_files import FileInfo, IgnoredFile, is_hidden, sort_out, unique_ids

_GROUP = re.compile(r"_g(\d+)(?=_|$)")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """A video to be preprocessed, without its content.

    Attributes:
        video_id: path without extension, relative to the tree or manifest; unique.
        uri: where to read it.
        label: name of its class.
        group: what it shares its source with; videos of one group never are on two sides of a split.
        version: changes when the file does; `missing` where there is no file.
    """

    video_id: str
    uri: str
    label: str
    group: str
    version: str


@dataclass(frozen=True)
class Catalog:
    """All videos, sorted by id, and what else is there.

    Attributes:
        videos: those that are to be decoded.
        ignored: files that were passed over because they are no videos, by path.
        num_ungrouped: videos that name no group.
        left_out: what is known before anything is decoded not to become part of the dataset.
    """

    videos: tuple[VideoRecord, ...]
    ignored: tuple[IgnoredFile, ...] = ()
    num_ungrouped: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def num_ignored(self) -> int:
        """How many files were passed over."""
        return len(self.ignored)

    @property
    def num_listed(self) -> int:
        """Videos that are to be accounted for."""
        return len(self.videos) + len(self.left_out.failed) + len(self.left_out.filtered)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        return tuple(sorted({video.label for video in self.videos}))


def group_of(path: str) -> str | None:
    """The group in a UCF file name: `v_Biking_g07_c02.avi` is of group `g07`."""
    return _group_in(posixpath.splitext(posixpath.basename(path))[0])


def _group_in(stem: str) -> str | None:
    match = _GROUP.search(stem)
    return f"g{match[1]}" if match else None


def from_tree(root: str, files: Iterable[FileInfo], folders: Iterable[str] = ()) -> Catalog:
    """Catalogue of a UCF50-like tree: the class is the folder that holds a video, the group is `_gNN_` in its name.

    A video without such a mark is a group of its own.

    Args:
        root: the listed folder, to which paths are relative.
        files: its files, at any depth.
        folders: its folders, by relative path, where the file system knows empty ones.

    Raises:
        UsageError: no videos, a video outside of any class folder, a class folder without videos, two videos of one id.
    """
    found = sort_out(files)
    videos = found.videos
    if not videos:
        expected = "Expected a folder for each class with videos in it, or a CSV manifest. "
        raise UsageError(no_videos(root, found, expected))
    if loose := [file.path for file in videos if "/" not in file.path]:
        raise UsageError(
            f"{_some(loose)} in {root}: the class of a video is the name of its folder, and there is none. "
            "Move it into a class folder, or give a CSV manifest (path,label,group)"
        )
    class_folders = {file.path.rpartition("/")[0] for file in videos}
    label_of = {folder: intern(posixpath.basename(folder)) for folder in class_folders}
    used = set(label_of)
    for folder in label_of:
        while folder := posixpath.dirname(folder):
            used.add(folder)
    if empty := sorted(f for f in folders if f not in used and not is_hidden(f)):
        raise UsageError(f"class folder without videos in {root}: {_some(empty)}. Add videos or remove the folder")
    records, ungrouped, prefix = [], 0, posixpath.join(root, "")
    # Millions, perhaps: posixpath's functions would take longer than all else.
    stems = [file.path.rpartition(".")[0] for file in videos]
    for file, path, video_id in zip(videos, stems, unique_ids(stems, [file.path for file in videos]), strict=True):
        folder, _, stem = path.rpartition("/")
        group = _group_in(stem)
        ungrouped += group is None
        group = path if group is None else intern(group)  # what shares a name is likely to share its content
        records.append(VideoRecord(video_id, prefix + file.path, label_of[folder], group, file.version or "missing"))
    return Catalog(_checked(records, root), found.ignored, ungrouped, LeftOut(unreadable(root, found.lost)))


def unreadable(root: str, lost: Iterable[FileInfo]) -> tuple[Failure, ...]:
    """Records of what can't be listed: nobody knows which videos, if any, and of which class, lie behind it."""
    return tuple(
        Failure(f"{file.path}/", posixpath.join(root, file.path), "", "list", "UnreadableError", file.problem)
        for file in lost
    )


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A line of a manifest. `group` is empty where none is given."""

    path: str
    label: str
    group: str


def parse_manifest(text: str, name: str) -> list[ManifestRow]:
    """Lines of a CSV manifest with the columns path, label and, optionally, group, sorted by path.

    Raises:
        UsageError: a column is missing, a line has no path or label; the message gives the line.
    """
    rows = read_columns(text, name, ("path", "label"), ("group",))
    found = [ManifestRow(path, intern(label), intern(group)) for _, (path, label, group) in rows]
    # All that is made of a line is visited in the order of the videos' ids, and is to lie in memory in that order.
    found.sort(key=attrgetter("path"))
    return found


def read_columns(
    text: str, name: str, needed: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Some columns of a CSV file, stripped, with the number of each line; an optional one may be missing or empty.

    Raises, once the line is reached:
        UsageError: it is no such file; the message gives the line and what is needed.
    """
    form = ",".join(needed) + "".join(f"[,{column}]" for column in optional)
    reader = csv.reader(_lines(text.removeprefix("\ufeff")), skipinitialspace=True)
    found, line = False, 0
    try:
        places = {column.strip().lower(): place for place, column in enumerate(next(reader, ()))}
        if not set(needed) <= places.keys():
            more = f" and optionally {','.join(optional)}" if optional else ""
            what = f"column{'s' * (len(needed) > 1)} {','.join(needed)}{more}"
            raise UsageError(f"{name}: the first line must name the {what}, not {','.join(places)!r}")
        line = reader.line_num
        wanted = [places.get(column, sys.maxsize) for column in (*needed, *optional)]
        for row in reader:
            line = reader.line_num
            if not row:
                continue
            values = [row[place].strip() if place < len(row) else "" for place in wanted]
            for column, value in zip(needed, values, strict=False):
                if not value:
                    raise UsageError(f"{name}, line {line}: no {column}. Each line needs {form}")
            found = True
            yield line, values
    except csv.Error as error:
        raise UsageError(f"{name}, after line {line}: {error}; is it a CSV file?") from error
    if not found:
        raise UsageError(f"{name}: no videos in this manifest. Each line needs {form}")


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends, as the csv module wants them; a StringIO would take four bytes for each character."""
    return (match[0] for match in _LINE.finditer(text))


def from_manifest(name: str, rows: Sequence[ManifestRow], files: Iterable[FileInfo], uris: Iterable[str]) -> Catalog:
    """Catalogue of a manifest's lines, with the file and the full address of each, which are taken one by one.

    A line whose file is missing stays in: it becomes a failure record. A video without a group is a group of its own.

    Raises:
        UsageError: two lines have one id.
    """
    records = []
    paths = [posixpath.normpath(row.path).lstrip("/") for row in rows]
    stems = [posixpath.splitext(path)[0] for path in paths]
    for row, file, uri, stem, video_id in zip(rows, files, uris, stems, unique_ids(stems, paths), strict=True):
        records.append(VideoRecord(video_id, uri, row.label, row.group or stem, file.version or "missing"))
    return Catalog(_checked(records, name), num_ungrouped=sum(1 for row in rows if not row.group))


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


def _checked(records: list[VideoRecord], name: str) -> tuple[VideoRecord, ...]:
    """The videos by id."""
    records.sort(key=attrgetter("video_id"))
    for first, second in pairwise(records):
        if first.video_id == second.video_id:
            raise UsageError(
                f"{name}: two videos have the id {first.video_id!r}: {first.uri} and {second.uri}. Rename or remove one"
            )
    return tuple(records)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
