"""Shares, and differences of shares, with their intervals, drawn one below the other."""

from collections.abc import Sequence
from typing import Any

from pipelines.reports.parts import link, scrolled, svg, text

Row = tuple[str, Any, str]
"""Name, interval (`value`, `low` and `high`), and the class of its colour."""


def interval_table(caption: str, rows: Sequence[Row], links: Sequence[str] = ()) -> str:
    """Scores with their intervals on a scale from 0 to 100%, one below the other, so that overlaps are easy to see.

    Args:
        caption: what the scores are.
        rows: intervals from 0 to 1, which also have `limits` in words.
        links: for each row the address that its name leads to, empty for none.
    """
    body = []
    for (name, interval, color), address in zip(rows, links or [""] * len(rows), strict=True):
        limits = f"<small>{interval.limits}</small>" if interval.low < interval.high else ""
        drawn = _track([round(100 * share, 2) for share in (interval.low, interval.value, interval.high)], color)
        body.append(_row(link(name, address), drawn, f"{interval.value:.1%}{limits}"))
    return scrolled("intervals", caption, _head("", ("0", "25", "50", "75", "100%"), ""), body)


def difference_table(caption: str, noun: str, rows: Sequence[Row], beside: Sequence[str]) -> str:
    """Differences of shares on a scale from -100 to 100 points, with a line at 0.

    Args:
        caption: what the differences are.
        noun: what each row is about, as the header of the names.
        rows: intervals from -1 to 1.
        beside: for each row, what stands below the difference.
    """
    body = []
    for (name, interval, color), says in zip(rows, beside, strict=True):
        drawn = _track(
            [round(50 + 50 * share, 2) for share in (interval.low, interval.value, interval.high)], color, 50
        )
        ends = f"{_points(interval.low, 0)} to {_points(interval.high, 0)}"
        body.append(_row(text(name), drawn, f"{_points(interval.value, 1)}<small>{ends}</small>", text(says)))
    head = _head(noun, ("-100", "-50", "0", "+50", "+100"), "points")
    return scrolled("intervals differences", caption, head, body)


def _row(name: str, drawn: str, value: str, says: str = "") -> str:
    below = f'<small class="means">{says}</small>' if says else ""
    return f'<tr><th scope="row">{name}{below}</th><td class="track">{drawn}</td><td class="n">{value}</td></tr>'


def _points(share: float, digits: int) -> str:
    """A difference of shares in points, with its sign, which 0 hasn't."""
    points = round(100 * share, digits)
    return f"{points:+.{digits}f}" if points else f"{0:.{digits}f}"


def _head(noun: str, ticks: Sequence[str], unit: str) -> str:
    marks = "".join(f"<span>{tick}</span>" for tick in ticks)
    name = f'<th scope="col">{text(noun)}</th>' if noun else "<td></td>"
    return f'{name}<td class="scale">{marks}</td><td class="n">{text(unit)}</td>'


def _track(places: Sequence[float], color: str, zero: float = 0.0) -> str:
    """An interval on a scale from 0 to 100: low end, value and high end."""
    low, value, high = places
    grid = "".join(_line("zero" if x == zero else "grid", x, x) for x in (0, 25, 50, 75, 100))
    # A line of length 0 with round ends is a dot that keeps its shape however the drawing is stretched.
    drawn = _line(f"reach {color}", low, high, 5) + _line(f"dot {color}", value, value, 5)
    return svg(100, 10, grid + drawn, stretched=True)


def _line(kind: str, start: float, end: float, y: float | None = None) -> str:
    top, bottom = (0.0, 10.0) if y is None else (y, y)
    return f'<line class="{kind}" x1="{start:g}" x2="{end:g}" y1="{top:g}" y2="{bottom:g}"/>'
