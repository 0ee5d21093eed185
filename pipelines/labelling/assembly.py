"""From the ledger's entries to the labels of a shard. Pure: the same entries give the same labels, whatever their order
and however many runs made them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.failure import Failure
from pipelines.labelling.account import Shown, summarise
from pipelines.labelling.ledger import MAX_STRIPS, Entry, choose, is_complete
from pipelines.labelling.plan import ListedVideo
from pipelines.labelling.segmentation.several import make_overlapping_segments
from pipelines.labelling.segments import SegmentSpec, make_segments
from pipelines.labelling.types import LabelledVideo, LabelReport


@dataclass(frozen=True)
class ShardLabels:
    """The labels, failures and report of a shard.

    Attributes:
        videos: videos with at least one segment, by id.
        failures: failures of whole videos and of windows, by id and time.
        report: the report on the shard.
        entries: the entries that these were made from, without film strips that are never shown, and the entries of
            videos that are not listed now.
        parts: for each of `videos`, the entries of its parts.
    """

    videos: tuple[LabelledVideo, ...]
    failures: tuple[Failure, ...]
    report: LabelReport
    entries: tuple[Entry, ...]
    parts: tuple[Sequence[Entry], ...] = ()


def assemble(
    listed: Sequence[ListedVideo],
    entries: Iterable[Entry],
    key: str,
    labels: Sequence[str],
    spec: SegmentSpec,
    thresholds: Sequence[float],
) -> ShardLabels:
    """Labels of a shard's videos.

    Args:
        listed: the videos.
        entries: those of the shard's ledger.
        key: key of the model and of the settings that determine the scores.
        labels: the model's classes.
        spec: how segments are made.
        thresholds: those of a model that gives several labels; empty for another one.

    Raises:
        LookupError: a listed video is not in the ledger; the message names it.
    """
    known = [entry for entry in entries if entry.key == key]
    versions = {video.video_id: video.version for video in listed}
    chosen = choose(known, key, versions)
    videos, failures = [], []
    kept = _least_certain(entry for parts in chosen.values() for entry in parts)
    strips: dict[Shown, str] = {}
    windows = 0
    for video in sorted(listed, key=lambda video: video.video_id):
        parts = chosen.get(video.video_id, [])
        if not is_complete(parts):
            raise LookupError(video.video_id)
        failures += [replace(failure, uri=video.uri) for entry in parts for failure in entry.failures]
        labelled = _label(video, parts, labels, spec, thresholds)
        if labelled.segments:
            videos.append(labelled)
            windows += sum(len(entry.windows) for entry in parts)
            strips |= _strips_of_segments(labelled, parts, kept)
    failures.sort(key=lambda f: (f.video_id, f.start_s if f.start_s is not None else -1.0))
    report = summarise(videos, failures, len(listed), windows, strips)
    slim = [_without_strips(entry, kept) for parts in chosen.values() for entry in parts]
    # Videos that aren't listed now, because of a limit or a shorter list, may be listed again.
    slim += {(e.video, e.version, e.parts, e.part): e for e in known if e.video not in versions}.values()
    labelled_parts = tuple(chosen[video.video] for video in videos)
    return ShardLabels(tuple(videos), tuple(failures), report, tuple(slim), labelled_parts)


def _label(
    video: ListedVideo, parts: Sequence[Entry], labels: Sequence[str], spec: SegmentSpec, thresholds: Sequence[float]
) -> LabelledVideo:
    scored = [entry for entry in parts if entry.windows]
    if not scored:
        return LabelledVideo(video.video_id, video.uri, 0.0, False, ())
    windows = [window for entry in scored for window in entry.windows]
    probabilities = np.concatenate([entry.probabilities for entry in scored])
    duration_s, total = scored[0].duration_s, sum(entry.num_windows for entry in parts)
    told = [entry.unfamiliar for entry in scored if entry.unfamiliar is not None]
    unfamiliar = np.concatenate(told) if len(told) == len(scored) else None
    if thresholds:
        segments = make_overlapping_segments(
            windows, probabilities, labels, thresholds, spec, duration_s, total, unfamiliar
        )
    else:
        segments = make_segments(windows, probabilities, labels, spec, duration_s, total, unfamiliar)
    damaged = any(entry.damaged for entry in parts)
    said = next((entry.remark for entry in parts if entry.remark), "")
    if damaged and not said:
        said = "frames could not be decoded, or depend on damaged ones"
    return LabelledVideo(video.video_id, video.uri, round(duration_s, 3), damaged, segments, said)


_Place = tuple[str, int]
"""A video and the index of a window."""


def _least_certain(entries: Iterable[Entry]) -> dict[_Place, float]:
    """The least certain windows of all, with their best probability. Each file of the ledger keeps the strips of as
    many of its own windows, so these all have a strip, whichever files they are in."""
    scores = [
        (float(row.max()), (entry.video, window.index))
        for entry in entries
        for window, row in zip(entry.windows, entry.probabilities, strict=True)
    ]
    return {place: score for score, place in sorted(scores)[:MAX_STRIPS]}


def _strips_of_segments(video: LabelledVideo, parts: Sequence[Entry], kept: Mapping[_Place, float]) -> dict[Shown, str]:
    """A film strip for each segment with any of the least certain windows, from the least certain of them."""
    best: dict[Shown, tuple[float, str]] = {}
    for entry in parts:
        for window in entry.windows:
            score, strip = kept.get((video.video, window.index)), entry.strips.get(window.index)
            if score is None or strip is None:
                continue
            centre = (window.start_s + window.end_s) / 2
            for owner in video.segments:
                if owner.start_s > centre:
                    break
                place = video.video, owner.start_s, owner.label
                if centre < owner.end_s and (score, strip) < best.get(place, (2.0, "")):
                    best[place] = (score, strip)
    return {place: strip for place, (_, strip) in best.items()}


def _without_strips(entry: Entry, kept: Mapping[_Place, float]) -> Entry:
    strips = {index: strip for index, strip in entry.strips.items() if (entry.video, index) in kept}
    return entry.with_strips(strips)
