"""Drawings for the pages of the trainer: curves, intervals, a confusion matrix. Inline SVG and tables, no script.

Lengths are attributes or classes, never `style`, so a page that shows them can forbid inline styles. All text that is
passed in is plain and becomes escaped.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from pipelines.reports.parts import color_key, text
from trainer.evaluation.intervals import Interval
from trainer.evaluation.page import between, percent

MAX_MATRIX = 60
"""Classes in a confusion matrix; more can't be read."""
_WIDTH, _HEIGHT = 380, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 14, 34
_NUM_TICKS = 5
_MAX_DOTS = 40
_SHADES = 10
_LABEL_LENGTH = 16


def line_chart(
    title: str,
    curves: Mapping[str, Sequence[tuple[float, float]]],
    write: Callable[[float], str],
    best_epoch: float | None = None,
    top: float = 0.0,
) -> str:
    """A panel with curves over epochs. Points that are no finite numbers are left out, and so are empty curves.

    Args:
        title: what the curves show.
        curves: name to points (epoch, value >= 0).
        write: how a value is written.
        best_epoch: where a mark stands; none where the curves don't reach it.
        top: upper end of the axis at least.
    """
    curves = {name: [p for p in points if all(map(math.isfinite, p))] for name, points in curves.items()}
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        return f'<div class="panel chart"><h3>{text(title)}</h3><p class="soft">Not recorded.</p></div>'
    epochs = sorted({x for points in curves.values() for x, _ in points})
    first, last = epochs[0], max(epochs[-1], epochs[0] + 1)
    ticks = nice_ticks(max([top, *(y for points in curves.values() for _, y in points)]))

    def at_x(x: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (x - first) / (last - first), 1)

    def at_y(y: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * y / ticks[-1], 1)

    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at_y(y)}" y2="{at_y(y)}"/>'
        f'<text class="right" x="{_LEFT - 7}" y="{at_y(y) + 4:.1f}">{text(write(y))}</text>'
        for y in ticks
    ]
    parts += [
        f'<text class="middle" x="{at_x(x)}" y="{_HEIGHT - _BOTTOM + 17}">{x:g}</text>'
        for x in _epoch_ticks(first, epochs[-1])
    ]
    parts.append(f'<text class="middle" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 2}">epoch</text>')
    if best_epoch is not None and first <= best_epoch <= last:
        x = at_x(best_epoch)
        side, shift = ("right", -5) if x > _WIDTH * 0.7 else ("left", 5)
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="{side} strong" x="{x + shift}" y="{_TOP - 3}">best: {best_epoch:g}</text>')
    for index, points in enumerate(curves.values()):
        places = [(at_x(x), at_y(y)) for x, y in points]
        parts.append(f'<polyline class="s{index}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>')
        if len(epochs) <= _MAX_DOTS:
            parts += [f'<circle class="s{index}" cx="{x}" cy="{y}" r="2.2"/>' for x, y in places]
    parts += _hover_bands(curves, epochs, at_x, write)
    ends = ", ".join(f"{name} {write(points[-1][1])}" for name, points in curves.items())
    label = text(f"{title} by epoch; at the end: {ends}")
    keys = "".join(color_key(index, name) for index, name in enumerate(curves))
    return (
        f'<div class="panel chart"><h3>{text(title)}</h3><p class="legend">{keys}</p>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg></div>'
    )


def _hover_bands(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    epochs: Sequence[float],
    at_x: Callable[[float], float],
    write: Callable[[float], str],
) -> list[str]:
    """Invisible bars, one for each epoch, that tell its values to a mouse that rests on them."""
    by_name = {name: dict(points) for name, points in curves.items()}
    edges = [_LEFT, *((at_x(a) + at_x(b)) / 2 for a, b in pairwise(epochs)), _WIDTH - _RIGHT]
    bands = []
    for epoch, (left, right) in zip(epochs, pairwise(edges), strict=True):
        values = [f"{name} {write(points[epoch])}" for name, points in by_name.items() if epoch in points]
        says = text(" \u00b7 ".join([f"epoch {epoch:g}", *values]))
        bands.append(
            f'<rect class="band" x="{left:.1f}" y="{_TOP}" width="{max(right - left, 0):.1f}" '
            f'height="{_HEIGHT - _TOP - _BOTTOM}"><title>{says}</title></rect>'
        )
    return bands


def nice_ticks(top: float, most: int = _NUM_TICKS) -> list[float]:
    """Round numbers from 0 to just above `top`, at most `most` steps of 1, 2 or 5 times a power of ten."""
    rough = max(top, 1e-12) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough * (1 - 1e-9))
    return [step * i for i in range(math.ceil(top / step - 1e-9) + 1)] if top > 0 else [0.0, step]


def _epoch_ticks(first: float, last: float) -> list[float]:
    """A few whole epochs from the first to the last, evenly spaced."""
    step = max(1, math.ceil(nice_ticks(max(last - first, 1), 8)[1]))
    inner = range(math.ceil(first / step) * step, math.floor(last) + 1, step)
    return [first, *(x for x in inner if x - first > step / 2)]


def interval_table(caption: str, rows: Sequence[tuple[str, Interval, str]]) -> str:
    """Scores with their intervals on a scale from 0 to 100%, below each other: overlaps are seen at a glance.

    Args:
        caption: what the scores are.
        rows: name, interval, and the class of its colour (`s0` to `s5`).
    """
    grid = "".join(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="10"/>' for x in (0, 25, 50, 75, 100))
    body = []
    for name, interval, color in rows:
        low, high, value = (f"{100 * share:.2f}" for share in (interval.low, interval.high, interval.value))
        limits = f"<small>{between(interval)}</small>" if interval.low < interval.high else ""
        # A line without length and with round ends is a dot that keeps its shape however the drawing is stretched.
        drawing = (
            f'<line class="reach {color}" x1="{low}" x2="{high}" y1="5" y2="5"/>'
            f'<line class="dot {color}" x1="{value}" x2="{value}" y1="5" y2="5"/>'
        )
        body.append(
            f'<tr><th scope="row">{text(name)}</th><td class="track">'
            f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{grid}{drawing}</svg></td>'
            f'<td class="n">{percent(interval.value)}{limits}</td></tr>'
        )
    return (
        f'<div class="scroll intervals" role="region" tabindex="0" aria-label="{text(caption)}"><table>'
        f'<caption>{text(caption)}</caption><thead><tr><td></td><td class="scale"><span>0</span><span>25</span>'
        f"<span>50</span><span>75</span><span>100%</span></td><td></td></tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def heat_table(caption: str, labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    """A confusion matrix, rows are truth: the darker a cell, the greater its share of the row.

    Of more than `MAX_MATRIX` classes it shows those with the most errors.

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
    return (
        f'<div class="scroll heat {size}" role="region" tabindex="0" aria-label="{text(caption)}"><table>'
        f'<caption>{text(caption)}</caption><thead><tr><td class="corner">truth \u2193 predicted \u2192</td>{heads}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _heat_cell(labels: Sequence[str], truth: int, predicted: int, count: int, total: int) -> str:
    kind = "hit" if truth == predicted else "miss"
    if not count:
        return f'<td class="{kind}"></td>'
    shade = math.ceil(_SHADES * count / total)
    says = f"{labels[truth]} \u2192 {labels[predicted]}: {count:,} of {total:,} ({percent(count / total)})"
    return f'<td class="{kind} h{shade}" title="{text(says)}">{count}</td>'


def _shorten(label: str) -> str:
    return label if len(label) <= _LABEL_LENGTH else f"{label[: _LABEL_LENGTH - 1]}\u2026"
