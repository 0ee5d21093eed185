"""A run of labels as one side of a comparison: labels, scores and durations from its rows, pixels from the videos."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from heapq import nsmallest
from typing import Any

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.core.hashing import stable_hash
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.core.stored.sealed import load_json
from pipelines.decoding.pool import DecoderPool
from pipelines.labelling.exports.media import find_videos
from pipelines.labelling.exports.reading import VideoLabels, read_labels, read_summary
from pipelines.labelling.rows import encodable
from pipelines.shift.datasets import MOST_VIDEOS, note_on_groups
from pipelines.shift.embeddings import read_embeddings
from pipelines.shift.groups import Groups
from pipelines.shift.types import BRIGHTNESS, EMBEDDINGS, MOTION, RESOLUTION, Measured, Side
from pipelines.shift.videos import Readable, measure_videos
from pipelines.video.windows import WindowSpec, default_windows


def read_label_run(
    folder: str, pool: DecoderPool, spec: ClipSpec, encoding: FrameEncoding, groups: Groups, sample: int, seed: int
) -> Side:
    """Measures a run of labels.

    Args:
        folder: the output of `pipelines.label`.
        pool: decodes videos.
        spec: how to make the clips whose pixels are measured.
        encoding: how the clips of the other side are stored, so that these lose the same detail.
        groups: which videos share a source.
        sample: number of videos of which a window is decoded.
        seed: chooses the videos and windows.

    Raises:
        UsageError: the labels aren't complete, or damaged.
        OSError: a file of the labels can't be read.
    """
    counts = {"videos": 0, "failed": 0}
    summary = load_json(read_summary(folder))

    def key(item: tuple[Measured, str]) -> int:
        return stable_hash("drift", str(seed), item[0].video)

    drawn = nsmallest(MOST_VIDEOS, _rows(folder, counts), key=key)
    if not drawn:
        raise UsageError(f"{folder}: no video has labels, so that there is nothing to compare")
    places = _places(folder, {video.video for video, _ in drawn})
    found_at = {video.video: places.get(video.video, uri) for video, uri in drawn}
    readable = [Readable(video.video, found_at[video.video]) for video, _ in drawn[:sample]]
    pixels, reasons = measure_videos(pool, readable, spec, encoding, _windows(summary.get("settings") or {}), seed)
    videos = [replace(video, group=groups.find(video.video, found_at[video.video])) for video, _ in drawn]
    videos = [
        replace(video, brightness=found.brightness, motion=found.motion, resolution=found.resolution)
        if (found := pixels.get(video.video))
        else video
        for video in videos
    ]
    notes = note_on_groups(videos)
    missing: dict[str, str] = {}
    if counts["failed"]:
        are = "video without labels is" if counts["failed"] == 1 else "videos without labels are"
        notes.append(f"{counts['failed']:,} {are} left out")
    if len(readable) < len(drawn):
        notes.append(f"pixels of {len(readable)} of {counts['videos']} videos")
    if reasons:
        said = f"{len(reasons)} of {len(readable)} videos can't be read for their pixels (the first: {reasons[0]})"
        notes.append(said)
        missing = dict.fromkeys((BRIGHTNESS, MOTION, RESOLUTION), said)
    uris = [files.join(folder, str(name)) for name in summary["files"].get("embeddings", ())]
    if not uris:
        missing[EMBEDDINGS] = "the run was made without --embeddings"
    model, embeddings = read_embeddings(uris, [video.video for video in videos])
    videos = [replace(video, embedding=embeddings.get(video.video)) for video in videos]
    return Side(folder, "labels", tuple(videos), counts["videos"], missing, tuple(notes), model)


def _rows(folder: str, counts: dict[str, int]) -> Iterator[tuple[Measured, str]]:
    """Each video that has labels, with its address."""
    for video in read_labels(folder):
        if not video.segments:
            counts["failed"] += 1
            continue
        counts["videos"] += 1
        yield _measure(video), video.uri


def _measure(video: VideoLabels) -> Measured:
    seconds: dict[str, float] = defaultdict(float)
    scored = 0.0
    for segment in video.segments:
        length = max(segment.end_s - segment.start_s, 1e-3)  # a video of one frame may have no length
        labels = segment.label.split("|")  # several, if the model gives a moment several
        for label in labels:
            seconds[label] += length / len(labels)
        scored += length * segment.score
    total = sum(seconds.values())
    return Measured(
        video.video,
        video.video,
        {label: length / total for label, length in seconds.items()},
        score=scored / total,
        duration_s=max(segment.end_s for segment in video.segments),
    )


def _places(folder: str, wanted: Collection[str]) -> dict[str, str]:
    """Where videos of a run on this machine were, which only its `_state/` records; none if that wasn't kept."""
    return {
        name: uri
        for video, uri in find_videos(folder).addresses.items()
        for name in (video, encodable(video))  # some formats can't hold every name as it is
        if name in wanted
    }


def _windows(settings: Mapping[str, Any]) -> WindowSpec:
    """The windows of the run, one after another; if its summary doesn't tell them, those of an unknown model."""
    if not {"window_s", "whole_up_to_s"} <= settings.keys():
        return default_windows({})
    window_s = float(settings["window_s"])
    return WindowSpec(window_s, window_s, float(settings["whole_up_to_s"]), window_s)
