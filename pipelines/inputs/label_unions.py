"""The labels of clips of one video that overlap in time, for datasets whose clips may have several labels."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from pipelines.core.clip_ids import range_of, video_of
from pipelines.core.errors import UsageError
from pipelines.core.label_sets import join_labels, split_labels
from pipelines.inputs.catalog import Catalog, VideoRecord

COVERED = 0.5
"""Share of a stretch that another one must cover for its labels to hold for the whole stretch, too."""
Stretch = tuple[float, float] | None
"""Start and end in seconds; None for a whole video."""


def with_covering(labels: Mapping[Stretch, str]) -> dict[Stretch, str]:
    """The labels of each stretch of a video together with those of stretches that cover at least half of it.

    Labels are taken from what was given, not from what was added, so the order of the stretches makes no difference.
    The whole video covers each of its stretches; how much of it a stretch covers isn't known before it is decoded, and
    it gets the labels of none.

    Args:
        labels: stretch to its labels.
    """
    found: dict[Stretch, str] = {}
    whole = labels.get(None)
    ordered = sorted(stretch for stretch in labels if stretch)
    longest_s = max((end - start for start, end in ordered), default=0.0)
    first = 0
    for stretch in ordered:
        start, end = stretch
        while ordered[first][0] + longest_s <= start:  # ends before this one starts, as does each before it
            first += 1
        names = list(split_labels(labels[stretch])) + list(split_labels(whole) if whole else ())
        for other in ordered[first:]:
            if other[0] >= end:
                break
            # In whole milliseconds, so that exactly half is half.
            shared = round(1000 * min(end, other[1])) - round(1000 * max(start, other[0]))
            if shared >= COVERED * (round(1000 * end) - round(1000 * start)):
                names += split_labels(labels[other])
        found[stretch] = join_labels(names)
    return found | ({None: whole} if whole else {})


def with_several_labels(catalog: Catalog) -> Catalog:
    """The catalogue with all labels of each clip: its own, sorted, and those of clips that cover at least half of it.

    Args:
        catalog: clips, each id once.

    Raises:
        UsageError: a label is empty, as in a folder called `Swing|`.
    """
    for video in catalog.videos:
        try:
            split_labels(video.label)
        except ValueError as error:
            raise UsageError(f"the class of {video.uri}: {error}") from error
    videos: list[VideoRecord] = []
    ordered = sorted(catalog.videos, key=lambda video: video_of(video.video_id))
    for _, members in groupby(ordered, key=lambda video: video_of(video.video_id)):
        clips = list(members)
        if len(clips) == 1:
            videos.append(replace(clips[0], label=join_labels(split_labels(clips[0].label))))
            continue
        labels = with_covering({range_of(clip.video_id): join_labels(split_labels(clip.label)) for clip in clips})
        videos += [replace(clip, label=labels[range_of(clip.video_id)]) for clip in clips]
    return replace(catalog, videos=tuple(sorted(videos, key=attrgetter("video_id"))), multi_label=True)
