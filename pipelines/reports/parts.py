"""The parts of a page: tiles, tables, folded tables, colours. All take plain text and escape it."""

from collections.abc import Sequence
from html import escape
from typing import Self

from pipelines.reports.text import visible

_FOLDED_ROWS = 30
_NUM_COLORS = 6
STACKED = "stacked"
"""The kind of tables that would be too wide for a phone."""


class Measure(str):
    """Text that is aligned to the right in a table, as numbers are."""

    __slots__ = ()


class Best(Measure):
    """The best measure of its column."""

    __slots__ = ()


class Share(float):
    """A share from 0 to 1, shown as a bar and in percent."""

    __slots__ = ()


class SmallShare(Share):
    """One of many small shares, shown with one digit more and a bar that is full at the share `full`."""

    __slots__ = ("full",)
    full: float

    def __new__(cls, value: float, full: float) -> Self:
        """A share whose bar fills `value / full` of its width."""
        share = super().__new__(cls, value)
        share.full = full
        return share


class Explained(str):
    """A name with a line that says what it means."""

    __slots__ = ("means",)
    means: str

    def __new__(cls, name: str, means: str) -> Self:
        """The name, and the line."""
        explained = super().__new__(cls, name)
        explained.means = means
        return explained


class Link(str):
    """A name that leads to an address."""

    __slots__ = ("address",)
    address: str

    def __new__(cls, name: str, address: str) -> Self:
        """The name, and the address; without one, it is plain text."""
        link = super().__new__(cls, name)
        link.address = address
        return link


def text(value: object) -> str:
    """A value, escaped for an element or a quoted attribute."""
    return escape(visible(str(value)), quote=True)


def tile(name: str, value: str, small: str, means: str = "") -> str:
    """A figure with its name, a line below it, and what it means, all plain text."""
    meaning = f'<dd class="means">{text(means)}</dd>' if means else ""
    return f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{text(small)}</small></dd>{meaning}</div>"


def link(name: str, address: str) -> str:
    """A link, or the plain name if there is no address."""
    return f'<a href="{text(address)}">{text(name)}</a>' if address else text(name)


def notes(items: Sequence[str], otherwise: str, loud: Sequence[str] = ()) -> str:
    """A list of what a person should know, with `loud` items first; or the text `otherwise` if there are none."""
    marked = [f'<li class="loud">{text(item)}</li>' for item in loud] + [f"<li>{text(item)}</li>" for item in items]
    content = "".join(marked) or f'<li class="good">{text(otherwise)}</li>'
    return f'<ul class="notes">{content}</ul>'


def table(
    caption: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    total: Sequence[object] = (),
    apart: Sequence[Sequence[object]] = (),
    kind: str = "",
) -> str:
    """A table whose first column names the rows; whole numbers are aligned to the right, as are their headers.

    Rows in `apart` come last, set off from the others. `kind` is further class names; a table that is `STACKED` has the
    cells of a row one below the other on a narrow page, each with its header.
    """
    first = next(iter([*rows[:1], *apart[:1]]), headers)
    cells = "".join(
        f'<th scope="col" class="{_side(cell)}">{text(header)}</th>'
        for header, cell in zip(headers, first, strict=bool(headers))
    )
    head = f"<thead><tr>{cells}</tr></thead>" if cells else ""
    body = "".join(_row(row, headers if kind == STACKED else ()) for row in rows)
    end = f'<tbody class="apart">{"".join(map(_row, apart))}</tbody>' if apart else ""
    foot = f"<tfoot>{_row(total)}</tfoot>" if total else ""
    return (
        f'<div class="{f"scroll {kind}".strip()}" role="region" tabindex="0" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption>{head}<tbody>{body}</tbody>{end}{foot}</table></div>"
    )


def scrolled(kind: str, caption: str, head: str, rows: Sequence[str]) -> str:
    """A table that scrolls where it is wider than the page.

    Args:
        kind: class names.
        caption: what the table shows, plain text.
        head: cells of the row of headers, HTML.
        rows: the other rows, HTML.
    """
    return (
        f'<div class="scroll {kind}" role="region" tabindex="0" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _side(value: object) -> str:
    return "n" if isinstance(value, int | Measure) else "share" if isinstance(value, Share) else "text"


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td class="n{"" if value else " zero"}">{value:,}</td>'
    if isinstance(value, Share):
        full, digits = (value.full, 1) if isinstance(value, SmallShare) else (1.0, 0)
        bar = f'<rect width="{100 * value / full if full else 0:.1f}" height="8"/>'
        return f'<td class="share">{svg(100, 8, bar, stretched=True)}{value:.{digits}%}</td>'
    return f'<td class="{_side(value)}{" best" if isinstance(value, Best) else ""}">{_inside(value)}</td>'


def _inside(value: object) -> str:
    """The content of a cell of text."""
    if isinstance(value, Explained):
        return f'{text(value)}<small class="means">{text(value.means)}</small>'
    return link(value, value.address) if isinstance(value, Link) else text(value)


def _row(row: Sequence[object], headers: Sequence[str] = ()) -> str:
    cells = list(map(_cell, row[1:]))
    if headers:  # of a stacked table, whose cells say on a narrow page what they are
        cells = [
            cell.replace("<td", f'<td data-label="{text(h)}"', 1) for cell, h in zip(cells, headers[1:], strict=True)
        ]
    return f'<tr><th scope="row">{_inside(row[0])}</th>{"".join(cells)}</tr>'


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
    kind: str = "",
) -> str:
    """A table that is closed if it is long; for rows beyond `max_rows` it gives their number and `where` they are.

    If making all rows would be too much, `rows` are the first ones and `num_rows` says how many there are.
    """
    num_rows = num_rows or len(rows)
    is_open = "" if num_rows > _FOLDED_ROWS else " open"
    content = table(caption, headers, rows[:max_rows], total, apart, kind)
    if (left_out := num_rows - max_rows) > 0:
        content += f'<p class="more">{left_out:,} more not shown here{text(where)}.</p>'
    return f"<details{is_open}><summary>{text(summary)}</summary>{content}</details>"


def key(color: str, label: str) -> str:
    """A label with the colour that it explains, given as a class."""
    return f'<span class="key {color}">{text(label)}</span>'


def color_key(index: int, label: str) -> str:
    """A label with the colour of the series of this number."""
    return key(series_color(index), label)


def soft(says: str) -> str:
    """A line in a soft colour."""
    return f'<p class="soft">{text(says)}</p>'


def svg(width: int, height: int, content: str, label: str = "", stretched: bool = False, kind: str = "") -> str:
    """A drawing, `stretched` to the available space if asked for; without a label it is decoration."""
    said = f'role="img" aria-label="{text(label)}"' if label else 'aria-hidden="true"'
    kind = f'class="{kind}" ' if kind else ""
    fit = 'preserveAspectRatio="none" ' if stretched else ""
    return f'<svg {kind}viewBox="0 0 {width} {height}" {fit}{said}>{content}</svg>'


def share_bar(counts: Sequence[int]) -> str:
    """A thin bar that shows the shares of some counts by colour."""
    total, start, parts = sum(counts) or 1, 0.0, []
    for index, count in enumerate(counts):
        width = 1000 * count / total
        parts.append(
            f'<rect class="{series_color(index)}" x="{start:.1f}" width="{width:.1f}" height="5"/>' * (count > 0)
        )
        start += width
    return svg(1000, 5, "".join(parts), stretched=True, kind="bar")


def series_color(index: int) -> str:
    """The class of the colour of a series."""
    return f"s{index % _NUM_COLORS}"
