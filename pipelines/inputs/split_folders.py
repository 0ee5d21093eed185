"""Official splits that the folders of a manifest's videos seem to be."""

from collections.abc import Iterable

from pipelines.core.split_names import split_name
from pipelines.core.wording import some


def describe_split_folders(paths: Iterable[str]) -> list[str]:
    """A warning about paths of which each has a folder that is named like a split, at the same level, where a manifest
    gives no splits; none if there are no such folders, or all are the same split."""
    names: dict[int, set[str]] = {}
    for number, path in enumerate(paths):
        folders = path.split("/")[:-1]
        if not number:
            names = {level: set() for level, folder in enumerate(folders) if split_name(folder)}
        for level in tuple(names):
            if level < len(folders) and split_name(folders[level]):
                names[level].add(folders[level])
            else:
                del names[level]
        if not names:
            return []
    return [
        f"WARNING: the folders {some(sorted(found))} seem to be splits, but those of a manifest are in its column "
        "split. Add it to keep them"
        for found in names.values()
        if len(set(map(split_name, found))) > 1
    ]
