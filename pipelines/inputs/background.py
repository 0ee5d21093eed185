"""Rows for what lies between the annotated parts of videos, so that a model can learn what none of its classes is."""

from collections import defaultdict
from dataclasses import dataclass, replace
from operator import attrgetter
from statistics import median

from pipelines.core.clip_ids import clip_id, video_of
from pipelines.core.errors import UsageError
from pipelines.core.hashing import compact_json
from pipelines.inputs.catalog import Catalog

_SHORTEST_S = 0.1


@dataclass(frozen=True)
class Background:
    """Which clips are made of what lies between annotated parts.

    Attributes:
        label: the class of these clips.
        margin_s: seconds before and after each annotated part that belong to neither.
        clip_s: length of a clip; 0 for the median length of the annotated parts.
        stride_s: seconds from the start of a clip to the start of the next; 0 for half of the length.
        most: how many clips of a video are made at most; 0 for all.
    """

    label: str
    margin_s: float
    clip_s: float = 0.0
    stride_s: float = 0.0
    most: int = 0


Parts = dict[str, list[tuple[float, float]]]
"""Start and end of the annotated parts of each video, by its address."""


def annotated_parts(catalog: Catalog) -> Parts:
    """The annotated parts of each video that has only such, whatever their classes. Videos that are annotated as a
    whole have no background."""
    parts: Parts = defaultdict(list)
    whole = set()
    for video in catalog.videos:
        if video.is_whole:
            whole.add(video.uri)
        else:
            parts[video.uri].append((video.start_s, video.end_s))
    return {uri: sorted(found) for uri, found in parts.items() if uri not in whole}


def with_background(catalog: Catalog, parts: Parts, wanted: Background) -> Catalog:
    """The catalogue with one more row for each video with annotated parts: for all clips of what lies between them.

    Such a row has the id of an empty part at the video's start, which no other row can have, and `between`.

    Args:
        catalog: the videos that become a dataset.
        parts: all annotated parts of the input, also those that don't become clips: they are no background either.
        wanted: which clips are made.

    Raises:
        UsageError: no video has annotated parts.
    """
    first = {video.uri: video for video in reversed(catalog.videos) if video.uri in parts}
    if not first:
        raise UsageError(
            f"--background-label {wanted.label}: no row of the input names a part of a video by start and end, so "
            "nothing lies between such parts. Give them, or leave the flag out"
        )
    lengths = [end_s - start_s for uri in first for start_s, end_s in parts[uri]]
    clip_s = wanted.clip_s or max(_SHORTEST_S, round(median(lengths), 1))
    how = [wanted.margin_s, clip_s, wanted.stride_s, wanted.most]
    rows = [
        replace(
            video, video_id=clip_id(video_of(video.video_id), 0, 0), label=wanted.label, start_s=0.0, end_s=0.0,
            remark="", place="", overlaps="", between=compact_json([*how, parts[uri]]),
        )
        for uri, video in first.items()
    ]  # fmt: skip
    return replace(catalog, videos=tuple(sorted((*catalog.videos, *rows), key=attrgetter("video_id"))))
