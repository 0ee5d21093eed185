"""Brings truth and labels together: which videos are in both, what happens in them, and what can't be used."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.core.label_sets import UNKNOWN
from pipelines.core.wording import some
from pipelines.evaluation.events import Events
from pipelines.evaluation.lost import without_labels
from pipelines.evaluation.pairing import pair_videos
from pipelines.labelling.exports.reading import VideoLabels

_SOME_S = 1.0
"""Assumed of a video that failed, if the length of none is known."""
_BEYOND_S = 0.5
"""People round the ends of events; one that is further beyond the end of its video is told."""
LabelledRow = tuple[str, float, float, float]
"""Label, start and end in seconds, score."""


@dataclass(frozen=True)
class Labelled:
    """What is needed of the labels of a video.

    Attributes:
        video: its id.
        uri: where it was read from.
        model: fingerprint of the model; empty where the video has no labels.
        length_s: the end of what was labelled or failed; 0 where the whole video failed.
        rows: label, start, end and score of each segment with a label of interest.
        lost: start and end of the parts that failed and have no labels, in order and apart.
        why_none: why the whole video has no labels; empty if it has.
    """

    video: str
    uri: str
    model: str
    length_s: float
    rows: tuple[LabelledRow, ...]
    lost: tuple[tuple[float, float], ...]
    why_none: str = ""


def labelled(video: VideoLabels, without: Collection[str] = (UNKNOWN,)) -> Labelled:
    """What is needed of the labels of a video; segments with a label of `without` don't count as detections."""
    rows = tuple((s.label, s.start_s, s.end_s, s.score) for s in video.segments if s.label not in without)
    failed = [(f.start_s, f.end_s) for f in video.failures if f.start_s is not None and f.end_s is not None]
    lost = without_labels(failed, [(s.start_s, s.end_s) for s in video.segments])
    length_s = max([0.0, *(s.end_s for s in video.segments), *(end for _, end in failed)])
    why_none = "" if video.segments or not video.failures else video.failures[0].type
    return Labelled(video.video, video.uri, video.model, length_s, rows, lost, why_none)


@dataclass(frozen=True)
class Gathered:
    """The videos that are in both truth and labels, and what happens in them.

    Attributes:
        labels: names of the labels, sorted; events have their numbers.
        videos: the V videos, in the order of their ids; events have their numbers.
        group_names: names of the groups; empty if the truth has none, and each video is a group.
        groups: int64 [V], the number of each video's group.
        lengths_s: float64 [V], of the videos; the end of the last event where that is later or the only thing known.
        truth: what happens.
        found: what the labels say.
        only_in_truth: videos that the labels lack.
        only_in_labels: videos that the truth lacks.
        problems: what is wrong with single events of the truth.
        unmet: labels that mean that nothing happens, but that neither side has.
    """

    labels: tuple[str, ...]
    videos: tuple[Labelled, ...]
    group_names: tuple[str, ...]
    groups: np.ndarray
    lengths_s: np.ndarray
    truth: Events
    found: Events
    only_in_truth: tuple[str, ...]
    only_in_labels: tuple[str, ...]
    problems: tuple[str, ...]
    unmet: tuple[str, ...] = ()


