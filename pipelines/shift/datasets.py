"""A dataset as one side of a comparison: labels and groups from its index, the rest from a choice of its records."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import nsmallest
from itertools import groupby, islice

from pipelines.core.clip_ids import range_of, video_of
from pipelines.core.errors import UsageError
from pipelines.core.hashing import stable_hash
from pipelines.dataset.index import read_index
from pipelines.dataset.opened import Dataset, StoredClip
from pipelines.dataset.tfrecord import CorruptRecordError
from pipelines.shift.pixels import brightness_and_motion
from pipelines.shift.types import DURATIONS, EMBEDDINGS, RESOLUTION, SCORES, Measured, Side

MOST_VIDEOS = 5000
"""Videos of each side that are tested, drawn by their names if there are more."""
_MOST_READ = 20
"""Records that are read for each video of the sample, on average: a video may have many."""


def read_dataset(data: Dataset, sample: int, seed: int) -> Side:
    """Measures a dataset.

    Args:
        data: the dataset.
        sample: number of videos whose pixels are measured.
        seed: chooses the videos.

    Raises:
        UsageError: the dataset is damaged.
        OSError: a file can't be read.
    """
    try:
        labelled = _from_index(data)
        seen = {video.video: video for video in _from_records(data, sample, seed)}
    except (ValueError, CorruptRecordError) as error:
        raise UsageError(
            f"{data.uri} is damaged ({error}); run pipelines.verify on it, which says how to fix it"
        ) from error
    rest = (video for video in labelled if video.video not in seen)
    drawn = nsmallest(MOST_VIDEOS - len(seen), rest, key=lambda video: stable_hash("drift", str(seed), video.video))
    shares = {video.video: video.shares for video in labelled}
    known = [replace(video, shares=shares[video.video]) for video in seen.values()]
    missing = {
        SCORES: "a dataset has none",
        RESOLUTION: "a dataset holds frames that were resized",
        EMBEDDINGS: "a dataset has none",
    }
    if all(video.duration_s is None for video in known):
        missing[DURATIONS] = "its clips are parts of videos, whose lengths it doesn't hold"
    notes = note_on_groups(labelled)
    if len(known) < len(labelled):
        notes.append(f"pixels and durations of {len(known)} of {len(labelled)} videos")
    return Side(data.uri, "dataset", (*known, *drawn), len(labelled), missing, tuple(notes))


def note_on_groups(videos: Sequence[Measured]) -> list[str]:
    """What to say if nothing tells which videos share a source: p-values may then be too small."""
    if any(video.group != video.video for video in videos):
        return []
    return ["nothing names groups of its videos, so that each counts as independent of the others"]


def _from_index(data: Dataset) -> list[Measured]:
    """All videos, with the shares of their clips that have each label."""
    clips: dict[str, list[str]] = defaultdict(list)
    groups: dict[str, str] = {}
    for split in data.info.splits.values():
        if split.index is None:
            raise UsageError(f"{data.uri} is of an earlier version, without an index: preprocess again")
        if not split.num_examples:
            continue
        index = read_index(data.uri, split, data.info.multi_label)
        for video_id, group, label in zip(index.video_ids, index.groups, index.labels, strict=True):
            video = video_of(video_id)
            clips[video].append(label)
            groups[video] = video if group == video_id else group
    return [Measured(video, groups[video], _shares(labels, data.info.labels)) for video, labels in clips.items()]


def _shares(clips: list[str], known: Iterable[str]) -> dict[str, float]:
    """The share of each label; a clip of several labels, `Swing|Walk`, counts in equal parts for each."""
    names, shares = {*known}, defaultdict[str, float](float)
    for label in clips:
        parts = [label] if label in names else label.split("|")
        for part in parts:
            shares[part] += 1 / len(parts) / len(clips)
    return dict(shares)


def _from_records(data: Dataset, sample: int, seed: int) -> Iterator[Measured]:
    """The first videos of each split, as many as is its share; records are in random order, as videos are hashed."""
    counts = {name: split.num_examples for name, split in data.info.splits.items()}
    for name, count in counts.items():
        wanted = -(-sample * count // max(1, sum(counts.values())))
        clips = islice(data.clips(name), _MOST_READ * wanted)
        for video, found in islice(groupby(clips, key=lambda clip: video_of(clip.video_id)), wanted):
            yield _measure(video, min(found, key=lambda clip: stable_hash("drift", str(seed), clip.video_id)))


def _measure(video: str, clip: StoredClip) -> Measured:
    """A video by one of its clips, since a mean over several would vary less than the single window of a label run."""
    brightness, motion = brightness_and_motion(clip.frames)
    return Measured(
        video,
        video if clip.group == clip.video_id else clip.group,
        duration_s=None if range_of(clip.video_id) else _duration_s(clip),
        brightness=brightness,
        motion=motion,
    )


def _duration_s(clip: StoredClip) -> float | None:
    """The length of a clip's video, by the rate at which its frames follow each other; None if they are too few."""
    frames = clip.frame_indices[-1] - clip.frame_indices[0]
    if frames < 1:
        return None
    # To the millisecond, as in labels: what is equal must be so in spite of rounding.
    return round((clip.timestamps_s[-1] - clip.timestamps_s[0]) * clip.num_source_frames / frames, 3)
