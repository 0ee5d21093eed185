"""Sentences on how the folders of a tree of videos were understood, and on what speaks against that."""

import re
from collections.abc import Collection

from pipelines.core.names import alike
from pipelines.core.split_names import SPLIT_HELP
from pipelines.core.wording import some
from pipelines.inputs.folders import Folder, Levels, names_at, shown, split_in

_OF_SYSTEMS = frozenset(
    (
        *("$recycle.bin", "recycler", "system volume information", "found.000", "lost+found"),
        *("#recycle", "#snapshot", "@eadir", "@recycle", "@recently-snapshot", "@snapshot", "@tmp"),
    )
)
"""Folders of Windows, Linux and network storage, in lower case. Those that begin with a dot are hidden anyway."""

_VIEWS = frozenset(
    (
        *("rgb", "color", "colour", "gray", "depth", "ir", "infrared", "thermal", "flow", "optical_flow", "skeleton"),
        *("raw", "original", "originals", "cropped", "resized", "processed", "augmented", "augmentation"),
        *("front", "back", "rear", "side", "top", "day", "night", "indoor", "outdoor", "indoors", "outdoors"),
    )
)
"""Names of folders that tell how something was filmed or made, in lower case."""


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
            text = f"WARNING: {text}, which they seem to be: {inner}"
        notes.append(text)
    if len({split_in(name) for name in classes} - {""}) > 1:
        named = some([name for name in classes if split_in(name)])
        notes.append(f"WARNING: {named} are taken for classes, although they are named like splits. {SPLIT_HELP}")
    names = {alike(name) for name in classes if not name.isdigit()}
    nested = {
        folder[: level + 1]
        for folder in folders
        for level in range(levels.label + 1, len(folder))
        if (name := alike(folder[level])) in names and name != alike(folder[levels.label])
    }
    if nested:
        notes.append(
            f"WARNING: folders called like one class lie in that of another, whose videos theirs are taken for: "
            f"{shown(nested)}. Move them if they belong to the class that they are called after"
        )
    return notes


def describe_systems(folders: Collection[Folder]) -> list[str]:
    """A sentence about folders that a system makes, for what was deleted or its own copies; none if there are none."""
    found = {
        folder[: level + 1] for folder in folders for level, name in enumerate(folder) if alike(name) in _OF_SYSTEMS
    }
    if not found:
        return []
    return [
        f"WARNING: systems make such folders for deleted files or copies of their own, and the videos in them are used "
        f"like any others: {shown(found)}. Move or remove these folders, unless that is meant"
    ]


def _likelier_classes(levels: Levels, folders: Collection[Folder], below: int) -> str:
    """Which folders below those of the classes are more likely to be the classes, and why; empty if none are: they
    repeat, and what was taken for classes is numbered (`S01`, `S02`), named like views of a scene (`rgb`, `depth`), or
    divided into splits itself; or each is alone in a folder called after it, as downloads in parts are unpacked."""
    outer = names_at(folders, levels.label)
    inner = {folder[levels.label] + "/" + folder[below]: folder[below] for folder in folders if len(folder) > below}
    names = sorted(set(inner.values()))
    numbered = len({re.sub(r"\d+", "0", name) for name in outer}) == 1
    views = {alike(name) for name in outer} <= _VIEWS
    repeat = len(outer) > 1 and len(names) > 1 and len(inner) > len(names)
    is_plain = not any(sign.isdigit() for name in names for sign in name)
    if repeat and is_plain and (numbered or views or levels.split == levels.label + 1):
        return f"{some(names)} are in several of {some(sorted(outer))}"
    if (
        len(inner) == len(outer) > 1
        and all(len(folder) > below for folder in folders)
        and all(alike(path).startswith(alike(name)) for path, name in inner.items())
        and any(alike(path) != f"{alike(name)}/{alike(name)}" for path, name in inner.items())
    ):
        return f"each is alone in a folder called after it, as {min(inner)}"
    return ""


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
