"""A comparison as a page, and as lines on the terminal."""

from collections.abc import Callable
from typing import IO

from pipelines.reports.console import name_cell, open_console, print_facts
from pipelines.reports.page import render_page
from pipelines.reports.pairs import paired_histogram, paired_shares
from pipelines.reports.parts import STACKED, Measure, notes, soft, table, tile
from pipelines.reports.text import human_seconds, plural, visible
from pipelines.shift.types import DURATIONS, EMBEDDINGS, LABELS, RESOLUTION, Comparison, Finding, Side

MEANINGS = {
    LABELS: "The share of each label; every video counts once, whatever its length.",
    "scores": "The mean score of each video's segments, weighted by their lengths.",
    DURATIONS: "The length of each video.",
    "brightness": "The mean luma of a clip of each video, from 0 to 255.",
    "motion": "The mean absolute difference of successive frames of a clip, in luma from 0 to 255.",
    RESOLUTION: "The square root of the number of pixels of a frame, as the file has it.",
    EMBEDDINGS: "How far the mean embedding of each video is from those of the first side.",
}
_WRITE: dict[str, Callable[[float], str]] = {
    DURATIONS: human_seconds,
    RESOLUTION: lambda value: f"{value:.0f} px",
    "scores": lambda value: f"{value:.2f}",
}


def verdict(finding: Finding) -> str:
    """What a finding says, in a word or two."""
    if finding.drifted:
        return "drifted"
    if not finding.can_tell:
        return "too few groups to tell"
    return "no drift"


def summary(comparison: Comparison) -> str:
    """The result in a sentence."""
    drifted = comparison.drifted
    if drifted:
        return f"Drift in {', '.join(finding.quantity for finding in drifted)}."
    if not any(finding.can_tell for finding in comparison.findings):
        return "Too few groups of videos to tell."
    return "No drift."


def render(comparison: Comparison) -> str:
    """The page: a table of all findings, and a picture of each."""
    sides = comparison.sides
    names = names_of(sides)
    rows = [
        (
            finding.quantity, *map(Measure, finding.typical), Measure(f"{finding.effect_size:.2f}"),
            Measure(p_value(finding)), verdict(finding), f"{finding.effect}; {finding.test} {finding.statistic:.3g}",
        )
        for finding in comparison.findings
    ]  # fmt: skip
    headers = ("", *names, "effect size", "p", "verdict", "measure and test")
    loud = [summary(comparison)] if comparison.drifted else []
    calm = [] if loud else [summary(comparison)]
    said = [f"{name}: {note}" for side, name in zip(sides, names, strict=True) for note in side.notes]
    unknown = [f"left out: {line}" for line in comparison.why_left_out()]
    listed = notes([*calm, *said, *unknown], "", loud)
    tiles = "".join(tile(side.kind, f"{side.num_videos:,}", side.name) for side in sides)
    sections = {
        "Findings": table("What was compared", headers, rows, kind=STACKED) + soft(_explained(comparison)),
        **{finding.quantity.capitalize(): _picture(finding, names) for finding in comparison.findings},
    }
    return render_page(
        "Drift", f"{names[0]} and {names[1]}", f'<dl class="tiles">{tiles}</dl>{listed}', sections,
        "P-values are those of permutations of whole groups of videos, adjusted by Holm's method.",
    )  # fmt: skip


def names_of(sides: tuple[Side, Side]) -> tuple[str, str]:
    """Short names that tell the two sides apart."""
    first, second = (side.name.rstrip("/").rpartition("/")[2] or side.name for side in sides)
    return (first, second) if first != second else (sides[0].name, sides[1].name)


def p_value(finding: Finding) -> str:
    """The adjusted p-value; permutations can't show one below a limit."""
    return f"{finding.adjusted_p:.2g}" if finding.adjusted_p >= 1e-3 else "< 0.001"


def print_comparison(comparison: Comparison, page: str, file: IO[str] | None = None) -> None:
    """Prints the findings.

    Args:
        comparison: the findings.
        page: where the page is; empty if there is none.
        file: where to print, standard output if None.
    """
    from rich.table import Table

    console = open_console(file)
    names = names_of(comparison.sides)
    shown = Table(header_style="bold")
    shown.add_column("")
    for name in names:
        shown.add_column(name_cell(name, console), overflow="fold")
    for header in ("effect size", "p"):
        shown.add_column(header, justify="right", no_wrap=True)
    shown.add_column("verdict")
    for finding in comparison.findings:
        typical = [name_cell(text, console) for text in finding.typical]
        size = f"{finding.effect_size:.2f}"
        style = "red" if finding.drifted else ""
        shown.add_row(finding.quantity, *typical, size, p_value(finding), verdict(finding), style=style)
    console.print(shown)
    facts = [
        (name, visible("; ".join((plural(side.num_videos, "video"), *side.notes))), "")
        for side, name in zip(comparison.sides, names, strict=True)
    ]
    facts = [(f"{name}  ", value, style) for name, value, style in facts]
    facts += [("Left out", visible(line), "yellow") for line in comparison.why_left_out()]
    facts.append(("Result", summary(comparison), "bold red" if comparison.drifted else ""))
    if page:
        facts.append(("Page", visible(page), ""))
    print_facts(console, facts)


def _explained(comparison: Comparison) -> str:
    return (
        "An effect size of 0 means no difference, 1 that the two sides have nothing in common. Drift is an effect size "
        f"above {comparison.threshold:g} with an adjusted p-value below 0.05."
    )


def _picture(finding: Finding, names: tuple[str, str]) -> str:
    """The picture of a finding."""
    groups = " and ".join(
        plural(videos, "video") + (f" in {plural(number, 'group')}" if number < videos else "")
        for videos, number in zip(finding.videos, finding.groups, strict=True)
    )
    said = soft(f"{MEANINGS[finding.quantity]} {groups}.")
    if finding.quantity == LABELS:
        return said + paired_shares("Shares of labels", names, finding.picture)
    write = _WRITE.get(finding.quantity, lambda value: f"{value:.3g}")
    return said + paired_histogram(finding.quantity, "video", names, finding.picture, write)
