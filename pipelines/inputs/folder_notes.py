"""Sentences on how the folders of a tree of videos were understood, and on what speaks against that."""

import re
from collections.abc import Collection

from pipelines.core.split_names import SPLIT_HELP
from pipelines.core.wording import some
from pipelines.inputs.folders import Folder, Levels, names_at, shown, split_in


def describe_levels(levels: Levels, folders: Collection[Folder], num_below: int) -> list[str]:
    """Sentences on how the folders were understood, where that isn't obvious.

    Args:
        levels: the levels that were found.
        folders: the folders with videos.
        num_below: number of videos whose group is given by folders.
    """
    deepest = max(map(len, folders))
    example = min(folder for folder in folders if len(folder) == deepest)
    notes = []
    above = "/".join(example[: min(levels.label, len(example) if levels.split is None else levels.split)])
    if above:
        notes.append(f"the classes are folders below {above}")
    classes = sorted(names_at(folders, levels.label))
    if num_below:
        below = levels.group + 1
        text = f"videos in folders below that of their class: {num_below:,}, as in {'/'.join(example)}. These folders "
        text += f"are their groups; --class-level {below} makes them the classes"
        if inner := _likelier_classes(levels, folders, below - 1):
            text = f"WARNING: {text}, which they seem to be: {some(inner)} are in several of {some(classes)}"
        notes.append(text)
    if len({split_in(name) for name in classes} - {""}) > 1:
        named = some([name for name in classes if split_in(name)])
        notes.append(f"WARNING: {named} are taken for classes, although they are named like splits. {SPLIT_HELP}")
    return notes


def _likelier_classes(levels: Levels, folders: Collection[Folder], below: int) -> list[str]:
    """The names of folders below those of the classes, where it is more likely that they are the classes: they repeat,
    and what was taken for classes is numbered (`S01`, `S02`) or divided into splits itself, as several datasets are."""
    outer = names_at(folders, levels.label)
    numbered = len({re.sub(r"\d+", "0", name) for name in outer}) == 1
    inner = {folder[levels.label] + "/" + folder[below]: folder[below] for folder in folders if len(folder) > below}
    names = sorted(set(inner.values()))
    repeat = len(outer) > 1 and len(names) > 1 and len(inner) > len(names)
    is_plain = not any(sign.isdigit() for name in names for sign in name)
    return names if repeat and is_plain and (numbered or levels.split == levels.label + 1) else []


def describe_above(levels: Levels, folders: Collection[Folder]) -> list[str]:
    """A sentence about folders above the classes, where a level of classes was given; none if there is only one, or
    if they are official splits."""
    above = {folder[: levels.label] for folder in folders}
    if len(above) < 2 or levels.split is not None:
        return []
    return [
        f"folders above those of the classes, which are not used: {len(above):,} ({shown(above)}). Videos of one of "
        "them may go into different splits; if each is one source, give a manifest with groups"
    ]
