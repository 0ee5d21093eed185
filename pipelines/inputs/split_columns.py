"""Official splits of a manifest without a column `split`: in another column, or in the folders of its videos."""

from collections.abc import Iterable, Sequence

from pipelines.annotations.tables import read_table
from pipelines.core.errors import UsageError
from pipelines.core.split_names import split_name
from pipelines.core.wording import some

_KNOWN = ("label", "group", "start", "end")


def refuse_split_column(text: str, name: str, unused: Sequence[str]) -> None:
    """Refuses a manifest with an unused column whose values name splits, whatever the column is called.

    Args:
        text: the whole manifest, which can be read.
        name: name of the manifest, for messages.
        unused: names of its columns that aren't used.

    Raises:
        UsageError: each value of a column is the name of a split, and there are several; the message names it.
    """
    names = [column.lower() for column in unused]
    single = [place for place, column in enumerate(names) if names.count(column) == 1]
    found = {place: set[str]() for place in single}
    rows = read_table(text, name, ("path",), (*(names[place] for place in single), *_KNOWN)).rows
    for _, (_, *values) in rows if found else ():
        for place, value in zip(single, values, strict=False):
            if place in found and (split := split_name(value)):
                found[place].add(split)
            else:
                found.pop(place, None)
        if not found:
            return
    for place, splits in found.items():
        if len(splits) > 1:
            raise UsageError(
                f"{name}: column {unused[place]}: says which videos are for {' and which for '.join(sorted(splits))}, "
                "and would not be used. Call it split, or remove it to have splits assigned"
            )


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
