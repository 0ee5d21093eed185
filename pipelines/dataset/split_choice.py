"""What decides the split of a video: the input itself, files, named groups, or else a random assignment."""

import posixpath
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pipelines.core.errors import UsageError
from pipelines.core.names import alike
from pipelines.core.wording import some
from pipelines.dataset.config import DEFAULT_SPLITS, OFFICIAL_SPLITS, PreprocessConfig
from pipelines.inputs.catalog import INPUTS, Catalog, VideoRecord
from pipelines.inputs.folders import describe_splits
from pipelines.inputs.splits.assign import parse_groups
from pipelines.inputs.splits.lists import Entry, SplitFile
from pipelines.inputs.splits.matching import Placed, describe_absent, match_paths, same_groups
from pipelines.reports.text import plural

_SHOWN_GROUPS = 30
_LEFT_OUT = "left out"
_REST = "train"
_WITHOUT = {
    "train": "a network can't be trained on this dataset",
    "val": "the trainer takes some groups of train instead",
    "test": "a network that is trained on this dataset can't be tested",
}


def choose_splits(
    catalog: Catalog, config: PreprocessConfig, split_files: Sequence[SplitFile] = ()
) -> tuple[Catalog, PreprocessConfig]:
    """Gives each video its split where the user or the input has chosen one, with notes that say what was done.

    Args:
        catalog: the videos, with the splits that the input gives them.
        config: the settings.
        split_files: the content of its `split_file`.

    Returns:
        The catalogue, whose videos have a split, or none if they are to be assigned at random; and the settings, whose
        `splits` are official if the input's own splits are kept.

    Raises:
        UsageError: a file or a flag names groups or videos that don't exist, or no video is left, or official splits
            are asked for and there are none.
    """
    own = catalog.splits_from
    if split_files:
        catalog = _by_files(catalog, split_files)
    elif config.split_groups:
        catalog = _by_groups(catalog, parse_groups(config.split_groups))
    elif config.splits == OFFICIAL_SPLITS and not own:
        raise UsageError(f"--splits {OFFICIAL_SPLITS}: neither folders nor a column split of {config.input} name any")
    elif own and config.splits and config.splits != OFFICIAL_SPLITS:
        notes = [f"--splits overrides the splits that {own} would give", *_without(config.fractions)]
        videos = tuple(replace(video, split="") for video in catalog.videos)
        return replace(catalog, videos=videos, splits_from="", notes=(*catalog.notes, *notes)), config
    elif own:
        config = replace(config, splits=OFFICIAL_SPLITS)
    else:
        catalog = replace(catalog, notes=(*catalog.notes, *_without(config.fractions)))
    if catalog.splits_from and config.split_seed:
        note = "--split-seed is not used, as the split of each group is given"
        catalog = replace(catalog, notes=(*catalog.notes, note))
    if own and catalog.splits_from != own:
        note = f"the splits that {own} would give are not used"
        catalog = replace(catalog, notes=(*catalog.notes, note))
    return catalog, config


def note_splits(catalog: Catalog) -> Catalog:
    """Adds notes on the given splits: their sizes, and problems such as an empty split or a group in several splits.

    Args:
        catalog: the videos that become a dataset.
    """
    if not catalog.splits_from:
        return catalog
    counts = Counter(video.split for video in catalog.videos)
    if catalog.splits_from in INPUTS:
        kept = f"official splits kept, according to {catalog.splits_from}: {describe_splits(counts)}. "
        notes = [f"{kept}--splits {DEFAULT_SPLITS} overrides them"]
    else:
        notes = [f"splits from {catalog.splits_from}: {describe_splits(counts)}"]
    notes += _without(counts)
    if shared := _shared_groups(catalog.videos):
        notes.append(
            f"WARNING: groups with videos in more than one split: {len(shared):,} ({some(shared)}). Videos that share "
            "a source are on both sides, so scores may look too good; the splits are kept as they were given"
        )
    return replace(catalog, notes=(*catalog.notes, *notes))


def _without(splits: Container[str]) -> Iterator[str]:
    """What it means that some of the usual splits aren't among those that there are."""
    for name, what in _WITHOUT.items():
        if name not in splits and not (name == "val" and "train" not in splits):
            yield f"no videos are in the split {name}: {what}"


def _by_groups(catalog: Catalog, groups: Mapping[str, str]) -> Catalog:
    existing = {video.group for video in catalog.videos}
    if unknown := sorted(set(groups) - existing):
        raise UsageError(_no_groups(unknown, existing))
    videos = [replace(video, split=groups.get(video.group, _REST)) for video in catalog.videos]
    return _placed(catalog, videos, "--split-groups", [])


