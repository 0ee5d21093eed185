"""Drawings for pages: histograms, curves, intervals, a confusion matrix. Inline SVG and tables, no script.

Lengths are attributes or classes, never `style`, so a page that shows them can forbid inline styles. All text that is
passed in is plain and is escaped here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pipelines.reports.parts import key, soft, svg, text
from pipelines.reports.text import plural

MAX_MATRIX = 60
"""Most classes in a confusion matrix; more would be unreadable."""
_WIDTH, _HEIGHT = 380, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 14, 34
_NUM_TICKS = 5
_MAX_DOTS = 40
_SHADES = 10
_LABEL_LENGTH = 16

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
    best_epoch: float | None = None,
    top: float = 0.0,
) -> str:
    """A panel with curves over epochs. Points that aren't finite and empty curves are left out.

    Args:
        title: what the curves show.
        curves: name to points (epoch, value >= 0).
        write: formats a value.
        best_epoch: epoch of a mark; there is none if the curves don't reach it.
        top: least upper end of the axis.
    """
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
    if best_epoch is not None and first <= best_epoch <= last:
        x = at_x(best_epoch)
        side, shift = ("right", -5) if x > _WIDTH * 0.7 else ("left", 5)
        parts += [_line("mark", (x, x), (_TOP, bottom))]
        parts += [label(f"{side} strong", x + shift, _TOP - 3, f"best: {best_epoch:g}")]
    for index, points in enumerate(curves.values()):
        places = [(at_x(x), at_y(y)) for x, y in points]
        parts.append(f'<polyline class="s{index}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>')
        if len(epochs) <= _MAX_DOTS:
            parts += [f'<circle class="s{index}" cx="{x}" cy="{y}" r="2.2"/>' for x, y in places]
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
    keys = "".join(key(f"s{index}", name) for index, name in enumerate(curves))
    drawing = svg(_WIDTH, _HEIGHT, "".join(parts), f"{title} by epoch; at the end: {ends}")
    return f'<div class="panel chart"><h3>{text(title)}</h3><p class="legend">{keys}</p>{drawing}</div>'


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


def interval_table(caption: str, rows: Sequence[tuple[str, Any, str]]) -> str:
    """Scores with their intervals on a scale from 0 to 100%, one below the other, so that overlaps are easy to see.

    Args:
        caption: what the scores are.
        rows: name, interval (`value`, `low`, `high` from 0 to 1, and `limits` in words), and the class of its colour.
    """
    grid = "".join(_line("grid", (x, x), (0, 10)) for x in (0, 25, 50, 75, 100))
    body = []
    for name, interval, color in rows:
        low, high, value = (round(100 * share, 2) for share in (interval.low, interval.high, interval.value))
        limits = f"<small>{interval.limits}</small>" if interval.low < interval.high else ""
        # A line of length 0 with round ends is a dot that keeps its shape however the drawing is stretched.
        drawing = _line(f"reach {color}", (low, high), (5, 5)) + _line(f"dot {color}", (value, value), (5, 5))
        body.append(
            f'<tr><th scope="row">{text(name)}</th><td class="track">{svg(100, 10, grid + drawing, stretched=True)}'
            f'</td><td class="n">{interval.value:.1%}{limits}</td></tr>'
        )
    head = "".join(f"<span>{x}</span>" for x in ("0", "25", "50", "75", "100%"))
    return _scrolled("intervals", caption, f'<td></td><td class="scale">{head}</td><td></td>', body)


def _scrolled(kind: str, caption: str, head: str, rows: Sequence[str]) -> str:
    return (
        f'<div class="scroll {kind}" role="region" tabindex="0" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def heat_table(caption: str, labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    """A confusion matrix with the truth in rows: the darker a cell, the greater its share of the row.

    If there are more than `MAX_MATRIX` classes, it shows those with the most errors.

    Args:
        caption: what the counts are.
        labels: class names, by class id.
        confusion: counts, [truth][predicted].
    """
    shown = list(range(len(labels)))
    if len(shown) > MAX_MATRIX:
        wrong = [sum(row) + sum(r[i] for r in confusion) - 2 * row[i] for i, row in enumerate(confusion)]
        shown = sorted(sorted(shown, key=lambda i: -wrong[i])[:MAX_MATRIX])
        caption += f"; the {MAX_MATRIX} of {len(labels):,} classes with the most errors"
    names = {i: (text(labels[i]), text(_shorten(labels[i]))) for i in shown}
    heads = "".join(f'<th scope="col" title="{names[i][0]}"><span>{names[i][1]}</span></th>' for i in shown)
    rows = []
    for truth in shown:
        total = sum(confusion[truth])
        cells = "".join(_heat_cell(labels, truth, column, confusion[truth][column], total) for column in shown)
        full, short = names[truth]
        rows.append(f'<tr><th scope="row" title="{full}">{short}</th>{cells}</tr>')
    size = next(name for name, most in (("small", 12), ("medium", 30), ("large", MAX_MATRIX)) if len(shown) <= most)
    return _scrolled(f"heat {size}", caption, f'<td class="corner">truth \u2193 predicted \u2192</td>{heads}', rows)


def _heat_cell(labels: Sequence[str], truth: int, predicted: int, count: int, total: int) -> str:
    kind = "hit" if truth == predicted else "miss"
    if not count:
        return f'<td class="{kind}"></td>'
    shade = math.ceil(_SHADES * count / total)
    says = f"{labels[truth]} \u2192 {labels[predicted]}: {count:,} of {total:,} ({count / total:.1%})"
    return f'<td class="{kind} h{shade}" title="{text(says)}">{count}</td>'


def _shorten(label: str) -> str:
    return label if len(label) <= _LABEL_LENGTH else f"{label[: _LABEL_LENGTH - 1]}\u2026"
