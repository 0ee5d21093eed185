"""The catalogue: the videos of an input, with labels and groups. Pure functions over listings; nothing is opened."""

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import pairwise
from operator import attrgetter
from sys import intern

from pipelines.core.clip_ids import video_of
from pipelines.core.errors import UsageError
from pipelines.core.failure import Failure
from pipelines.core.hashing import stable_hash
from pipelines.core.label_sets import only, split_labels
from pipelines.core.video_files import FileInfo, IgnoredFile, is_hidden, is_video_name, sort_out, unique_ids
from pipelines.core.wording import some
from pipelines.inputs.folder_kinds import no_videos
from pipelines.inputs.folder_notes import describe_above, describe_levels, describe_systems
from pipelines.inputs.folders import find_levels
from pipelines.inputs.records import Filtered, LeftOut

_GROUP = re.compile(r"_g(\d+)(?=_|$)")
_SHOWN_CLASSES = 60
INPUTS = ("its folders", "the manifest")
"""What may give official splits, apart from files and flags, as `Catalog.splits_from` names it."""


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """A video, or a part of one, to be made a clip of, without its content.

    Attributes:
        video_id: path without extension, relative to the tree or manifest; of a part, its `clip_id`. Unique.
        uri: path or address of the file.
        label: name of its class, or of several, joined as `label_sets.join_labels` does.
        group: name of the group of videos with the same source; all videos of a group go into the same split.
        version: changes when the file does; `missing` if there is no file.
        split: the split that the input gives it; empty if splits are to be assigned.
        start_s: where a part begins, in seconds from the video's first frame; 0 for a whole video.
        end_s: where a part ends, exclusive; 0 for a whole video.
        remark: what a person should know about the row that names it; a part of its record's remark.
        place: where that row stands, for messages, such as `line 12`; no record depends on it.
        overlaps: where the rows stand that overlap it although they have another label, such as `line 13`; no record
            depends on it.
        between: for a row that stands for what lies between parts, which clips are made of that; see `background`.
    """

    video_id: str
    uri: str
    label: str
    group: str
    version: str
    split: str = ""
    start_s: float = 0.0
    end_s: float = 0.0
    remark: str = ""
    place: str = field(default="", compare=False)
    overlaps: str = field(default="", compare=False)
    between: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole video."""
        return not self.end_s and not self.between


@dataclass(frozen=True)
class Catalog:
    """The content of the input.

    Attributes:
        videos: the videos to decode, sorted by id.
        ignored: files that are not videos, sorted by path.
        left_out: what is known, before decoding, not to become part of the dataset.
        splits_from: what assigns the splits, for the user; empty if they are to be assigned by fractions.
        notes: sentences on how the input was understood, for the user.
        copies: sets of videos with the same content; the first of each set is kept, the others are left out.
        multi_label: whether videos may have several labels.
    """

    videos: tuple[VideoRecord, ...]
    ignored: tuple[IgnoredFile, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)
    splits_from: str = ""
    notes: tuple[str, ...] = ()
    copies: tuple[tuple[VideoRecord, ...], ...] = ()
    multi_label: bool = False

    @property
    def num_ungrouped(self) -> int:
        """Number of videos that form a group of their own, as nothing names one."""
        return len({video.group for video in self.videos if video.group == video_of(video.video_id)})

    @property
    def num_ignored(self) -> int:
        """Number of ignored files."""
        return len(self.ignored)

    @property
    def num_listed(self) -> int:
        """Number of videos that must be accounted for."""
        return len(self.videos) + len(self.left_out.failed) + len(self.left_out.filtered)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, sorted by code point; the position of each is its id."""
        names = {video.label for video in self.videos}
        return tuple(sorted({n for name in names for n in split_labels(name)} if self.multi_label else names))


def group_in(stem: str) -> str | None:
    """The group that the name of a video gives as `_gNN_`, such as `g07`; None if it gives none."""
    match = _GROUP.search(stem)
    return f"g{match[1]}" if match else None


def from_tree(root: str, files: Iterable[FileInfo], folders: Iterable[str] = (), class_level: int = 0) -> Catalog:
    """Catalogue of a tree: the classes are its first level of folders, below official splits if there are any.

    The group is `_gNN_` in the name, or else the folders between class and video. A video with neither is a group of
    its own. See `find_levels`.

    Args:
        root: the listed folder, to which paths are relative.
        files: its files, at any depth.
        folders: its folders, by relative path, if the file system has empty ones.
        class_level: the level of the class folders, from 1; 0 to detect it.

    Raises:
        UsageError: there are no videos, a video lies outside any class folder, or two videos have the same id.
    """
    found = sort_out(files)
    videos = found.videos
    if not videos:
        expected = "Expected a folder for each class with videos in it, or a CSV manifest. "
        raise UsageError(no_videos(root, found, expected))
    if loose := [file.path for file in videos if "/" not in file.path]:
        tables = [file.path for file in found.ignored if re.fullmatch(r"[^/]+\.[ct]sv", file.path, re.IGNORECASE)]
        this = f": --input {posixpath.join(root, tables[0])}, if that is one" if tables else ""
        raise UsageError(
            f"{some(loose)} in {root}: the class of a video is the name of its folder, and there is none. "
            f"Move it into a class folder, or give a CSV manifest (path,label,group){this}"
        )
    paths = {folder: tuple(folder.split("/")) for folder in {file.path.rpartition("/")[0] for file in videos}}
    used = paths.values()
    levels = find_levels(root, used, class_level)
    meaning_of = {folder: levels.meaning(path) for folder, path in paths.items()}
    records, by_folder, prefix = [], 0, posixpath.join(root, "")
    # There may be millions: posixpath's functions would take longer than everything else.
    stems = [file.path.rpartition(".")[0] for file in videos]
    for file, path, video_id in zip(videos, stems, unique_ids(stems, [file.path for file in videos]), strict=True):
        folder, _, stem = path.rpartition("/")
        meaning, group = meaning_of[folder], group_in(stem)
        if group is not None:
            group = intern(group)
        elif meaning.group:
            group, by_folder = meaning.group, by_folder + 1
        else:
            group = video_of(path)  # videos with the same name are likely to have the same content
        version = file.version or "missing"
        records.append(VideoRecord(video_id, prefix + file.path, meaning.label, group, version, meaning.split))
    found_as = describe_above(levels, used) if class_level else describe_levels(levels, used, by_folder)
    notes = [*found_as, *describe_systems(used), *_empty(folders, paths)]
    splits_from = "" if levels.split is None else INPUTS[0]
    left_out = LeftOut(unreadable(root, found.lost))
    return Catalog(checked(records, root), found.ignored, left_out, splits_from, tuple(notes))


