"""Evaluates labels against a truth: reads both, measures, and puts the results together."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.core.interval import Interval
from pipelines.core.label_sets import UNKNOWN
from pipelines.core.relative import name_of
from pipelines.core.versions import installed
from pipelines.evaluation.detection import precision_recall
from pipelines.evaluation.gathering import Gathered, gather, labelled
from pipelines.evaluation.measuring import MEASURES, Parts, take_apart
from pipelines.evaluation.notes import make_notes
from pipelines.evaluation.resampling import NUM_DRAWS, intervals
from pipelines.evaluation.results import Bar, ClassResult, Confusion, Evaluation, Lost, Timeline, VideoResult
from pipelines.labelling.exports.reading import read_labels

NONE = "(none)"
"""What stands for no label in the confusion."""
MAX_TIMELINES, MAX_BARS = 20, 300
MAX_LISTED = 1000
"""Most entries in the lists of what can't be measured."""
_MAX_POINTS = 200
_VERSIONS = ("numpy",)


def evaluate_labels(
    labels: str, truth: str, background: Sequence[str] = (), video_pattern: str = "", fps: float = 0.0
) -> Evaluation:
    """Measures labels against a truth.

    Args:
        labels: the output of `pipelines.label`.
        truth: a file of annotations, or what else `read_annotations` reads.
        background: labels that mean that nothing happens, in the truth or among the labels.
        video_pattern, fps: as for `read_annotations`.

    Raises:
        UsageError: one of them can't be read, or their videos can't be told from each other.
        OSError: a file in a store can't be read.
    """
    from pipelines.annotations.reading import read_annotations

    with _readable(truth):
        annotations = [*read_annotations(truth, video_pattern, fps)]
    with _readable(labels):
        found = []
        known = {label for annotation in annotations for label in annotation.labels}
        for video in read_labels(labels):
            known |= video.classes
            found.append(labelled(video, {UNKNOWN, *background}))
    gathered = replace(gather(annotations, found, background), unmet=tuple(sorted({*background} - known)))
    return assemble(gathered, name_of(labels), name_of(truth), background)


@contextlib.contextmanager
def _readable(uri: str) -> Iterator[None]:
    """Turns what this machine says of its files into an error for the user; stores' errors already are."""
    try:
        yield
    except OSError as error:
        if not files.is_local(uri):
            raise
        raise UsageError(f"cannot read {error.filename or uri}: {error.strerror or error}") from error


def assemble(
    gathered: Gathered, labels: str = "", truth: str = "", background: Sequence[str] = (), draws: int = NUM_DRAWS
) -> Evaluation:
    """Measures what was gathered.

    Args:
        gathered: truth and labels.
        labels, truth, background: what they are called.
        draws: number of draws of the intervals.
    """
    lost = [None if video.why_none else video.lost for video in gathered.videos]
    parts = take_apart(gathered.truth, gathered.found, gathered.lengths_s, max(len(gathered.labels), 1), lost)
    found = intervals(parts.statistics, gathered.groups, draws)
    loud, others = make_notes(gathered, parts)
    videos = _videos(gathered, parts)
    order = sorted(range(len(videos)), key=lambda n: (videos[n].f1, videos[n].right_s - videos[n].length_s))
    counts = {
        "videos": len(gathered.videos),
        "groups": len(gathered.group_names),
        "events": len(gathered.truth),
        "detections": len(gathered.found),
        "only_in_truth": len(gathered.only_in_truth),
        "only_in_labels": len(gathered.only_in_labels),
        "failed": sum(bool(video.why_none) for video in gathered.videos),
        "overlapping": int((parts.truth_overlaps | parts.found_overlaps).sum()),
        "problems": len(gathered.problems),
    }
    return Evaluation(
        labels=labels,
        truth=truth,
        background=tuple(background),
        models=tuple(sorted({video.model for video in gathered.videos if video.model})),
        counts=counts,
        draws=draws,
        measures=dict(zip(MEASURES, found, strict=False)),
        classes=_classes(gathered, parts, found[len(MEASURES) :]),
        confusion=Confusion((*gathered.labels, NONE), tuple(tuple(map(_seconds, row)) for row in parts.seconds)),
        videos=tuple(videos[n] for n in order),
        timelines=_timelines(gathered, parts, order[:MAX_TIMELINES]),
        notes=(*loud, *others),
        num_loud=len(loud),
        problems=gathered.problems[:MAX_LISTED],
        lost=tuple(islice(_lost(gathered), MAX_LISTED)),
        only_in_truth=gathered.only_in_truth[:MAX_LISTED],
        only_in_labels=gathered.only_in_labels[:MAX_LISTED],
        versions=installed(_VERSIONS),
    )