def _no_groups(unknown: Sequence[str], existing: Iterable[str]) -> str:
    names = sorted(existing)
    shown = ", ".join(names[:_SHOWN_GROUPS]) + (" ..." if len(names) > _SHOWN_GROUPS else "")
    return f"no videos are in group {', '.join(unknown)}. The groups are: {shown}"


def _by_files(catalog: Catalog, split_files: Sequence[SplitFile]) -> Catalog:
    where = some([posixpath.basename(file.name) for file in split_files], more="more files")
    groups = {video.group for video in catalog.videos}
    known = {*groups, *map(alike, groups)}
    by_group: dict[str, Placed] = {}
    by_path: dict[str, Placed] = {}
    comments: list[str] = []
    for file in split_files:
        for entry in _meant(file.entries, catalog.videos, groups, comments):
            is_group = file.kind == "group" or (not file.kind and {entry.name, alike(entry.name)} & known)
            _add(by_group if is_group else by_path, entry if is_group else _plain(entry), file)
    by_group = same_groups(by_group, groups)
    if unknown := sorted(by_group.keys() - groups):
        raise UsageError(f"{where}: {_no_groups(unknown, groups)}")
    (of_video, matched), notes = match_paths(catalog, by_path), []
    if comments:
        notes.append(
            f"lines of {where} that begin with # and name nothing in the input, so count as comments: "
            f"{len(comments):,} ({some(comments)})"
        )
    if absent := describe_absent(by_path, matched, where):
        notes.append(absent)
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
        notes.append(f"videos not named by {where}, {what}: {len(unnamed):,} ({some(unnamed)})")
    if unused:
        notes.append(f"videos without a split in {where}, left out: {unused:,}")
    if not videos:
        raise UsageError(f"{where} leaves out all {len(catalog.videos):,} videos")
    if gone := sorted({*catalog.labels} - {*replace(catalog, videos=tuple(videos)).labels}):
        notes.append(f"WARNING: {where} leaves out all videos of {plural(len(gone), 'class', 'classes')}: {some(gone)}")
    if unnamed and {video.split for video in videos} == {_REST}:
        raise UsageError(
            f"{where}: all videos would be in {_REST}, and {len(unnamed):,} are not named. Give the list of the test "
            "videos as well: --split-file may be repeated, or name a folder"
        )
    return _placed(catalog, videos, where, notes)


def _meant(
    entries: Sequence[Entry], videos: Iterable[VideoRecord], groups: Container[str], comments: list[str]
) -> list[Entry]:
    """The entries, with the names that their lines mean, going by the groups and videos that there are, and without
    comments, whose names are appended: a line that begins with `#` is kept only if there is such a group or video."""
    if not any(entry.doubtful or entry.others for entry in entries):
        return list(entries)
    stems = {posixpath.splitext(posixpath.basename(video.uri))[0] for video in videos}

    def exists(name: str) -> bool:
        base = posixpath.basename(name.replace("\\", "/").rstrip("/"))
        return name in groups or base in stems or posixpath.splitext(base)[0] in stems

    meant = [entry._replace(name=next(filter(exists, entry.others), entry.name), others=()) for entry in entries]
    dropped = {entry.line for entry in meant if entry.doubtful and not exists(entry.name)}
    comments.extend(entry.name for entry in meant if entry.line in dropped)
    return [entry for entry in meant if entry.line not in dropped]


def _placed(catalog: Catalog, videos: Sequence[VideoRecord], where: str, notes: Sequence[str]) -> Catalog:
    return replace(catalog, videos=tuple(videos), splits_from=where, notes=(*catalog.notes, *notes))


def _plain(entry: Entry) -> Entry:
    path = posixpath.normpath(entry.name.replace("\\", "/"))
    return entry if path == entry.name else entry._replace(name=path)


def _add(placed: dict[str, Placed], entry: Entry, file: SplitFile) -> None:
    known, before = placed.setdefault(entry.name, (file, entry))
    if before.split != entry.split:
        raise UsageError(
            f"{entry.name!r} is named for both {before.split or 'no split'} and {entry.split or 'no split'} "
            f"({known.name}, line {before.line}, and {file.name}, line {entry.line}). Give the lists of one split"
        )


def _shared_groups(videos: Iterable[VideoRecord]) -> list[str]:
    split_of: dict[str, str] = {}
    shared = set()
    for video in videos:
        if video.group != video.video_id and split_of.setdefault(video.group, video.split) != video.split:
            shared.add(video.group)
    return sorted(shared)
