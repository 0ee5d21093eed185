"""What the folders of a tree of videos mean: official splits, classes, and groups with the same source."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from sys import intern
from typing import NamedTuple

from pipelines.core.errors import UsageError
from pipelines.core.names import alike
from pipelines.core.split_names import SPLIT_HELP, SPLIT_NAMES, SPLITS, split_name
from pipelines.core.wording import some

_OTHER_SPLITS = frozenset(("trainval", "traindev", "dev", "devel", "eval", "evaluation", "holdout", "heldout"))
"""Names of splits that don't tell which of the usual splits they are."""
_NUMBERED = re.compile(r"(?:splits?|folds?|partition)[\W_]*\d+", re.IGNORECASE)
_OF_VIDEOS = frozenset(
    ("videos", "video", "clips", "clip", "movies", "data", "files", "raw", "rgb", "color", "avi", "mp4", "mov", "webm")
)
"""Names of folders that say nothing about their videos."""
_DECORATION = re.compile("(?:list|set|split|videos?|files?)$")

Folder = tuple[str, ...]
"""Names of the folders from the listed one down to the one that contains a video."""


def split_in(text: str) -> str:
    """The only split that is named among the words of a text: `train` in `trainlist01` and `kinetics_train_256`. Empty
    if there are none or several."""
    found = {split_name(_DECORATION.sub("", word)) for word in _words(text)} - {""}
    return found.pop() if len(found) == 1 else ""


def near_split(text: str) -> str:
    """The usual split of which a name seems to be a misspelling: `test` for `tset`; empty for others, as `test_b`."""
    if seems_split(text) or split_in(text):
        return ""
    name = text.strip().lower()  # the first letter is seldom wrong, and `rest` isn't `test`
    return next(iter(get_close_matches(name, [n for n in SPLIT_NAMES if n[0] == name[:1]], n=1, cutoff=0.7)), "")


def seems_split(text: str) -> bool:
    """Whether a name seems to be that of a split, even an unknown one: `train_256`, `holdout`, `TrainVal`, `split1`."""
    words = _words(text)
    return bool(_NUMBERED.fullmatch(text.strip())) or any(
        part and all(map(_any_split, part)) for part in (words, ["".join(words)])
    )


def _any_split(word: str) -> str:
    """The split that a word names, by its usual name if it has one; empty if it names none."""
    word = _DECORATION.sub("", word) or word
    return split_name(word) or (word if word in _OTHER_SPLITS else "")


def _words(text: str) -> list[str]:
    return re.findall("[a-z]+", text.lower())


class Meaning(NamedTuple):
    """Label, split and group of the videos in a folder."""

    label: str
    split: str
    group: str


@dataclass(frozen=True)
class Levels:
    """The meaning of levels of folders; level 0 is directly in the listed folder.

    Attributes:
        label: level of the classes.
        split: level of the official splits; None if there are none.
        around: folders around everything of a class, which are no groups.
    """

    label: int
    split: int | None = None
    around: frozenset[Folder] = frozenset()

    @property
    def group(self) -> int:
        """First level below class and split."""
        return self.label + (2 if self.split == self.label + 1 else 1)

    def meaning(self, folder: Folder) -> Meaning:
        """Label, split and group of the videos in a folder; the folders below class and split are the group."""
        split = "" if self.split is None else split_name(folder[self.split])
        first = self.group + (folder[: self.group + 1] in self.around)
        return Meaning(intern(folder[self.label]), split, intern("/".join(folder[first:])))


def find_levels(root: str, folders: Collection[Folder], class_level: int = 0) -> Levels:
    """Detects which levels of folders are splits and classes.

    A single folder around everything is entered. If all folders of a level are named like splits, they are official
    splits; the classes are the first level, or the first below the splits. Splits may also lie directly below the
    classes.

    Args:
        root: the listed folder, for messages.
        folders: the folders that directly contain videos.
        class_level: the level of the classes, from 1; 0 to detect it.

    Raises:
        UsageError: a video lies above the classes, or splits can't be told from classes.
    """
    found = _given(root, folders, class_level - 1) if class_level else _find(root, folders)
    return replace(found, around=_around_classes(found, folders))


def _around_classes(levels: Levels, folders: Collection[Folder]) -> frozenset[Folder]:
    """Lone folders around everything of their class, if they are called like it (`pick/pick`, as archives of classes
    are unpacked) or like any folder of videos (`pick/videos`). As a group, each would be a whole class."""
    inside: dict[Folder, set[Folder]] = {}
    for folder in folders:
        inside.setdefault(folder[: levels.group], set()).add(folder[: levels.group + 1])
    lone = {path for paths in inside.values() if len(paths) == 1 for path in paths if len(path) > levels.group}
    return frozenset(p for p in lone if alike(p[-1]) == alike(p[levels.label]) or alike(p[-1]) in _OF_VIDEOS)


def _find(root: str, folders: Collection[Folder]) -> Levels:
    first = _enter(root, folders, 0)
    names = names_at(folders, first)
    if _all_splits(names):
        if loose := [folder for folder in folders if len(folder) == first + 1]:
            raise UsageError(
                f"{shown(loose)} in {root}: videos lie directly in a folder that is named like a split, without a "
                f"class folder. Sort them into class folders, or, if {some(sorted(names))} "
                f"{'is a class' if len(names) == 1 else 'are the classes'}, add --class-level {first + 1}"
            )
        return Levels(_enter_each(root, folders, first), first)
    _refuse_mixture(root, names, folders, first)
    below = {folder[first + 1] if len(folder) > first + 1 else "" for folder in folders}
    if _all_splits(below):
        return Levels(first, first + 1)
    _refuse_mixture(root, below, folders, first + 1, in_class=True)
    for level in range(first + 2, max(map(len, folders))):
        deep = {folder[level] for folder in folders if len(folder) > level and split_name(folder[level])}
        if len(set(map(split_name, deep))) > 1:
            example = "/".join(min(folder for folder in folders if len(folder) > level and folder[level] in deep))
            raise UsageError(
                f"{root}: folders named like splits ({some(sorted(deep))}) lie deeper than right below the classes, as "
                f"in {example}. Move them above or right below the classes, or, if they are not splits, add "
                f"--class-level {first + 1}; if other folders are the classes, --class-level {level} or {level + 2}"
            )
    return Levels(first)


