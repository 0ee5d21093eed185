"""The findings for a person, as aligned text, or for a program, as JSON."""

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from pipelines.diagnosis.finding import Finding
from pipelines.reports.text import plural, visible

_COLUMN = 20
"""Where values begin."""


def print_page(findings: Sequence[Finding], is_json: bool = False) -> None:
    """Prints the findings to standard output, in colours on a terminal unless the package rich is broken."""
    if is_json:
        print(as_json(findings))
        return
    try:
        from pipelines.reports.console import name_cell, open_console
    except ImportError:
        encoding = sys.stdout.encoding or "utf-8"
        for line, _ in page_lines(findings, sys.maxsize):
            print(visible(line).encode(encoding, "backslashreplace").decode(encoding))
        return
    console = open_console(None)
    for line, style in page_lines(findings, console.width if console.is_terminal else sys.maxsize):
        console.print(name_cell(line, console), style=style, soft_wrap=True)


def page_lines(findings: Sequence[Finding], width: int) -> Iterator[tuple[str, str]]:
    """The lines of the page, each with a style: by section, each problem with its remedy, and a verdict.

    Args:
        findings: in the order of the page; those of a section are next to each other.
        width: columns of the terminal; unlimited for a log.
    """
    for section, members in groupby(findings, key=lambda finding: finding.section):
        yield section, "bold"
        for finding in members:
            for name, text, style in (
                (f"  {finding.name}", finding.value, ""),
                ("    problem", finding.problem, "red"),
                ("    remedy", finding.remedy, "yellow"),
            ):
                if text:
                    yield from ((line, style) for line in _beside(name, text, width))
        yield "", ""
    count = sum(bool(finding.problem) for finding in findings)
    yield f"{plural(count, 'problem')} found." if count else "No problem found.", "bold red" if count else "bold green"


def _beside(name: str, value: str, width: int) -> Iterator[str]:
    """A name with a value next to it, or below it if the name is longer than its column. Words stay whole."""
    name, value = visible(name), visible(value)
    if len(name) >= _COLUMN:
        yield name
        name = ""
    for line in textwrap.wrap(value, max(20, width - _COLUMN), break_long_words=False, break_on_hyphens=False):
        yield f"{name:<{_COLUMN}}{line}"
        name = ""


def as_json(findings: Sequence[Finding]) -> str:
    """The same as a JSON object: `ok`, and the findings in order."""
    ok = not any(finding.problem for finding in findings)
    return json.dumps({"ok": ok, "findings": [asdict(finding) for finding in findings]}, indent=2)
