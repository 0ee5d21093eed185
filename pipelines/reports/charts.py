"""Drawings for pages: histograms and curves, in inline SVG.

Lengths are attributes or classes, never `style`, as pages forbid inline styles. All text that is passed in is plain and
is escaped here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from pipelines.reports.parts import key, soft, svg, text
from pipelines.reports.text import plural

_WIDTH, _HEIGHT = 380, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 14, 34
_NUM_TICKS = 5
_MAX_DOTS = 40
MAX_CURVES = 12
"""Most curves in a plot that can be told apart."""
_DASHES = 3

Curve = Sequence[tuple[float, float]]
Column = tuple[Sequence[tuple[str, int]], str]
"""The bars of a column from the bottom up, each as the class of its colour and a count, and the column's tooltip."""


def histogram(
    what: str,
    noun: str,
    columns: Sequence[Column],
    keys: str,
    ticks: Sequence[str],
    facts: str = "",
    threshold: float | None = None,
) -> str:
    """A plot of counts in equal bins, with series stacked.

    Args:
        what: the quantity.
        noun: what is counted.
        columns: the bins from left to right.
        keys: what the colours mean, HTML of `key`s.
        ticks: values at equal distances from the beginning of the axis to its end.
        facts: a line about all of it, shown below and read out in place of the plot.
        threshold: position of a mark on the axis, from 0 to 1.
    """
    peak = max((sum(count for _, count in bars) for bars, _ in columns), default=0)
    if not peak:
        return soft(f"No {noun}s.")
    width, drawn = 1000 / len(columns), []
    for index, (bars, says) in enumerate(columns):
        # The bar behind reaches to the top, so that a short bar's tooltip is easy to find.
        parts = [f'<rect class="band" x="{index * width:.1f}" y="0" width="{width:.1f}" height="100"/>']
        base = 100.0
        for color, count in bars:
            base -= 100 * count / peak
            parts.append(
                f'<rect class="{color}" x="{index * width + 1.5:.1f}" y="{base:.2f}" width="{width - 3:.1f}" '
                f'height="{100 * count / peak:.2f}"/>'
            )
        drawn.append(f"<g>{''.join(parts)}<title>{text(says)}</title></g>")
    if threshold is not None:
        drawn.append(_line("threshold", (1000 * threshold,) * 2, (0, 100)))
    label = f"Histogram of {what}: {facts or 'tallest bar ' + format(peak, ',')}"
    plot = svg(1000, 100, "".join(drawn), label, stretched=True)
    return (
        f'<div class="panel"><p class="legend">{keys}<span class="soft">tallest bar: {plural(peak, noun)}</span></p>'
        f'<div class="plot">{plot}{scale(ticks)}</div>{soft(facts) if facts else ""}</div>'
    )


def scale(ticks: Sequence[str]) -> str:
    """Values at equal distances below a drawing."""
    return f'<div class="ticks">{"".join(f"<span>{text(tick)}</span>" for tick in ticks)}</div>'


def _line(kind: str, x: tuple[float, float], y: tuple[float, float]) -> str:
    return f'<line class="{kind}" x1="{x[0]:g}" x2="{x[1]:g}" y1="{y[0]:g}" y2="{y[1]:g}"/>'


