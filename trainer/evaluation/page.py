"""What the pages of the trainer have in common: their style, and how figures are written for people."""

from collections.abc import Mapping

from pipelines.reports.page import asset
from pipelines.reports.page import render_page as render_framed
from trainer.evaluation.intervals import Interval


def render_page(title: str, subtitle: str, top: str, sections: Mapping[str, str], footer: str) -> str:
    """A page of the trainer: what stands on top, then sections with a heading and a link to each.

    `top` and the values of `sections` are HTML, all else is plain text.
    """
    style = asset("training.css")
    return render_framed(title, subtitle, top, sections, footer, style=style)


def percent(share: float) -> str:
    """A share as percent with one digit."""
    return f"{share:.1%}"


def between(interval: Interval) -> str:
    """The limits of an interval, in percent."""
    return f"{100 * interval.low:.1f} to {percent(interval.high)}"


def score(interval: Interval) -> str:
    """A value with its interval, in percent."""
    return f"{percent(interval.value)} ({between(interval)})"


def short_count(number: int) -> str:
    """A count in few digits: `950`, `24.6 k`, `3.1 M`."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if number >= size:
            return f"{number / size:.{1 if number < 100 * size else 0}f} {unit}"
    return str(number)
