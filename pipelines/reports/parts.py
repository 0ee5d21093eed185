"""The parts that a page is made of: tiles, tables, folds, colours, a histogram. All take plain text and escape it."""

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Self

from pipelines.reports.text import human_seconds, plural, visible

_FOLDED_ROWS = 30
_NUM_BINS = 32
_NUM_COLORS = 6


class Measure(str):
    """Text that stands to the right in a table, as numbers do."""

    __slots__ = ()


class Best(Measure):
    """A measure that is the best of its column."""

    __slots__ = ()


class Share(float):
    """A share from 0 to 1, shown as a bar and as percent."""

    __slots__ = ()


class SmallShare(Share):
    """One of many shares that are small: with a digit more, and a bar that is full where the share is `full`."""

    __slots__ = ("full",)
    full: float

    def __new__(cls, value: float, full: float) -> Self:
        """A share whose bar fills `value / full` of its width."""
        share = super().__new__(cls, value)
        share.full = full
        return share


def text(value: object) -> str:
    """A value as it may stand in an element or in a quoted attribute."""
    return escape(visible(str(value)), quote=True)


def tile(name: str, value: str, small: str) -> str:
    """A figure with its name and a line below it, all plain text."""
    return f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{text(small)}</small></dd></div>"


def notes(items: Sequence[str], otherwise: str, loud: Sequence[str] = ()) -> str:
    """A list of what a person should know, the loud ones first; `otherwise` is said if there is nothing."""
    marked = [f'<li class="loud">{text(item)}</li>' for item in loud] + [f"<li>{text(item)}</li>" for item in items]
    content = "".join(marked) or f'<li class="good">{text(otherwise)}</li>'
    return f'<ul class="notes">{content}</ul>'


def strip_image(strip: str, shown: str) -> str:
    """A film strip, from a JPEG file in base64, with what it shows in words."""
    return (
        f'<img loading="lazy" decoding="async" src="data:image/jpeg;base64,{text(strip)}" '
        f'alt="Film strip of {text(shown)}">'
    )


def search_box(label: str) -> str:
    """A box that leaves those cards of its section that hold what is typed; its script, filter.js, shows it."""
    return (
        f'<p class="search" hidden><label class="soft" for="search">{text(label)}</label> '
        '<input id="search" type="search"> <output class="soft" for="search"></output></p>'
    )


def table(
    caption: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    total: Sequence[object] = (),
    apart: Sequence[Sequence[object]] = (),
) -> str:
    """A table whose first column names the rows; whole numbers stand to the right, in the head as in the body.

    Rows in `apart` come last, set off from the others.
    """
    first = next(iter([*rows[:1], *apart[:1]]), headers)
    cells = "".join(
        f'<th scope="col" class="{_side(cell)}">{text(header)}</th>'
        for header, cell in zip(headers, first, strict=bool(headers))
    )
    head = f"<thead><tr>{cells}</tr></thead>" if cells else ""
    end = f'<tbody class="apart">{"".join(map(_row, apart))}</tbody>' if apart else ""
    foot = f"<tfoot>{_row(total)}</tfoot>" if total else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(caption)}"><table><caption>{text(caption)}'
        f"</caption>{head}<tbody>{''.join(map(_row, rows))}</tbody>{end}{foot}</table></div>"
    )


def _side(value: object) -> str:
    return "n" if isinstance(value, int | Measure) else "share" if isinstance(value, Share) else "text"


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td class="n{"" if value else " zero"}">{value:,}</td>'
    if isinstance(value, Share):
        full, digits = (value.full, 1) if isinstance(value, SmallShare) else (1.0, 0)
        bar = f'<rect width="{100 * value / full if full else 0:.1f}" height="8"/>'
        drawing = f'<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{bar}</svg>'
        return f'<td class="share">{drawing}{value:.{digits}%}</td>'
    return f'<td class="{_side(value)}{" best" if isinstance(value, Best) else ""}">{text(value)}</td>'


def _row(row: Sequence[object]) -> str:
    return f'<tr><th scope="row">{text(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>'


