"""Videos with the same content: found in the reports of the workers, or left out before anything is decoded."""

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter

from pipelines.core.clip_ids import range_of, video_of
from pipelines.core.wording import some
from pipelines.dataset.info import ShardReport, WrittenVideo
from pipelines.inputs.catalog import Catalog, VideoRecord
from pipelines.inputs.records import Filtered

DUPLICATES = "duplicates.jsonl"
"""File in a dataset's folder with all videos that have the same content as another one."""

_SHOWN = 3

Copies = list[tuple[str, WrittenVideo]]
"""Videos of the same content, by id, each preceded by its split."""
Stretch = tuple[float, float] | None
"""Start and end of a part in seconds; None for a whole video."""


def find_copies(reports: Sequence[ShardReport]) -> list[Copies]:
    """The written videos of which there is more than one with the same content, in the order of the first one's id.

    Parts of one video are never copies of each other; the same part of two files with the same content is. Of files
    with the same content that only have other parts, the first part of each counts if these lie in different splits.
    """
    first: dict[tuple[int, int, Stretch], tuple[str, WrittenVideo]] = {}
    found: dict[tuple[int, int, Stretch], Copies] = {}
    file_of: dict[int, str] = {}
    several_files: set[int] = set()
    for report in reports:
        for video in report.written:
            key = video.content, video.num_source_frames, range_of(video.video_id)
            if video.content and key in first:
                found.setdefault(key, [first[key]]).append((report.split, video))
            elif video.content:
                first[key] = report.split, video
            if file_of.setdefault(video.content, file := video_of(video.video_id)) != file:
                several_files.add(video.content)
    told = {content for (content, *_), videos in found.items() if in_several_splits(videos)}
    copies = [*found.values(), *filter(in_several_splits, _first_parts(reports, several_files - told - {0}))]
    in_order = [sorted(videos, key=lambda item: item[1].video_id) for videos in copies]
    return sorted(in_order, key=lambda videos: videos[0][1].video_id)


def _first_parts(reports: Iterable[ShardReport], contents: Container[int]) -> Iterator[Copies]:
    """For each of some contents, the first part, by its split and id, of each file."""
    found: dict[int, dict[tuple[str, str], tuple[str, WrittenVideo]]] = {}
    for report in reports:
        for video in report.written:
            if video.content in contents:
                parts = found.setdefault(video.content, {})
                place = video_of(video.video_id), report.split
                if place not in parts or video.video_id < parts[place][1].video_id:
                    parts[place] = report.split, video
    return ([*parts.values()] for parts in found.values())


def are_other_parts(copies: Copies) -> bool:
    """Whether they are of files with the same content, but not the same parts of them."""
    return len({range_of(video.video_id) for _, video in copies}) > 1


def in_several_splits(copies: Copies) -> bool:
    """Whether a model would be tested on what it was trained on."""
    return len({split for split, _ in copies}) > 1


def have_several_labels(copies: Copies) -> bool:
    """Whether the same content has different labels."""
    return not are_other_parts(copies) and len({video.label for _, video in copies}) > 1


def duplicate_lines(found: Iterable[Copies], dropped: Iterable[Sequence[VideoRecord]] = ()) -> Iterator[str]:
    """The lines of `duplicates.jsonl`: for each content, the videos with it.

    Args:
        found: videos that were written.
        dropped: videos of which only the first was to be written, with the splits that the input gives them.
    """
    for first, *others in dropped:
        names = [_name(video.video_id, video.label, video.split) for video in (first, *others)]
        yield json.dumps({"videos": [names[0], *({**name, "left_out": True} for name in names[1:])]}) + "\n"
    for copies in found:
        names = [_name(video.video_id, video.label, split) for split, video in copies]
        yield json.dumps({"videos": names}) + "\n"


def _name(video_id: str, label: str, split: str) -> dict[str, str]:
    return {"video_id": video_id, "label": label, "split": split}


def drop_duplicates(
    catalog: Catalog,
    size_of: Callable[[Sequence[VideoRecord]], Iterable[int]],
    marks_of: Callable[[Sequence[VideoRecord]], Iterable[int]],
) -> Catalog:
    """Leaves out videos with the same content as a video with an earlier id, or the same part of such a video.

    Other parts of a copy stay, in the group of the video that it is a copy of, so that both go into the same split.

    Args:
        catalog: the videos.
        size_of: gives the size in bytes of each of some files; 0 for one that doesn't exist.
        marks_of: gives the `stream_mark` of each of some files; 0 for one that can't be read. Only called for files
            that share their size with another, once for each.
    """
    once = {_file(video): video for video in reversed(catalog.videos)}
    videos = [once[file] for file in reversed(once)]
    sizes = list(size_of(videos))
    counts = Counter(sizes)
    candidates = [video for video, size in zip(videos, sizes, strict=True) if size and counts[size] > 1]
    marks = zip(candidates, marks_of(candidates), strict=True)
    mark_of = {_file(video): mark for video, mark in marks if mark}
    group_of: dict[int, str] = {}
    first: dict[tuple[int, float, float], VideoRecord] = {}
    kept: list[VideoRecord] = []
    dropped: list[Filtered] = []
    copies: dict[str, list[VideoRecord]] = {}
    for video in catalog.videos:
        mark = mark_of.get(_file(video))
        if mark is None:
            kept.append(video)
            continue
        original = first.setdefault((mark, video.start_s, video.end_s), video)
        group = group_of.setdefault(mark, video.group)
        if original is video:
            kept.append(video if video.group == group else replace(video, group=group))
            continue
        other = "" if original.label == video.label else f", which has the label {original.label}"
        copies.setdefault(original.video_id, [original]).append(video)
        dropped.append(Filtered(video.video_id, video.label, f"the same content as {original.video_id}{other}"))
    return replace(
        catalog,
        videos=tuple(kept),
        left_out=replace(catalog.left_out, filtered=(*catalog.left_out.filtered, *dropped)),
        notes=(*catalog.notes, *_on_contradictions([(kept, copy) for kept, *left in copies.values() for copy in left])),
        copies=tuple(map(tuple, copies.values())),
    )


def _file(video: VideoRecord) -> tuple[str, str]:
    """What parts of one video share. Names that lead to one file are different videos, with the same content."""
    return video.uri, video_of(video.video_id)


def _on_contradictions(pairs: Sequence[tuple[VideoRecord, VideoRecord]]) -> Iterator[str]:
    """Warnings about videos that were left out although they have another label or split than the one that is kept."""
    for what, part in (("label", attrgetter("label")), ("split", attrgetter("split"))):
        found = [(kept, left) for kept, left in pairs if part(kept) != part(left)]
        if found:
            said = [
                f"{left.video_id} ({part(left)}), the same as {kept.video_id} ({part(kept)})" for kept, left in found
            ]
            yield (
                f"WARNING: --drop-duplicates left out videos with the content of one that has another {what}, which "
                f"may be the wrong one: {some(said, _SHOWN, '; ')}"
            )
