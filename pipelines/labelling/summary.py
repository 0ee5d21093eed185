"""The summary at the end of a labelling run."""

from typing import IO

from rich.console import Console
from rich.table import Table

from pipelines.core.file_names import FAILURES
from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.familiarity import is_worth_a_warning, share_sentence
from pipelines.labelling.folder import REPORT
from pipelines.labelling.types import LabelReport
from pipelines.reports.console import name_cell, open_console, print_facts, print_unbroken
from pipelines.reports.text import human_seconds, plural, some_counts, visible
from pipelines.video.remarks import is_single_picture

OVERLAPS = "labels overlap: time with several of them counts for each, and once in the total"
_SHOWN_REMARKS = 3
_MAX_LABELS = 20
"""Number of labels in the table, the most frequent ones; the report has all."""


def print_label_summary(report: LabelReport, output: str, seconds: float | None, file: IO[str] | None = None) -> None:
    """Prints what a run has made: a table of the labels, the account of the videos, and where to look.

    Args:
        report: the report on all shards.
        output: the folder of the labels.
        seconds: how long the run took; None leaves it out.
        file: where to print, standard output if None.
    """
    console = open_console(file)
    if report.segments_by_label:
        console.print(_labels_table(report, console))
    print_facts(console, _facts(report, seconds))
    folder = visible(output)
    print_unbroken(console, "Labels", folder)
    print_unbroken(console, "Report", f"{folder.rstrip('/')}/{REPORT}")


def labels_by_seconds(report: LabelReport) -> list[str]:
    """The labels that occur, except `UNKNOWN`, by total duration, longest first."""
    labels = (label for label, number in report.segments_by_label.items() if number and label != UNKNOWN)
    return sorted(labels, key=lambda label: (-report.seconds_by_label.get(label, 0.0), label))


def unknown_share(report: LabelReport) -> float:
    """The share of the labelled time, from 0 to 1, that is `UNKNOWN`."""
    return report.seconds_by_label.get(UNKNOWN, 0.0) / (report.labelled_s or 1)


def _labels_table(report: LabelReport, console: Console) -> Table:
    labels = labels_by_seconds(report)
    all_seconds = report.labelled_s
    all_segments = sum(report.segments_by_label.values())
    table = Table(show_footer=True, header_style="bold", footer_style="bold")
    table.add_column("Label", "Total", overflow="fold")
    totals = (f"{all_segments:,}", "100.0%", f"{all_seconds / 3600:,.2f}")
    for header, total in zip(("Segments", "Share", "Hours"), totals, strict=True):
        table.add_column(header, total, justify="right", no_wrap=True)

    def add(name: str, members: list[str], style: str = "") -> None:
        seconds = sum(report.seconds_by_label.get(label, 0.0) for label in members)
        segments = sum(report.segments_by_label[label] for label in members)
        share = f"{seconds / (all_seconds or 1):.1%}"
        table.add_row(name_cell(name, console), f"{segments:,}", share, f"{seconds / 3600:,.2f}", style=style)

    for label in labels[:_MAX_LABELS]:
        add(label, [label])
    if rest := labels[_MAX_LABELS:]:
        add(plural(len(rest), "more label"), rest, "dim")
    if report.segments_by_label.get(UNKNOWN):
        table.add_section()
        add(UNKNOWN, [UNKNOWN], "yellow")
    return table


def _facts(report: LabelReport, seconds: float | None) -> list[tuple[str, str, str]]:
    """Key, value and style of the lines below the table."""
    account = f"{report.videos:,} listed = {report.labelled:,} labelled + {report.failed:,} failed"
    if report.videos != report.labelled + report.failed:
        account = f"{report.videos:,} listed, but {report.labelled:,} labelled and {report.failed:,} failed"
    if report.damaged:
        account += f"; {report.damaged:,} of the labelled are damaged"
    complete = report.videos == report.labelled + report.failed
    facts = [("Videos", account, "" if complete else "yellow")]
    if report.failures_by_reason:
        facts.append(("Failures", f"{some_counts(report.failures_by_reason)}; each is in {FAILURES}", "yellow"))
    if report.remarked:
        facts.append(("Remarks", visible(f"{some_remarks(report)}; the column remark has all"), "yellow"))
    if report.single:
        facts.append(("Warning", visible(singles_sentence(report)), "yellow"))
    if is_worth_a_warning(report):
        facts.append(("Warning", f"{share_sentence(report)}; the column is_unfamiliar tells which", "yellow"))
    if report.overlaps:
        facts.append(("Overlaps", OVERLAPS, ""))
    scored = f"{plural(report.windows, 'window')} in {human_seconds(report.duration_s)} of video"
    facts.append(("Scored", scored, ""))
    if seconds is not None:
        ratio = report.duration_s / seconds if seconds > 0 else 0.0
        speed = f", {ratio:,.1f} times as fast as the videos play" if ratio else ""
        facts.append(("Time", human_seconds(seconds) + speed, ""))
    return facts


def singles_sentence(report: LabelReport) -> str:
    """How many labelled videos are a single picture, and some of them."""
    known = [video for video, remark in report.remarks if is_single_picture(remark)][:_SHOWN_REMARKS]
    more = f" and {report.single - len(known):,} more" if report.single > len(known) else ""
    are = "is a single picture" if report.single == 1 else "are single pictures"
    return f"{plural(report.single, 'labelled video')} {are}: {', '.join(known)}{more}"


def some_remarks(report: LabelReport) -> str:
    """The first videos with a remark, and how many more there are."""
    named = "; ".join(f"{video} ({remark})" for video, remark in report.remarks[:_SHOWN_REMARKS])
    more = report.remarked - _SHOWN_REMARKS
    return f"{named} and {more:,} more" if more > 0 else named
