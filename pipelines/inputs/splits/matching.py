"""Matches the lines of split files with videos, by their paths and groups."""

import posixpath
from collections.abc import Container, Iterable, Iterator, Mapping

from pipelines.core.errors import UsageError
from pipelines.core.names import alike
from pipelines.core.video_files import is_video_name
from pipelines.core.wording import some
from pipelines.inputs.catalog import Catalog
from pipelines.inputs.splits.lists import Entry, SplitFile

Placed = tuple[SplitFile, Entry]
"""A line, with its file."""


def match_paths(catalog: Catalog, by_path: Mapping[str, Placed]) -> tuple[dict[int, Placed], set[str]]:
    """The line for each video, by the video's number, and the names that are those of a video.

    A path may begin at any folder above, and lack the extension.

    If no video has exactly that name, it may differ in case and in Unicode normalisation.

    Raises:
        UsageError: a path matches several videos, or a video is named in two ways for different splits.
    """
    found: dict[int, Placed] = {}
    if not by_path:
        return found, set()
    video_of: dict[str, int] = {}

    def take(number: int, name: str, placed: Placed) -> None:
        other = video_of.setdefault(name, number)
        if catalog.videos[other].uri != catalog.videos[number].uri:
            ids = f"{catalog.videos[other].uri} and {catalog.videos[number].uri}"
            raise UsageError(
                f"{placed[0].name}, line {placed[1].line}: two videos match {placed[1].name}, {ids}. Give a longer path"
            )
        found[number] = placed

    for number, video in enumerate(catalog.videos):
        name = next((path for path in _ends(video.uri) if path in by_path), None)
        if name is not None:
            take(number, name, by_path[name])
    stems: dict[str, str] = {}
    for name, (_, entry) in by_path.items():
        if name not in video_of and entry.name == name:
            stems.setdefault(_stem(name), name)
    for number, video in enumerate(catalog.videos):
        if stems and number not in found:
            name = next((stems[path] for path in _ends(posixpath.splitext(video.uri)[0]) if path in stems), None)
            if name is not None:
                take(number, name, by_path[name])
    others: dict[str, str] = {}
    for name in by_path:
        if name not in video_of:
            others.setdefault(alike(_stem(name)), name)
    for number, video in enumerate(catalog.videos):
        if others and number not in found:
            path = alike(posixpath.splitext(video.uri)[0])
            name = next((others[end] for end in _ends(path) if end in others), None)
            if name is not None:
                take(number, name, by_path[name])
    return found, {*video_of, *_other_names(catalog, by_path, found, by_path.keys() - video_of.keys())}


def _other_names(
    catalog: Catalog, by_path: Mapping[str, Placed], found: Mapping[int, Placed], names: Iterable[str]
) -> Iterator[str]:
    """Those of some names that are other ways to write the name of a video for which there is a line already.

    Raises:
        UsageError: the two lines give it different splits.
    """
    ways = {alike(name): name for name in names}
    for number, (file, entry) in found.items() if ways else ():
        path = alike(catalog.videos[number].uri)
        for end in (*_ends(path), *_ends(posixpath.splitext(path)[0])):
            if name := ways.get(end):
                other_file, other = by_path[name]
                if other.split != entry.split:
                    raise UsageError(
                        f"{name} and {entry.name} are the same video, named for both {other.split or 'no split'} and "
                        f"{entry.split or 'no split'} ({other_file.name}, line {other.line}, and {file.name}, line "
                        f"{entry.line}). Remove one of the lines"
                    )
                yield name


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0] if is_video_name(name) else name


def same_groups(by_group: Mapping[str, Placed], groups: Iterable[str]) -> dict[str, Placed]:
    """The lines by the actual names of their groups, which may differ only in case or in Unicode normalisation.

    Raises:
        UsageError: two lines name the same group for different splits.
    """
    known = set(groups)
    if by_group.keys() <= known:
        return dict(by_group)
    found: dict[str, list[str]] = {}
    for group in sorted(known):
        found.setdefault(alike(group), []).append(group)
    names = {name: [] if name in known else found.get(alike(name), []) for name in by_group}
    result: dict[str, Placed] = {}
    for name, (file, entry) in by_group.items():
        group = names[name][0] if len(names[name]) == 1 else name
        known_file, before = result.setdefault(group, (file, entry))
        if before.split != entry.split:
            raise UsageError(
                f"{before.name} and {entry.name} are the same group, named for both {before.split} and {entry.split} "
                f"({known_file.name}, line {before.line}, and {file.name}, line {entry.line}). Remove one of the lines"
            )
    return result


def _ends(path: str) -> Iterator[str]:
    """A path, and the rest of it below each of its folders, longest first."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def describe_absent(by_path: Mapping[str, Placed], matched: Container[str], where: str) -> str:
    """A sentence about paths for which there is no video; empty if there are none.

    Args:
        by_path: the lines by path.
        matched: the paths of videos that there are.
        where: the files, for messages.

    Raises:
        UsageError: there is no video for any of the paths.
    """
    absent = [name for name in by_path if name not in matched]
    if absent and len(absent) == len(by_path):
        none = "the only video" if len(absent) == 1 else f"none of the {len(absent):,} videos"
        raise UsageError(
            f"{where}: {none} that it names is {'not ' * (len(absent) == 1)}in the input, for example {absent[0]}. "
            "Paths are those below the input folder, with or without their extension"
        )
    return f"WARNING: videos named by {where} but not in the input: {len(absent):,} ({some(absent)})" if absent else ""
