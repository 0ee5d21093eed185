"""Matches the lines of split files with videos, by their paths and groups."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from pipelines.core.errors import UsageError
from pipelines.core.names import alike
from pipelines.core.video_files import is_video
from pipelines.core.wording import some
from pipelines.inputs.catalog import Catalog
from pipelines.inputs.splits.lists import Entry, SplitFile

Placed = tuple[SplitFile, Entry]
"""A line, with its file."""


def match_paths(catalog: Catalog, by_path: Mapping[str, Placed], where: str) -> dict[int, Placed]:
    """The line for each video, by the video's number. A path may begin at any folder above, and lack the extension.

    If no video has exactly that name, it may differ in case and in Unicode normalisation.

    Raises:
        UsageError: a path matches several videos.
    """
    found: dict[int, Placed] = {}
    if not by_path:
        return found
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
    return found


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0] if is_video(name) else name


def same_groups(by_group: Mapping[str, Placed], groups: Iterable[str]) -> dict[str, Placed]:
    """The lines by the actual names of their groups, which may differ only in case or in Unicode normalisation."""
    known = set(groups)
    if by_group.keys() <= known:
        return dict(by_group)
    found: dict[str, list[str]] = {}
    for group in sorted(known):
        found.setdefault(alike(group), []).append(group)
    names = {name: [] if name in known else found.get(alike(name), []) for name in by_group}
    return {names[name][0] if len(names[name]) == 1 else name: placed for name, placed in by_group.items()}


def _ends(path: str) -> Iterator[str]:
    """A path, and the rest of it below each of its folders, longest first."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def describe_absent(by_path: Mapping[str, Placed], of_video: Mapping[int, Placed], where: str) -> str:
    """A sentence about paths for which there is no video; empty if there are none.

    Raises:
        UsageError: there is no video for any of the paths.
    """
    named = {entry.name for _, entry in of_video.values()}
    absent = [entry.name for _, entry in by_path.values() if entry.name not in named]
    if absent and not of_video:
        none = "the only video" if len(absent) == 1 else f"none of the {len(absent):,} videos"
        raise UsageError(
            f"{where}: {none} that it names is {'not ' * (len(absent) == 1)}in the input, for example {absent[0]}. "
            "Paths are those below the input folder, with or without their extension"
        )
    return f"WARNING: videos named by {where} but not in the input: {len(absent):,} ({some(absent)})" if absent else ""
