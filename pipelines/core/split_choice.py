"""Who says of which split a video is: the input itself, files, named groups, or nobody, and they are dealt."""

import posixpath
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pipelines.core.catalog import Catalog, VideoRecord
from pipelines.core.config import DEFAULT_SPLITS, OFFICIAL_SPLITS, PreprocessConfig
from pipelines.core.errors import UsageError
from pipelines.core.folders import describe_splits
from pipelines.core.split_files import Entry, SplitFile
from pipelines.core.splits import parse_groups
from pipelines.core.video_files import is_video

_SHOWN = 5
_SHOWN_GROUPS = 30
_LEFT_OUT = "left out"
_REST = "train"
_WITHOUT = {
    "train": "a network can't be trained on this dataset",
    "val": "the trainer takes some groups of train instead",
    "test": "a network that is trained on this dataset can't be tested",
}

_Placed = tuple[SplitFile, Entry]


def choose_splits(
    catalog: Catalog, config: PreprocessConfig, split_files: Sequence[SplitFile] = ()
) -> tuple[Catalog, PreprocessConfig]:
    """Gives each video its split where somebody said so, and puts into words what was done.

    Args:
        catalog: the videos, with the splits that the input gives them.
        config: the settings.
        split_files: the content of its `split_file`.

    Returns:
        the catalogue, whose videos have a split, or none where they are to be dealt; and the settings, whose `splits`
        say so where the input's own are kept.

    Raises:
        UsageError: a file or a flag names groups or videos that don't exist, or none is left; official splits are asked
            for and there are none.
    """
    own = catalog.splits_from
    if split_files:
        catalog = _by_files(catalog, split_files)
    elif config.split_groups:
        catalog = _by_groups(catalog, parse_groups(config.split_groups))
    elif config.splits == OFFICIAL_SPLITS and not own:
        raise UsageError(f"--splits {OFFICIAL_SPLITS}: neither folders nor a column split of {config.input} name any")
    elif own and config.splits and config.splits != OFFICIAL_SPLITS:
        note = f"--splits deals the videos anew; the splits that {own} would give are not used"
        videos = tuple(replace(video, split="") for video in catalog.videos)
        return replace(catalog, videos=videos, splits_from="", notes=(*catalog.notes, note)), config
    elif own:
        counts = describe_splits(Counter(video.split for video in catalog.videos))
        note = f"official splits kept, according to {own}: {counts}. --splits {DEFAULT_SPLITS} deals the videos anew"
        catalog = replace(catalog, notes=(*catalog.notes, note))
        config = replace(config, splits=OFFICIAL_SPLITS)
    if own and catalog.splits_from != own:
        note = f"the splits that {own} would give are not used"
        catalog = replace(catalog, notes=(*catalog.notes, note))
    return catalog, config


def note_splits(catalog: Catalog) -> Catalog:
    """The same with sentences on what is amiss with splits that were given: one is empty, or a group is in several.

    Args:
        catalog: the videos that become a dataset.
    """
    if not catalog.splits_from:
        return catalog
    present = {video.split for video in catalog.videos}
    notes = [f"no videos are in the split {name}: {what}" for name, what in _WITHOUT.items() if name not in present]
    if shared := _shared_groups(catalog.videos):
        notes.append(
            f"WARNING: groups with videos in more than one split: {len(shared):,} ({_some(shared)}). What shares a "
            "source is on two sides, so scores may look too good; the splits are kept as they were given"
        )
    return replace(catalog, notes=(*catalog.notes, *notes))


def _by_groups(catalog: Catalog, groups: Mapping[str, str]) -> Catalog:
    existing = {video.group for video in catalog.videos}
    if unknown := sorted(set(groups) - existing):
        raise UsageError(_no_groups(unknown, existing))
    videos = [replace(video, split=groups.get(video.group, _REST)) for video in catalog.videos]
    return _placed(catalog, videos, "--split-groups", [])


def _no_groups(unknown: Sequence[str], existing: Iterable[str]) -> str:
    names = sorted(existing)
    shown = ", ".join(names[:_SHOWN_GROUPS]) + (" ..." if len(names) > _SHOWN_GROUPS else "")
    return f"no videos are of group {', '.join(unknown)}. The groups are: {shown}"