def gather(annotations: Iterable[Annotation], labels: Sequence[Labelled], background: Collection[str] = ()) -> Gathered:
    """Brings the truth and the labels together.

    Args:
        annotations: the truth.
        labels: the labels of all videos.
        background: labels of the truth that mean that nothing happens.

    Raises:
        UsageError: a video can't be told from others, or truth and labels have no video in common.
    """
    by_name: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        by_name[annotation.video].append(annotation)
    pairs = pair_videos([*by_name], [(video.video, video.uri) for video in labels])
    if not pairs:
        raise UsageError(
            f"truth and labels have no video in common: the truth has {some([*by_name], 2) or 'none'}, the labels "
            f"have {some([video.video for video in labels], 2) or 'none'}. Name videos in the truth as the labels do"
        )
    paired = {*pairs.values()}
    names = sorted(pairs, key=lambda name: labels[pairs[name]].video)
    videos = [labels[pairs[name]] for name in names]
    known_s = [labels[number].length_s for number in pairs.values() if labels[number].length_s]
    sorter = _Sorter(frozenset(background), median(known_s) if known_s else _SOME_S)
    # In the order of the truth, so that its problems are.
    events_of = {name: [*sorter.events(by_name[name], labels[number])] for name, number in pairs.items()}
    group_of = {name: sorter.group(by_name[name]) for name in pairs}
    groups = [group_of[name] for name in names]
    sides: list[list[Sequence[LabelledRow]]] = [[events_of[name] for name in names], [video.rows for video in videos]]
    known = sorted({row[0] for side in sides for rows in side for row in rows})
    ids = {label: number for number, label in enumerate(known)}
    truth, found = (
        Events.of((n, ids[row[0]], *row[1:]) for n, rows in enumerate(side) for row in rows) for side in sides
    )
    lengths_s = np.array([video.length_s for video in videos])
    for events in (truth, found):
        np.maximum.at(lengths_s, events.video, events.end_s)
    # A video without a group is one of its own, whose name no other can have.
    of_videos = [(group,) if group else ("", name) for group, name in zip(groups, names, strict=True)]
    numbers = {group: number for number, group in enumerate(sorted(set(of_videos)))}
    return Gathered(
        labels=tuple(known),
        videos=tuple(videos),
        group_names=tuple(group[-1] for group in numbers) if any(groups) else (),
        groups=np.array([numbers[group] for group in of_videos]),
        lengths_s=lengths_s,
        truth=truth,
        found=found,
        only_in_truth=tuple(name for name in by_name if name not in pairs),
        only_in_labels=tuple(video.video for number, video in enumerate(labels) if number not in paired),
        problems=tuple(sorter.problems),
    )


@dataclass
class _Sorter:
    """Sorts out what can't be used of the truth, and says why.

    Attributes:
        background: labels that mean that nothing happens.
        usual_s: the length that a video is taken to have of which nothing is known, as it failed.
        problems: what is said.
    """

    background: frozenset[str]
    usual_s: float
    problems: list[str] = field(default_factory=list)

    def events(self, annotations: Sequence[Annotation], video: Labelled) -> Iterator[LabelledRow]:
        """Label, start, end and the score 1 of each event of a video."""
        before: dict[tuple[str, float, float], str] = {}
        for annotation in annotations:
            start_s, end_s = annotation.start_s, annotation.end_s
            if start_s is None or end_s is None:
                start_s, end_s = 0.0, video.length_s or self.usual_s
                if annotation.labels and not video.length_s:
                    self.problems.append(
                        f"{annotation.place}: how long {video.video} is isn't known, as it has no labels; it counts as "
                        f"missed, for {self.usual_s:g} s, as long as others are"
                    )
            if why := _why_unusable(start_s, end_s):
                self.problems.append(f"{annotation.place}: {why}; it is left out")
                continue
            if annotation.labels and video.length_s and end_s > video.length_s + _BEYOND_S:
                self.problems.append(
                    f"{annotation.place}: it ends at {end_s:g} s, but the labels of {video.video} at "
                    f"{video.length_s:g} s; it counts as it is"
                )
            for label in annotation.labels:
                if other := before.get((label, start_s, end_s)):
                    self.problems.append(f"{annotation.place}: it repeats {other}; it is left out")
                elif label not in self.background:
                    before[label, start_s, end_s] = annotation.place or "another"
                    yield label, start_s, end_s, 1.0

    def group(self, annotations: Sequence[Annotation]) -> str:
        """The group of a video: the first that is given."""
        given = [annotation for annotation in annotations if annotation.group]
        for annotation in given:
            if annotation.group != given[0].group:
                self.problems.append(
                    f"{annotation.place}: {annotation.video} is in the group {given[0].group} by {given[0].place}, not "
                    f"in {annotation.group}; the first counts"
                )
        return given[0].group if given else ""


def _why_unusable(start_s: float, end_s: float) -> str:
    if start_s < 0:
        return f"its start {start_s:g} s is before the video's"
    if start_s >= end_s:
        return f"its start {start_s:g} s is not before its end {end_s:g} s"
    return ""