def _enter_each(root: str, folders: Collection[Folder], split: int) -> int:
    """The level of the classes below official splits: lone folders around everything are entered, also those around
    everything of their split (`train/train/A`, `test/test/A`).

    Raises:
        UsageError: such folders are around some of the splits only.
    """
    level = _enter(root, folders, split + 1)
    around = {folder[: level + 1] for folder in folders}
    is_lone = max(Counter(path[:level] for path in around).values()) == 1 < len(around)
    if is_lone and all(len(folder) > level + 1 for folder in folders):
        return level + 1
    if named := sorted("/".join(path) for path in around if split_name(path[level]) == split_name(path[split])):
        raise UsageError(
            f"{root}: {named[0]} is named like its split, and not all splits have such a folder. Move what is in it "
            f"one folder up, or, if {named[0].rpartition('/')[2]} is a class, add --class-level {level + 1}"
        )
    return level


def _given(root: str, folders: Collection[Folder], level: int) -> Levels:
    _need(root, folders, level)
    for other in (*range(level), level + 1):
        if all(len(folder) > other for folder in folders) and _all_splits(names_at(folders, other)):
            return Levels(level, other)
    return Levels(level)


def _need(root: str, folders: Collection[Folder], level: int) -> None:
    if loose := [folder for folder in folders if len(folder) <= level]:
        raise UsageError(
            f"{root}: --class-level {level + 1} makes the folders of that level the classes, but videos lie directly "
            f"in {shown(loose)}. Move them, or choose another level"
        )


def _enter(root: str, folders: Collection[Folder], level: int) -> int:
    """The first level that has several folders, or no folders below it."""
    while len(names := names_at(folders, level)) == 1 and not _all_splits(names):
        depths = {len(folder) > level + 1 for folder in folders}
        if depths == {False}:
            break
        if False in depths:
            (lone,) = names
            raise UsageError(
                f"{root}: the folder {lone} contains videos as well as folders of videos. Sort the videos into "
                f"class folders, or, if {lone} is a class, add --class-level {level + 1}"
            )
        level += 1
    return level


def _refuse_mixture(
    root: str, names: Collection[str], folders: Collection[Folder], level: int, in_class: bool = False
) -> None:
    """Refuses folders that may be either splits or classes, or, where they lie `in_class`, either splits or groups.

    Raises:
        UsageError: two or more folders are named like splits, and other folders lie beside them; or one is, and all
            have folders below them; or all folders have a split in their names, which may be misspelt, and one has
            folders below it.
    """
    splits = sorted(name for name in names if split_name(name))
    if len({split_name(name) for name in splits}) > 1:
        others = [name or "videos in no such folder" for name in sorted(names) if not split_name(name)]
        add = f"--class-level {level + 1}"
        way_out = "or rename these folders" if in_class else f"or, if all of them are classes, add {add}"
        raise UsageError(
            f"{root}: folders named like splits ({some(splits)}) lie beside others ({some(others)}), so the split of "
            f"some videos is unknown. {SPLIT_HELP}: move the others away, {way_out}"
        )
    deep = {folder[level] for folder in folders if len(folder) > level + 1}
    if not deep:
        return
    kinds = {"/".join(sorted({*map(_any_split, _words(name))} - {""})) or seems_split(name) for name in names}
    alike = sorted(filter(seems_split, names))
    if deep == names and len(set(map(near_split, names)) - {""}) == len(names) > 1:
        alike = sorted(names)  # tests and trains, tst and trn
    if (alike and deep == names) or (all(kinds) and len(kinds) > 1):
        what = f"folders {some(sorted(names))} seem" if len(alike) != 1 else f"folder {alike[0]} seems"
        be = "be splits" if len(alike) != 1 else f"be a split, beside {some(sorted({*names} - {*alike}))}"
        these = f"--class-level {level + 1} for these, {level + 2} for those below them"
        way_out = "" if in_class else f", or choose the level of the classes: {these}"
        raise UsageError(f"{root}: the {what} to {be}. {SPLIT_HELP}: rename such folders{way_out}")


def names_at(folders: Collection[Folder], level: int) -> set[str]:
    return {folder[level] for folder in folders}


def _all_splits(names: Collection[str]) -> bool:
    return all(map(split_name, names))


def shown(folders: Collection[Folder]) -> str:
    return some(sorted("/".join(folder) for folder in folders))


def describe_splits(counts: Mapping[str, int]) -> str:
    """The sizes of splits as text: `train 9,537, test 3,783`, in the usual order."""
    return ", ".join(f"{name} {counts[name]:,}" for name in in_usual_order(counts))


def in_usual_order(splits: Iterable[str]) -> tuple[str, ...]:
    """Names of splits in the usual order, with other names last."""
    order = {name: place for place, name in enumerate(SPLITS)}
    return tuple(sorted(splits, key=lambda name: (order.get(name, len(order)), name)))