def _by_files(catalog: Catalog, split_files: Sequence[SplitFile]) -> Catalog:
    where = ", ".join(posixpath.basename(file.name) for file in split_files[:_SHOWN])
    where += f" and {len(split_files) - _SHOWN} more files" if len(split_files) > _SHOWN else ""
    groups = {video.group for video in catalog.videos}
    by_group: dict[str, _Placed] = {}
    by_path: dict[str, _Placed] = {}
    for file in split_files:
        for entry in _without_comments(file.entries, catalog.videos, groups):
            is_group = file.kind == "group" or (not file.kind and entry.name in groups)
            _add(by_group if is_group else by_path, entry if is_group else _plain(entry), file)
    if unknown := sorted(by_group.keys() - groups):
        raise UsageError(f"{where}: {_no_groups(unknown, groups)}")
    of_video, notes = _match(catalog, by_path, where), []
    if num_absent := _num_absent(by_path, of_video, where):
        notes.append(num_absent)
    names_train = any(entry.split == _REST for _, entry in (*by_group.values(), *by_path.values()))
    rest = _LEFT_OUT if names_train else _REST
    videos: list[VideoRecord] = []
    unnamed: list[str] = []
    unused = 0
    for number, video in enumerate(catalog.videos):
        placed = of_video.get(number) or by_group.get(video.group)
        if placed is None:
            unnamed.append(video.video_id)
        split = placed[1].split if placed else rest
        unused += placed is not None and not split
        if split and split != _LEFT_OUT:
            videos.append(replace(video, split=split))
    if unnamed:
        what = "left out" if names_train else f"put into {_REST}"
        notes.append(f"videos not named by {where}, {what}: {len(unnamed):,} ({_some(unnamed)})")
    if unused:
        notes.append(f"videos of no split by {where}, left out: {unused:,}")
    if not videos:
        raise UsageError(f"{where} leaves out all {len(catalog.videos):,} videos")
    if unnamed and {video.split for video in videos} == {_REST}:
        raise UsageError(
            f"{where}: all videos would be in {_REST}, and {len(unnamed):,} are not named. Give the list of the test "
            "videos as well: --split-file may be repeated, or name a folder"
        )
    return _placed(catalog, videos, where, notes)


def _without_comments(entries: Sequence[Entry], videos: Iterable[VideoRecord], groups: Container[str]) -> list[Entry]:
    """The lines that begin with `#` only where there is such a group or video."""
    if not any(entry.doubtful for entry in entries):
        return list(entries)
    stems = {posixpath.splitext(posixpath.basename(video.uri))[0] for video in videos}

    def exists(name: str) -> bool:
        base = posixpath.basename(name.replace("\\", "/"))
        return name in groups or base in stems or posixpath.splitext(base)[0] in stems

    return [entry for entry in entries if not entry.doubtful or exists(entry.name)]


def _placed(catalog: Catalog, videos: Sequence[VideoRecord], where: str, notes: Sequence[str]) -> Catalog:
    counts = describe_splits(Counter(video.split for video in videos))
    ungrouped = sum(1 for video in videos if video.group == video.video_id)
    return replace(
        catalog,
        videos=tuple(videos),
        num_ungrouped=ungrouped,
        splits_from=where,
        notes=(*catalog.notes, f"splits from {where}: {counts}", *notes),
    )


def _plain(entry: Entry) -> Entry:
    path = posixpath.normpath(entry.name.replace("\\", "/"))
    return entry if path == entry.name else entry._replace(name=path)


def _add(placed: dict[str, _Placed], entry: Entry, file: SplitFile) -> None:
    known, before = placed.setdefault(entry.name, (file, entry))
    if before.split != entry.split:
        raise UsageError(
            f"{entry.name!r} is named for both {before.split or 'no split'} and {entry.split or 'no split'} "
            f"({known.name}, line {before.line}, and {file.name}, line {entry.line}). Give the lists of one split"
        )


def _match(catalog: Catalog, by_path: Mapping[str, _Placed], where: str) -> dict[int, _Placed]:
    """What is said of each video, by its number. A path may begin anywhere above the video, and lack the extension.

    Raises:
        UsageError: a path fits several videos.
    """
    found: dict[int, _Placed] = {}
    if not by_path:
        return found
    video_of: dict[str, int] = {}

    def take(number: int, name: str, placed: _Placed) -> None:
        other = video_of.setdefault(name, number)
        if other != number:
            ids = f"{catalog.videos[other].uri} and {catalog.videos[number].uri}"
            raise UsageError(
                f"{placed[0].name}, line {placed[1].line}: two videos fit {placed[1].name}, {ids}. Give more of a path"
            )
        found[number] = placed

    for number, video in enumerate(catalog.videos):
        name = next((path for path in _ends(video.uri) if path in by_path), None)
        if name is not None:
            take(number, name, by_path[name])
    stems: dict[str, str] = {}
    for name, (_, entry) in by_path.items():
        if name not in video_of and entry.name == name:
            stems.setdefault(posixpath.splitext(name)[0] if is_video(name) else name, name)
    for number, video in enumerate(catalog.videos):
        if stems and number not in found:
            name = next((stems[path] for path in _ends(posixpath.splitext(video.uri)[0]) if path in stems), None)
            if name is not None:
                take(number, name, by_path[name])
    return found


def _ends(path: str) -> Iterator[str]:
    """A path, and what is left of it below each of its folders: the longest first."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def _num_absent(by_path: Mapping[str, _Placed], of_video: Mapping[int, _Placed], where: str) -> str:
    """A sentence about paths for which there is no video.

    Raises:
        UsageError: there is none for any of them.
    """
    named = {entry.name for _, entry in of_video.values()}
    absent = [entry.name for _, entry in by_path.values() if entry.name not in named]
    if absent and not of_video:
        raise UsageError(
            f"{where}: none of the {len(absent):,} videos that it names is in the input, for example {absent[0]}. "
            "Paths are those below the input folder, with or without their extension"
        )
    return f"videos named by {where} but not in the input: {len(absent):,} ({_some(absent)})" if absent else ""


def _shared_groups(videos: Iterable[VideoRecord]) -> list[str]:
    split_of: dict[str, str] = {}
    shared = set()
    for video in videos:
        if video.group != video.video_id and split_of.setdefault(video.group, video.split) != video.split:
            shared.add(video.group)
    return sorted(shared)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
