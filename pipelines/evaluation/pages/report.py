"""The page of an evaluation: measures with intervals, classes, curves, where the seconds went, and timelines.

The page is one file without scripts. Every name in it comes from outside and is escaped.
"""

from collections.abc import Iterable, Sequence

from pipelines.evaluation.measuring import AT_HALF, AVERAGE, OF_SEGMENTATIONS
from pipelines.evaluation.pages.curves import curves
from pipelines.evaluation.pages.lanes import choose_colors, lanes
from pipelines.evaluation.results import RESULT, Evaluation, Lost
from pipelines.labelling.pages.timelines import time_range
from pipelines.reports.intervals import interval_table
from pipelines.reports.matrix import heat_table
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import Measure, Share, folded, notes, soft, tile
from pipelines.reports.text import human_seconds, plural

_TILES = {
    AT_HALF: "mean over the classes of the average precision: half of an event and of its detection are common",
    AVERAGE: "the same, mean over ten overlaps from 0.5 to 0.95, which ask for exact times",
    "precision@0.5": "share of the detections that are right",
    "recall@0.5": "share of the true events that are found",
    "edit": "whether the same things happen in the same order, whatever their times",
    "F1@50": "segments that have a counterpart, both ways, at an overlap of 0.5",
    "accuracy": "share of the time in which truth and labels agree",
}
_NO_CLASSES = "Everything agrees, and there are enough groups for the intervals."
_MAX_ROWS = 1000
_SMALL_S = 100
"""If fewer seconds than this are in the confusion, tenths of them are shown."""


def render_evaluation(result: Evaluation) -> str:
    """The page of an evaluation."""
    sections = {
        "Measures": _measures(result),
        "Classes": _classes(result),
        "Curves": curves(result.classes),
        "Confusion": _confusion(result),
        "Timelines": _timelines(result),
        "Problems": _problems(result),
    }
    tiles = "".join(
        tile(name, f"{found.value:.1%}", found.limits, means)
        if (found := result.measures.get(name))
        else tile(name, "\u2013", "not defined", means)
        for name, means in _TILES.items()
    )
    loud = result.notes[: result.num_loud]
    top = f'<dl class="tiles">{tiles}</dl>{notes(result.notes[result.num_loud :], _NO_CLASSES, loud)}'
    styles = (asset("training.css"), asset("labels.css"), asset("evaluation.css"))
    title = f"Evaluation of {result.labels or 'labels'}"
    return render_page(title, subtitle(result), top, sections, f"Made from {RESULT}.", styles=styles)


def subtitle(result: Evaluation) -> str:
    """What was measured, in a sentence."""
    counts = result.counts
    groups = f" in {plural(counts['groups'], 'group')}" if counts["groups"] else ""
    classes = sum(1 for found in result.classes if found.truth)
    return (
        f"{plural(counts['videos'], 'video')}{groups}, {plural(counts['events'], 'event')} of "
        f"{plural(classes, 'class', 'classes')} in {result.truth or 'the truth'}, "
        f"{plural(counts['detections'], 'detection')}."
    )


def over(result: Evaluation) -> str:
    """What the intervals are over."""
    groups = result.counts["groups"]
    return plural(groups, "group") if groups else plural(result.counts["videos"], "video")


def _measures(result: Evaluation) -> str:
    rows = [
        (name, found, "s1" if name in OF_SEGMENTATIONS else "s0") for name, found in result.measures.items() if found
    ]
    if missing := [name for name, found in result.measures.items() if not found]:
        left_out = soft(f"Not defined here: {', '.join(missing)}.")
    else:
        left_out = ""
    caption = f"95% intervals: {result.draws:,} draws of as many, with replacement, from {over(result)}"
    return left_out + interval_table(caption, rows) if rows else left_out


def _classes(result: Evaluation) -> str:
    def share(value: float | None) -> object:
        return Measure("\u2013") if value is None else Share(value)

    ordered = sorted(
        result.classes,
        key=lambda c: (c.ap_at_half is None, c.ap_at_half.value if c.ap_at_half else 0.0, c.label),
    )
    rows = [
        (
            c.label,
            share(c.ap_at_half.value if c.ap_at_half else None),
            Measure(c.ap_at_half.limits if c.ap_at_half else ""),
            share(c.ap.value if c.ap else None),
            share(c.precision),
            share(c.recall),
            c.truth,
            c.found,
            Measure(human_seconds(c.truth_s)),
            Measure(human_seconds(c.found_s)),
        )
        for c in ordered
    ]
    if not rows:
        return soft("No classes.")
    headers = (
        *("Class", "AP@0.5", "95% interval", "AP@0.5:0.95", "Precision@0.5", "Recall@0.5", "Events", "Detections"),
        *("Time", "Labelled time"),
    )
    caption = "Classes, lowest average precision (AP) first"
    return folded(plural(len(rows), "class", "classes"), caption, headers, rows, _MAX_ROWS)


def _confusion(result: Evaluation) -> str:
    table = result.confusion.seconds
    digits = 1 if sum(map(sum, table)) < _SMALL_S else None
    intro = soft(
        f"Seconds, {result.confusion.labels[-1]} for no label. Where several things happen at once, a moment is shared "
        "among them."
    )
    shown = [[round(value, digits) for value in row] for row in table]
    return intro + heat_table("Seconds by truth and label", result.confusion.labels, shown)


def _timelines(result: Evaluation) -> str:
    if not result.timelines:
        return soft("None.")
    colors = choose_colors(result.timelines)
    by_name = {video.video: video for video in result.videos}
    number, shown = len(result.videos), len(result.timelines)
    intro = f"The worst {shown:,} of {number:,} videos" if shown < number else "All videos, the worst first"
    drawn = "".join(lanes(timeline, by_name[timeline.video], colors) for timeline in result.timelines)
    return soft(f"{intro}, by F1 of their detections at half overlap.") + drawn


def _when(part: Lost) -> str:
    if part.start_s is None or part.end_s is None:
        return "all of it"
    return time_range(part.start_s, part.end_s)


def _problems(result: Evaluation) -> str:
    """Tables of events that can't be right, of what failed, and of videos that are on one side alone."""
    counts = result.counts
    wrong, alone, unknown = (counts[name] for name in ("problems", "only_in_truth", "only_in_labels"))
    shown = [
        _listed(f"{plural(wrong, 'event')} of the truth", ("Place", "Problem"), map(_split, result.problems), wrong),
        _listed("Failed, without labels", ("Video", "Part"), [(part.video, _when(part)) for part in result.lost]),
        _listed(f"{plural(alone, 'video')} of the truth alone", ("Video",), zip(result.only_in_truth), alone),
        _listed(f"{plural(unknown, 'video')} of the labels alone", ("Video",), zip(result.only_in_labels), unknown),
    ]
    return "".join(shown) or soft("None: truth and labels have the same videos, and every event could be used.")


def _split(problem: str) -> tuple[str, str]:
    place, _, what = problem.partition(": ")
    return place, what


def _listed(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]], number: int = 0) -> str:
    shown = [*rows]
    return folded(title, title, headers, shown, _MAX_ROWS, num_rows=number) if shown else ""
