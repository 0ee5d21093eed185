"""The report of a labelling run: which labels there are, how sure the model is, what to look at, and what failed.

The page is one file that loads nothing else. Every name in it comes from outside and is escaped with `text`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from pipelines.core.failure import Failure
from pipelines.core.file_names import FAILURES
from pipelines.core.label_sets import UNKNOWN
from pipelines.core.spec import STRIP_FRAMES
from pipelines.labelling.account import merge_reports
from pipelines.labelling.familiarity import note_on_page
from pipelines.labelling.pages.links import NOWHERE, Places
from pipelines.labelling.pages.segment_list import gallery, segment_list
from pipelines.labelling.pages.timelines import choose_colors, time_range, timeline
from pipelines.labelling.summary import OVERLAPS, labels_by_seconds, singles_sentence, some_remarks, unknown_share
from pipelines.labelling.types import LabelReport
from pipelines.reports.charts import histogram
from pipelines.reports.page import asset, render_page
from pipelines.reports.parts import STACKED, Measure, SmallShare, folded, key, notes, soft, table, tile
from pipelines.reports.text import by_count, human_seconds, plural, some

MAX_LABELS = 1000
"""Number of labels in the table, the most frequent ones."""
_SURE = 0.5


def render_label_report(
    report: LabelReport,
    settings: Mapping[str, str],
    title: str,
    min_score: float = 0.0,
    labels: Sequence[str] = (),
    cannot_tell: str = "",
    places: Places = NOWHERE,
    num_frames: int = STRIP_FRAMES,
) -> str:
    """The page for a run.

    Args:
        report: the report on all shards.
        settings: name to value, as shown on the page: model, windows, versions.
        title: name of the run.
        min_score: the threshold below which a segment is `UNKNOWN`, from 0 to 1; 0 if there was none.
        labels: all labels of the model, to say which never occur; empty if unknown.
        cannot_tell: why the model can't tell unfamiliar videos; empty if it can.
        places: where the page will be and the videos are, for links.
        num_frames: of a clip of the model.
    """
    report = merge_reports([report])  # sorted and within limits, whatever made it
    number = sum(report.segments_by_label.values())
    segments, rules = segment_list(report.segments, number, places)
    examples, more_rules = gallery(report.uncertain, places, num_frames)
    sections = {
        "Labels": _labels(report),
        "Scores": _scores(report.score_histogram, min_score),
        "Segments": segments,
        "Least certain": examples,
        "Timelines": _timelines(report, places),
        "Failures": _failures(report),
        "Settings": table("Settings of the run", (), list(settings.items())) if settings else soft("Not recorded."),
    }
    return render_page(
        title,
        _subtitle(report),
        f'<dl class="tiles">{_tiles(report)}</dl>{_notes(report, min_score, labels, cannot_tell)}',
        sections,
        "Made from the reports of the shards.",
        styles=(asset("labels.css"), rules, more_rules),
        plays_videos=True,
    )


def _subtitle(report: LabelReport) -> str:
    segments = plural(sum(report.segments_by_label.values()), "segment")
    labels = plural(len(labels_by_seconds(report)), "label")
    return f"{segments} with {labels} in {plural(report.labelled, 'video')}"


def _tiles(report: LabelReport) -> str:
    hours = report.duration_s / 3600
    length = f"{hours:,.{0 if hours >= 100 else 1}f} h" if hours >= 1 else f"{report.duration_s / 60:.1f} min"
    tiles = (
        ("Listed", f"{report.videos:,}", "videos found"),
        ("Labelled", f"{report.labelled:,}", "have labels"),
        ("Failed", f"{report.failed:,}", "have none"),
        ("Damaged", f"{report.damaged:,}", "of those labelled, only partly decoded"),
        ("Windows", f"{report.windows:,}", "clips that were scored"),
        ("Length", length, "of labelled video"),
    )
    return "".join(tile(*values) for values in tiles)


def _notes(report: LabelReport, min_score: float, labels: Sequence[str], cannot_tell: str) -> str:
    """What a person should know before using the labels."""
    loud: list[str] = []
    items: list[str] = []
    listed, labelled, failed = report.videos, report.labelled, report.failed
    if listed != labelled + failed:
        loud.append(f"{plural(listed, 'video')} listed, but {labelled + failed:,} accounted for.")
    if listed and not labelled:
        loud.append("No video has labels.")
    said, is_loud = note_on_page(report, cannot_tell)
    (loud if is_loud else items).extend([said] if said else [])
    if failed:
        items.append(f"{plural(failed, 'video')} of {listed:,} ({failed / max(listed, 1):.1%}) failed.")
    if report.damaged:
        items.append(f"{plural(report.damaged, 'labelled video')} could only be decoded in part.")
    if report.single:
        loud.append(f"{singles_sentence(report)}.")
    if report.remarked:
        items.append(f"{plural(report.remarked, 'video')} with a remark: {some_remarks(report)}.")
    if report.segments_by_label.get(UNKNOWN):
        share, below = unknown_share(report), f": the best score is below {100 * min_score:g}%" if min_score > 0 else ""
        note = f"{share:.1%} of the labelled time is {UNKNOWN}{below}."
        (loud if share > _SURE else items).append(note)
    if missing := [label for label in labels if not report.segments_by_label.get(label)]:
        items.append(
            f"{plural(len(missing), 'label')} of {len(labels):,} never occur{'s' * (len(missing) == 1)}: "
            f"{some(missing)}."
        )
    return notes(items, "Every listed video was decoded completely and has labels throughout.", loud)


def _labels(report: LabelReport) -> str:
    """A table of segments and time of each label, longest first, with `UNKNOWN` set apart."""
    ordered = labels_by_seconds(report)
    seconds = report.seconds_by_label
    total, peak = report.labelled_s, max(seconds.values(), default=0.0)

    def row(label: str) -> tuple[object, ...]:
        value = seconds.get(label, 0.0)
        share = SmallShare(value / total if total else 0.0, peak / total if total else 1.0)
        return label, report.segments_by_label[label], Measure(human_seconds(value)), share

    rows = [row(label) for label in ordered]
    apart = [row(UNKNOWN)] if report.segments_by_label.get(UNKNOWN) else []
    if not rows and not apart:
        return soft("No segments.")
    foot = ("Total", sum(report.segments_by_label.values()), Measure(human_seconds(total)), Measure(""))
    headers, caption = ("Label", "Segments", "Time", "Share"), "Labels, longest time first"
    said = soft(f"{OVERLAPS[:1].upper()}{OVERLAPS[1:]}.") if report.overlaps else ""
    return said + folded(
        plural(len(rows), "label"), caption, headers, rows, MAX_LABELS, foot, apart=apart, kind="bars by-label"
    )


def _scores(counts: Sequence[int], min_score: float) -> str:
    """Histogram of the scores of segments, from 0 to 1; bins below the threshold have another colour."""
    edges = [index / len(counts) for index in range(len(counts) + 1)]
    columns = [
        ([("unknown" if high <= min_score else "s0", count)], f"{low:.0%} to {high:.0%}: {plural(count, 'segment')}")
        for count, (low, high) in zip(counts, pairwise(edges), strict=True)
    ]
    keys = key("s0", "labelled") + key("unknown", UNKNOWN) + key("threshold", f"threshold {100 * min_score:g}%")
    ticks = [f"{share:.0%}" for share in (0, 0.25, 0.5, 0.75, 1)]
    if min_score > 0:
        what = f"scores, threshold {100 * min_score:g}%"
        return histogram(what, "segment", columns, keys, ticks, threshold=min_score)
    return histogram("scores", "segment", columns, key("s0", "segments"), ticks)


def _timelines(report: LabelReport, places: Places) -> str:
    if not report.timelines:
        return soft("No video has more than one segment.")
    colors = choose_colors(report.timelines)
    intro = soft(
        "The videos with the most segments. A part of a bar, or a time in the table, leads to it in the video."
    )
    return intro + "".join(timeline(video, colors, places) for video in report.timelines)


def _failures(report: LabelReport) -> str:
    """A table of failures by reason, and one of the first failures."""
    if not report.failures_by_reason:
        return soft("None.")
    number = sum(report.failures_by_reason.values())
    rows = [(f.video_id, _when(f), f.stage, f.type, f.message) for f in report.failures]
    listed = folded(
        f"The first {len(rows):,} of {number:,}" if len(rows) < number else plural(number, "failure"),
        "Failures by video",
        ("Video", "Time", "Stage", "Reason", "Message"),
        rows,
        len(rows),
        kind=STACKED,
    )
    reasons = table("Failures by reason", ("Reason", "Failures"), by_count(report.failures_by_reason))
    return f'{reasons}<div class="failures">{listed}</div><p class="more">{FAILURES} has all of them.</p>'


def _when(failure: Failure) -> str:
    if failure.start_s is None or failure.end_s is None:
        return "whole video"
    return time_range(failure.start_s, failure.end_s)