def unreadable(root: str, lost: Iterable[FileInfo]) -> tuple[Failure, ...]:
    """Failures for what can't be listed: it is unknown which videos, if any, lie there, and of which class; or a video
    in a store has a name that can't be that of a file below the folder."""
    above = posixpath.join(root, "")
    paths = ((file, file.path if is_video_name(file.path) else f"{file.path}/") for file in lost)
    return tuple(
        Failure("list", "UnreadableError", file.problem, False, path, above + file.path, label="")
        for file, path in paths
    )


def _empty(folders: Iterable[str], used: Iterable[str]) -> list[str]:
    """A sentence about folders without a video at any depth; of nested ones, only the topmost is named."""
    known = {""}
    for folder in used:
        while folder not in known:
            known.add(folder)
            folder = folder.rpartition("/")[0]
    names = sorted(f for f in folders if f not in known and f.rpartition("/")[0] in known and not is_hidden(f))
    what = "these are not used as classes" if len(names) > 1 else "this is not used as a class"
    return [f"no videos in {some(names)}: {what}"] if names else []


def select(catalog: Catalog, classes: Sequence[str] = (), limit: int = 0) -> Catalog:
    """The videos of some classes (all if none are named), at most `limit` of them (all if 0).

    A limit takes equally many videos of each class and, if splits are given, of each split within it, as far as there
    are enough. The choice depends only on the ids, and is spread over the groups at random. A larger limit includes the
    videos of a smaller one. Each part of a video counts, and so does each row that can't be used, as it would if it
    could: what is wrong with a manifest doesn't fill a small sample of it.

    Raises:
        UsageError: a class is unknown; the message suggests the nearest and lists them.
    """
    if not classes and not limit:
        return catalog
    known = catalog.labels
    forms = {unicodedata.normalize("NFC", label): label for label in known}
    classes = [name if name in known else forms.get(unicodedata.normalize("NFC", name), name) for name in classes]
    for name in classes:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            near = near or [label for label in known if label.lower() == name.lower()]
            hint = f"; did you mean {near[0]}?" if near else "."
            raise UsageError(f"no class {name!r}{hint} {_there_are(len(known))}: {some(known, _SHOWN_CLASSES)}")
    everything: list[VideoRecord | Failure | Filtered] = [*catalog.videos]
    everything += [row for row in catalog.left_out.failed if row.label]
    everything += [row for row in catalog.left_out.filtered if row.label]
    chosen = [row for row in everything if not classes or row.label in classes]
    if classes and catalog.multi_label:
        known_labels = [(row, only(row.label or "", classes)) for row in everything]
        chosen = [replace(row, label=label) for row, label in known_labels if label]
    if limit:
        chosen.sort(key=lambda row: (stable_hash("limit", row.video_id), row.video_id))
        kept: Counter[tuple[str | None, str]] = Counter()
        rounds = []
        for row in chosen:
            key = row.label, row.split if isinstance(row, VideoRecord) else ""
            kept[key] += 1
            rounds.append(kept[key])
        chosen = [chosen[i] for i in sorted(range(len(chosen)), key=rounds.__getitem__)[:limit]]
    videos = sorted((row for row in chosen if isinstance(row, VideoRecord)), key=attrgetter("video_id"))
    failed = [row for row in chosen if isinstance(row, Failure)]
    unlisted = [failure for failure in catalog.left_out.failed if not failure.label]
    filtered = [row for row in chosen if isinstance(row, Filtered)]
    return replace(catalog, videos=tuple(videos), left_out=LeftOut((*unlisted, *failed), tuple(filtered)))


def _there_are(number: int) -> str:
    return "There is 1" if number == 1 else f"There are {number}"


def checked(records: list[VideoRecord], name: str) -> tuple[VideoRecord, ...]:
    """The videos sorted by id, after a check that no two ids are equal."""
    records.sort(key=attrgetter("video_id"))
    for first, second in pairwise(records):
        if first.video_id == second.video_id:
            raise UsageError(
                f"{name}: two videos have the id {first.video_id!r}: {first.uri} and {second.uri}. Rename or remove one"
            )
    return tuple(records)