def line_chart(
    title: str,
    curves: Mapping[str, Curve],
    write: Callable[[float], str],
    mark: tuple[float, str] | None = None,
    top: float = 0.0,
    says: str = "",
) -> str:
    """A panel with curves over epochs. Points that aren't finite and empty curves are left out.

    Args:
        title: what the curves show.
        curves: name to points (epoch, value >= 0). The first `MAX_CURVES` have colours of their own; give no more.
        write: formats a value.
        mark: an epoch to mark, and its name; there is no mark if the curves don't reach it.
        top: least upper end of the axis.
        says: what the curves mean, shown below.
    """
    colors = {name: f"c{index % MAX_CURVES} dash{index % _DASHES}" for index, name in enumerate(curves)}
    curves = {name: [p for p in points if all(map(math.isfinite, p))] for name, points in curves.items()}
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        return f'<div class="panel chart"><h3>{text(title)}</h3>{soft("Not recorded.")}</div>'
    epochs = sorted({x for points in curves.values() for x, _ in points})
    first, last = epochs[0], max(epochs[-1], epochs[0] + 1)
    ticks = nice_ticks(max([top, *(y for points in curves.values() for _, y in points)]))
    left, right, bottom = _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def at_x(x: float) -> float:
        return round(left + (right - left) * (x - first) / (last - first), 1)

    def at_y(y: float) -> float:
        return round(bottom - (bottom - _TOP) * y / ticks[-1], 1)

    def label(kind: str, x: float, y: float, says: str) -> str:
        return f'<text class="{kind}" x="{x:g}" y="{y:g}">{text(says)}</text>'

    parts = []
    for y in ticks:
        parts += [_line("grid", (left, right), (at_y(y),) * 2), label("right", left - 7, at_y(y) + 4, write(y))]
    parts += [label("middle", at_x(x), bottom + 17, f"{x:g}") for x in _epoch_ticks(first, epochs[-1])]
    parts.append(label("middle", (left + right) / 2, _HEIGHT - 2, "epoch"))
    if mark and first <= mark[0] <= last:
        x = at_x(mark[0])
        side, shift = ("right", -5) if x > _WIDTH * 0.7 else ("left", 5)
        parts += [_line("mark", (x, x), (_TOP, bottom))]
        parts += [label(f"{side} strong", x + shift, _TOP - 3, f"{mark[1]}: {mark[0]:g}")]
    for name, points in curves.items():
        places = [(at_x(x), at_y(y)) for x, y in points]
        parts.append(f'<polyline class="{colors[name]}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>')
        if len(epochs) <= _MAX_DOTS:
            parts += [f'<circle class="{colors[name]}" cx="{x}" cy="{y}" r="2.2"/>' for x, y in places]
    # Invisible bars, one for each epoch, with tooltips of its values.
    by_name = {name: dict(points) for name, points in curves.items()}
    edges = [left, *((at_x(a) + at_x(b)) / 2 for a, b in pairwise(epochs)), right]
    for epoch, (start, end) in zip(epochs, pairwise(edges), strict=True):
        values = [f"{name} {write(points[epoch])}" for name, points in by_name.items() if epoch in points]
        parts.append(
            f'<rect class="band" x="{start:.1f}" y="{_TOP}" width="{max(end - start, 0):.1f}" height="{bottom - _TOP}">'
            f"<title>{text(' · '.join([f'epoch {epoch:g}', *values]))}</title></rect>"
        )
    ends = ", ".join(f"{name} {write(points[-1][1])}" for name, points in curves.items())
    keys = "".join(key(colors[name], name) for name in curves)
    drawing = svg(_WIDTH, _HEIGHT, "".join(parts), f"{title} by epoch; at the end: {ends}")
    below = soft(says) if says else ""
    return f'<div class="panel chart"><h3>{text(title)}</h3><p class="legend">{keys}</p>{drawing}{below}</div>'


def nice_step(least: float) -> float:
    """The smallest number of the form 1, 2 or 5 times a power of ten that isn't below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(nice * power for nice in (1, 2, 5, 10) if nice * power >= least * (1 - 1e-9))


def nice_ticks(top: float, most: int = _NUM_TICKS) -> list[float]:
    """Round numbers from 0 to just above `top`, at most `most` steps."""
    step = nice_step(max(top, 1e-12) / most)
    return [step * i for i in range(math.ceil(top / step - 1e-9) + 1)] if top > 0 else [0.0, step]


def _epoch_ticks(first: float, last: float) -> list[float]:
    """A few whole epochs from the first to the last, evenly spaced."""
    step = max(1, math.ceil(nice_ticks(max(last - first, 1), 8)[1]))
    inner = range(math.ceil(first / step) * step, math.floor(last) + 1, step)
    return [first, *(x for x in inner if x - first > step / 2)]