def folded(
    summary: str,
    caption: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    max_rows: int,
    total: Sequence[object] = (),
    where: str = "",
    apart: Sequence[Sequence[object]] = (),
    num_rows: int = 0,
) -> str:
    """A table that is closed if it is long; of rows beyond `max_rows` it gives the number, and `where` they are.

    Where there are more than one cares to make, `rows` are the first ones and `num_rows` says how many there are.
    """
    num_rows = num_rows or len(rows)
    is_open = "" if num_rows > _FOLDED_ROWS else " open"
    content = table(caption, headers, rows[:max_rows], total, apart)
    if (left_out := num_rows - max_rows) > 0:
        content += f'<p class="more">{left_out:,} more not shown here{text(where)}.</p>'
    return f"<details{is_open}><summary>{text(summary)}</summary>{content}</details>"


def color_key(index: int, label: str) -> str:
    """A label with the colour that it explains."""
    return f'<span class="key {_color(index)}">{text(label)}</span>'


def share_bar(counts: Iterable[int]) -> str:
    """A thin bar that shows the shares of some counts by colour."""
    parts = (f'<i class="{_color(i)}" style="flex:{count}"></i>' for i, count in enumerate(counts) if count)
    return f'<div class="bar">{"".join(parts)}</div>'


def _color(index: int) -> str:
    return f"s{index % _NUM_COLORS}"


def histogram(seconds: Mapping[str, Sequence[float]], facts: str) -> str:
    """Durations as a plot, the series on top of each other. What is no number, or below 0, is left out.

    Args:
        seconds: name of a series to its durations.
        facts: a line about the whole, shown below and read out in place of the plot.
    """
    known = {name: [value for value in values if 0 <= value < math.inf] for name, values in seconds.items()}
    if not any(known.values()):
        return '<p class="soft">No clips of known duration.</p>'
    together = [value for values in known.values() for value in values]
    step, num_bins = choose_bins(together)
    bins = [Counter[str]() for _ in range(num_bins)]
    for name, values in known.items():
        for value in values:
            bins[_bin_of(value, step, num_bins)][name] += 1
    peak = max(counts.total() for counts in bins)
    bars, ticks = [], []
    for index, counts in enumerate(bins):
        start, end = (human_seconds(i * step).replace(".0 s", " s") for i in (index, index + 1))
        base = 100.0
        for color, name in enumerate(known):
            if counts[name]:
                height = 100 * counts[name] / peak
                base -= height
                bars.append(
                    f'<rect class="{_color(color)}" x="{index * 10 + 0.5}" y="{base:.2f}" width="9" '
                    f'height="{height:.2f}"><title>{start} to {end}: {plural(counts[name], "clip")} in {text(name)}'
                    "</title></rect>"
                )
        if index % math.ceil(num_bins / 6) == 0:
            ticks.append(f'<span style="left:{100 * index / num_bins:.2f}%">{start}</span>')
    notes = [facts]
    if max(together) > num_bins * step:
        notes.append("the last bar holds all longer ones too")
    if left_out := sum(map(len, seconds.values())) - len(together):
        notes.append(f"{plural(left_out, 'clip')} of unknown duration")
    keys = "".join(color_key(color, name) for color, name in enumerate(known))
    return (
        f'<div class="panel"><p class="legend">{keys}<span class="soft">tallest bar: {plural(peak, "clip")}</span></p>'
        f'<div class="plot"><svg viewBox="0 0 {num_bins * 10} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="Histogram of durations: {text(facts)}">{"".join(bars)}</svg>{"".join(ticks)}</div>'
        f'<p class="soft">{text(" · ".join(notes))}</p></div>'
    )


def choose_bins(values: Sequence[float]) -> tuple[float, int]:
    """Width and number of equal bins from 0 on; the last is open where a few videos are much longer than all others."""
    ordered = sorted(values)
    top, most = ordered[-1], ordered[int(0.99 * (len(ordered) - 1))]
    if top > 3 * most > 0:
        top = most
    rough = max(top / _NUM_BINS, 0.01)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1, 2, 5, 10, 20) if nice * power >= rough)
    return step, _bin_of(top, step, sys.maxsize) + 1


def _bin_of(value: float, step: float, num_bins: int) -> int:
    return min(int(value / step + 1e-9), num_bins - 1)  # the small addend: 0.3 / 0.1 is less than 3