def _seconds(value: float) -> float:
    """A time to the millisecond."""
    return round(float(value), 3)


def _lost(gathered: Gathered) -> Iterator[Lost]:
    for video in gathered.videos:
        if video.why_none and not video.lost:
            yield Lost(video.video, None, None)
        for start_s, end_s in video.lost:
            yield Lost(video.video, start_s, end_s)


def _classes(gathered: Gathered, parts: Parts, precisions: Sequence[Interval | None]) -> tuple[ClassResult, ...]:
    truth, found, right = (counts.sum(axis=0) for counts in (parts.truth, parts.found, parts.right))
    truth_s, found_s = (
        np.bincount(events.label, events.end_s - events.start_s, len(gathered.labels))
        for events in (gathered.truth, gathered.found)
    )
    results = []
    for number, label in enumerate(gathered.labels):
        curve = np.stack(precision_recall(parts.rankings[number]), axis=1).round(4)
        chosen = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), _MAX_POINTS)).astype(int))
        results.append(
            ClassResult(
                label=label,
                truth=int(truth[number]),
                found=int(found[number]),
                right=int(right[number]),
                truth_s=_seconds(truth_s[number]),
                found_s=_seconds(found_s[number]),
                ap=precisions[2 * number],
                ap_at_half=precisions[2 * number + 1],
                precision=float(right[number] / found[number]) if found[number] else None,
                recall=float(right[number] / truth[number]) if truth[number] else None,
                curve=tuple((float(x), float(y)) for x, y in curve[chosen]) if truth[number] else (),
            )
        )
    return tuple(results)


def _videos(gathered: Gathered, parts: Parts) -> list[VideoResult]:
    truth, found, right = (counts.sum(axis=1) for counts in (parts.truth, parts.found, parts.right))
    overlapping = parts.truth_overlaps | parts.found_overlaps
    return [
        VideoResult(
            video=video.video,
            group=gathered.group_names[gathered.groups[n]] if gathered.group_names else "",
            length_s=_seconds(gathered.lengths_s[n]),
            right_s=_seconds(parts.right_s[n]),
            truth=int(truth[n]),
            found=int(found[n]),
            right=int(right[n]),
            edit=None if overlapping[n] else float(parts.edit[n]),
        )
        for n, video in enumerate(gathered.videos)
    ]


def _timelines(gathered: Gathered, parts: Parts, chosen: Sequence[int]) -> tuple[Timeline, ...]:
    taken = np.zeros(len(gathered.truth), bool)
    taken[parts.matched[0][parts.matched[0] >= 0]] = True
    sides = ((gathered.truth, taken), (gathered.found, parts.matched[0] >= 0))

    def bars(video: int, side: int) -> tuple[Bar, ...]:
        events, right = sides[side]
        return tuple(
            Bar(
                gathered.labels[events.label[n]],
                _seconds(events.start_s[n]),
                _seconds(events.end_s[n]),
                float(events.score[n]),
                bool(right[n]),
            )
            for n in np.flatnonzero(events.video == video)[:MAX_BARS]
        )

    return tuple(
        Timeline(
            gathered.videos[video].video,
            _seconds(gathered.lengths_s[video]),
            bars(video, 0),
            bars(video, 1),
            gathered.videos[video].lost,
        )
        for video in chosen
    )
